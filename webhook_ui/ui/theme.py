"""What every page shares: the files in `static`, Quasar's colours and defaults, the options of the page itself."""

import copy
import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any

from nicegui import Client, app, ui

from webhook_ui.ui.root import root

STATIC = Path(__file__).parent / "static"
STATIC_URL = "/_static/webhook-ui"
RUN_OPTIONS: dict[str, Any] = {
    "title": "Webhook UI",
    "favicon": STATIC / "favicon.svg",
    "dark": None,  # as the system has it
    "language": "en-US",
    "tailwind": False,
    "reconnect_timeout": 45,
}
"""For `ui.run_with(app, **RUN_OPTIONS, …)`."""


def setup() -> None:
    """Registers static files and defaults; called once by the app, before any page is built."""
    app.add_static_files(STATIC_URL, STATIC)
    app.colors(primary="#2453d6", positive="#12633a", negative="#a5161d", warning="#7a4a06")
    ui.button.default_props("unelevated no-caps no-wrap")
    ui.input.default_props("outlined dense hide-bottom-space no-error-icon")
    ui.textarea.default_props("outlined dense hide-bottom-space no-error-icon")
    ui.select.default_props("outlined dense options-dense hide-bottom-space no-error-icon behavior=menu")


def dress() -> None:
    """Links the files in the head of the page that is being built; to be called before anything else."""
    ui.add_head_html(_head(root()))


@lru_cache(maxsize=16)
def _head(base: str) -> str:
    links = [
        f'<link rel="stylesheet" href="{base}{_address(name)}">' for name in ("tokens.css", "quasar.css", "app.css")
    ]
    names = (
        "press.js",
        "focus.js",
        "back.js",
        "calendar.js",
        "app.js",
        "log.js",
        "shell.js",
        "drafts.js",
        "connection.js",
    )
    scripts = [f'<script defer src="{base}{_address(name)}"></script>' for name in names]
    # in the head, and the theme not deferred: the first paint already has its background
    chosen = f'<script src="{base}{_address("theme.js")}"></script>'
    return "\n".join([chosen, *links, *scripts])


def choose(client: Client, name: str) -> None:
    """Lets Quasar begin with the theme `light` or `dark`; any other name is as the system has it."""
    client.page = copy.copy(client.page)
    client.page.dark = {"light": False, "dark": True}.get(name)


def _address(name: str) -> str:
    """With the content's hash, so that a new version is never mixed with what a browser has kept."""
    return f"{STATIC_URL}/{name}?v={hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:10]}"
