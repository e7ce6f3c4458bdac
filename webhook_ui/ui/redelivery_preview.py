"""What an order would do now: how many, to how many webhooks, for how long, and some of the deliveries. Values only."""

from zoneinfo import ZoneInfo

from webhook_ui.languages import tr
from webhook_ui.redeliveries import Preview
from webhook_ui.ui import delivery_words, formats
from webhook_ui.ui.parts import box, foreign, link, mono, text, time_text


def show_preview(preview: Preview, zone: ZoneInfo) -> None:
    """The figures and up to three samples, each a link to its delivery."""
    glance, cancels = preview.glance, preview.order.kind == "cancel"
    matched = glance.forecast.matched

    def least(figure: str) -> str:
        return figure if glance.complete else tr("at least {figure}", figure=figure)

    with box("div", "w-row"):
        text(tr("Would cancel now") if cancels else tr("Would send now"), tag="h3")
        text(tr("counted at {time}, nothing changed", time=formats.clock(preview.at, zone)), "w-meta w-end")
    with box("dl", "w-preview-figures"):
        _figure(tr("Deliveries"), least(formats.count(matched)))
        _figure(tr("Webhooks"), least(formats.count(glance.webhooks)))
        if matched:
            seconds = glance.forecast.seconds(preview.order.rate)
            span = formats.span(seconds)
            about = tr("about {span}", span=span)
            length = tr("under a second") if seconds < 1 else about if glance.complete else least(span)
            _figure(tr("Takes") if cancels else tr("At this pace"), length)
    if not glance.complete:
        text(tr("There is more than can be counted in a second. All of it is meant."), "w-second", tag="p")
    if preview.samples:
        with box("ul", "w-preview-samples", label=tr("The newest of them")):
            for row in preview.samples:
                with box("li"):
                    path = f"/webhooks/{row.webhook_id}?delivery={row.id}"
                    with link("", path) as way:
                        time_text(
                            row.created_at, zone, shown=delivery_words.short_time(row.created_at, preview.at, zone)
                        )
                    way.props["aria-label"] = tr(
                        "Delivery of {trigger}, {moment}",
                        trigger=row.trigger,
                        moment=formats.absolute(row.created_at, zone),
                    )
                    way.props["target"] = "_blank"
                    way.props["title"] = tr("Opens in a new tab")
                    mono(row.trigger, "w-second", cut=True)
                    foreign(row.webhook_title, "w-second")
                    words = delivery_words.result(row, preview.at, zone)
                    look = "w-error-ink" if row.status == "error" else "w-muted"
                    text(words, f"w-cut {look}").props["title"] = words


def _figure(name: str, value: str) -> None:
    with box("div"):
        text(name, "w-meta", tag="dt")
        text(value, "w-preview-figure", tag="dd")
