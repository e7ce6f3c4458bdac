"""What a webhook does at once: enable, disable, pause, resume, delete, each with a way back; and a test send."""

from collections.abc import Awaitable, Callable

from sqlmodel import Session

from webhook_ui import webhooks
from webhook_ui.errors import WebhookUIError
from webhook_ui.history.webhooks import WebhookRow, describe
from webhook_ui.languages import tr
from webhook_ui.models import Webhook
from webhook_ui.times import utcnow
from webhook_ui.ui import toasts
from webhook_ui.ui.context import Tab, tell
from webhook_ui.ui.resume_dialog import ask_to_resume
from webhook_ui.ui.tested import way_to, words_of

After = Callable[[], Awaitable[None]]


async def set_enabled(tab: Tab, webhook_id: int, enabled: bool, after: After) -> None:
    """Enables or disables, and says so; Undo does the opposite. `after` is awaited once it is stored."""
    with tab.client:
        try:
            webhook = await _switch(tab, webhook_id, enabled)
        except WebhookUIError as error:
            tell(error)
            return

        async def undo() -> None:
            await _undo(tab, lambda: _switch(tab, webhook_id, not enabled), after, _switched)

        toasts.done(_switched(webhook), undo)
        await after()


async def set_paused(tab: Tab, webhook_id: int, paused: bool) -> None:
    """Pauses or resumes, and says so; where something waits it asks on what terms that goes on."""
    with tab.client:
        try:
            await tab.current_actor()
            row = await tab.read(describe_one, webhook_id)
            if not paused and row.webhook.paused and row.held:
                ask_to_resume(tab, row, on_resumed=lambda _: None)
                return
            webhook = await _write_paused(tab, webhook_id, paused)
        except WebhookUIError as error:
            tell(error)
            return

        async def undo() -> None:
            await _undo(tab, lambda: _write_paused(tab, webhook_id, not paused), _nothing_more, _turned)

        toasts.done(_turned(webhook), undo)


async def delete(tab: Tab, webhook_id: int, after: After) -> None:
    """Deletes, and says so; Undo restores. `after` is awaited once it is stored."""
    with tab.client:
        try:
            actor = await tab.current_actor()
            webhook = await tab.write(webhooks.delete, webhook_id, actor=actor, now=utcnow())
        except WebhookUIError as error:
            tell(error)
            return

        async def undo() -> None:
            await _undo(tab, lambda: _restore(tab, webhook_id), after, restored)

        toasts.done(tr("“{title}” is deleted.", title=webhook.title), undo)
        await after()


async def send_test(tab: Tab, webhook_id: int) -> None:
    """Sends one, and says what came of it."""
    with tab.client:
        try:
            tested = await tab.services.tester.send(webhook_id, actor=await tab.current_actor())
        except WebhookUIError as error:
            tell(error)
        else:
            say = toasts.done if tested.attempt.status == "sent" else toasts.failed
            say(words_of(tested), way=way_to(tested))


async def _switch(tab: Tab, webhook_id: int, enabled: bool) -> Webhook:
    actor = await tab.current_actor()
    rules = tab.services.rules
    return await tab.write(webhooks.change, webhook_id, {"enabled": enabled}, rules=rules, actor=actor, now=utcnow())


async def _write_paused(tab: Tab, webhook_id: int, paused: bool) -> Webhook:
    actor = await tab.current_actor()
    rules = tab.services.rules
    return await tab.write(webhooks.change, webhook_id, {"paused": paused}, rules=rules, actor=actor, now=utcnow())


def describe_one(session: Session, webhook_id: int) -> WebhookRow:
    """One webhook as lists show it. Raises NotFound."""
    return describe(session, [webhooks.get(session, webhook_id)])[0]


async def _nothing_more() -> None:
    """Pages hear of it by themselves."""


async def _restore(tab: Tab, webhook_id: int) -> Webhook:
    actor = await tab.current_actor()
    return await tab.write(webhooks.restore, webhook_id, actor=actor, now=utcnow())


def restored(webhook: Webhook) -> str:
    """That it is there again."""
    return tr("“{title}” is restored.", title=webhook.title)


def _switched(webhook: Webhook) -> str:
    if webhook.enabled:
        return tr("“{title}” is enabled.", title=webhook.title)
    return tr("“{title}” is disabled. Events for it are no longer taken.", title=webhook.title)


def _turned(webhook: Webhook) -> str:
    if webhook.paused:
        return tr("“{title}” is paused. Events for it are kept.", title=webhook.title)
    return tr("“{title}” is resumed.", title=webhook.title)


async def _undo(
    tab: Tab, undo: Callable[[], Awaitable[Webhook]], after: After, words: Callable[[Webhook], str]
) -> None:
    with tab.client:
        try:
            webhook = await undo()
        except WebhookUIError as error:
            tell(error)
        else:
            toasts.done(words(webhook))
            await after()
