"""The tab Settings of a webhook: all that is in force for it and where that comes from. Editing is the form's."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate
from typing import Any

from webhook_ui import ids, letters
from webhook_ui.errors import WebhookUIError
from webhook_ui.explain import said
from webhook_ui.history.samples import Unjudged, latest_unjudged
from webhook_ui.history.webhooks import WebhookRow
from webhook_ui.languages import mark, tr, trc, trn
from webhook_ui.models import Webhook
from webhook_ui.ui import formats, icons, plugin_texts
from webhook_ui.ui.charts import Moment, time_line
from webhook_ui.ui.context import Tab, tell
from webhook_ui.ui.controls import button, copy_button
from webhook_ui.ui.delivery_words import schedule_in_force
from webhook_ui.ui.filter_form import edit_filter
from webhook_ui.ui.filter_words import shape_words
from webhook_ui.ui.parts import Part, box, foreign, link, mono, symbol, tag, text, time_text
from webhook_ui.ui.schedule_view import in_words, schedule_strip
from webhook_ui.ui.setting_words import source_text
from webhook_ui.ui.webhook_more import write_rate
from webhook_ui.ui.webhook_page_address import Address

MASK = "••••••"
OWN, NONE = mark("set here"), mark("default")


class SettingsSection:
    """Built anew when the webhook changes; `on_edit` opens the form."""

    def __init__(self, tab: Tab, webhook: Webhook, *, on_edit: Callable[[], Any]) -> None:
        self._tab, self._webhook, self._on_edit = tab, webhook, on_edit
        self._place = Part(box("div", "w-settings"), lambda *_: self._build())
        self._place.show(webhook.version)

    async def start(self) -> None:
        """Looks for what its filter could not make of an event; all else was known before."""
        await self._look()

    async def show(self, address: Address) -> None:
        """It has no pages."""

    async def renew(self, row: WebhookRow) -> None:
        """What the webhook is now."""
        self._webhook = row.webhook
        self._place.show(row.webhook.version)
        await self._look()

    async def _look(self) -> None:
        webhook = self._webhook
        found = None
        if webhook.filter:
            found = await self._tab.read(latest_unjudged, int(webhook.id or 0), since=webhook.updated_at)
        self._unjudged.show(found)

    async def _edit_filter(self) -> None:
        await edit_filter(self._tab, int(self._webhook.id or 0))

    def _build(self) -> None:
        with box("section", "w-box w-part", label=tr("In force")):
            with box("div", "w-row"):
                text(tr("In force"), tag="h2")
                if self._tab.may_write:
                    edit = button(tr("Edit settings"), self._on_edit, icon=icons.EDIT, small=True)
                    edit.classes("w-end")
            _values(self._tab, self._webhook)
        with box("section", "w-box w-part", label=tr("Filter and body")):
            with box("div", "w-row"):
                text(tr("Filter and body"), tag="h2")
                if self._tab.may_write:
                    change = button(tr("Edit filter and body"), self._edit_filter, icon=icons.EDIT, small=True)
                    change.classes("w-end")
            _filter_and_body(self._webhook)
            self._unjudged = Part(box("div", "w-holder"), _show_unjudged)
        with box("section", "w-box w-part", label=tr("Attempts")):
            text(tr("Attempts"), tag="h2")
            _attempts(self._tab, self._webhook)


def _filter_and_body(webhook: Webhook) -> None:
    template = webhook.template
    with box("dl", "w-kv w-kv-wide w-in-force"):
        with _entry(tr("Filter"), OWN if webhook.filter else NONE):
            if webhook.filter:
                mono(webhook.filter, "w-code-lines")
            else:
                text(tr("None: all events of its triggers are delivered"))
        with _entry(tr("Body"), OWN if template else NONE):
            text(shape_words(template))
            if template and "expression" in template:
                mono(template["expression"], "w-code-lines")


def _show_unjudged(found: Unjudged | None) -> None:
    if found is None:
        return
    with box("p", "w-told w-error-ink"):
        symbol(icons.ERROR)
        with box("span"):
            told = tr(
                "The filter could not be evaluated for an event, which was not left out therefore: {reason}.",
                reason=said(found.reason),
            )
            text(f"{told} ")
            link(tr("Show the latest"), f"/events/{ids.event_text(found.event_id)}")


def _values(tab: Tab, webhook: Webhook) -> None:
    settings = tab.services.settings
    with box("dl", "w-kv w-kv-wide w-in-force"):
        with _entry(tr("Triggers"), OWN), box("div", "w-stack w-tight"):
            for name in webhook.triggers:
                _trigger(tab, name)
        with _entry(tr("Description"), OWN if webhook.description else ""):
            foreign(webhook.description or "–", "w-lines", cut=False)
        with _entry(tr("Headers"), OWN if webhook.headers else NONE):
            _headers(tab, webhook)
        with _entry(tr("Tenant"), OWN if webhook.tenant else NONE):
            if webhook.tenant:
                foreign(webhook.tenant, cut=False)
            else:
                text(tr("None: it gets the events of all tenants"))
        with _entry(tr("Order"), OWN if webhook.ordered else NONE):
            text(tr("First in, first out, one at a time") if webhook.ordered else tr("As they come, several at a time"))
        with _entry(
            trc("how many", "At a time"), "" if webhook.ordered else source_text(settings, "concurrency_per_webhook")
        ):
            at_a_time = 1 if webhook.ordered else settings.concurrency_per_webhook
            text(
                tr("{n} in flight at the most", n=at_a_time)
                if webhook.ordered
                else tr("{n} in flight at the most, for each dispatcher", n=at_a_time)
            )
        with _entry(tr("Rate limit"), NONE if webhook.rate_limit is None else OWN):
            limit = write_rate(webhook.rate_limit)
            text(tr("{rate} a second at the most, over all dispatchers", rate=limit) if limit else tr("None"))
        with _entry(tr("Timeout"), OWN if webhook.timeout else source_text(settings, "request_timeout")):
            text(f"{webhook.timeout or settings.request_timeout:g} s")
        with _entry(tr("Signature"), NONE if webhook.signer == letters.STANDARD else OWN):
            signer = tab.services.plugins.signers.get(webhook.signer)
            if signer:
                foreign(plugin_texts.said(signer.title), cut=False)
            else:
                missing = tr("{name}: its plugin is missing, nothing can be sent", name=webhook.signer)
                foreign(missing, cut=False)
        for label, moment in ((tr("Created"), webhook.created_at), (tr("Updated"), webhook.updated_at)):
            with _entry(label):
                time_text(moment, tab.zone, shown=formats.absolute(moment, tab.zone))
        with _entry(tr("ID")):
            text(str(webhook.id))
        with _entry(tr("UID")), box("div", "w-row"):
            mono(webhook.uid, cut=True)
            copy_button(webhook.uid, tr("Copy UID"))


@contextmanager
def _entry(name: str, source: str = "") -> Iterator[None]:
    """A name, what the `with` builds, and where that comes from."""
    text(name, tag="dt")
    with box("dd", "w-row w-sourced"):
        with box("div", "w-break w-grow"):
            yield
        if source:
            text(tr(source), "w-meta w-source")


def _trigger(tab: Tab, name: str) -> None:
    plugins = tab.services.plugins
    known = plugins.triggers.get(name)
    with box("div", "w-row w-wrap"):
        tag(name)
        if known:
            foreign(plugin_texts.said(known.trigger.title), "w-muted")
        elif matching := plugins.matching(name):
            words = trn("{n} trigger, and those to come", "{n} triggers, and those to come", len(matching))
            text(words, "w-muted")
        else:
            text(tr("no plugin has it now: nothing is sent for it"), "w-error-ink")


def _headers(tab: Tab, webhook: Webhook) -> None:
    if not webhook.headers:
        text(tr("None of its own"))
        return
    values = {}
    with box("div", "w-stack w-tight"):
        for name in webhook.headers:
            with box("div", "w-mono w-break"):
                mono(f"{name}: ", "w-muted")
                values[name] = mono(MASK)
        if not tab.may_write:
            return

        async def reveal() -> None:
            try:
                await tab.current_actor()
            except WebhookUIError as error:
                tell(error)
                return
            if not tab.may_write:
                tab.client.open(f"/webhooks/{webhook.id}?tab=settings")
                return
            for name, shown in values.items():
                shown.set_text(webhook.headers[name])
            show.delete()

        with box("div"):
            show = button(tr("Show values"), reveal, icon=icons.SHOW, small=True)


def _attempts(tab: Tab, webhook: Webhook) -> None:
    """One time line for each schedule that is in force: own, the triggers', the server's."""
    services = tab.services
    usual, triggers = services.settings.retry_schedule, services.plugins.triggers
    heard = sorted({one.name for pattern in webhook.triggers for one in services.plugins.matching(pattern)})
    schedules: dict[tuple[str, tuple[float, ...]], list[str]] = {}
    for name in heard:
        schedule = tuple(schedule_in_force(webhook, name, triggers, usual))
        schedules.setdefault((_source(tab, webhook, name), schedule), []).append(name)
    if not schedules:
        schedule = tuple(usual if webhook.retry_schedule is None else webhook.retry_schedule)
        schedules[_source(tab, webhook, ""), schedule] = []
    for (source, schedule), names in schedules.items():
        with box("div", "w-stack w-tight"):
            with box("div"):
                text(in_words(schedule), "w-medium", tag="p")
                text(tr(source), "w-meta")
            if len(schedules) > 1:
                text(", ".join(names), "w-mono w-second", tag="p")
            schedule_strip(schedule)
            time_line(_moments(schedule))
    jitter = services.settings.retry_jitter
    if jitter:
        percent = f"{jitter:.0%}".replace("%", " %")
        text(tr("Each wait is up to {percent} longer, so that not all come at once.", percent=percent), "w-meta")


def _source(tab: Tab, webhook: Webhook, trigger: str) -> str:
    if webhook.retry_schedule is not None:
        return OWN
    known = tab.services.plugins.triggers.get(trigger)
    if known and known.trigger.retry_schedule is not None:
        return tr("set by the trigger")
    return source_text(tab.services.settings, "retry_schedule")


def _moments(schedule: Sequence[float]) -> list[Moment]:
    moments = [
        Moment(state="planned", time=tr("At once"), title="", number=1, note="" if schedule else tr("the only one"))
    ]
    for number, (wait, since_first) in enumerate(zip(schedule, accumulate(schedule), strict=True), start=2):
        notes = [tr("{span} after the first", span=formats.wait(since_first))] if number > 2 else []
        notes += [tr("then given up")] if number == len(schedule) + 1 else []
        time = tr("{span} later", span=formats.wait(wait))
        moments.append(Moment(state="planned", time=time, title="", number=number, note=", ".join(notes)))
    return moments
