"""The rules for webhooks that are in force: what the settings allow, and what plugins bring."""

from webhook_ui.plugin_set import Plugins
from webhook_ui.settings import LEASE_GRACE, Settings
from webhook_ui.webhook_fields import Rules


def in_force(settings: Settings, plugins: Plugins) -> Rules:
    """What a webhook's fields are judged against; what plugins bring is looked up whenever it is asked for."""
    return Rules(
        policy=settings.policy,
        triggers=plugins.names,
        longest_timeout=settings.lease - LEASE_GRACE,
        signers=plugins.signer_names,
    )
