"""Ed25519 signatures: receivers verify with a public key (Standard Webhooks v1a), and have no secret to lose.

The key pair follows from the webhook's secret, which stays here; it is rotated like any other.
"""

import base64
from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from webhook_ui import signing
from webhook_ui.plugin_api import hookimpl
from webhook_ui.plugin_types import Sign, Signer


def private_key(secret: str) -> Ed25519PrivateKey:
    """The private key that belongs to a webhook's secret. Raises ValueError for an unusable secret."""
    kdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"webhook-ui ed25519 v1a")
    return Ed25519PrivateKey.from_private_bytes(kdf.derive(signing.secret_key(secret)))


def public_key(secret: str) -> str:
    """What receivers are given: `whpk_` and the key in base64."""
    return "whpk_" + base64.b64encode(private_key(secret).public_key().public_bytes_raw()).decode()


def make(secrets: Sequence[str]) -> Sign:
    """What signs with these secrets' keys."""
    keys = [private_key(secret) for secret in secrets]

    def sign(message_id: str, timestamp: int, body: bytes) -> tuple[tuple[str, str], ...]:
        content = signing.content(message_id, str(timestamp), body)
        signatures = [f"v1a,{base64.b64encode(key.sign(content)).decode()}" for key in keys]
        return signing.headers_of(message_id, timestamp, signatures)

    return sign


@hookimpl
def register_signers() -> list[Signer]:
    return [Signer("ed25519", "Key pair (Standard Webhooks v1a, ed25519)", make, public_key)]
