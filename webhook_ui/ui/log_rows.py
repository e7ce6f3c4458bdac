"""The rows of a log of deliveries: one delivery each, opened by a click anywhere in it or by its link."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from webhook_ui import ids, times
from webhook_ui.history.deliveries import DeliveryRow
from webhook_ui.languages import tr
from webhook_ui.ui import delivery_words, formats, icons
from webhook_ui.ui.controls import button
from webhook_ui.ui.parts import box, foreign, link, mono, status_pill, tag, text, time_text
from webhook_ui.ui.tables import LOG, Column, Row, Table

FOLLOW = "event => { if (!event.target.closest('a, button')) event.currentTarget.querySelector('a').click() }"


def log_row(table: Table) -> Row:
    """An empty row; a click anywhere in it is a click on its link."""
    row = table.row()
    row.element.classes("w-clickable").on("click", js_handler=FOLLOW)
    return row


def fill_row(
    row: Row,
    delivery: DeliveryRow,
    *,
    path: str,
    columns: Sequence[Column] = LOG,
    retries: int,
    zone: ZoneInfo,
    redeliver: Callable[[], Awaitable[None]] | None,
) -> None:
    """Shows the delivery as it is now. `path` opens it; `redeliver` is None for who may not."""
    now = times.utcnow()
    for column in columns:
        row.cell(column.key).clear()
    with row.cell("status"):
        status_pill(delivery.status)  # type: ignore[arg-type]  # one of three, by a CHECK of the table
    with row.cell("time"):
        with link("", path, "w-open") as way:
            time_text(delivery.created_at, zone, shown=delivery_words.short_time(delivery.created_at, now, zone))
        way.props["aria-label"] = tr(
            "Delivery of {trigger}, {moment}",
            trigger=delivery.trigger,
            moment=formats.absolute(delivery.created_at, zone),
        )
    words = delivery_words.result(delivery, now, zone)
    with row.cell("result"):
        look = {"error": " w-error-ink", "pending": " w-muted"}.get(delivery.status, "")
        text(words, f"w-cut{look}").props["title"] = words
    with row.cell("trigger"), box("div", "w-row"):
        mono(delivery.trigger, cut=True)
        if delivery.test:
            tag(tr("test")).classes("w-after")
    if any(column.key == "webhook" for column in columns):
        with row.cell("webhook"):
            whose = link("", f"/webhooks/{delivery.webhook_id}", "w-log-webhook")
            with whose:
                foreign(delivery.webhook_title)
    else:
        with row.cell("event"):
            event = ids.event_text(delivery.event_id)
            link(event, f"/events/{event}", "w-mono w-cut").props["title"] = event
    with row.cell("attempt"):
        text(delivery_words.attempt(delivery, retries), "w-muted")
    with row.cell("duration"):
        text("" if delivery.last_duration_ms is None else formats.duration(delivery.last_duration_ms), "w-muted")
    with row.cell("next"):
        _fill_next(delivery, now, zone)
    if redeliver and delivery_words.may_redeliver(delivery):
        with row.cell("action"):
            button(tr("Redeliver"), redeliver, icon=icons.REDELIVER, kind="quiet", small=True)


def _fill_next(delivery: DeliveryRow, now: datetime, zone: ZoneInfo) -> None:
    coming = delivery_words.next_attempt(delivery, now)
    if coming.at:
        time_text(coming.at, zone, now=now, past=tr("due")).classes("w-muted")
    else:
        text(tr(coming.words), "w-strong" if coming.over else "w-muted")
