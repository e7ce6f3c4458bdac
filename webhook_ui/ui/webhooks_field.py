"""The field Webhooks: several of them, or all. The server looks for what is typed; none is left out silently."""

import asyncio
import html
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nicegui import ui
from sqlmodel import Session

from webhook_ui.history.redeliveries import webhook_titles
from webhook_ui.history.webhooks import Order, Sort, WebhookFilter, list_webhooks
from webhook_ui.languages import tr, trn
from webhook_ui.outbox.scope import MOST_WEBHOOKS
from webhook_ui.ui import formats, icons, redelivery_words
from webhook_ui.ui.context import Tab
from webhook_ui.ui.fields import Field, show_at_once
from webhook_ui.ui.redeliveries_address import read_number

OFFERED = 30  # webhooks at once; typing finds the others
REST_SECONDS = 0.25

# templates of our own words alone: all else that they show arrives as data
_OPTION = """
<q-item v-bind="props.itemProps" class="w-menu-item">
  <span class="w-check" :class="{'w-checked': props.selected}" aria-hidden="true"></span>
  <bdi class="w-cut" dir="auto">{{ props.opt.label }}</bdi>
</q-item>
"""
_CHIP = """
<q-chip removable dense square class="w-chip" @mousedown.prevent :icon-remove="'ICON'" :tabindex="props.tabindex"
  :remove-aria-label="REMOVE" @remove="props.removeAtIndex(props.index)"
><bdi class="w-cut" dir="auto" :title="props.opt.label">{{ props.opt.label }}</bdi></q-chip>
""".replace("ICON", icons.CLOSE)
_NOTHING = '<div class="w-menu-head">WORDS</div>'


def offer_webhooks(session: Session, words: str, chosen: Sequence[int]) -> dict[str, str]:
    """Webhooks to choose from, by what was typed; those that are chosen are always among them."""
    found = list_webhooks(session, WebhookFilter(q=words or None), sort=Sort.updated, order=Order.desc, limit=OFFERED)
    offer = {str(row.id): row.webhook.title for row in found.rows}
    others = webhook_titles(session, [number for number in chosen if str(number) not in offer])
    return offer | {str(number): title for number, title in others.items()}


class WebhooksField:
    """None chosen means all. `chosen` are numbers as they were typed."""

    def __init__(self, tab: Tab, offer: Mapping[str, str], chosen: Sequence[str], on_change: Callable[[], Any]) -> None:
        self._tab, self._typed = tab, ""
        # what a link names and is not there stays chosen and is refused: left out, it would mean all of them
        self._missing = {text: tr("#{number}, which is not there", number=text) for text in chosen if text not in offer}

        self._options = {**offer, **self._missing}
        self.field = Field(tr("Webhooks"), lambda: self._build(chosen), on_change=lambda _: self._changed(on_change))
        self._invite()

    @property
    def values(self) -> dict[str, Any]:
        """As a scope has them: none, one or several."""
        numbers = self._numbers
        return {} if not numbers else {"webhook_id": numbers[0]} if len(numbers) == 1 else {"webhook_ids": numbers}

    @property
    def name(self) -> str:
        """The name under which a scope judges what is chosen."""
        return "webhook_ids" if len(self._chosen) > 1 else "webhook_id"

    @property
    def problem(self) -> str | None:
        """What is wrong with those that are chosen."""
        missing = [text for text in self._chosen if text in self._missing]
        if missing:
            numbers = formats.joined(missing)
            if len(self._chosen) == 1:
                return tr("There is no webhook {numbers}. Choose one.", numbers=numbers)
            return trn(
                "There is no webhook {numbers}. Remove it.",
                "There is no webhook {numbers}. Remove them.",
                len(missing),
                numbers=numbers,
            )
        if len(self._chosen) > MOST_WEBHOOKS:
            return tr("Choose up to {n} webhooks.", n=MOST_WEBHOOKS)
        return None

    def _build(self, chosen: Sequence[str]) -> ui.select:
        self._select = made = ui.select(self._options, value=list(chosen), multiple=True, with_input=True)
        made.props(f'dropdown-icon="{icons.CHEVRON}" popup-content-class=w-list')
        show_at_once(made)
        made.add_slot("option", _OPTION)
        before, after = tr("Remove {title}").split("{title}")
        remove = html.escape(f"{_quoted(before)} + props.opt.label + {_quoted(after)}")
        made.add_slot("selected-item", _CHIP.replace("REMOVE", remove))
        words = html.escape(tr("No webhook has this in its title or URL"))
        made.add_slot("no-option", _NOTHING.replace("WORDS", words))
        made.on("input-value", lambda event: self._look(str(event.args or "")))
        return made

    @property
    def _chosen(self) -> list[str]:
        return list(self._select.value or ())

    @property
    def _numbers(self) -> list[int]:
        return [number for text in self._chosen if (number := read_number(text)) is not None]

    def _changed(self, on_change: Callable[[], Any]) -> Any:
        self._invite()
        if self._typed:  # it has served its purpose
            self._select.run_method("updateInputValue", "")
        return on_change()

    def _invite(self) -> None:
        if self._chosen:
            self._select.props.pop("placeholder", None)
        else:
            self._select.props["placeholder"] = tr(redelivery_words.ALL)

    async def _look(self, typed: str) -> None:
        self._typed = typed
        await asyncio.sleep(REST_SECONDS)
        if typed != self._typed or self._select.is_deleted:
            return  # more was typed meanwhile
        offer = await self._tab.read(offer_webhooks, typed.strip()[:200], self._numbers)
        if typed != self._typed:
            return
        # the browser chooses by place in the list: it only ever grows, so that no click means another webhook
        self._options |= offer
        self._select.set_options(self._options, value=self._chosen)


def _quoted(words: str) -> str:
    return json.dumps(words)
