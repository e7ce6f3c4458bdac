"""What plugins say of themselves, in the reader's language.

A plugin's texts are plain English ones, so that ten lines make a plugin. Those of the plugins that come with Webhook UI
are repeated here, where the extractor looks; a text of anybody else's plugin stays as it is, unless it is one of these.
"""

from webhook_ui.languages import mark, tr, tr_known
from webhook_ui.plugin_set import PluginInfo

_TITLES = (
    mark(
        "Alerts: writes an e-mail when a webhook begins to fail, is up again, is disabled, or gives up on deliveries."
    ),
    mark("Folder watch: fires the events that programs append to files, one JSON object a line."),
    mark("GitHub signatures: webhooks may choose to be signed as GitHub's are, with X-Hub-Signature-256."),
    mark("Inbound: takes webhooks of others in, verifies them, and fires each as an event: one place fans in and out."),
    mark("Schedule: fires events by the clock, by crontab or at an interval."),
    mark("SQL watch: fires an event for each new row of a table in another database (SQLite, PostgreSQL)."),
    mark("Stripe signatures: webhooks may choose to be signed as Stripe's are, with Stripe-Signature."),
    mark("User creation: fires user.created when somebody signs up."),
    mark("Shop: orders and customers of a shop that exists in the demo alone."),
    mark("Ed25519 signatures: receivers verify with a public key (Standard Webhooks v1a), and have no secret to lose."),
    mark("Engine: what becomes of webhooks and deliveries, for an alert in a chat or on a pager."),
    mark(
        "Standard signatures: how deliveries are signed by default, as Standard Webhooks 1.0 says, with a shared "
        "secret."
    ),
)
_SIGNERS = (
    mark("GitHub style (X-Hub-Signature-256)"),
    mark("Stripe style (Stripe-Signature)"),
    mark("Key pair (Standard Webhooks v1a, ed25519)"),
    mark("Shared secret (Standard Webhooks v1)"),
)
_TRIGGERS = (
    mark("User creation"),
    mark("A user signed up."),
    mark("Order paid"),
    mark("A customer has paid an order in full."),
    mark("Order shipped"),
    mark("An order has left the warehouse."),
    mark("Order refunded"),
    mark("A customer got the money back."),
    mark("User deleted"),
    mark("An account was closed."),
)
# what a plugin forms with what its settings say
_FORMED = (
    mark("From {name}"),
    mark("{name} has sent a webhook; the payload is its body."),
    mark("New row in {table}"),
    mark("A row was added to the table {table}."),
    mark("By the clock: every {seconds} s, {timezone}."),
    mark("By the clock: {crontab}, {timezone}."),
)


def said(text: str) -> str:
    """A title or a description."""
    found = tr(text)
    return found if found != text else tr_known(text, _FORMED)


def heading(info: PluginInfo) -> str:
    """'Orders' of 'Orders: what happens in the shop.'."""
    return said(info.title).partition(": ")[0].rstrip(".") or info.name
