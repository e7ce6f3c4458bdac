"""Rows of the event list, the figures in them, and why a field finds nothing."""

from collections.abc import Callable, Sequence
from zoneinfo import ZoneInfo

from webhook_ui import ids, times
from webhook_ui.history.events import BEGINNING, EventRow, Tally
from webhook_ui.indexed_fields import IndexedFields
from webhook_ui.languages import tr, trn
from webhook_ui.ui import delivery_words, formats, icons, markup
from webhook_ui.ui.controls import button
from webhook_ui.ui.event_address import PATH
from webhook_ui.ui.log_rows import trigger_cell
from webhook_ui.ui.markup import Markup
from webhook_ui.ui.parts import mono, prose
from webhook_ui.ui.states import notice

_KINDS: tuple[tuple[str, str, Callable[[int, str], str]], ...] = (
    ("sent", icons.SENT, lambda count, shown: trn("{n} sent", "{n} sent", count, n=shown)),
    ("error", icons.ERROR, lambda count, shown: trn("{n} error", "{n} errors", count, n=shown)),
    ("pending", icons.PENDING, lambda count, shown: trn("{n} pending", "{n} pending", count, n=shown)),
)


def event_cells(event: EventRow, zone: ZoneInfo) -> dict[str, Markup]:
    """All but its figures, which change."""
    now, name = times.utcnow(), ids.event_text(event.id)
    at = markup.moment(event.created_at, zone, shown=delivery_words.short_time(event.created_at, now, zone))
    said = tr(
        "Event {trigger}, {moment}",
        trigger=event.trigger,
        moment=formats.absolute(event.created_at, zone, seconds=True),
    )
    beginning = formats.in_order(" ".join(event.beginning.split()))
    return {
        "time": markup.link(f"{PATH}/{name}", at, classes="w-open", aria_label=said),
        "trigger": trigger_cell(event.trigger, test=event.test),
        "event": markup.mono(name, "w-second"),
        "tenant": markup.foreign(event.tenant or "", "w-muted"),
        "payload": markup.mono(f"{beginning}…" if event.payload_bytes > BEGINNING else beginning, "w-second"),
    }


def tally_cell(tally: Tally) -> dict[str, Markup]:
    """Sent, error and pending, each with its icon and its word; what there is none of is left out."""
    more = "+" if tally.more else ""
    figures = [
        markup.element(
            "span",
            markup.symbol(icon),
            markup.words(say(count, f"{formats.count(count)}{more}")),
            classes=f"w-tally-one w-{name}-ink",
        )
        for name, icon, say in _KINDS
        if (count := getattr(tally, name))
    ]
    nobody = markup.words(tr("nobody listened"), "w-muted")
    return {"tally": markup.element("span", *figures, classes="w-tally") if figures else nobody}


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
