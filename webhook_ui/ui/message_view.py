"""A request or response as text: start line, headers, body; JSON laid out on wish. Never markup, whatever it holds."""

import re
from collections.abc import Sequence

import msgspec
from nicegui import ui

from webhook_ui import wire
from webhook_ui.languages import tr
from webhook_ui.ui import formats
from webhook_ui.ui.controls import button, copy_button
from webhook_ui.ui.parts import Text, box, text

MOST_PIECES = 400  # beyond this, colours cost the browser more than they tell
MOST_CHARACTERS = 64 * 1024  # shown of a body, so that a page stays light

Piece = tuple[str, str]  # class, text

_TOKEN = re.compile(
    r'(?P<key>"(?:[^"\\]|\\.)*")(?=\s*:)|(?P<text>"(?:[^"\\]|\\.)*")|(?P<value>-?\d[\d.eE+-]*|\b(?:true|false|null)\b)'
)
_LOOKS = {"key": "w-json-key", "text": "w-json-text", "value": "w-json-value"}


def lay_out(body: str) -> str | None:
    """JSON over several lines, every number and escape as it came; None for what is no JSON."""
    try:
        laid_out = msgspec.json.format(body, indent=2)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return None
    return laid_out if laid_out != body else None


def json_pieces(body: str) -> list[Piece]:
    """`body` cut into coloured pieces; one piece where there would be too many."""
    pieces: list[Piece] = []
    place = 0
    for found in _TOKEN.finditer(body):
        if found.start() > place:
            pieces.append(("", body[place : found.start()]))
        pieces.append((_LOOKS[found.lastgroup or "text"], found[0]))
        place = found.end()
        if len(pieces) > MOST_PIECES:
            return [("", body)]
    return [*pieces, ("", body[place:])] if place < len(body) else pieces


def header_pieces(headers: Sequence[Sequence[str]]) -> list[Piece]:
    """Names muted, values plain, one a line."""
    pieces: list[Piece] = []
    for name, value in headers:
        pieces += [("w-muted", f"{name.lower()}: "), ("", f"{value}\n")]
    return pieces


def code_pieces(name: str) -> ui.element:
    """An empty place for verbatim text that scrolls sideways; `fill` it. `name` says what it is."""
    with box("div", "w-code"):
        pre = box("pre", label=name)
    pre.props["tabindex"] = "0"
    pre.props["role"] = "region"
    return pre


def fill(pre: ui.element, pieces: Sequence[Piece]) -> None:
    """Replaces what stands in it; whatever somebody wrote there is read in the order in which it came."""
    pre.clear()
    with pre:
        for look, piece in pieces:
            Text("span", formats.in_order(piece), look)


class MessageView:
    """A headed block with its copy button, and a button Raw where the body can be laid out."""

    def __init__(
        self, title: str, *, start: Sequence[Piece], headers: Sequence[Sequence[str]], body: str, note: str = ""
    ) -> None:
        self._head = [*start, ("", "\n"), *header_pieces(headers)]
        cut = len(body) > MOST_CHARACTERS
        body = body[:MOST_CHARACTERS]
        self._body = body
        self._laid_out = lay_out(body)
        self._raw = False
        whole = "".join(piece for _, piece in self._head) + (f"\n{body}" if body else "")
        with box("section", "w-message"):
            with box("div", "w-row"):
                text(title, tag="h3")
                text(note, "w-meta")
                with box("span", "w-row w-end"):
                    if self._laid_out:
                        self._toggle = button(
                            tr("Raw"), self._turn, kind="quiet", small=True, name=tr("Raw {title}", title=title.lower())
                        )
                        self._toggle.props["aria-pressed"] = "false"
                    copy_button(whole, tr("Copy {title}", title=title.lower()))
            self._pre = code_pieces(title)
            if cut:
                text(tr("The rest is not shown here; Download HAR and Copy as curl have all of it."), "w-meta", tag="p")
        self._show()

    def _turn(self) -> None:
        self._raw = not self._raw
        self._toggle.props["aria-pressed"] = "true" if self._raw else "false"
        self._show()

    def _show(self) -> None:
        pieces = list(self._head)
        if self._body:
            pieces.append(("", "\n"))
            pieces += [("", self._body)] if self._raw or not self._laid_out else json_pieces(self._laid_out)
        fill(self._pre, pieces)


def size_note(body: str, *, cut: bool = False) -> str:
    """'190 B', 'first 16.0 KiB'."""
    octets = len(body.encode())
    known = formats.size(octets)
    return tr("first {size}", size=known) if cut and octets >= wire.STORED_BODY_BYTES else known


def timing_bars(timings: dict[str, float | None]) -> ui.element:
    """dns, connect, tls and wait on one scale, each where the one before it ends."""
    steps = [(name, timings.get(name)) for name in ("dns", "connect", "tls", "wait")]
    total = sum(length or 0.0 for _, length in steps) or 1.0
    place = 0.0
    with box("dl", "w-bars w-timings") as listing:
        for name, length in steps:
            text(name, "w-muted", tag="dt")
            with box("dd", "w-bar-track") as track:
                track.props["aria-hidden"] = "true"
                if length is not None:
                    fill = box("span", "w-bar-fill" if name == "wait" else "w-bar-fill w-bar-step")
                    fill.style(f"left:{100 * place / total:.2f}%;width:{100 * length / total:.2f}%")
                    place += length
            text("–" if length is None else formats.duration(length), "w-figures", tag="dd")
    return listing
