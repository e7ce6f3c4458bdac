"""The table of settings, the server's and plugins': each with its value, and where that comes from."""

from collections.abc import Iterator
from contextlib import contextmanager

from webhook_ui.languages import tr
from webhook_ui.ui.parts import box, mono, prose, text


@contextmanager
def settings_table(name: str) -> Iterator[None]:
    """Its head; `with` builds the rows."""
    with box("table", "w-table w-table-force", label=name):
        with box("thead"), box("tr"):
            for title in tr("Setting | Value | From").split(" | "):
                text(title, tag="th").props["scope"] = "col"
        with box("tbody"):
            yield


def setting_row(variable: str, described: str, value: str, origin: str) -> None:
    """One setting; what nobody has chosen stands back."""
    with box("tr"):
        with box("th") as name:
            mono(variable, "w-break")
            if described:
                prose(described, "w-meta w-setting-words")
        name.props["scope"] = "row"
        with box("td"):
            if value == tr("not set"):
                text(value, "w-muted")
            else:
                mono(value, "w-break")
        with box("td"):
            text(origin, "w-muted" if origin == tr("default") else "w-medium")
