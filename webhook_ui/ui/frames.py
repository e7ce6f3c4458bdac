"""What floats above a page: dialogs, the side panel, questions that ask first. They hold what the page puts in."""

from collections.abc import Awaitable, Callable
from typing import Any, Literal

from nicegui import ui

from webhook_ui.languages import tr
from webhook_ui.ui import icons
from webhook_ui.ui.controls import Kind, button, icon_button
from webhook_ui.ui.parts import box, foreign, mono, prose, text


class DialogFrame:
    """A dialog of 560 or 640 px with title, body that scrolls and footer; fills the screen below 600 px.

    `with frame.body:` holds the fields; `frame.summary` is for `show_problems`; `frame.note` is the footer's text.
    """

    def __init__(
        self,
        title: str,
        *,
        primary: str,
        on_primary: Callable[[], Any],
        note: str = "",
        code: str = "",
        icon: str | None = None,
        wide: bool = False,
        kind: Kind = "primary",
    ) -> None:
        self._busy = False
        self.dialog = ui.dialog().props("persistent transition-duration=120")
        self.dialog.props["aria-label"] = title
        with self.dialog, box("div", "w-dialog w-dialog-wide" if wide else "w-dialog"):
            with box("div", "w-dialog-head"):
                with box("h2", "w-row"):
                    foreign(title, cut=False)
                    if code:
                        mono(code, "w-muted w-plain")
                icon_button(icons.CLOSE, tr("Close"), self.close, small=False)
            with box("div", "w-dialog-body"):
                self.summary = box("div", "w-summary")
                self.body = box("div", "w-form")
            with box("div", "w-dialog-foot"):
                self.note = text(note, "w-meta w-grow")
                self.cancel = button(tr("Cancel"), self.close, kind="quiet")
                self.primary = button(primary, on_primary, icon=icon, kind=kind)

    def open(self) -> None:
        self.dialog.open()

    def close(self) -> None:
        self.dialog.close()

    def wait(self, busy: bool) -> None:
        """While the work is done the button turns and cannot be pressed twice."""
        self.primary.props.set_bool("loading", busy)

    async def work(self, work: Callable[[], Awaitable[None]]) -> None:
        """Does it once, however often the button is pressed meanwhile."""
        if self._busy:
            return
        self._busy = True
        self.wait(True)
        with self.dialog.client:
            await work()
        self.wait(False)
        self._busy = False


class PanelFrame:
    """A side panel of 720 px at the right; the page beside it stays usable. Fills the screen below 600 px.

    `frame.head` holds the title's line, `frame.body` the rest; `on_close` hears when a person closes it. A form has a
    `scrim` over the page, and its buttons in `frame.foot`, which stays in sight.
    """

    def __init__(self, name: str, *, on_close: Callable[[], Any] | None = None, scrim: bool = False) -> None:
        self._on_close = on_close
        self.dialog = ui.dialog().props("position=right transition-duration=200")
        self.dialog.props("no-backdrop-dismiss" if scrim else "seamless")
        self.dialog.props["aria-label"] = name
        self.dialog.on("escape-key", lambda _: self.close())
        with self.dialog, box("aside", "w-panel", label=name):
            with box("div", "w-panel-head"):
                self.head = box("div", "w-grow")
                self.tools = box("div", "w-row")
                icon_button(icons.CLOSE, tr("Close"), self.close)
            self.body = box("div", "w-panel-body")
            self.foot = box("div", "w-panel-foot")

    def open(self) -> None:
        self.dialog.open()

    def keep_focus(self) -> None:
        """For what goes away once it is pressed: the keyboard stays in the panel."""
        inner = f"getHtmlElement({self.body.id}).closest('.q-dialog__inner')"
        ui.run_javascript(f"{inner}?.focus({{preventScroll: true}})")

    def close(self) -> Any:
        self.dialog.close()
        return self._on_close() if self._on_close else None


def confirm(
    title: str,
    detail: str,
    *,
    action: str,
    on_confirm: Callable[[], Any],
    kind: Literal["primary", "danger-filled"] = "danger-filled",
    leave: str = "",
) -> ui.dialog:
    """Asks first; the button carries the verb ("Delete"), `leave` the other one if "Cancel" could mean both.

    The dialog is gone once it is answered.
    """
    dialog = ui.dialog().props("transition-duration=120")
    dialog.props["aria-label"] = title
    dialog.props["role"] = "alertdialog"

    working = False

    async def answer() -> None:
        nonlocal working
        working = True
        dialog.close()
        result = on_confirm()
        if isinstance(result, Awaitable):
            await result
        dialog.delete()  # not before: what is deleted can no longer say where new words belong

    def hidden() -> None:
        if not working:
            dialog.delete()

    with dialog, box("div", "w-dialog w-dialog-small"):
        with box("div", "w-dialog-head"), box("h2"):
            foreign(title, cut=False)
        with box("div", "w-dialog-body"):
            prose(detail, "w-second")
        with box("div", "w-dialog-foot"):
            box("span", "w-grow")
            button(leave or tr("Cancel"), dialog.close, kind="quiet")
            button(action, answer, kind="primary" if kind == "primary" else "plain").classes(
                "w-filled-danger" if kind == "danger-filled" else ""
            )
    dialog.on("hide", lambda _: hidden())
    dialog.open()
    return dialog
