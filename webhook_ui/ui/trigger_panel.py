"""The side panel of one trigger: what it says, who listens, an example and the JSON Schema of its payload."""

import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

from webhook_ui.history.events import Firings
from webhook_ui.languages import tr, trn
from webhook_ui.plugin_loader import RegisteredTrigger
from webhook_ui.ui import formats, icons, plugin_texts
from webhook_ui.ui.context import Tab
from webhook_ui.ui.controls import button, copy_button
from webhook_ui.ui.frames import PanelFrame
from webhook_ui.ui.message_view import code_pieces, fill, json_pieces
from webhook_ui.ui.parts import Part, box, foreign, link, mono, text, time_text
from webhook_ui.ui.schedule_view import in_words, schedule_strip
from webhook_ui.ui.setting_words import source_text


class TriggerPanel:
    """Opens for one trigger after the other; `on_close` hears when a person closes it."""

    def __init__(self, tab: Tab, *, on_close: Callable[[], Any]) -> None:
        self._tab = tab
        self._frame = PanelFrame(tr("Trigger"), on_close=on_close)
        self._frame.head.classes("w-stack w-tight")
        self._use = Part(box("div"), lambda *_: None)

    def show(self, registered: RegisteredTrigger, fire: Callable[[], Awaitable[None]] | None) -> None:
        """Fills the panel and opens it."""
        trigger, frame = registered.trigger, self._frame
        for place in (frame.head, frame.body):
            place.clear()
        with frame.head:
            heading = foreign(plugin_texts.said(trigger.title), "w-title", cut=False)
            heading.props["role"] = "heading"
            heading.props["aria-level"] = "2"
            mono(trigger.name, "w-second w-break")
        with frame.body:
            if trigger.description:
                foreign(plugin_texts.said(trigger.description), "w-lines", cut=False)
            self._show_facts(registered)
            if fire:
                with box("div"):
                    button(tr("Fire"), fire, icon=icons.FIRE, name=tr("Fire {name}", name=trigger.name))
            _show_json(tr("Example"), trigger.example_json())
            _show_json(tr("JSON Schema"), json.dumps(trigger.schema(), indent=2, ensure_ascii=False))
        frame.open()

    def hide(self) -> None:
        self._frame.dialog.close()

    def show_use(self, name: str, listeners: int, fired: Firings) -> None:
        """Who listens and how often it was fired, as of now."""
        self._use.show(name, listeners, fired)

    def _show_facts(self, registered: RegisteredTrigger) -> None:
        trigger, info, settings = registered.trigger, registered.plugin, self._tab.services.settings
        self._use = Part(box("div"), self._show_use)
        with box("dl", "w-kv w-kv-wide w-trigger-facts"):
            text(tr("Plugin"), tag="dt")
            with box("dd", "w-row w-wrap"):
                foreign(plugin_texts.heading(info), cut=False)
                mono(info.where, "w-muted w-break")
            text(tr("Payload"), tag="dt")
            with box("dd"):
                text(tr("Checked by a model") if trigger.payload else tr("Any JSON object"))
            text(tr("Attempts"), tag="dt")
            with box("dd"):
                own = trigger.retry_schedule
                schedule = settings.retry_schedule if own is None else own
                source = source_text(settings, "retry_schedule") if own is None else tr("set by the trigger")
                text(
                    tr(
                        "{schedule}; {source}, unless a webhook has its own",
                        schedule=in_words(schedule),
                        source=source,
                    )
                )
                schedule_strip(schedule)

    def _show_use(self, name: str, listeners: int, fired: Firings) -> None:
        with box("dl", "w-kv w-kv-wide w-trigger-facts"):
            text(tr("Who listens"), tag="dt")
            with box("dd"):
                if listeners:
                    link(
                        trn("{n} webhook", "{n} webhooks", listeners, n=formats.count(listeners)),
                        f"/?{urlencode({'trigger': name})}",
                    )
                else:
                    text(tr("nobody"), "w-muted")
            text(tr("Last fired"), tag="dt")
            with box("dd"):
                if fired.last_at:
                    time_text(fired.last_at, self._tab.zone)
                    text(tr(", {count} in the last 24 hours", count=times_fired(fired)))
                else:
                    text(tr("never"), "w-muted")


def times_fired(fired: Firings) -> str:
    """'1,204', or '10,000+' where no more are counted."""
    return f"{formats.count(fired.count)}+" if fired.more else formats.count(fired.count)


def _show_json(title: str, body: str) -> None:
    with box("section", "w-message"):
        with box("div", "w-row"):
            text(title, tag="h3")
            with box("span", "w-end"):
                copy_button(body, tr("Copy {title}", title=title))
        fill(code_pieces(title), json_pieces(body))
