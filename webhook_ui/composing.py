"""What is sent for a delivery: plugins' payload shapes, the webhook's template, signers, the letter. Sends nothing.

Where neither a plugin nor a template has a hand in it, it is `letters` alone.
"""

import asyncio
import json
from collections.abc import Mapping
from functools import partial
from typing import Any, Unpack

from webhook_ui import ids, letters, payloads, shaping, times
from webhook_ui.errors import Invalid, PluginFault
from webhook_ui.expressions import Document
from webhook_ui.letters import Contents, Letterhead
from webhook_ui.outbox import Target
from webhook_ui.plugin_loader import Plugin, Plugins, Source
from webhook_ui.plugin_runner import Runner
from webhook_ui.plugin_types import Signer, Webhook, call_by_name
from webhook_ui.wire import Headers, Outgoing

KNOWN_TARGETS = 4096
LIMIT_SECONDS = 5.0  # that a plugin has for one payload or one signature
LARGEST = 64 * 1024 * 1024


class Composer:
    """Makes letterheads and letters with what plugins say."""

    def __init__(self, plugins: Plugins | None, *, user_agent: str) -> None:
        self._user_agent = user_agent
        self._plugins = plugins
        self._letterheads: dict[Target, Letterhead] = {}
        self.renew()
        if plugins is not None:
            plugins.follow(self.renew)

    def renew(self) -> None:
        """Looks which plugins there are now."""
        self._letterheads = {}
        running = self._plugins.running if self._plugins else ()
        self._signers = self._plugins.signers if self._plugins else {}
        self._transforms = [plugin for plugin in running if plugin.contents.transform is not None]
        self._apart: Mapping[str, Runner] = {
            signer.name: plugin.contents.runner
            for plugin in running
            if plugin.info.source is not Source.builtin
            for signer in plugin.contents.signers
        }

    def is_plain(self, target: Target) -> bool:
        """Whether nothing changes what goes to this target; then `letterhead` and `letters.prepare` do."""
        return target.template is None and not self._transforms and target.signer not in self._apart

    def letterhead(self, target: Target) -> Letterhead:
        """The letterhead of a target whose signer is built in. Raises ValueError or PluginFault."""
        head = self._letterheads.get(target)
        if head is None:
            if len(self._letterheads) >= KNOWN_TARGETS:
                self._letterheads.clear()
            head = self._letterheads[target] = self._make_letterhead(target)
        return head

    def _make_letterhead(self, target: Target) -> Letterhead:
        return letters.letterhead(
            url=target.url,
            headers=target.headers,
            secrets=target.secrets,
            user_agent=self._user_agent,
            make=self._signer(target.signer).make if target.signer != letters.STANDARD else None,
            content_type=shaping.content_type(target.template),
        )

    async def compose(self, target: Target, **contents: Unpack[Contents]) -> tuple[Letterhead, Outgoing, bool]:
        """Head and letter, and whether the body is another than the event's. Raises ValueError or PluginFault."""
        payload = contents["payload"]
        changed = await self._transform(target, contents["trigger"], payload) if self._transforms else payload
        contents["payload"] = changed
        shaped = None if target.template is None else await asyncio.to_thread(_shape, target, contents)

        def write() -> tuple[Letterhead, Outgoing]:
            head = self.letterhead(target)
            return head, letters.checked(letters.prepare(head, **contents, shaped=shaped))

        runner = self._apart.get(target.signer)
        what = f"signer {target.signer}"
        head, outgoing = write() if runner is None else await runner.call(what, write, limit=LIMIT_SECONDS)
        return head, outgoing, shaped is not None or changed is not payload

    def _signer(self, name: str) -> Signer:
        signer = self._signers.get(name)
        if signer is None:
            raise ValueError(f"no plugin that is loaded has the signer {name}")
        return signer

    async def _transform(self, target: Target, trigger: str, payload: str) -> str:
        webhook = webhook_of(target)
        for plugin in self._transforms:
            run = partial(_transform, plugin, trigger, webhook, payload)
            changed = await plugin.contents.runner.call("transform_payload", run, limit=LIMIT_SECONDS)
            payload = payload if changed is None else changed
        return payload


def webhook_of(target: Target) -> Webhook:
    """A target as plugins see it."""
    return Webhook(id=target.webhook_id, uid=target.uid, title=target.title, url=target.url, tenant=target.tenant)


def _shape(target: Target, contents: Contents) -> tuple[bytes, Headers]:
    """What the webhook's template makes of the event. Raises Unshapeable."""
    document = Document(
        event_id=ids.event_text(contents["event_id"]),
        trigger=contents["trigger"],
        timestamp=times.to_text(contents["occurred_at"]),
        payload=contents["payload"],
    )
    shaped = shaping.shape(target.template or {}, document, taken=list(target.headers))
    return shaped.body, tuple(shaped.headers)


def _transform(plugin: Plugin, trigger: str, webhook: Webhook, payload: str) -> str | None:
    transform: Any = plugin.contents.transform
    content = json.loads(payload)  # of its own each time: it may be changed in place
    changed = call_by_name(transform, trigger=trigger, webhook=webhook, payload=content)
    if changed is None:
        return None
    if not isinstance(changed, dict):
        kind = type(changed).__name__
        raise PluginFault(f"Plugin {plugin.name}: transform_payload gave a {kind}. Return a dict, or None.")
    try:
        text = json.dumps(changed, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return payloads.accept(text.encode(), max_bytes=LARGEST)
    except (TypeError, ValueError, RecursionError, Invalid) as error:
        raise PluginFault(f"Plugin {plugin.name}: transform_payload gave what is not JSON ({error}).") from None
