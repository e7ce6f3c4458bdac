"""The only place a delivery changes: emit, claim, settle, and what a person does to one. Webhooks are only read."""

from webhook_ui.outbox.claim import Claimed, Claims, Lease, claim, give_back
from webhook_ui.outbox.emit import Emitted, NewEvent, emit, emit_each
from webhook_ui.outbox.lanes import OpenLane, open_lanes
from webhook_ui.outbox.orders import cancel, expire, purge, redeliver
from webhook_ui.outbox.settle import Settled, Settlement, settle
from webhook_ui.outbox.statistics import Minute
from webhook_ui.outbox.store import Key
from webhook_ui.outbox.suspects import claim_suspects, suspects
from webhook_ui.outbox.targets import Target, Targets

__all__ = [
    "Claimed",
    "Claims",
    "Emitted",
    "Key",
    "Lease",
    "Minute",
    "NewEvent",
    "OpenLane",
    "Settled",
    "Settlement",
    "Target",
    "Targets",
    "cancel",
    "claim",
    "claim_suspects",
    "emit",
    "emit_each",
    "expire",
    "give_back",
    "open_lanes",
    "purge",
    "redeliver",
    "settle",
    "suspects",
]
