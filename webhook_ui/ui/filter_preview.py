"""What a filter and a template make of an event: the verdict, where a mistake is, the body. Reads nothing."""

from collections.abc import Sequence

from webhook_ui.explain import said
from webhook_ui.languages import tr, trn
from webhook_ui.rehearsing import Rehearsal
from webhook_ui.ui import icons
from webhook_ui.ui.message_view import (
    MOST_CHARACTERS,
    code_pieces,
    fill,
    header_pieces,
    json_pieces,
    lay_out,
    size_note,
)
from webhook_ui.ui.parts import box, mono, symbol, text

AROUND = 28  # characters shown at each side of a mistake


def show_fault(written: str, position: int | None) -> None:
    """The line with the mistake, and a caret under it."""
    if position is None:
        return
    start = written.rfind("\n", 0, position) + 1
    line = written[start:].split("\n", 1)[0]
    column = position - start
    begin = max(column - AROUND, 0)
    cut = line[begin : column + AROUND]
    before = "…" if begin else ""
    after = "…" if column + AROUND < len(line) else ""
    pre = code_pieces(tr("Where it is wrong"))
    pre.classes("w-caret")
    fill(pre, [("", f"{before}{cut}{after}\n"), ("w-error-ink", f"{' ' * (len(before) + column - begin)}^")])


def show_verdict(written: str | None, seen: Rehearsal) -> None:
    """Whether the chosen event passes, or which clause says no; and how many recent ones would."""
    verdict = seen.verdict
    if written is None:
        _line(icons.SENT, "w-sent-ink", tr("No filter: all events of its triggers are delivered"))
    elif seen.filter_fault:
        _line(icons.PENDING, "w-muted", tr("Tried once the filter is right"))
    elif verdict is None:
        _line(icons.PENDING, "w-muted", tr("There is no event to try it with"))
    elif verdict.fault:
        explained = tr(
            "Cannot be evaluated for this event: {fault}. It would be delivered all the same.",
            fault=said(verdict.fault),
        )
        _line(icons.ERROR, "w-error-ink", explained)
    elif verdict.passed:
        _line(icons.SENT, "w-sent-ink", tr("This event passes"))
    else:
        _line(icons.FILTER, "w-error-ink", tr("This event is filtered out by"), verdict.clause or "")
    if seen.tried:
        words = [
            trn(
                "{passed} of the last {n} event would pass",
                "{passed} of the last {n} events would pass",
                seen.tried,
                passed=seen.passed,
            ),
            tr("{n} of them because it cannot be evaluated", n=seen.failed) if seen.failed else "",
        ]
        text(" · ".join(filter(None, words)), "w-second", tag="p")


def _line(icon: str, look: str, words: str, code: str = "") -> None:
    with box("p", "w-row w-wrap"):
        symbol(icon, look)
        text(f"{words} ", f"{look} w-medium")
        if code:
            mono(code, "w-trace-code w-break")


def show_body(
    body: str | None, headers: Sequence[tuple[str, str]], content_type: str, failure: str | None, changed: bool
) -> None:
    """The body as it would be sent for the chosen event, with the headers that belong to it."""
    if body is None:
        words = (
            said(failure) if failure else tr("Shown once the expression is right, and there is an event to try it with")
        )
        _line(icons.ERROR if failure else icons.PENDING, "w-error-ink" if failure else "w-muted", words)
        return
    with box("section", "w-message"):
        with box("div", "w-row"):
            text(tr("Body as it would be sent"), tag="h3")
            text(size_note(body), "w-meta")
        if changed:
            text(tr("Plugins have changed the payload for this webhook; the event stays as it is."), "w-meta")
        pre = code_pieces(tr("Body as it would be sent"))
        shown = body[:MOST_CHARACTERS]
        head = header_pieces([("content-type", content_type), *headers])
        fill(pre, [*head, ("", "\n"), *json_pieces(lay_out(shown) or shown)])
