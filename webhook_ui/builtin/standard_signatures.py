"""Standard signatures: how deliveries are signed by default, as Standard Webhooks 1.0 says, with a shared secret."""

from webhook_ui import signing
from webhook_ui.plugin_api import hookimpl
from webhook_ui.plugin_types import Signer


@hookimpl
def register_signers() -> list[Signer]:
    return [Signer("standard", "Shared secret (Standard Webhooks v1)", signing.standard)]
