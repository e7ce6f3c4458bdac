"""GitHub signatures: webhooks may choose to be signed as GitHub's are, with X-Hub-Signature-256.

For receivers that already verify GitHub's webhooks. The key is the webhook's secret as it is shown, `whsec_` included.
The header has room for one signature: once a secret is rotated the new one signs, and what a receiver refuses because
it does not know it yet is tried again. The body stays what it is: the trigger's name is its `type`.
"""

import hashlib
import hmac
from collections.abc import Sequence

from webhook_ui import Sign, Signer, hookimpl


def make(secrets: Sequence[str]) -> Sign:
    """What signs with the newest of a webhook's secrets."""
    key = hmac.new(secrets[0].encode(), digestmod=hashlib.sha256)

    def sign(message_id: str, timestamp: int, body: bytes) -> list[tuple[str, str]]:
        once = key.copy()  # cheaper than to begin with the secret each time
        once.update(body)
        return [
            ("webhook-id", message_id),
            ("x-github-delivery", message_id),
            ("x-hub-signature-256", f"sha256={once.hexdigest()}"),
        ]

    return sign


@hookimpl
def register_signers() -> list[Signer]:
    return [Signer("github", "GitHub style (X-Hub-Signature-256)", make)]
