"""The dialog that adds or edits a webhook. What may be stored is judged on the write side, and explained here."""

from collections.abc import Awaitable, Callable
from typing import Any

from webhook_ui import guard, webhooks
from webhook_ui.errors import Conflict, Invalid, WebhookUIError
from webhook_ui.history.changes import latest_change
from webhook_ui.languages import mark, tr
from webhook_ui.models import Change, Webhook
from webhook_ui.plugin_loader import Plugins
from webhook_ui.times import utcnow
from webhook_ui.transport import look_up
from webhook_ui.ui import change_words, formats, plugin_texts, toasts
from webhook_ui.ui.context import Tab, tell
from webhook_ui.ui.fields import Faulty, Field, show_problems, switch, text_field
from webhook_ui.ui.frames import DialogFrame
from webhook_ui.ui.kept_forms import Control, Kept
from webhook_ui.ui.trigger_field import Group, Offer, trigger_field
from webhook_ui.ui.webhook_more import MoreFields
from webhook_ui.webhook_fields import check_fields

OnSaved = Callable[[Webhook], Awaitable[None]]
URL_HINT = mark("Each event is sent there as a signed POST")
_NAMES = {
    "title": mark("title"),
    "url": mark("URL"),
    "triggers": mark("triggers"),
    "enabled": mark("enabled"),
    "paused": mark("paused"),
    "description": mark("description"),
    "headers": mark("headers"),
    "tenant": mark("tenant"),
    "ordered": mark("ordered"),
    "timeout": mark("timeout"),
    "retry_schedule": mark("retry schedule"),
    "rate_limit": mark("rate limit"),
    "disabled_reason": mark("reason"),
}


def add_webhook(tab: Tab, on_saved: OnSaved) -> None:
    """Opens the form; `on_saved` is awaited with the new webhook once it is stored."""
    with tab.client:
        _Form(tab, None, on_saved).frame.open()


async def edit_webhook(tab: Tab, webhook_id: int, on_saved: OnSaved | None = None) -> None:
    """Opens the form with the webhook as it is now; `on_saved` instead of the toast that says so."""
    with tab.client:
        try:
            webhook = await tab.read(webhooks.get, webhook_id)
        except WebhookUIError as error:
            tell(error)
        else:
            _Form(tab, webhook, on_saved or _say_saved).frame.open()


async def _say_saved(webhook: Webhook) -> None:
    toasts.done(tr("“{title}” is saved.", title=webhook.title))


def trigger_groups(plugins: Plugins) -> list[Group]:
    """What can be chosen: each plugin's triggers, and what would also take those that are still to come."""
    groups: list[Group] = []
    together: set[str] = set()
    for info in plugins.loaded:
        offers = [
            Offer(name=name, title=plugin_texts.said(found.trigger.title))
            for name, found in plugins.triggers.items()
            if found.plugin == info
        ]
        families = dict.fromkeys(offer.name.split(".")[0] for offer in offers)
        for family in families:
            if family not in together:
                together.add(family)
                offers.append(Offer(name=f"{family}.*", title=tr("All of {family}, new ones too", family=family)))
        if offers:
            groups.append(
                Group(heading=f"{plugin_texts.said(info.title)} · {info.where.rsplit('/', 1)[-1]}", offers=offers)
            )
    return groups


class _Form:
    """One opening of the dialog; it is gone when it closes."""

    def __init__(self, tab: Tab, webhook: Webhook | None, on_saved: OnSaved) -> None:
        self._tab, self._webhook, self._on_saved = tab, webhook, on_saved
        self._version = webhook.version if webhook else None
        self._busy = False
        self.frame = DialogFrame(
            tr("Edit webhook") if webhook else tr("Add webhook"),
            primary=tr("Save"),
            on_primary=self._save,
            note="" if webhook else tr("A signing secret is made when you save."),
        )
        self.frame.dialog.on("hide", self.frame.dialog.delete)
        with self.frame.body:
            self._build()
        self._let_browser_keep()

    def _let_browser_keep(self) -> None:
        """Headers may hold secrets: they are only counted."""
        webhook, more = self._webhook, self._more
        form = f"webhook {webhook.id if webhook else 'new'}"
        kept = Kept(self._tab, self.frame.body, form, version=self._version or 0, summary=self.frame.summary)
        kept.watch({"headers": more.headers.element})
        without = tr("What you had typed is back, except the headers, which may hold secrets.")
        controls: dict[str, Control] = {"title": self._title, "url": self._url, "triggers": self._triggers}
        controls |= {"enabled": self._enabled, "ordered": more.ordered}
        controls |= {name: field for name, field in more.fields.items() if isinstance(field, Field)}
        kept.keep(controls, words=without if kept.draft and kept.draft.values.get("headers") else "")
        if kept.draft:
            self._version = kept.version if webhook else None
            more.open_if_used()

    def _build(self) -> None:
        webhook, settings = self._webhook, self._tab.services.settings
        self._title = text_field(
            tr("Title"), value=webhook.title if webhook else "", max_length=200, on_enter=self._save
        )
        self._title.control.props["autofocus"] = True
        self._url = text_field(
            tr("URL"),
            value=webhook.url if webhook else "",
            code=True,
            kind="url",
            placeholder="https://",
            hint=tr(URL_HINT),
            on_change=lambda _: self._forget_judgement(),
            on_enter=self._save,
        )
        self._url.control.on("blur", self._judge_url)
        chosen = webhook.triggers if webhook else ()
        self._triggers = trigger_field(trigger_groups(self._tab.services.plugins), chosen)
        self._enabled = switch(
            tr("Enabled"), webhook.enabled if webhook else True, detail=tr("New events are sent as soon as you save")
        )
        self._more = MoreFields(
            webhook,
            longest_timeout=self._tab.services.rules.longest_timeout,
            usual_timeout=settings.request_timeout,
            usual_schedule=settings.retry_schedule,
            signers={name: signer.title for name, signer in self._tab.services.plugins.signers.items()},
        )

    @property
    def _fields(self) -> dict[str, Any]:
        return {"title": self._title, "url": self._url, "triggers": self._triggers, **self._more.fields}

    def _values(self) -> dict[str, Any]:
        return {
            "title": self._title.value or "",
            "url": self._url.value or "",
            "triggers": list(self._triggers.value or []),
            "enabled": bool(self._enabled.value),
        }

    async def _save(self) -> None:
        if self._busy:  # pressed twice
            return
        self._busy = True
        self.frame.wait(True)
        with self._tab.client:
            try:
                stored = await self._store()
            except Invalid as error:
                self._explain(error)
            except Conflict as error:
                show_problems(self.frame.summary, [], await self._explain_conflict(error))
            except WebhookUIError as error:
                show_problems(self.frame.summary, [], tr("Nothing was saved. {reason}", reason=error))
            else:
                # it stays busy: what was pressed meanwhile is about something that is done
                self.frame.close()
                await self._on_saved(stored)
                return
        self.frame.wait(False)
        self._busy = False

    async def _store(self) -> Webhook:
        values = self._complete()
        tab, rules, now = self._tab, self._tab.services.rules, utcnow()
        actor = await tab.current_actor()
        if self._webhook is None:
            return await tab.write(webhooks.add, values, rules=rules, actor=actor, now=now)
        return await tab.write(
            webhooks.change,
            int(self._webhook.id or 0),
            values,
            rules=rules,
            actor=actor,
            now=now,
            version=self._version,
        )

    def _complete(self) -> dict[str, Any]:
        """All values. Raises Invalid with every mistake at once, those that were found here among them."""
        more, problems = self._more.values()
        values = self._values() | more
        present = self._webhook.triggers if self._webhook else ()
        try:
            check_fields(values, rules=self._tab.services.rules, whole=True, present=present)
        except Invalid as error:
            problems = {**error.fields, **problems}
        if problems:
            raise Invalid(problems)
        return values

    def _explain(self, error: Invalid) -> None:
        fields = self._fields
        for name, field in fields.items():
            field.error = error.fields.get(name)
        if any(name in self._more.fields for name in error.fields):
            self._more.open(True)
        rest = " ".join(message for name, message in error.fields.items() if name not in fields)
        wrong: list[Faulty] = list(fields.values())
        show_problems(self.frame.summary, wrong, tr("Nothing was saved yet. {reason}", reason=rest) if rest else "")

    async def _explain_conflict(self, error: Conflict) -> str:
        """Who changed what meanwhile; pressing Save once more is then a decision."""
        if self._webhook is None:
            return str(error)
        webhook_id = int(self._webhook.id or 0)
        try:
            current = await self._tab.read(webhooks.get, webhook_id)
            change = await self._tab.read(latest_change, "webhook", webhook_id)
        except WebhookUIError as gone:
            return tr("Nothing was saved. {reason}", reason=gone)
        if current.version == self._version or change is None:
            return str(error)
        self._version = current.version
        return tr(
            "{person} changed {fields} {moment}, while you were editing. Nothing was saved yet, and your text is kept. "
            "Save again to replace that, or cancel to see it.",
            person=change_words.who(change),
            fields=_changed_fields(change),
            moment=formats.relative(change.at, utcnow()),
        )

    def _forget_judgement(self) -> None:
        if self._url.hint != tr(URL_HINT):
            self._url.hint = tr(URL_HINT)

    async def _judge_url(self) -> None:
        """Explains the URL as soon as it is left; what a name resolves to now is only a hint."""
        url = (self._url.value or "").strip()
        if not url or self._url.error:
            return
        try:
            target = guard.check_url(url, self._tab.services.rules.policy)
        except Invalid as error:
            self._url.error = error.fields["url"]
            return
        if target.address is None:
            hint = await self._resolve(target)
            if (self._url.value or "").strip() == url and not self._url.error:
                self._url.hint = hint

    async def _resolve(self, target: guard.Target) -> str:
        try:
            found = await look_up(target.host, target.port)
        except (OSError, UnicodeError):
            return tr(
                "{host} cannot be resolved now. It can be saved all the same; deliveries fail until the name is known.",
                host=target.host,
            )
        policy = self._tab.services.rules.policy
        for address in found:
            if reason := guard.check_address(address, policy):
                return tr("{host} resolves to {address}. {reason}", host=target.host, address=address, reason=reason)
        return tr("{host} resolves to {addresses}", host=target.host, addresses=formats.listed(found))


def _changed_fields(change: Change) -> str:
    before, after = change.before or {}, change.after or {}
    names = [name for name in after if after[name] != before.get(name)]
    known = [tr(_NAMES[name]) if name in _NAMES else name for name in names]
    return formats.joined(known) if names else tr("this webhook")
