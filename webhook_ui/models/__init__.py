"""The tables. Columns and rules only: what may change when stands in `outbox`, `webhooks` and `accounts`.

Keys of what grows lead with `webhook_id`, so that one webhook's rows can live together on one of many servers.
A delivery has no id of its own: it is the one duty to bring one event to one webhook.
"""

from webhook_ui.models.base import PREFIX, Table, metadata, table
from webhook_ui.models.deliveries import Attempt, Delivery, Event, EventField, Idempotency, Skip
from webhook_ui.models.engine import Checkpoint, Heartbeat, PluginSettings, Sending, Statistics
from webhook_ui.models.people import Account, Change, SignInSession, Token
from webhook_ui.models.redeliveries import Redelivery, RedeliveryLane, RedeliveryRun
from webhook_ui.models.webhooks import Lane, Subscription, Webhook

__all__ = [
    "PREFIX",
    "Account",
    "Attempt",
    "Change",
    "Checkpoint",
    "Delivery",
    "Event",
    "EventField",
    "Heartbeat",
    "Idempotency",
    "Lane",
    "PluginSettings",
    "Redelivery",
    "RedeliveryLane",
    "RedeliveryRun",
    "Sending",
    "SignInSession",
    "Skip",
    "Statistics",
    "Subscription",
    "Table",
    "Token",
    "Webhook",
    "metadata",
    "table",
]
