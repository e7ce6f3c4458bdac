"""The head of a webhook's page: title, state, URL, what can be done, and the one notice about it. Changes in place."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from nicegui import ui

from webhook_ui import filters, times, webhooks
from webhook_ui.errors import WebhookUIError
from webhook_ui.explain import said
from webhook_ui.history.webhooks import LastResult, WebhookRow
from webhook_ui.languages import tr, trn
from webhook_ui.models import Webhook
from webhook_ui.ui import delivery_words, formats, icons
from webhook_ui.ui.context import Tab, tell
from webhook_ui.ui.controls import Action, button, copy_button, more_menu, way_button
from webhook_ui.ui.fields import switch
from webhook_ui.ui.filter_words import shape_words
from webhook_ui.ui.parts import (
    Part,
    Status,
    box,
    dress,
    mono,
    page_header,
    prose,
    sentence,
    status_pill,
    symbol,
    text,
    time_text,
)
from webhook_ui.ui.redeliveries_address import failed_address, failed_count, order_address
from webhook_ui.ui.resume_dialog import ask_to_resume
from webhook_ui.ui.states import notice
from webhook_ui.ui.steady import Steady
from webhook_ui.ui.tested import TestedBox
from webhook_ui.ui.webhook_trouble import Seen, Trouble


class WebhookHeader:
    """`on_edit` and `on_delete` hear what a person wants; enabling and pausing it does itself."""

    def __init__(self, tab: Tab, seen: Seen, *, on_edit: Callable[[], Any], on_delete: Callable[[], Any]) -> None:
        self._tab, self._row, self._trouble = tab, seen.row, seen.trouble
        row = seen.row
        webhook = row.webhook
        with page_header(webhook.title, own=False, crumb=(tr("Webhooks"), "/"), here=f"#{row.id}") as self._title:
            if tab.may_write:
                self._enabled = switch(tr("Enabled"), webhook.enabled, on_change=self._enable)
                self._pause = button(tr("Pause"), self._turn_pause, icon=icons.PAUSE)
                self._test = button(tr("Send test"), self._send_test, icon=icons.SEND)
                dress(self._test, data_once="true")
                button(tr("Edit"), on_edit, icon=icons.EDIT).classes("w-lead")
                delete = Action(label=tr("Delete"), icon=icons.DELETE, on_click=on_delete, danger=True)
                more_menu(lambda: [*self._backlog(), delete], small=False)
        line = _around(self._title)
        with line:
            self._state = Part(box("span"), _show_state)
        with _around(line):
            self._url = Part(box("div", "w-row w-url"), _show_url)
            self._wants = Part(box("div", "w-row w-wrap w-wants"), _show_wants)
        self._tested = TestedBox(tab)
        self._notice = Part(Steady("w-note-lines"), lambda *_: self._show_notice())
        self._was_failing = False
        self._recovered_at: datetime | None = None
        self.show(row, seen.trouble)

    def show(self, row: WebhookRow, trouble: Trouble) -> None:
        """What the webhook is now."""
        self._row, self._trouble = row, trouble
        webhook = row.webhook
        self._title.set_text(webhook.title)
        self._title.props["title"] = webhook.title
        self._state.show(state_of(row))
        self._url.show(webhook.url)
        template = webhook.template
        self._wants.show(webhook.filter, template)
        self._wants.element.set_visibility(bool(webhook.filter or template))
        if self._tab.may_write:
            self._enabled.value = webhook.enabled
            self._pause.set_text(tr("Resume") if webhook.paused else tr("Pause"))
            self._pause.props["icon"] = icons.RESUME if webhook.paused else icons.PAUSE
        self._note_recovery(row)
        self._notice.show(*_noticed(row, trouble), self._recovered_at)

    def _note_recovery(self, row: WebhookRow) -> None:
        """Who has read that it fails is told that it does no longer."""
        state = state_of(row)
        if state != "enabled":
            self._recovered_at = None
        elif self._was_failing:
            self._recovered_at = row.last.at if row.last else None
        self._was_failing = state == "failing"

    async def _enable(self, enabled: bool) -> None:
        if enabled != self._row.webhook.enabled:
            await self._change(enabled=enabled)

    async def _turn_pause(self) -> None:
        if self._row.webhook.paused and self._row.held:
            with self._tab.client:
                ask_to_resume(self._tab, self._row, on_resumed=self._show_changed)
            return
        await self._change(paused=not self._row.webhook.paused)

    def _backlog(self) -> list[Action]:
        """The way to call off what waits, where something does."""
        held = self._row.held
        way = order_address("cancel", webhook_id=self._row.id)
        label = tr("Cancel backlog ({n})", n=formats.count(held))
        return [Action(label=label, icon=icons.CANCELLED, on_click=lambda: ui.navigate.to(way))] if held else []

    def _show_changed(self, webhook: Webhook) -> None:
        # shown at once; how much waits is heard of a moment later
        self.show(replace(self._row, webhook=webhook), self._trouble)

    async def _send_test(self) -> None:
        self._test.props.set_bool("loading", True)
        await self._tested.send(self._row.id)
        self._test.props.set_bool("loading", False)

    async def _change(self, **values: bool) -> None:
        tab = self._tab
        try:
            actor = await tab.current_actor()
            rules, now = tab.services.rules, times.utcnow()
            webhook = await tab.write(webhooks.change, self._row.id, values, rules=rules, actor=actor, now=now)
        except WebhookUIError as error:
            tell(error)
            self.show(self._row, self._trouble)
        else:
            self._show_changed(webhook)

    def _show_notice(self) -> None:
        row, webhook = self._row, self._row.webhook
        if not webhook.enabled and webhook.disabled_reason:
            words = tr("{reason} New events are not taken for it.", reason=said(webhook.disabled_reason))
            if row.held:
                words = f"{words} {_waiting(row)}"
            with notice(tr("Disabled by the engine"), words):
                pass
        elif not webhook.enabled:
            if row.held:
                words = trn("Disabled: {n} delivery waits", "Disabled: {n} deliveries wait", row.held)
                with notice(words, tr("They are sent once it is enabled again."), kind="pending"):
                    pass
        elif webhook.paused:
            if row.held:
                words = trn("Paused: {n} delivery waits", "Paused: {n} deliveries wait", row.held)
                with notice(words, tr("New ones are kept too. Resume sends them."), kind="pending"):
                    pass
        elif row.is_down:
            _show_down(row, self._tab.zone, self._offer_redelivery)
        elif row.last and row.last.status == "error":
            _show_failing(row, row.last, self._trouble, self._tab.zone, self._offer_redelivery)
        elif self._recovered_at:
            clock = formats.clock(self._recovered_at, self._tab.zone, seconds=False)
            with notice(tr("Works again since {clock}", clock=clock), kind="info"):
                pass

    @property
    def offers_redelivery(self) -> bool:
        """Whether its notice leads to the order that sends again what failed."""
        failed = self._trouble.failed
        return bool(failed and failed.count and self._tab.may_write) and state_of(self._row) == "failing"

    def _offer_redelivery(self) -> None:
        """Of what has failed since it fails."""
        failed = self._trouble.failed
        if failed and self.offers_redelivery:
            words = trn("Redeliver {n} failed", "Redeliver {n} failed", failed.count, n=failed_count(failed))
            way_button(words, icons.REDELIVER, failed_address(failed))


def state_of(row: WebhookRow) -> Status:
    """In one word; `failing` when it is enabled and its last attempt failed, or it is only probed."""
    if not row.webhook.enabled:
        return "disabled"
    if row.webhook.paused:
        return "paused"
    return "failing" if row.is_down or (row.last and row.last.status == "error") else "enabled"


def _noticed(row: WebhookRow, trouble: Trouble) -> tuple[object, ...]:
    """What the notice is about; while all is well there is none, whatever arrives."""
    state, lane = state_of(row), row.lane
    if state == "enabled":
        return (state,)
    engine = (lane.breaker, lane.reason, lane.probe_at, lane.disable_at)
    return (state, row.failing_since, row.last, row.held, row.webhook.disabled_reason, engine, trouble)


def _around(element: ui.element) -> ui.element:
    slot = element.parent_slot
    assert slot is not None  # noqa: S101 - it has just been put there
    return slot.parent


def _show_state(state: Status) -> None:
    if state != "enabled":  # the switch says so already
        status_pill(state)


def _show_wants(text_of_filter: str | None, template: Mapping[str, str] | None) -> None:
    if text_of_filter:
        symbol(icons.FILTER, "w-muted")
        text(tr("Only events with"), "w-muted")
        mono(filters.shown(text_of_filter), "w-trace-code", cut=True)
    if template:
        text(tr("Body: {shape}", shape=shape_words(template)), "w-muted")


def _show_url(url: str) -> None:
    mono(url, "w-second", cut=True)
    copy_button(url, tr("Copy URL"))


def _show_down(row: WebhookRow, zone: ZoneInfo, offer: Callable[[], None]) -> None:
    now, lane = times.utcnow(), row.lane
    due = lane.probe_at if lane.probe_at and lane.probe_at > now else None
    with notice(_down_since(row, now, zone), act=offer) as body, body:
        with box("p"):
            sentence(
                tr(
                    "One delivery at a time is tried, the others wait and use up no attempts; "
                    "the next probe is {moment}."
                )
                if due
                else tr("One delivery at a time is tried, the others wait and use up no attempts; a probe is due now."),
                moment=lambda: time_text(due, zone, now=now) if due else None,
            )
            text(f" {_waiting(row)}" if row.held else "")
        _warn_of_end(lane.disable_at, now, zone)


def _down_since(row: WebhookRow, now: datetime, zone: ZoneInfo) -> str:
    lane, last = row.lane, row.last
    if last and last.status == "error" and last.error_message:
        cause, _ = delivery_words.cause_and_hint(said(last.error_message))
    else:  # the breaker's own words, of which the cause of the last failure is the end
        cause = said((lane.reason or "").rpartition("; last: ")[2]) or tr("most attempts fail")
    cause = cause.rstrip(".")
    if lane.opened_at is None:
        return tr("Receiver is down: {cause}", cause=cause)
    since = delivery_words.short_time(lane.opened_at, now, zone, seconds=False)
    return tr("Receiver is down since {time}: {cause}", time=since, cause=cause)


def _waiting(row: WebhookRow) -> str:
    return trn("{n} delivery waits.", "{n} deliveries wait.", row.held)


def _warn_of_end(disable_at: datetime | None, now: datetime, zone: ZoneInfo) -> None:
    if disable_at is None:
        return
    with box("p"):
        if disable_at > now:
            sentence(
                tr("Unless something arrives before, it will be disabled on {moment}."),
                moment=lambda: time_text(disable_at, zone, shown=formats.absolute(disable_at, zone)),
            )
        else:
            text(tr("It will be disabled with the next attempt that fails."))


def _show_failing(
    row: WebhookRow, last: LastResult, trouble: Trouble, zone: ZoneInfo, offer: Callable[[], None]
) -> None:
    now, since = times.utcnow(), row.failing_since or last.at
    cause, hint = delivery_words.cause_and_hint(said(last.error_message or "") or tr("no reason is known"))
    with notice(_failing_since(since, now, zone, cause), act=offer) as body, body:
        if words := hint or trouble.cause:
            prose(words if words.endswith(".") else f"{words}.")
        with box("p"):
            next_at = last.next_attempt_at
            if next_at and next_at > now:
                sentence(tr("The next attempt is {moment}."), moment=lambda: time_text(next_at, zone, now=now))
            elif last.next_attempt_at:
                text(tr("It is tried again now."))
            else:
                text(tr("The last delivery was given up. Redeliver sends it again."))
        _warn_of_end(row.lane.disable_at, now, zone)


def _failing_since(since: datetime, now: datetime, zone: ZoneInfo, cause: str) -> str:
    clock = formats.clock(since, zone, seconds=False)
    match (now.astimezone(zone).date() - since.astimezone(zone).date()).days:
        case 0:
            return tr("Failing since {clock} today: {cause}", clock=clock, cause=cause)
        case 1:
            return tr("Failing since {clock} yesterday: {cause}", clock=clock, cause=cause)
    return tr("Failing since {moment}: {cause}", moment=formats.absolute(since, zone), cause=cause)
