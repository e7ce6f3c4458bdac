"""Presses on what the server has taken away meanwhile. Whoever presses something has not seen yet that its place was
filled anew: what was pressed is done all the same, for as long as it can be on its way.

Only presses, and only of places that are emptied by `clear`: what closes for good (a dialog) hears nothing any more.
"""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary, ref

from nicegui import Client, ui
from nicegui.event_listener import EventListener
from nicegui.events import GenericEventArguments, handle_event

HEARD_SECONDS = 10.0  # a press is held for some seconds, and the connection has to bring it
# what was pressed so shortly before is gone because of that: the second of two clicks means no more
TWICE_SECONDS = 2.0


@dataclass(frozen=True, kw_only=True)
class _Gone:
    """An element that was taken away, and what it does when it is pressed; `kin` is what stood around it."""

    element: ui.element
    presses: dict[str, EventListener]
    kin: Sequence[ui.element]


_client: type[Any] = Client
_handle = Client.handle_event
_pressed_at: "WeakKeyDictionary[ui.element, float]" = WeakKeyDictionary()
_gone: "WeakKeyDictionary[Client, dict[int, _Gone]]" = WeakKeyDictionary()


def install() -> None:
    """Once a process; a second time changes nothing."""
    _client.handle_event = _hear


def clear(place: ui.element) -> None:
    """Takes away what stands in it; presses on that are still heard for a while."""
    kin = list(place.descendants())
    since = time.monotonic() - TWICE_SECONDS
    fresh = [element for element in kin if _pressed_at.get(element, 0.0) < since]
    found = {element.id: _Gone(element=element, presses=_presses_of(element), kin=kin) for element in fresh}
    pressed = {number: gone for number, gone in found.items() if gone.presses}
    place.clear()
    client = place.client
    if pressed and not client.is_deleted:
        _gone.setdefault(client, {}).update(pressed)
        asyncio.get_running_loop().call_later(HEARD_SECONDS, _forget, ref(client), list(pressed))


def _presses_of(element: ui.element) -> dict[str, EventListener]:
    listeners = element._event_listeners.values()
    return {one.id: one for one in listeners if one.type == "click" and one.handler}


def _forget(reference: "ref[Client]", numbers: list[int]) -> None:
    client = reference()
    known = _gone.get(client, {}) if client else {}
    for number in numbers:
        known.pop(number, None)


def _hear(client: Client, message: dict[str, Any]) -> None:
    element = client.elements.get(message["id"])
    if element is not None:
        if message["listener_id"] in _presses_of(element):
            _pressed_at[element] = time.monotonic()
        _handle(client, message)
        return
    gone = _gone.get(client, {}).pop(message["id"], None)
    listener = gone.presses.get(message["listener_id"]) if gone else None
    if gone is None or listener is None:
        return
    arguments = [None if text is None else json.loads(text) for text in message.get("args", [])]
    with client:
        given = arguments[0] if len(arguments) == 1 else arguments
        handle_event(listener.handler, GenericEventArguments(sender=gone.element, client=client, args=given))
