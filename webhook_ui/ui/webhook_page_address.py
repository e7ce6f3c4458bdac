"""The address of a webhook's page: what stands in its query, read and written in one place."""

import re
from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qs, urlencode, urlsplit

TABS = ("activity", "health", "settings", "secret", "history")
PERIODS = ("24h", "7d", "30d")
STATUSES = ("pending", "sent", "error")
LONGEST = 200
_NUMBER = re.compile(r"[1-9][0-9]{0,17}")


@dataclass(frozen=True, kw_only=True)
class Address:
    """Which tab, which part of the log, which delivery is open. What makes no sense is left out."""

    webhook_id: int
    tab: str = TABS[0]
    period: str = ""
    status: str = ""
    trigger: str = ""
    cursor: str = ""
    first: int = 1
    delivery: str = ""

    @classmethod
    def read(cls, webhook_id: int, path: str) -> Self:
        """From the path with its query."""
        try:
            given = parse_qs(urlsplit(path).query, max_num_fields=50)
        except ValueError:
            given = {}
        # what no database could look for (NUL, half characters) is as good as left out
        last = {name: texts[-1] for name, texts in given.items()}
        query = {name: text for name, text in last.items() if text.isprintable() and len(text) <= LONGEST}
        tab, period, status, first = (query.get(name, "") for name in ("tab", "period", "status", "first"))
        return cls(
            webhook_id=webhook_id,
            tab=tab if tab in TABS else TABS[0],
            period=period if period in PERIODS[1:] else "",
            status=status if status in STATUSES else "",
            trigger=query.get("trigger", ""),
            cursor=query.get("cursor", ""),
            first=int(first) if _NUMBER.fullmatch(first) else 1,
            delivery=query.get("delivery", ""),
        )

    def text(self) -> str:
        """As a link within the dashboard."""
        query = {
            "tab": "" if self.tab == TABS[0] else self.tab,
            "period": self.period,
            "status": self.status,
            "trigger": self.trigger,
            "cursor": self.cursor,
            "first": str(self.first) if self.cursor and self.first > 1 else "",
            "delivery": self.delivery,
        }
        written = urlencode({name: text for name, text in query.items() if text})
        return f"/webhooks/{self.webhook_id}" + (f"?{written}" if written else "")


def read_id(text: str) -> int | None:
    """The webhook's id in a path; None for what is none."""
    return int(text) if _NUMBER.fullmatch(text) else None
