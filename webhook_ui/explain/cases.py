"""What is known of an attempt, and what an explanation consists of."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from webhook_ui.languages import mark, tr

SAME = mark("It needs no change here.")
LONGEST_QUOTE = 160
_ODD = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff`]+")
_TITLE = re.compile(r"<title[^>]{0,200}>([^<]{1,300})", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One attempt as it is stored: `message` is the engine's sentence, `headers` and `body` are the answer's."""

    url: str
    error_class: str | None
    message: str
    response_status: int | None
    headers: Sequence[Sequence[str]]
    body: str
    timings: Mapping[str, float | None]
    duration_ms: float
    at: datetime
    had_good: bool = True  # whether one before it was good, to compare it with

    def header(self, name: str) -> str:
        """The first value of the answer's header `name` (in lower case), or nothing."""
        return next((value for key, value in self.headers if key.lower() == name), "")

    @property
    def host(self) -> str:
        """The name or address in the URL."""
        try:
            return urlsplit(self.url).hostname or tr("the receiver")
        except ValueError:
            return tr("the receiver")

    def comparing(self, step: str) -> tuple[str, ...]:
        """`step`, which compares with the last good attempt, where there is one."""
        return (step,) if self.had_good else ()

    @property
    def is_https(self) -> bool:
        return self.url[:8].lower() == "https://"

    @property
    def is_html(self) -> bool:
        """Whether the answer is a page for people."""
        kind = self.header("content-type").partition(";")[0].strip().lower()
        start = self.body[:512].lstrip("\ufeff \t\r\n").lower()
        return kind in ("text/html", "application/xhtml+xml") or start.startswith(("<!doctype html", "<html"))

    @property
    def page_title(self) -> str:
        """What a page for people is called, made harmless."""
        found = _TITLE.search(self.body[:4096])
        return quote(found[1]) if found else ""


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """`code` names the cause for programs; `steps` are what to do, in order; `follows` what happens by itself.

    `warning` marks what is odd about an attempt that was sent. `backticks` in the texts mark code.
    """

    code: str
    title: str
    cause: str
    steps: tuple[str, ...]
    follows: str = ""
    warning: bool = False


def quote(text: str, length: int = LONGEST_QUOTE) -> str:
    """Words of others for use inside a sentence: one line, nothing invisible, not too long."""
    line = " ".join(_ODD.sub(" ", text).split())
    return line if len(line) <= length else f"{line[:length]}…"
