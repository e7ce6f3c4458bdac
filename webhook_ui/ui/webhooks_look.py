"""What the list of webhooks looks at in the database, and the figures above it put into words. Builds no element."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from webhook_ui import times
from webhook_ui.explain import said
from webhook_ui.history import webhook_pages
from webhook_ui.history.figures import Health
from webhook_ui.history.health_memory import HealthMemory
from webhook_ui.history.overview import Glance
from webhook_ui.history.webhook_pages import MOST_HELD, Sorting
from webhook_ui.history.webhooks import LastResult, WebhookFilter, WebhookRow, count_webhooks
from webhook_ui.languages import mark, number, tr, trn
from webhook_ui.ui import formats
from webhook_ui.ui.cards import CardFace
from webhook_ui.ui.charts import Figure
from webhook_ui.ui.log_address import OPEN, write
from webhook_ui.ui.parts import Status

Coming = tuple[tuple[str, datetime] | None, str, bool]  # a moment with words before it, or words; is the receiver down

PER_PAGE = 48
TITLES = (
    mark("Sent, 24 h"),
    mark("Errors, 24 h"),
    mark("Waiting"),
    mark("Oldest due"),
    mark("Now"),
    mark("Failing webhooks"),
)


@dataclass(frozen=True, kw_only=True)
class Shown:
    """Some webhooks as the list shows them, by their ids."""

    faces: Mapping[int, CardFace]


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One page; `everything` counts without filters where they leave nothing, `took` is what it cost in seconds."""

    shown: Shown
    total: int
    everything: int
    page: int
    took: float


def look(
    session: Session, criteria: WebhookFilter, sorting: Sorting, *, page: int, memory: HealthMemory, now: datetime
) -> Seen:
    """The page of this number; the last one where there are not so many."""
    begun = time.monotonic()
    found = webhook_pages.find(session, criteria, sorting, page=page, size=PER_PAGE)
    return Seen(
        shown=look_at(session, found.ids, memory=memory, now=now),
        total=found.total,
        everything=found.total or count_webhooks(session, WebhookFilter()),
        page=found.page,
        took=time.monotonic() - begun,
    )


def look_at(session: Session, webhook_ids: Sequence[int], *, memory: HealthMemory, now: datetime) -> Shown:
    """These webhooks, as far as they are still there."""
    health = memory.look(session, webhook_ids, now=now)
    return Shown(faces={row.id: face_of(row, health[row.id]) for row in webhook_pages.rows(session, webhook_ids)})


def face_of(row: WebhookRow, health: Health) -> CardFace:
    """What is said of one webhook."""
    webhook, last = row.webhook, row.last
    words = _result_text(last) if last else ""
    result: Status = "pending" if row.held else "none"
    if last:
        result = "sent" if last.status == "sent" else "error"
    when, when_text, trouble = _what_comes(row)
    return CardFace(
        title=webhook.title,
        url=webhook.url,
        path=f"/webhooks/{row.id}",
        state="disabled" if not webhook.enabled else "paused" if webhook.paused else "enabled",
        triggers=webhook.triggers,
        created_at=webhook.created_at,
        sent=health.sent,
        errors=health.error,
        result=result,
        result_text=words,
        result_title=words,
        at=last.at if last else None,
        when=when,
        when_text=when_text,
        trouble=trouble,
        untried=last is None and webhook.enabled and not webhook.paused and not row.is_down,
        filter=webhook.filter,
    )


def _what_comes(row: WebhookRow) -> Coming:
    if not row.webhook.enabled or row.webhook.paused:
        held = trn("{n} held", "{n} held", row.held) if row.held else ""
        if row.held > MOST_HELD:
            held = tr("over {n} held", n=formats.count(MOST_HELD))
        return None, held, False
    if row.is_down:
        probe_at = row.lane.probe_at
        if row.lane.breaker == "open" and probe_at and probe_at > times.utcnow():
            return (tr("Down: next probe "), probe_at), "", True
        return None, tr("Probing: one delivery at a time"), True
    if row.last and row.last.in_flight:
        return None, tr("being tried again"), False
    if row.last and row.last.next_attempt_at:
        return (tr("retry "), row.last.next_attempt_at), "", False
    return None, "" if row.last else tr("waits for its first event"), False


def _result_text(last: LastResult) -> str:
    if last.status == "sent":
        return tr("{status} in {duration}", status=last.response_status, duration=formats.duration(last.duration_ms))
    return said(last.error_message or "") or (str(last.response_status) if last.response_status else tr("No answer"))


def hold_something(session: Session, webhook_ids: Sequence[int]) -> bool:
    """Whether one of these is paused and deliveries wait for it; of very many, whether they could."""
    rows = webhook_pages.rows(session, webhook_ids[:PER_PAGE])
    return len(webhook_ids) > PER_PAGE or any(row.webhook.paused and row.held for row in rows)


def unknown_figures() -> list[Figure]:
    """The strip while nobody has looked yet."""
    return [Figure(title=tr(title), value="–") for title in TITLES]


def figures_of(glance: Glance, *, now: datetime) -> list[Figure]:
    """The strip: each figure leads to the list of what it counts; sent and errors are attempts, which it says."""
    since = times.to_text((now - timedelta(days=1)).replace(second=0, microsecond=0))
    total, late = glance.sent + glance.error, glance.oldest_due or glance.oldest_held
    share = f"{number(100 * glance.error / total, 1)} %" if glance.error else ""
    attempts = tr("{share} of attempts", share=share) if share else tr("attempts")
    oldest = write("/deliveries", {"status": OPEN, **({"delivery": glance.oldest} if glance.oldest else {})})
    held = glance.oldest_due is None and glance.oldest_held is not None
    values = (
        (_about(glance.sent, glance.about_day), tr("attempts"), f"/deliveries?status=sent&attempted_from={since}"),
        (_about(glance.error, glance.about_day), attempts, f"/deliveries?status=error&attempted_from={since}"),
        (_about(glance.waiting, glance.about_open), "", f"/deliveries?status={OPEN}"),
        ("–" if late is None else formats.span((now - late).total_seconds()), "", oldest),
        (_rate(glance.per_second), "", "/deliveries"),
        (formats.count(glance.failing), "", "/?state=failing"),
    )
    titles = (*TITLES[:3], mark("Oldest held") if held else TITLES[3], *TITLES[4:])
    return [
        Figure(title=tr(title), value=value, note=note, path=path, trouble=title == TITLES[-1] and glance.failing > 0)
        for title, (value, note, path) in zip(titles, values, strict=True)
    ]


def _about(figure: int, estimated: bool) -> str:
    """'196,051', 'about 196,000' (three digits that count)."""
    if not estimated:
        return formats.count(figure)
    zeros = max(len(str(figure)) - 3, 0)
    return tr("about {n}", n=formats.count(round(figure, -zeros)))


def _rate(per_second: float) -> str:
    return f"{number(per_second, 0 if per_second >= 100 else 1)} / s"
