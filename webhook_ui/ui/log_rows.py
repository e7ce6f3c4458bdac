"""The rows of a log of deliveries: one delivery each, opened by a click anywhere in it or by its link."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from webhook_ui import ids, times
from webhook_ui.history.deliveries import DeliveryRow
from webhook_ui.languages import tr
from webhook_ui.ui import delivery_words, formats, icons
from webhook_ui.ui.markup import NOTHING, Markup, element, foreign, link, moment, mono, row_button, words
from webhook_ui.ui.parts import written_pill
from webhook_ui.ui.tables import LOG, Column, written_cells

REDELIVER = "redeliver"


def write_row(
    delivery: DeliveryRow,
    *,
    path: str,
    columns: Sequence[Column] = LOG,
    retries: int,
    zone: ZoneInfo,
    may_redeliver: bool,
) -> Markup:
    """The delivery as it is now. `path` opens it."""
    now = times.utcnow()
    result = delivery_words.result(delivery, now, zone)
    look = {"error": " w-error-ink", "pending": " w-muted"}.get(delivery.status, "")
    offers = may_redeliver and delivery_words.may_redeliver(delivery)
    took = "" if delivery.last_duration_ms is None else formats.duration(delivery.last_duration_ms)
    return written_cells(
        columns,
        {
            "status": written_pill(delivery.status),  # type: ignore[arg-type]  # one of three, by a CHECK of the table
            "time": _way(delivery, path, now, zone),
            "result": words(result, f"w-cut{look}", title=result),
            "trigger": trigger_cell(delivery.trigger, test=delivery.test),
            **_whose(delivery, columns),
            "attempt": words(delivery_words.attempt(delivery, retries), "w-muted"),
            "duration": words(took, "w-muted"),
            "next": _next(delivery, now, zone),
            "action": row_button(REDELIVER, tr("Redeliver"), icons.REDELIVER) if offers else NOTHING,
        },
    )


def trigger_cell(name: str, *, test: bool) -> Markup:
    """A trigger's name, and whether somebody only tried."""
    return element("div", mono(name), words(tr("test"), "w-tag w-after") if test else NOTHING, classes="w-row")


def _way(delivery: DeliveryRow, path: str, now: datetime, zone: ZoneInfo) -> Markup:
    name = tr(
        "Delivery of {trigger}, {moment}",
        trigger=delivery.trigger,
        moment=formats.absolute(delivery.created_at, zone),
    )
    at = moment(delivery.created_at, zone, shown=delivery_words.short_time(delivery.created_at, now, zone))
    return link(path, at, classes="w-open", aria_label=name)


def _whose(delivery: DeliveryRow, columns: Sequence[Column]) -> dict[str, Markup]:
    if any(column.key == "webhook" for column in columns):
        title = foreign(delivery.webhook_title)
        return {"webhook": link(f"/webhooks/{delivery.webhook_id}", title, classes="w-log-webhook")}
    event = ids.event_text(delivery.event_id)
    return {"event": link(f"/events/{event}", event, classes="w-mono w-cut", title=event)}


def _next(delivery: DeliveryRow, now: datetime, zone: ZoneInfo) -> Markup:
    coming = delivery_words.next_attempt(delivery, now)
    if coming.at:
        return moment(coming.at, zone, "w-muted", now=now, past=tr("due"))
    return words(tr(coming.words), "w-strong" if coming.over else "w-muted")
