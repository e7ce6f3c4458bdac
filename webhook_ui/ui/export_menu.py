"""The menu Export: what a list shows now, as a file, by an address that `ui/export.py` answers."""

from collections.abc import Callable, Mapping
from functools import partial

from nicegui import ui

from webhook_ui.languages import tr
from webhook_ui.ui import icons
from webhook_ui.ui.controls import Action, button, with_menu
from webhook_ui.ui.log_address import write

FORMATS = {"csv": "CSV", "ndjson": "NDJSON"}


def export_menu(name: str, query: Callable[[], Mapping[str, str]]) -> ui.button:
    """`name` is `deliveries`, `webhooks` or `events`; `query` answers the filters in force, in the address's words."""
    actions = [
        Action(label=label, on_click=partial(_download, name, ending, query)) for ending, label in FORMATS.items()
    ]
    opener = button(tr("Export"), icon=icons.DOWNLOAD).classes("w-export")
    opener.props["title"] = tr("Export")  # below 600 px it is only an icon
    return with_menu(opener, tr("Export"), actions)


def _download(name: str, ending: str, query: Callable[[], Mapping[str, str]]) -> None:
    ui.download.from_url(write(f"/export/{name}.{ending}", query()))
