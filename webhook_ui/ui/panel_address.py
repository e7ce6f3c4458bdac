"""What of an address says how the panel of a delivery stands open: which attempt, and what of it. Pure.

It knows nothing of the page beside the panel: what else an address says stays as it is.
"""

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl, urlencode, urlsplit

View = Literal["messages", "difference"]
_NUMBER = re.compile(r"[1-9][0-9]{0,5}")


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The attempt by its number, or None for whichever is the latest; and what of it is shown."""

    attempt: int | None = None
    view: View = "messages"


def read(path: str) -> Choice:
    """From a path with its query; what makes no sense is left out."""
    query = dict(_query(path))
    attempt = query.get("attempt", "")
    return Choice(
        attempt=int(attempt) if _NUMBER.fullmatch(attempt) else None,
        view="difference" if query.get("view") == "difference" else "messages",
    )


def write(path: str, choice: Choice) -> str:
    """`path` with this choice in its query."""
    kept = [(name, value) for name, value in _query(path) if name not in ("attempt", "view")]
    if choice.attempt is not None:
        kept.append(("attempt", str(choice.attempt)))
    if choice.view != "messages":
        kept.append(("view", choice.view))
    return path.partition("?")[0] + (f"?{urlencode(kept)}" if kept else "")


def _query(path: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(urlsplit(path).query, max_num_fields=50)
    except ValueError:
        return []
