"""The panel that orders something for many deliveries: to redeliver or to cancel them. Counts while one chooses."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from webhook_ui import redeliveries
from webhook_ui.errors import Invalid, WebhookUIError
from webhook_ui.languages import mark, tr, trn
from webhook_ui.models import Redelivery
from webhook_ui.redeliveries import Preview
from webhook_ui.ui import formats, icons, redelivery_words, toasts
from webhook_ui.ui.context import Tab
from webhook_ui.ui.controls import button
from webhook_ui.ui.fields import Faulty, Field, show_problems
from webhook_ui.ui.frames import PanelFrame, confirm
from webhook_ui.ui.kept_forms import Control, Kept
from webhook_ui.ui.parts import Part, box, text
from webhook_ui.ui.redeliveries_address import Kind, read_moment, read_number, split_webhooks, write_scope
from webhook_ui.ui.redelivery_preview import show_preview
from webhook_ui.ui.redelivery_scope import ScopeFields
from webhook_ui.ui.redelivery_when import NOW, WhenFields, pace_field, read_pace
from webhook_ui.ui.webhooks_field import offer_webhooks

REST_SECONDS = 0.4  # from the last change until it is counted again
TITLES: dict[Kind, str] = {"redeliver": mark("New redelivery"), "cancel": mark("Cancel deliveries")}


class RedeliveryForm:
    """One opening of the panel. `on_close` hears that it was left, `on_placed` the plan that was stored, `on_scope`
    what the address shall say now.
    """

    def __init__(
        self,
        tab: Tab,
        kind: Kind,
        *,
        on_close: Callable[[], Any],
        on_placed: Callable[[Redelivery], Any],
        on_scope: Callable[[Mapping[str, str]], Any],
    ) -> None:
        self._tab, self._kind = tab, kind
        self._on_close, self._on_placed, self._on_scope = on_close, on_placed, on_scope
        self._preview: Preview | None = None
        self._counting = self._again = self._busy = False
        self._change = 0  # how many there were, so that only what rests is counted
        self._frame = PanelFrame(tr(TITLES[kind]), on_close=on_close, scrim=True)
        self._when: WhenFields | None = None
        self._pace: Field | None = None

    async def open(self, scope: Mapping[str, str]) -> None:
        """Builds it, filled in with `scope`, and counts."""
        named = [read_number(text) for text in split_webhooks(scope.get("webhook_id", ""))]
        offer = await self._tab.read(offer_webhooks, "", [number for number in named if number is not None])
        with self._frame.head:
            text(tr(TITLES[self._kind]), "w-title", tag="h2")
        with self._frame.body:
            self._build(scope, offer)
        with self._frame.foot:
            self._note = text("", "w-meta w-grow")
            button(tr("Cancel") if self._kind == "redeliver" else tr("Back"), self._frame.close, kind="quiet")
            self._order = button(tr("Count"), self._submit, kind="primary" if self._kind == "redeliver" else "plain")
            if self._kind == "cancel":
                self._order.classes("w-filled-danger")
        self._frame.open()
        self._show_order()
        self._tab.begin(self._count_at_rest(self._change, 0), name="dry run")

    def hide(self) -> None:
        """Closes it without calling back; it is of no more use then."""
        self._change += 1
        self._frame.dialog.on("hide", self._frame.dialog.delete)
        self._frame.dialog.close()

    def _build(self, scope: Mapping[str, str], offer: Mapping[str, str]) -> None:
        self._summary = box("div", "w-summary")
        text(tr("What"), tag="h3")
        with box("div", "w-form"):
            self._scope = ScopeFields(self._tab, self._kind, scope, offer, self._changed)
        self._seen = Part(box("section", "w-preview", label=tr("Dry run")), self._show_preview)
        self._seen.element.props["aria-live"] = "polite"
        self._seen.show(None, None, True)
        if self._kind == "redeliver":
            text(tr("How fast and when"), tag="h3")
            with box("div", "w-form"):
                self._pace = pace_field(scope.get("rate", ""), self._changed)
                at = read_moment(scope.get("at", ""), self._tab.zone)
                cron, timezone = scope.get("cron"), scope.get("timezone")
                self._when = WhenFields(self._tab, self._changed, at=at, cron=cron, timezone=timezone)
        self._let_browser_keep()

    def _let_browser_keep(self) -> None:
        """What the address says already, and what was entered too late for that."""
        kept = Kept(self._tab, self._frame.body, f"order {self._kind}", summary=self._summary)
        controls: dict[str, Control] = dict(self._scope.controls)
        if self._pace and self._when:
            controls |= {"rate": self._pace, **self._when.controls}
        kept.follow(controls)

    @property
    def _fields(self) -> dict[str, Faulty]:
        own: dict[str, Faulty] = {"rate": self._pace} if self._pace else {}
        return self._scope.fields | own | (self._when.fields if self._when else {})

    def _read(self) -> tuple[dict[str, Any], dict[str, str]]:
        values, problems = self._scope.values()
        if self._when and self._pace:
            more, wrong = self._when.values()
            values, problems = values | more, problems | wrong
            try:
                values["rate"] = read_pace(self._pace)
            except ValueError as error:
                problems["rate"] = str(error)
        return values, problems

    def _changed(self) -> None:
        self._change += 1
        self._tab.begin(self._count_at_rest(self._change, REST_SECONDS), name="dry run")

    async def _count_at_rest(self, change: int, rest: float) -> None:
        await asyncio.sleep(rest)
        if change == self._change and not self._frame.dialog.is_deleted:
            with self._frame.body:
                await self._count()

    async def _count(self) -> None:
        """Counts what is entered; while it does, a later change makes it count once more."""
        if self._counting:
            self._again = True
            return
        self._counting = True
        try:
            while True:
                self._again = False
                await self._count_once()
                if not self._again or self._frame.dialog.is_deleted:
                    return
        finally:
            self._counting = False

    async def _count_once(self) -> None:
        change = self._change
        values, problems = self._read()
        preview = None
        if not problems:
            self._seen.element.props["aria-busy"] = "true"
            try:
                actor = await self._tab.current_actor()
                database = self._tab.services.database
                preview = await redeliveries.preview(database, values, kind=self._kind, actor=actor)
            except Invalid as error:
                problems = error.fields
            except WebhookUIError as error:
                problems = {"": str(error)}
        if change != self._change or self._frame.dialog.is_deleted:
            return  # something else is meant by now
        self._seen.element.props["aria-busy"] = "false"
        for name, field in self._fields.items():
            if name in problems:
                field.error = problems[name]
        self._preview = preview
        self._seen.show(preview, problems.get("") or None, False)
        if preview:
            self._on_scope(write_scope(values))
        self._show_order(values)

    def _show_preview(self, preview: Preview | None, trouble: str | None, waiting: bool) -> None:
        if preview:
            show_preview(preview, self._tab.zone)
        elif waiting:
            text(tr("Counting…"), "w-muted", tag="p")
        else:
            text(trouble or tr("Counted once the fields above and below are right."), "w-muted", tag="p")

    def _show_order(self, values: Mapping[str, Any] | None = None) -> None:
        """What the button does, with its number; and when that begins."""
        seen = self._preview.glance if self._preview else None
        now = not self._when or self._when.chosen == NOW
        first = self._when.show(values) if self._when and values else None
        if self._when and values:
            self._when.warn(not values.keys() & {"within", "from", "to"})
        self._order.set_text(
            _order_words(self._kind, now, seen.forecast.matched if seen else None, _more(self._preview))
        )
        self._order.props["icon"] = (
            icons.CANCELLED if self._kind == "cancel" else icons.REDELIVER if now else icons.DATE
        )
        self._order.set_enabled(seen is not None and (not now or seen.forecast.matched > 0))
        zone, clock = self._tab.zone, self._preview.at if self._preview else None
        first_run = (
            tr("First run {moment} {zone}", moment=redelivery_words.coming(first, clock, zone), zone=zone.key)
            if first and clock
            else ""
        )
        self._note.set_text(first_run)

    async def _submit(self) -> None:
        if self._busy:
            return  # a second click
        values, problems = self._read()
        if problems:
            self._explain(problems)
            return
        if self._kind == "redeliver":
            await self._place(values)
            return
        seen = self._preview
        many = seen.glance.forecast.matched if seen else 0
        number = formats.count(many)
        with self._tab.client:
            confirm(
                trn("Cancel at least {n} delivery?", "Cancel at least {n} deliveries?", many, n=number)
                if _more(seen)
                else trn("Cancel {n} delivery?", "Cancel {n} deliveries?", many, n=number),
                tr(
                    "They are not sent. What is in flight ends as it does. A redelivery of many leaves out what was "
                    "cancelled; each can still be redelivered by itself."
                ),
                action=tr("Cancel deliveries"),
                on_confirm=lambda: self._place(values),
            )

    async def _place(self, values: Mapping[str, Any]) -> None:
        self._wait(True)
        try:
            actor = await self._tab.current_actor()
            plan = await redeliveries.place(self._tab.services.database, values, kind=self._kind, actor=actor)
        except Invalid as error:
            self._wait(False)
            self._explain(error.fields)
            return
        except WebhookUIError as error:
            self._wait(False)
            self._explain({"": str(error)})
            return
        self.hide()
        with self._tab.client:
            toasts.done(_placed_words(plan))
        self._on_placed(plan)

    def _wait(self, busy: bool) -> None:
        self._busy = busy
        self._order.props.set_bool("loading", busy)

    def _explain(self, problems: Mapping[str, str]) -> None:
        fields = self._fields
        for name, field in fields.items():
            field.error = problems.get(name)
        general = " ".join(message for name, message in problems.items() if name not in fields)
        show_problems(
            self._summary, list(fields.values()), tr("Nothing was done yet. {details}", details=general).strip() + " "
        )


def _more(preview: Preview | None) -> bool:
    """Whether there may be more than were counted."""
    return preview is not None and not preview.glance.complete


def _order_words(kind: Kind, now: bool, count: int | None, more: bool) -> str:
    if count is None:
        return (
            tr("Redeliver")
            if kind == "redeliver" and now
            else tr("Plan redelivery")
            if kind == "redeliver"
            else tr("Cancel")
        )
    number = f"{formats.count(count)}{'+' if more else ''}"
    if kind == "cancel":
        many = max(count, 2) if more else count
        return trn("Cancel {n} delivery", "Cancel {n} deliveries", many, n=number) if count else tr("Cancel none")
    if not now:
        return tr("Plan redelivery")
    return trn("Redeliver {n} failed", "Redeliver {n} failed", count, n=number) if count else tr("Redeliver none")


def _placed_words(plan: Redelivery) -> str:
    number = formats.count(plan.matched)
    if plan.kind == "cancel":
        return trn("Cancelling {n} delivery.", "Cancelling {n} deliveries.", plan.matched, n=number)
    if plan.state == "scheduled":
        return tr("The redelivery is planned.")
    return trn("Redelivering {n} delivery.", "Redelivering {n} deliveries.", plan.matched, n=number)
