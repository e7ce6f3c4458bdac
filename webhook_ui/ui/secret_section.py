"""The tab Secret of a webhook: what its deliveries are signed with, and how a receiver verifies that."""

import json
from datetime import datetime

from nicegui import ui

from webhook_ui import letters, times, webhooks
from webhook_ui.errors import WebhookUIError
from webhook_ui.history.webhooks import WebhookRow
from webhook_ui.languages import tr
from webhook_ui.models import Webhook
from webhook_ui.ui import formats, icons, toasts
from webhook_ui.ui.actions import act
from webhook_ui.ui.context import Tab, tell
from webhook_ui.ui.controls import button, code_block, copy_button
from webhook_ui.ui.frames import confirm
from webhook_ui.ui.parts import Part, box, mono, prose, sentence, text, time_text
from webhook_ui.ui.states import notice
from webhook_ui.ui.webhook_page_address import Address

MASK = "whsec_" + "•" * 24
SNIPPET = """# pip install standardwebhooks
from standardwebhooks import Webhook

def receive(body: bytes, headers: dict[str, str]) -> dict:
    # raises WebhookVerificationError unless it was signed with the secret, lately
    return Webhook(SECRET).verify(body, headers)
"""

KEY_SNIPPET = """# pip install cryptography
import base64
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

KEY = Ed25519PublicKey.from_public_bytes(base64.b64decode(PUBLIC_KEY.removeprefix("whpk_")))

def receive(body: bytes, headers: dict[str, str]) -> None:
    # raises InvalidSignature; refuse a webhook-timestamp that is minutes away as well
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    signature = headers["webhook-signature"].split()[0].removeprefix("v1a,")
    KEY.verify(base64.b64decode(signature), signed)
"""


def _show_how(signer: str) -> None:
    """What a receiver does, as far as that is known here."""
    text(tr("How a receiver verifies it"), tag="h2")
    if signer not in (letters.STANDARD, "ed25519"):
        prose(tr("As the plugin that brings the signer `{signer}` says.", signer=signer), "w-second")
        return
    prose(
        tr(
            "Over the bytes of the body as they came, with the headers `webhook-id`, `webhook-timestamp` and "
            "`webhook-signature`. Libraries exist for most languages; in Python:"
        ),
        "w-second",
    )
    code_block(SNIPPET if signer == letters.STANDARD else KEY_SNIPPET, name=tr("Example"))


class SecretSection:
    """Hidden until somebody asks who may know it; hidden again when the tab is left."""

    def __init__(self, tab: Tab, webhook: Webhook) -> None:
        self._tab, self._webhook_id = tab, int(webhook.id or 0)
        self._old_until: datetime | None = None
        with box("div", "w-stack w-secret"):
            self._rotation = box("div", "w-holder")
            with box("section", "w-box w-part"):
                text(tr("Signing secret"), tag="h2")
                prose(tr("Every delivery is signed with it."), "w-second")
                with box("div", "w-command"):
                    self._text = mono(MASK, "w-grow w-break")
                self._public = box("div", "w-holder")
                with box("div", "w-row w-wrap"):
                    self._show = button(tr("Show"), self._turn, icon=icons.SHOW)
                    self._copy = button(tr("Copy"), self._copy_hidden, icon=icons.COPY, name=tr("Copy secret"))
                    button(tr("Rotate"), self._ask, icon=icons.REDELIVER)
            self._how = Part(box("section", "w-box w-part"), _show_how)
        self._shown: str | None = None  # the secret, while it is shown
        self._version = webhook.version
        self._know(webhook)

    async def start(self) -> None:
        """Nothing more is read before somebody asks."""

    async def show(self, address: Address) -> None:
        """It has no pages."""

    async def renew(self, row: WebhookRow) -> None:
        """What the webhook is now."""
        if row.webhook.version != self._version:
            self._version = row.webhook.version
            self._know(row.webhook)

    def _know(self, webhook: Webhook) -> None:
        # a secret that was rotated meanwhile is not shown on; other changes leave it as it is
        if self._shown and webhook.old_secret_until != self._old_until:
            self._hide()
        self._rotation.clear()
        self._signer = webhook.signer
        if self._shown:
            self._public.clear()
            self._show_public(self._shown)
        self._how.show(webhook.signer)
        until = self._old_until = webhook.old_secret_until
        if until and until > times.utcnow():
            with self._rotation, notice(tr("Both secrets sign"), kind="info") as body, body, box("p"):
                sentence(
                    tr(
                        "The old one signs beside the new one until {moment}. "
                        "Give the receiver the new one before that."
                    ),
                    moment=lambda: time_text(until, self._tab.zone, shown=formats.absolute(until, self._tab.zone)),
                )

    async def _turn(self) -> None:
        if self._shown:
            self._hide()
            return
        secret = await self._reveal()
        if secret is not None:
            self._shown = secret
            self._text.set_text(secret)
            self._show_public(secret)
            self._show.set_text(tr("Hide"))
            self._copy.props["data-copy"] = secret  # from now on the browser copies it by itself

    async def _reveal(self) -> str | None:
        """The secret, if whoever sits here may know it now."""
        try:
            actor = await self._tab.current_actor()
            return await self._tab.read(webhooks.reveal_secret, self._webhook_id, actor=actor)
        except WebhookUIError as error:
            tell(error)
            return None

    async def _copy_hidden(self) -> None:
        """Copies what is not shown. Some browsers copy only at once when a button is pressed: then it must be shown."""
        if self._shown:
            return
        secret = await self._reveal()
        if secret is None:
            return
        try:
            copied = await ui.run_javascript(f"return webhookUi.copyText({json.dumps(secret)})", timeout=5.0)
        except TimeoutError:
            copied = False
        if copied:
            toasts.done(tr("The secret is copied."))
        else:
            toasts.failed(tr("Not copied"), tr("This browser copies only what is on the page. Press Show, then Copy."))

    def _show_public(self, secret: str) -> None:
        """What receivers verify with, where that is not the secret."""
        signer = self._tab.services.plugins.signers.get(self._signer)
        if signer is None or signer.public_key is None:
            return
        with self._public, box("div", "w-stack w-tight"):
            prose(tr("It stays here: receivers verify with the public key."), "w-second")
            with box("div", "w-command"):
                mono(key := signer.public_key(secret), "w-grow w-break")
                copy_button(key, tr("Copy public key"))

    def _hide(self) -> None:
        self._shown = None
        self._public.clear()
        self._text.set_text(MASK)
        self._show.set_text(tr("Show"))
        self._copy.props.pop("data-copy", None)

    def _ask(self) -> ui.dialog:
        until = self._old_until
        if until and until > times.utcnow():
            return confirm(
                tr("Rotate again, and end the old secret now?"),
                tr(
                    "The secret was rotated less than 24 hours ago. Only two can sign at a time: the old one, which "
                    "signs until {moment}, ends at once, and receivers that still verify with it refuse every "
                    "delivery.",
                    moment=formats.absolute(until, self._tab.zone),
                ),
                action=tr("Rotate again"),
                on_confirm=lambda: self._rotate(force=True),
            )
        return confirm(
            tr("Rotate the secret?"),
            tr(
                "A new secret is made and signs from now on. The old one signs beside it for 24 hours, so that the "
                "receiver can be changed meanwhile."
            ),
            action=tr("Rotate"),
            on_confirm=self._rotate,
            kind="primary",
        )

    async def _rotate(self, *, force: bool = False) -> None:
        await act(self._tab, webhooks.rotate_secret, self._webhook_id, force=force)
