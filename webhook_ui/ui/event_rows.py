"""Rows of the event list, the small figures in them, and why a field finds nothing."""

from collections.abc import Callable, Sequence
from zoneinfo import ZoneInfo

from webhook_ui import ids, times
from webhook_ui.history.events import BEGINNING, EventRow, Tally
from webhook_ui.indexed_fields import IndexedFields
from webhook_ui.languages import mark, tr, trn
from webhook_ui.ui import delivery_words, formats, icons
from webhook_ui.ui.controls import button
from webhook_ui.ui.event_address import PATH
from webhook_ui.ui.log_rows import log_row
from webhook_ui.ui.parts import box, foreign, link, mono, prose, symbol, tag, text, time_text
from webhook_ui.ui.states import notice
from webhook_ui.ui.tables import Row, Table

_KINDS = (
    ("sent", icons.SENT, mark("sent")),
    ("error", icons.ERROR, mark("error")),
    ("pending", icons.PENDING, mark("pending")),
)


def event_row(table: Table, event: EventRow, zone: ZoneInfo) -> Row:
    """All but its figures, which change; a click anywhere in it is a click on its link."""
    row, now = log_row(table), times.utcnow()
    with row.cell("time"), link("", f"{PATH}/{ids.event_text(event.id)}", "w-open") as way:
        time_text(event.created_at, zone, shown=delivery_words.short_time(event.created_at, now, zone))
    way.props["aria-label"] = tr(
        "Event {trigger}, {moment}",
        trigger=event.trigger,
        moment=formats.absolute(event.created_at, zone, seconds=True),
    )
    with row.cell("trigger"), box("div", "w-row"):
        mono(event.trigger, cut=True)
        if event.test:
            tag(tr("test"))
    with row.cell("event"):
        mono(ids.event_text(event.id), "w-second", cut=True)
    with row.cell("tenant"):
        foreign(event.tenant or "", "w-muted")
    with row.cell("payload"):
        beginning = " ".join(event.beginning.split())
        mono(f"{beginning}…" if event.payload_bytes > BEGINNING else beginning, "w-second w-cut")
    return row


def show_tally(tally: Tally) -> None:
    """Sent, error and pending as small figures; what there is none of is left out."""
    more = "+" if tally.more else ""
    counts = [(name, icon, word, getattr(tally, name)) for name, icon, word in _KINDS]
    if not any(count for *_, count in counts):
        text(tr("nobody listened"), "w-muted")
        return
    with box("span", "w-tally"):
        for name, icon, word, count in counts:
            if count:
                with box("span", f"w-tally-one w-{name}-ink") as figure:
                    symbol(icon)
                    text(f"{formats.count(count)}{more}")
                    text(f" {tr(word)}", "w-hidden")
                figure.props["title"] = f"{formats.count(count)}{more} {tr(word)}"


def explain_unknown(
    unknown: Sequence[str], trigger: str, indexed: IndexedFields, on_clear: Callable[[], object]
) -> None:
    """Which fields of a search are not indexed, and how that is mended."""
    known = indexed.paths_of(trigger) if trigger else indexed.paths
    of_trigger = bool(trigger and set(unknown) & set(indexed.paths))
    names, many = formats.joined(list(unknown)), len(unknown)
    title = (
        trn(
            "{names} is not indexed for {trigger}",
            "{names} are not indexed for {trigger}",
            many,
            names=names,
            trigger=trigger,
        )
        if of_trigger
        else trn("{names} is not indexed", "{names} are not indexed", many, names=names)
    )
    setting = [*indexed.everywhere, *(f"{name}:{path}" for name, path in indexed.of), *unknown]
    way_out = tr("Events cannot be found by that. Name it in the settings and start the server again:")
    with notice(title, way_out, kind="info") as body:
        with body:
            mono(f"WEBHOOK_UI_INDEXED_FIELDS={','.join(dict.fromkeys(setting))}", "w-break w-block")
            prose(tr("Only events that are stored from then on are found by it."))
            if known:
                paths = ", ".join(f"`{path}`" for path in known)
                prose(
                    tr("Indexed for {trigger} now: {paths}.", trigger=trigger, paths=paths)
                    if of_trigger
                    else tr("Indexed now: {paths}.", paths=paths)
                )
        button(tr("Clear search"), on_clear, icon=icons.CLOSE, small=True)
