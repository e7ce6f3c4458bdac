"""The only place a delivery changes: emit, claim, settle, and what a person does to one. Webhooks are only read."""

from webhook_ui.outbox.claim import Claimed, Claims, Target, claim, claim_alone, give_back
from webhook_ui.outbox.emit import Emitted, emit
from webhook_ui.outbox.orders import cancel, expire, purge, redeliver
from webhook_ui.outbox.settle import Settlement, settle

__all__ = [
    "Claimed",
    "Claims",
    "Emitted",
    "Settlement",
    "Target",
    "cancel",
    "claim",
    "claim_alone",
    "emit",
    "expire",
    "give_back",
    "purge",
    "redeliver",
    "settle",
]
