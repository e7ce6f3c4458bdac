"""The demo's webhooks, and what becomes of what is sent to each: told of the past and of the present alike."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

MINUTE, HOUR = 60.0, 3600.0
DAY = timedelta(days=1)

Door = Literal["http", "tls", "closed"]


@dataclass(frozen=True, kw_only=True)
class Reply:
    """How a receiver answers, after so many seconds."""

    status: int = 200
    seconds: float = 0.05
    body: str = '{"ok":true}'
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A delivery as a receiver sees it: `since` is seconds since the demo began, before that less than 0."""

    since: float
    data: Mapping[str, Any]
    chance: random.Random


@dataclass(frozen=True, kw_only=True)
class Story:
    """A webhook's fields, the door its receiver has, and what it answers there; None: it cannot be reached."""

    path: str
    fields: Mapping[str, Any]
    reply: Callable[[Asked], Reply | None]
    door: Door = "http"


def _quick(asked: Asked, *, around: float = 0.06) -> Reply:
    """A receiver in good health: of some hundred deliveries one meets it while it is being restarted."""
    seconds = asked.chance.lognormvariate(0, 0.35) * around
    if asked.since < 0 and asked.chance.random() < 0.006:
        return Reply(status=502, seconds=seconds, body="<html><title>502 Bad Gateway</title></html>")
    return Reply(seconds=seconds)


def _slow(asked: Asked) -> Reply:
    return Reply(seconds=asked.chance.uniform(0.9, 2.2), body='{"queued":true}')


def _comes_and_goes(asked: Asked) -> Reply:
    """Down three times in the last day, and now for two minutes of each seven: to see it fail and recover."""
    down = asked.since % (7 * MINUTE) - 40 if asked.since >= 0 else -1
    past = any(start <= asked.since < start + 25 * MINUTE for start in (-19.5 * HOUR, -8 * HOUR, -2.4 * HOUR))
    if past or 0 <= down < 2 * MINUTE:
        return Reply(status=503, seconds=0.02, body='{"error":"maintenance"}', headers={"retry-after": "10"})
    return _quick(asked)


def _throttles(asked: Asked) -> Reply:
    if asked.chance.random() < 0.07:
        return Reply(status=429, seconds=0.02, body='{"error":"too many requests"}', headers={"retry-after": "15"})
    return _quick(asked, around=0.11)


def _hangs(asked: Asked) -> Reply:
    """One of eight takes longer than the webhook's timeout of 2 s."""
    return Reply(seconds=2.6 if asked.chance.random() < 0.12 else asked.chance.uniform(0.2, 1.3))


def _is_choosy(asked: Asked) -> Reply:
    if asked.data.get("currency") == "CHF":
        body = '{"error":"currency CHF is not set up for company 1000","field":"currency"}'
        return Reply(status=422, seconds=0.18, body=body)
    return _quick(asked, around=0.21)


def _is_gone(asked: Asked) -> Reply:
    if asked.since > -9 * HOUR:
        return Reply(status=410, body='{"error":"v1 of this API was switched off"}')
    return _quick(asked)


def _was_down_for_long(asked: Asked) -> Reply:
    """So long that what came before its last hour was given up: enough of it for a redelivery that is worth a look."""
    if -8 * HOUR < asked.since < -3 * HOUR:
        return Reply(status=500, seconds=0.4, body='{"error":"database is in recovery mode"}')
    return _quick(asked)


def _changed_its_certificate(asked: Asked) -> Reply | None:
    return _quick(asked) if asked.since < -13 * HOUR else None


def _was_switched_off(asked: Asked) -> Reply | None:
    return _quick(asked) if asked.since < -5 * HOUR else None


def _fields(title: str, *triggers: str, **more: Any) -> Mapping[str, Any]:
    return {"title": title, "triggers": list(triggers), **more}


PAUSED, ROTATED, GIVEN_UP, FILTERED = "/fraud", "/billing/ledger", "/stock", "/concierge"
STORIES = (
    Story(path="/staging", fields=_fields("Staging mirror", "order.*", enabled=False), reply=_quick),
    Story(path="/partners/v1", fields=_fields("Old partner API", "order.paid"), reply=_is_gone),
    Story(path=PAUSED, fields=_fields("Fraud scoring", "order.paid"), reply=_quick),
    Story(
        path="/archive",
        fields=_fields("Accounting archive", "order.refunded"),
        reply=_was_switched_off,
        door="closed",
    ),
    Story(
        path=GIVEN_UP,
        fields=_fields("Складські залишки", "order.shipped", tenant="kuroda", description="Of one tenant alone."),
        reply=_was_down_for_long,
    ),
    Story(
        path=FILTERED,
        fields=_fields("VIP concierge", "order.paid", filter="data.amount >= `30000`"),
        reply=_quick,
    ),
    Story(
        path="/warehouse/ingest/v1/tenants/0b1f6c1e-7f1b-4f0a-9a37-2f8a7f1c9d10/streams/events",
        fields=_fields(
            "Data warehouse loader (all events, long-term retention, EU region only, owned by the platform team)",
            *("order.*", "user.*"),
            description="Takes its time: it answers once a row is on disk.",
        ),
        reply=_slow,
    ),
    Story(path="/analytics", fields=_fields("Analytics collector", "order.paid", timeout=2.0), reply=_hangs),
    Story(
        path="/chat/alerts",
        fields=_fields("Chat: alerts", "webhook.*", "delivery.exhausted", template={"shape": "slack"}),
        reply=_quick,
    ),
    Story(path="/search/index", fields=_fields("Search index", "order.*", rate_limit=2.0), reply=_throttles),
    Story(
        path="/erp/orders",
        fields=_fields("ERP import", "order.paid", headers={"Authorization": "Bearer demo", "X-Company": "1000"}),
        reply=_is_choosy,
    ),
    Story(path="/ar/customers", fields=_fields("مزامنة عملاء المتجر", "user.created", "user.deleted"), reply=_quick),
    Story(
        path="/freight",
        fields=_fields("Partner: Nordic Freight AB", "order.shipped"),
        reply=_changed_its_certificate,
        door="tls",
    ),
    Story(path="/crm/contacts", fields=_fields("CRM contact sync", "user.*"), reply=_quick),
    Story(
        path=ROTATED,
        fields=_fields("Billing ledger", "order.paid", "order.refunded", ordered=True, headers={"X-Ledger": "main"}),
        reply=_quick,
    ),
    Story(
        path="/loyalty/points",
        fields=_fields("Loyalty points", "order.paid", "order.refunded", description="Restarted now and then."),
        reply=_comes_and_goes,
    ),
    Story(path="/mail/welcome", fields=_fields("🚀 Welcome e-mails", "user.created"), reply=_quick),
)
"""The oldest first."""
