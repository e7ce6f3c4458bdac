"""Short words at the edge of the screen about what was just done or failed. One stack a browser tab."""

from collections.abc import Awaitable, Callable
from typing import Any
from weakref import WeakKeyDictionary

from nicegui import Client, context, ui

from webhook_ui.languages import tr
from webhook_ui.ui import icons
from webhook_ui.ui.controls import icon_button
from webhook_ui.ui.parts import box, foreign, link, prose, symbol, text

STAYS_SECONDS = 6.0
_stacks: "WeakKeyDictionary[Client, ui.element]" = WeakKeyDictionary()


def prepare() -> ui.element:
    """The place for toasts; there before the first one, so that screen readers hear it. Built by the shell."""
    client = context.client
    known = _stacks.get(client)
    if known is None or known.is_deleted:
        with client.layout:
            known = box("div", "w-toasts", label=tr("Messages"))
        known.props["role"] = "region"
        known.props["aria-live"] = "polite"
        _stacks[client] = known
    return known


def done(message: str, undo: Callable[[], Any] | None = None, *, way: tuple[str, str] | None = None) -> None:
    """Goes after six seconds; with `undo`, a way back until then; with `way`, a link (its words and path)."""
    with prepare(), box("div", "w-toast") as toast:
        symbol(icons.SENT, "w-sent-ink")
        foreign(message, "w-grow", cut=False)
        if undo:
            with box("button", "w-jump w-medium w-undo") as back:
                text(tr("Undo"))
            back.props["type"] = "button"
            back.on("click", lambda _: _undo(toast, undo))
        if way:
            link(*way, "w-medium w-nowrap")
        icon_button(icons.CLOSE, tr("Close"), lambda: _leave(toast))
        _leave_later(toast)


def failed(title: str, detail: str = "", *, way: tuple[str, str] | None = None) -> None:
    """Stays until it is closed; with `way`, a link (its words and path)."""
    with prepare(), box("div", "w-toast") as toast:
        toast.props["role"] = "alert"
        symbol(icons.ERROR, "w-error-ink")
        with box("div", "w-grow"):
            foreign(title, "w-strong", cut=False)
            if detail:
                prose(detail, "w-second")
            if way:
                link(*way, "w-medium")
        icon_button(icons.CLOSE, tr("Close"), lambda: _leave(toast))


def working(words: str) -> ui.element:
    """Says what is being done; whoever does it takes it away again. See `progress`."""
    with prepare(), box("div", "w-toast") as toast:
        ui.spinner(size="18px", color=None).classes("w-spinner").props["aria-hidden"] = "true"
        foreign(words, "w-grow", cut=False)
    return toast


def _leave_later(toast: ui.element) -> None:
    """After its time; never while it is pointed at or has the focus."""
    clock = ui.timer(STAYS_SECONDS, lambda: _leave(toast), immediate=False)
    for event in ("mouseenter", "focusin"):
        toast.on(event, lambda _: clock.deactivate())
    for event in ("mouseleave", "focusout"):
        toast.on(event, lambda _: clock.activate())


def _leave(toast: ui.element) -> None:
    if toast.visible and not toast.is_deleted:
        toast.delete()


async def _undo(toast: ui.element, undo: Callable[[], Any]) -> None:
    # only hidden while it works: what is deleted can no longer say where new words belong
    toast.set_visibility(False)
    result = undo()
    if isinstance(result, Awaitable):
        await result
    if not toast.is_deleted:
        toast.delete()
