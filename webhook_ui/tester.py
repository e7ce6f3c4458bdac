"""Test sends: one example event to one webhook, now, whatever its state. Retries nothing and changes nobody's state.

It has a sender of its own, so that it works wherever the API is served, with a dispatcher beside it or without.
"""

import asyncio
import json
import time
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec
import structlog
from sqlmodel import Session

from webhook_ui import ids, letters, times, webhooks
from webhook_ui.actors import Actor, Role
from webhook_ui.composing import Composer
from webhook_ui.database import Database, moment
from webhook_ui.errors import Conflict, PluginFault
from webhook_ui.explain import said
from webhook_ui.languages import SOURCE, carried, spoken, tr
from webhook_ui.letters import Letterhead
from webhook_ui.models import Attempt, Webhook
from webhook_ui.outbound import Sender
from webhook_ui.outbox import Target
from webhook_ui.outbox.trials import Trial, keep_trial
from webhook_ui.plugin_api import Trigger
from webhook_ui.plugin_loader import Plugins
from webhook_ui.settings import Settings
from webhook_ui.shaping import Unshapeable
from webhook_ui.wire import Answer, Outgoing, Result

AT_ONCE = 8  # more wait for each other, not at the cost of their timeouts

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Tested:
    """A test send as it is kept; `body` is what was sent."""

    trigger: str
    body: str
    attempt: Attempt


@dataclass(frozen=True, kw_only=True)
class _Example:
    """What is to be sent where, before it is signed."""

    webhook: Webhook
    trigger: str
    payload: str
    occurred_at: datetime


class Tester:
    """Makes test sends; starts its sender (or `sender`) when the first is asked for."""

    def __init__(
        self,
        database: Database,
        plugins: Plugins,
        settings: Settings,
        *,
        user_agent: str,
        sender: Sender | None = None,
    ) -> None:
        self._database, self._plugins, self._settings = database, plugins, settings
        self._composer = Composer(plugins, user_agent=user_agent)
        self._sender = sender or Sender(
            settings.policy, connections=AT_ONCE, user_agent=user_agent, proxy=settings.proxy
        )
        self._room = asyncio.Semaphore(AT_ONCE)

    async def close(self) -> None:
        """Closes all connections."""
        await self._sender.close()

    async def send(self, webhook_id: int, trigger: str | None = None, *, actor: Actor) -> Tested:
        """Sends the example of `trigger`, or of the first one that the webhook listens to, and keeps what came of it.

        Raises NotFound, Invalid for an unknown trigger, Conflict where there is no example or nothing to sign with.
        """
        actor.require(Role.operator)
        example = await self._database.read(carried(self._prepare), webhook_id, trigger)
        event_id = ids.new_id()
        async with self._room:
            await self._sender.start()
            head, outgoing, changed = await self._compose(example, event_id)
            with spoken(SOURCE):  # what is said of it is stored, and read by others
                answer = await self._sender.send(outgoing)
        _log(example, event_id, answer)
        trial = Trial(
            webhook_id=webhook_id,
            event_id=event_id,
            trigger=example.trigger,
            tenant=example.webhook.tenant,
            payload=example.payload,
            occurred_at=example.occurred_at,
            url=outgoing.url,
            request_headers=letters.shown_headers(head, outgoing),
            answer=answer,
            request_body=outgoing.body.decode() if changed else None,
        )
        attempt = await self._database.write(lambda s: keep_trial(s, trial, actor=actor, now=moment(s)))
        return Tested(trigger=example.trigger, body=outgoing.body.decode(), attempt=attempt)

    def _prepare(self, session: Session, webhook_id: int, name: str | None) -> _Example:
        webhook, now = webhooks.get(session, webhook_id), moment(session)
        trigger = self._first(webhook) if name is None else self._plugins.find(name)
        payload = json.dumps(trigger.example, ensure_ascii=False, separators=(",", ":"))
        return _Example(webhook=webhook, trigger=trigger.name, payload=payload, occurred_at=now)

    def _first(self, webhook: Webhook) -> Trigger:
        for pattern in webhook.triggers:
            for trigger in self._plugins.matching(pattern):
                return trigger
        raise Conflict(
            tr(
                "No plugin that is loaded offers {triggers}, so there is no example to send. Load the "
                "plugin, or name another trigger.",
                triggers=tr(" or ").join(webhook.triggers),
            )
        )

    async def shaped_by_plugins(self, webhook: Webhook, trigger: str, payload: str) -> tuple[str, bool]:
        """A payload as plugins give it on to the webhook's template, and whether they have changed it.

        Under the same limits as when it is sent. Raises PluginFault.
        """
        target = replace(_target(webhook, times.utcnow()), template=None, signer=letters.STANDARD)
        _, outgoing, changed = await self._composer.compose(
            target,
            event_id=ids.new_id(),
            trigger=trigger,
            occurred_at=times.utcnow(),
            payload=payload,
            now=time.time(),
            timeout=self._settings.request_timeout,
        )
        return bytes(msgspec.json.decode(outgoing.body, type=_Body).data).decode(), changed

    async def _compose(self, example: _Example, event_id: int) -> tuple[Letterhead, Outgoing, bool]:
        webhook = example.webhook
        try:
            return await self._composer.compose(
                _target(webhook, example.occurred_at),
                event_id=event_id,
                trigger=example.trigger,
                occurred_at=example.occurred_at,
                payload=example.payload,
                now=time.time(),
                timeout=webhook.timeout or self._settings.request_timeout,
            )
        except PluginFault as error:
            raise Conflict(tr("Nothing could be sent: {error}", error=error)) from None
        except Unshapeable as error:
            raise Conflict(
                tr("Nothing could be sent: {error}. Correct its template, then test again.", error=said(str(error)))
            ) from None
        except ValueError as error:
            raise Conflict(
                tr("Nothing could be sent: {error}. Rotate the secret, then test again.", error=error)
            ) from None


class _Body(msgspec.Struct):
    """What a receiver gets, of which only the payload counts here."""

    data: msgspec.Raw


def _target(webhook: Webhook, now: datetime) -> Target:
    rotating = webhook.old_secret_until is not None and webhook.old_secret_until > now
    return Target(
        webhook_id=int(webhook.id or 0),
        url=webhook.url,
        headers=webhook.headers,
        secrets=[webhook.secret, webhook.old_secret] if rotating and webhook.old_secret else [webhook.secret],
        timeout=webhook.timeout,
        retry_schedule=None,
        signer=webhook.signer,
        uid=webhook.uid,
        title=webhook.title,
        tenant=webhook.tenant,
        template=webhook.template,
    )


def _log(example: _Example, event_id: int, answer: Answer) -> None:
    level = log.info if answer.result is Result.sent else log.warning
    level(
        f"test.{answer.result}",
        delivery=ids.delivery_text(int(example.webhook.id or 0), event_id),
        trigger=example.trigger,
        webhook=example.webhook.id,
        response_status=answer.response_status,
        duration_ms=round(answer.duration_ms, 1),
        error=answer.failure.message if answer.failure else None,
    )
