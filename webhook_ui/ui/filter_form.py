"""The panel in which a webhook's filter and the shape of its bodies are written, tried on recent events meanwhile."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from nicegui import background_tasks, ui
from nicegui.events import GenericEventArguments

from webhook_ui import shaping, webhooks
from webhook_ui.errors import Conflict, Invalid, PluginFault, WebhookUIError
from webhook_ui.explain import said
from webhook_ui.expressions import Document, Fault
from webhook_ui.history import samples
from webhook_ui.history.samples import Sample
from webhook_ui.languages import tr
from webhook_ui.models import Webhook
from webhook_ui.rehearsing import TRIED, Draft, Given, Rehearsal, find, rehearse
from webhook_ui.times import to_text, utcnow
from webhook_ui.ui import formats, icons, toasts
from webhook_ui.ui.context import Tab, Value, tell
from webhook_ui.ui.controls import button
from webhook_ui.ui.fields import area_field, choice_field, show_problems
from webhook_ui.ui.filter_preview import show_body, show_fault, show_verdict
from webhook_ui.ui.filter_words import AS_IT_IS, shape_titles
from webhook_ui.ui.frames import PanelFrame
from webhook_ui.ui.kept_forms import Kept, put_back
from webhook_ui.ui.parts import Part, box, foreign, text

REST_SECONDS = 0.3  # from the last change until it is tried again
OFFERED = 20  # recent events to choose from
EXAMPLES = 10
_EXAMPLE = "example "
_TYPED = """value => emit(value, Number(element.props["data-turn"] ?? 0))"""  # after how many answers to a shape


async def edit_filter(tab: Tab, webhook_id: int) -> None:
    """Opens the panel with the webhook as it is now."""
    with tab.client:
        try:
            webhook = await tab.read(webhooks.get, webhook_id)
            triggers = heard_triggers(tab, webhook)
            found = await tab.read(samples.recent, triggers, webhook.tenant, limit=TRIED)
        except WebhookUIError as error:
            tell(error)
            return
        FilterForm(tab, webhook, triggers, found).open()


def heard_triggers(tab: Tab, webhook: Webhook) -> list[str]:
    """The triggers that a webhook's names and groups lead to, also where no plugin has them any more."""
    plugins = tab.services.plugins
    found = {one.name for pattern in webhook.triggers for one in plugins.matching(pattern)}
    return sorted(found | {name for name in webhook.triggers if not name.endswith(".*")})


class FilterForm:
    """One opening of the panel; `recent` are events of the webhook's triggers, the newest first."""

    def __init__(self, tab: Tab, webhook: Webhook, triggers: Sequence[str], recent: Sequence[Sample]) -> None:
        self._tab, self._webhook, self._version = tab, webhook, webhook.version
        self._recent = [sample.event_id for sample in recent]
        self._busy, self._change, self._turns = False, 0, 0
        self._known: dict[str, Given] = {}
        template = webhook.template or {}
        # what was written for each shape; those that are not in it are the ready ones
        self._own = {template["shape"]: template["expression"]} if "expression" in template else {}
        self._before = template.get("shape", AS_IT_IS)
        self._offered = self._offer(triggers, recent)
        self._frame = PanelFrame(tr("Filter and body"), scrim=True)
        self._frame.dialog.on("hide", self._frame.dialog.delete)
        with self._frame.head:
            text(tr("Filter and body"), "w-title", tag="h2")
            foreign(webhook.title, "w-second")
        with self._frame.body:
            self._build(self._before)
        self._let_browser_keep()
        with self._frame.foot:
            box("span", "w-grow")
            button(tr("Cancel"), self._frame.close, kind="quiet")
            self._primary = button(tr("Save"), self._save, kind="primary")

    def _let_browser_keep(self) -> None:
        """The expression only while it is on the screen."""
        form, version = f"filter {self._webhook.id}", self._version
        kept = Kept(self._tab, self._frame.body, form, version=version, summary=self._summary)
        self._editor.props["data-draft-part"] = "true"
        fields = {"sample": self._sample, "filter": self._filter, "shape": self._shape, "expression": self._expression}
        kept.watch(fields)
        if kept.draft:
            self._version = kept.version
            self._fill(kept.draft.values)
            kept.say()

    def _fill(self, values: Mapping[str, Value]) -> None:
        """The expression before its shape: a shape that has none begins with a ready one."""
        shape = next((key for key, words in shape_titles().items() if words == values.get("shape")), None)
        expression = values.get("expression")
        if shape is not None:
            if isinstance(expression, str) and shape:
                self._own[shape] = expression
            self._shape.value = shape
            self._show_shape(shape)
        put_back(self._sample, values.get("sample", ""))
        if isinstance(written := values.get("filter"), str):
            self._filter.value = written

    def open(self) -> None:
        self._frame.open()
        self._changed(rest=0)

    def _build(self, shape: str) -> None:
        self._summary = box("div", "w-summary")
        self._sample = choice_field(
            tr("Try with"),
            {key: words for key, (words, _) in self._offered.items()},
            next(iter(self._offered), None),
            hint="" if self._recent else tr("There is no event of its triggers yet, so their examples are offered."),
            on_change=lambda _: self._changed(rest=0),
        )
        with box("section", "w-form", label=tr("Filter")):
            self._filter = area_field(
                tr("Filter"),
                value=self._webhook.filter or "",
                rows=3,
                code=True,
                hint=tr(
                    "JMESPath over type, timestamp, data and id, such as `data.plan == 'pro'`; empty: all events of "
                    "its triggers"
                ),
                on_change=lambda _: self._changed(),
            )
            self._filter_place = Part(box("div", "w-holder"), show_fault)
            self._verdict = Part(box("div", "w-verdict"), show_verdict)
            self._verdict.element.props["role"] = "status"
        with box("section", "w-form", label=tr("Body")):
            self._shape = choice_field(tr("Shape"), shape_titles(), shape, on_change=self._turn)
            with box("div") as self._opener:
                button(tr("Change the expression"), self._open_expression, icon=icons.EDIT, small=True)
            with box("div", "w-form") as self._editor:
                self._expression = area_field(
                    tr("Expression"),
                    rows=12,
                    code=True,
                    hint=tr("JMESPath; what it gives is the body"),
                    on_change=self._type,
                )
                self._expression.control.on("update:value", self._stay_typed, js_handler=_TYPED)
                self._expression_place = Part(box("div", "w-holder"), show_fault)
                with box("div") as self._back:
                    button(
                        tr("Back to the ready one"), self._close_expression, icon=icons.UNDO, kind="quiet", small=True
                    )
            self._body = Part(box("div", "w-shaped"), show_body)
        self._show_shape(shape)

    def _offer(self, triggers: Sequence[str], recent: Sequence[Sample]) -> Mapping[str, tuple[str, int | Document]]:
        """What a draft can be tried on: recent events, and the triggers' examples."""
        now, zone = utcnow(), self._tab.zone
        offered: dict[str, tuple[str, int | Document]] = {
            str(sample.event_id): (
                f"{sample.trigger} · {formats.absolute(sample.created_at, zone, seconds=True)}",
                sample.event_id,
            )
            for sample in recent[:OFFERED]
        }
        known = self._tab.services.plugins.triggers
        for name in [name for name in triggers if name in known][:EXAMPLES]:
            document = Document(
                event_id="evt_example",
                trigger=name,
                timestamp=to_text(now),
                payload=known[name].trigger.example_json(),
            )
            offered[_EXAMPLE + name] = tr("Example of {trigger}", trigger=name), document
        return offered

    # the shape and its expression

    def _turn(self, shape: str) -> None:
        if shape == shaping.CUSTOM and shape not in self._own:  # one's own begins with what was there before
            ready = shaping.SHAPES.get(self._before)
            start = self._own.get(self._before) or (ready.expression if ready else None)
            self._own[shape] = start or shaping.SHAPES[shape].expression or ""
        self._before = shape
        self._turns += 1
        self._expression.control.props["data-turn"] = self._turns
        self._show_shape(shape)
        self._changed(rest=0)

    def _type(self, expression: str) -> None:
        shape = str(self._shape.value)
        if shape in self._own:
            self._own[shape] = expression or ""
        self._changed()

    def _stay_typed(self, event: GenericEventArguments) -> None:
        """What was typed before the answer to another shape was there is not lost to the text that came with it."""
        typed, turn = event.args
        if turn != self._turns and typed == self._expression.value:
            ui.run_javascript(f"getElement({event.sender.id}).inputValue = {json.dumps(typed)}")

    def _show_shape(self, shape: str) -> None:
        ready = shaping.SHAPES.get(shape)
        own = self._own.get(shape)
        opened = ready is not None and own is not None
        if opened:
            self._expression.value = own
        self._editor.set_visibility(opened)
        self._opener.set_visibility(ready is not None and ready.own and not opened)
        self._back.set_visibility(opened and shape != shaping.CUSTOM)

    def _open_expression(self) -> None:
        shape = str(self._shape.value)
        self._own[shape] = shaping.SHAPES[shape].expression or ""
        self._show_shape(shape)
        self._expression.focus()

    def _close_expression(self) -> None:
        self._own.pop(str(self._shape.value), None)
        self._turn(str(self._shape.value))

    # trying

    def _draft(self) -> Draft:
        shape = str(self._shape.value or AS_IT_IS)
        return Draft(
            filter=str(self._filter.value or "").strip() or None,
            shape=shape or None,
            expression=self._own.get(shape),
        )

    def _changed(self, *, rest: float = REST_SECONDS) -> None:
        self._change += 1
        background_tasks.create(self._try_at_rest(self._change, rest), name="rehearsal")

    async def _try_at_rest(self, change: int, rest: float) -> None:
        await asyncio.sleep(rest)
        if change != self._change or self._frame.dialog.is_deleted:
            return
        key = str(self._sample.value or "")
        chosen = self._offered[key][1] if key in self._offered else None
        draft = self._draft()
        try:
            given = await self._given(key, chosen)
            seen = await self._tab.read(rehearse, draft, given, self._recent)
        except WebhookUIError as error:
            given, seen = None, Rehearsal(failure=str(error))
        if change == self._change and not self._frame.dialog.is_deleted:
            with self._frame.body:
                self._show(draft, seen, changed=given is not None and given.changed)

    async def _given(self, key: str, chosen: int | Document | None) -> Given | None:
        """What plugins make of the chosen event; each is asked once, or writing a template could switch one off."""
        if key not in self._known:
            document = await self._tab.read(find, chosen)
            if document is None:
                return None
            given = Given(document=document, payload=document.payload)
            try:
                payload, changed = await self._tab.services.tester.shaped_by_plugins(
                    self._webhook, document.trigger, document.payload
                )
                given = replace(given, payload=payload, changed=changed)
            except (PluginFault, ValueError) as error:
                given = replace(given, failure=tr("Nothing would be sent: {error}", error=error))
            self._known[key] = given
        return self._known[key]

    def _show(self, draft: Draft, seen: Rehearsal, *, changed: bool) -> None:
        for field, place, fault in (
            (self._filter, self._filter_place, seen.filter_fault),
            (self._expression, self._expression_place, seen.template_fault),
        ):
            field.error = None if fault is None else _told(fault)
            place.show(*((fault.text, fault.position) if fault else ("", None)))
        self._verdict.show(draft.filter, seen)
        shaped = seen.shaped
        content_type = shaping.content_type({"shape": draft.shape} if draft.shape else None)
        self._body.show(
            shaped and shaped.body.decode(),
            tuple(shaped.headers) if shaped else (),
            content_type,
            seen.failure,
            changed,
        )

    # saving

    async def _save(self) -> None:
        if self._busy:
            return  # pressed twice
        self._busy = True
        self._primary.props.set_bool("loading", True)
        with self._tab.client:
            try:
                await self._store()
            except Invalid as error:
                self._explain(error)
            except Conflict as error:
                await self._take_note(error)
            except WebhookUIError as error:
                show_problems(self._summary, [], tr("Nothing was saved. {reason}", reason=str(error)))
            else:
                self._frame.close()
                toasts.done(tr("Filter and body of “{title}” are saved.", title=self._webhook.title))
                return
        self._primary.props.set_bool("loading", False)
        self._busy = False

    async def _store(self) -> None:
        draft, tab = self._draft(), self._tab
        template: dict[str, Any] | None = None
        if draft.shape:
            template = {"shape": draft.shape}
            if draft.expression is not None:
                template["expression"] = draft.expression
        await tab.write(
            webhooks.change,
            int(self._webhook.id or 0),
            {"filter": draft.filter, "template": template},
            rules=tab.services.rules,
            actor=await tab.current_actor(),
            now=utcnow(),
            version=self._version,
        )

    def _explain(self, error: Invalid) -> None:
        self._filter.error = error.fields.get("filter")
        self._expression.error = error.fields.get("template")
        show_problems(self._summary, [self._filter, self._expression], tr("Nothing was saved yet. "))

    async def _take_note(self, error: Conflict) -> None:
        """Saving once more is then a decision."""
        try:
            self._version = (await self._tab.read(webhooks.get, int(self._webhook.id or 0))).version
        except WebhookUIError as gone:
            show_problems(self._summary, [], str(gone))
            return
        show_problems(
            self._summary,
            [],
            tr("Somebody changed this webhook meanwhile. Nothing was saved yet; save again to set filter and body."),
        )


def _told(fault: Fault) -> str:
    return tr("Line {line}, column {column}: {fault}", line=fault.line, column=fault.column, fault=said(fault.message))
