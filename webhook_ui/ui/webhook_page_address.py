"""The address of a webhook's page: what stands in its query, read and written in one place."""

import re
from dataclasses import dataclass, field, replace
from typing import Self

from webhook_ui.languages import mark
from webhook_ui.ui.log_address import LogAddress, read_query, write

TITLES = {
    "activity": mark("Activity"),
    "health": mark("Health"),
    "settings": mark("Settings"),
    "secret": mark("Secret"),
    "history": mark("History"),
}
TABS = tuple(TITLES)
PERIODS = ("24h", "7d", "30d")
_NUMBER = re.compile(r"[1-9][0-9]{0,17}")


@dataclass(frozen=True, kw_only=True)
class Address:
    """Which tab, which part of the log, which delivery is open. What makes no sense is left out."""

    webhook_id: int
    tab: str = TABS[0]
    period: str = ""
    log: LogAddress = field(default_factory=LogAddress)

    @classmethod
    def read(cls, webhook_id: int, path: str) -> Self:
        """From the path with its query."""
        query = read_query(path)
        tab, period = query.get("tab", ""), query.get("period", "")
        return cls(
            webhook_id=webhook_id,
            tab=tab if tab in TABS else TABS[0],
            period=period if period in PERIODS[1:] else "",
            log=replace(LogAddress.read(path), webhook=""),
        )

    @property
    def delivery(self) -> str:
        """What is open beside the log, empty for nothing."""
        return self.log.delivery

    def with_delivery(self, delivery: str) -> "Address":
        """The same with another delivery open, or none."""
        return replace(self, log=replace(self.log, delivery=delivery))

    def at_page(self, cursor: str = "", number: int = 1) -> "Address":
        """The same from this row of its list on; without a cursor from the first."""
        return replace(self, log=LogAddress(cursor=cursor, number=number))

    def text(self) -> str:
        """As a link within the dashboard."""
        own = {"tab": "" if self.tab == TABS[0] else self.tab, "period": self.period}
        query = {**{name: text for name, text in own.items() if text}, **self.log.query()}
        return write(f"/webhooks/{self.webhook_id}", query)


def read_id(text: str) -> int | None:
    """The webhook's id in a path; None for what is none."""
    return int(text) if _NUMBER.fullmatch(text) else None
