"""Stripe signatures: webhooks may choose to be signed as Stripe's are, with Stripe-Signature.

For receivers that already verify Stripe's webhooks, with `stripe.WebhookSignature.verify_header` for example. The key
is the webhook's secret as it is shown, `whsec_` included. While a secret is rotated the header holds a signature by
each, so either one verifies. The body stays what it is, not one of Stripe's events.
"""

import hashlib
import hmac
from collections.abc import Sequence

from webhook_ui import Sign, Signer, hookimpl


def make(secrets: Sequence[str]) -> Sign:
    """What signs with all of a webhook's secrets."""
    keys = [hmac.new(secret.encode(), digestmod=hashlib.sha256) for secret in secrets]

    def sign(message_id: str, timestamp: int, body: bytes) -> list[tuple[str, str]]:
        parts = [f"t={timestamp}"]  # signed as well, so that what was recorded cannot be sent again later
        for key in keys:
            once = key.copy()  # cheaper than to begin with the secret each time
            once.update(f"{timestamp}.".encode() + body)
            parts.append(f"v1={once.hexdigest()}")
        return [("webhook-id", message_id), ("stripe-signature", ",".join(parts))]

    return sign


@hookimpl
def register_signers() -> list[Signer]:
    return [Signer("stripe", "Stripe style (Stripe-Signature)", make)]
