"""The tab Settings of a webhook: how it is set up, to read. Editing is the form's."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from webhook_ui.errors import WebhookUIError
from webhook_ui.models import Webhook
from webhook_ui.ui import formats, icons
from webhook_ui.ui.charts import Moment, time_line
from webhook_ui.ui.context import Tab, tell
from webhook_ui.ui.controls import button, copy_button
from webhook_ui.ui.delivery_words import schedule_in_force
from webhook_ui.ui.parts import box, foreign, mono, tag, text, time_text
from webhook_ui.ui.webhook_more import write_rate

MASK = "••••••"


def show_settings(tab: Tab, webhook: Webhook) -> None:
    """Everything that is set, and when attempts would fall."""
    with box("div", "w-settings"):
        with box("section", "w-box w-part"):
            text("Settings", tag="h2")
            _values(tab, webhook)
        with box("section", "w-box w-part"):
            text("Attempts", tag="h2")
            _attempts(tab, webhook)


def _values(tab: Tab, webhook: Webhook) -> None:
    title_of = tab.services.plugins.triggers
    with box("dl", "w-kv w-kv-wide"):
        with _entry("Triggers"), box("div", "w-stack w-tight"):
            for name in webhook.triggers:
                with box("div", "w-row w-wrap"):
                    tag(name)
                    known = title_of.get(name)
                    if known:
                        foreign(known.trigger.title, "w-muted")
        with _entry("Description"):
            foreign(webhook.description or "–", "w-lines", cut=False)
        with _entry("Headers"):
            _headers(tab, webhook)
        with _entry("Tenant"):
            if webhook.tenant:
                foreign(webhook.tenant, cut=False)
            else:
                text("None: it gets the events of all tenants")
        with _entry("Order"):
            text("First in, first out, one at a time" if webhook.ordered else "As they come, several at a time")
        with _entry("Rate limit"):
            limit = write_rate(webhook.rate_limit)
            text(f"{limit} a second at the most, over all dispatchers" if limit else "None")
        with _entry("Timeout"):
            seconds = webhook.timeout or tab.services.settings.request_timeout
            text(f"{seconds:g} s" + ("" if webhook.timeout else ", as the server has it"))
        with _entry("Signature"):
            signer = tab.services.plugins.signers.get(webhook.signer)
            foreign(
                signer.title if signer else f"{webhook.signer}: its plugin is missing, nothing can be sent", cut=False
            )
        for label, moment in (("Created", webhook.created_at), ("Updated", webhook.updated_at)):
            with _entry(label):
                time_text(moment, tab.zone, shown=formats.absolute(moment, tab.zone))
        with _entry("ID"):
            text(str(webhook.id))
        with _entry("UID"), box("div", "w-row"):
            mono(webhook.uid, cut=True)
            copy_button(webhook.uid, "Copy UID")


def _entry(name: str) -> Any:
    text(name, tag="dt")
    return box("dd", "w-break")


def _headers(tab: Tab, webhook: Webhook) -> None:
    if not webhook.headers:
        text("None of its own")
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
            show = button("Show values", reveal, icon=icons.SHOW, small=True)


def _attempts(tab: Tab, webhook: Webhook) -> None:
    services = tab.services
    usual = services.settings.retry_schedule
    own = {
        name: schedule_in_force(webhook, name, services.plugins.triggers, usual)
        for pattern in webhook.triggers
        for name in (trigger.name for trigger in services.plugins.matching(pattern))
    }
    schedules = sorted({tuple(schedule) for schedule in own.values()} or {tuple(usual)})
    for schedule in schedules:
        if len(schedules) > 1:
            text(", ".join(name for name, found in own.items() if tuple(found) == schedule), "w-mono w-second", tag="p")
        elif webhook.retry_schedule is None:
            text("How often it is tried, as the server has it:", "w-muted", tag="p")
        time_line(_moments(schedule))


def _moments(schedule: Sequence[float]) -> list[Moment]:
    moments = [Moment(state="planned", time="At once", title="", number=1, note="" if schedule else "the only one")]
    for number, (wait, since_first) in enumerate(zip(schedule, accumulate(schedule), strict=True), start=2):
        notes = [f"{formats.span(since_first)} after the first"] if number > 2 else []
        notes += ["then given up"] if number == len(schedule) + 1 else []
        time = f"{formats.span(wait)} later"
        moments.append(Moment(state="planned", time=time, title="", number=number, note=", ".join(notes)))
    return moments
