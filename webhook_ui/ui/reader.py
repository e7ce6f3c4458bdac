"""Who reads: the language of the browser that is being served, and the words that its scripts need."""

import asyncio
import copy
import json
from weakref import WeakKeyDictionary

from nicegui import Client, context, ui
from nicegui.language import Language
from nicegui.slot import Slot
from starlette.requests import Request

from webhook_ui import languages
from webhook_ui.languages import tr
from webhook_ui.ui import formats

WORDS_ID = "webhook-ui-words"
LANGUAGE_COOKIE = "webhook_ui_lang"
TAGS: dict[str, Language] = {"en": "en-US", "es": "es"}
"""What stands in `<html lang>`, and by what name Quasar has its own words."""

_languages: "WeakKeyDictionary[Client, str]" = WeakKeyDictionary()


def asked_by(request: Request) -> str:
    """The language that was chosen in this browser, else one that it accepts, else English."""
    chosen = languages.known(request.cookies.get(LANGUAGE_COOKIE))
    return chosen or languages.wanted(request.headers.get("accept-language", "")) or languages.SOURCE


def language_of(client: Client) -> str:
    """The language of an open tab: that in which it was built, whatever has been chosen in another one since."""
    code = _languages.get(client)
    if code is None:
        code = _languages[client] = asked_by(client.request)
    return code


def current() -> str | None:
    """The language of the tab for which this task works; None where no tab is served. Asked for every word."""
    try:
        stack = Slot.stacks.get(id(asyncio.current_task()))
    except RuntimeError:  # a thread
        return None
    for slot in reversed(stack or ()):
        try:
            return language_of(slot.parent.client)
        except RuntimeError:  # the element or the tab is gone
            continue
    return None


def tag(code: str) -> Language:
    """What stands in `<html lang>` for a language of ours."""
    return TAGS.get(code, TAGS[languages.SOURCE])


def first_weekday() -> int:
    """With which day a week begins where the reader is, as the browser says and Quasar counts: Sunday is 0."""
    request = context.client.request
    return formats.first_weekday(request.headers.get("accept-language", "") if request else "", languages.language())


def prepare(client: Client) -> None:
    """Says to the browser in which language this page is, and gives its scripts their words; within `client`."""
    client.page = copy.copy(client.page)  # the options of this answer alone
    client.page.language = tag(language_of(client))
    words = json.dumps(_words()).replace("<", "\\u003c")
    ui.add_head_html(f'<script type="application/json" id="{WORDS_ID}">{words}</script>')


def _words() -> dict[str, str]:
    return {
        "now": tr("now"),
        "in": tr("in {span}"),
        "ago": tr("{span} ago"),
        "copied": tr("Copied"),
        "close": tr("Close"),
        "newer": tr("Newer delivery"),
        "older": tr("Older delivery"),
        "lost": tr("No connection to the server. What you typed is kept; it is tried again every few seconds."),
        "refused": tr("Not done: no connection to the server. What you typed is kept."),
        "found": tr("Connected again. Nothing was lost."),
        "again": tr("Try now"),
    }
