"""An event's payload: laid out or as it came, to copy, and to download where it is too large to show."""

from nicegui import ui

from webhook_ui.languages import tr
from webhook_ui.ui import formats, icons
from webhook_ui.ui.controls import button, copy_button
from webhook_ui.ui.message_view import code_pieces, fill, json_pieces, lay_out
from webhook_ui.ui.parts import box, text

SHOWN = 64 * 1024  # characters


class PayloadView:
    """The payload of the event called `name`."""

    def __init__(self, payload: str, name: str) -> None:
        self._payload, self._name = payload, name
        self._whole = len(payload) <= SHOWN
        self._laid_out = lay_out(payload) if self._whole else None
        self._raw = False
        size = formats.size(len(payload.encode()))
        with box("section", "w-message"):
            with box("div", "w-row"):
                text(tr("Payload"), tag="h2")
                text(size if self._whole else tr("the beginning of {size}", size=size), "w-meta")
                with box("span", "w-row w-end"):
                    self._build_tools()
            self._pre = code_pieces(tr("Payload"))
        self._show()

    def _build_tools(self) -> None:
        if self._laid_out:
            self._toggle = button(tr("Raw"), self._turn, kind="quiet", small=True, name=tr("Raw payload"))
            self._toggle.props["aria-pressed"] = "false"
        if self._whole:
            copy_button(self._payload, tr("Copy payload"))
        else:
            button(tr("Download"), self._download, icon=icons.DOWN, kind="quiet", small=True)

    def _turn(self) -> None:
        self._raw = not self._raw
        self._toggle.props["aria-pressed"] = "true" if self._raw else "false"
        self._show()

    def _show(self) -> None:
        if not self._whole:
            fill(self._pre, [("", f"{self._payload[:SHOWN]}…")])
        elif self._raw or not self._laid_out:
            fill(self._pre, [("", self._payload)])
        else:
            fill(self._pre, json_pieces(self._laid_out))

    def _download(self) -> None:
        ui.download.content(self._payload, f"{self._name}.json", "application/json")
