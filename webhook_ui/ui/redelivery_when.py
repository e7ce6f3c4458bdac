"""The fields that say how fast a redelivery goes and when: now, at a time, or again and again, with its next runs."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from webhook_ui import schedule, times
from webhook_ui.languages import tr
from webhook_ui.ui import formats, redelivery_words
from webhook_ui.ui.context import Tab
from webhook_ui.ui.controls import Choices
from webhook_ui.ui.dates import DateField, MomentField
from webhook_ui.ui.fields import Faulty, Field, text_field
from webhook_ui.ui.parts import Part, box, prose, text, time_text
from webhook_ui.ui.webhook_more import read_rate

NOW, AT, CRON = "now", "at", "cron"
SHOWN = 5
EXAMPLE = "30 2 * * mon-fri"


def pace_field(rate: str, on_change: Callable[[], Any]) -> Field:
    """Deliveries a second; empty: as fast as it goes."""
    return text_field(
        tr("Pace"),
        value=rate,
        note=tr("deliveries a second"),
        placeholder=tr("As fast as it goes"),
        hint=tr("At the most; a webhook's own rate limit holds all the same"),
        on_change=lambda _: on_change(),
    )


def read_pace(field: Field) -> float | None:
    """What was entered. Raises ValueError."""
    try:
        return read_rate(field.value or "")
    except ValueError:
        raise ValueError(tr("Write deliveries a second as a number, for example 5 or 0.5; empty: no limit.")) from None


class WhenFields:
    """`values` is what was entered, ready to be judged; `on_change` hears each change."""

    def __init__(
        self,
        tab: Tab,
        on_change: Callable[[], Any],
        *,
        at: datetime | None = None,
        cron: str | None = None,
        timezone: str | None = None,
        now: bool = True,
    ) -> None:
        """Without `now`, which is for plans that are there already, it is at a time or again and again."""
        self._tab, self._on_change = tab, on_change
        offer = [(NOW, tr("Now"), None)] if now else []
        offer += [(AT, tr("At a time"), None), (CRON, tr("Again and again"), None)]
        chosen = CRON if cron else AT if at or not now else NOW
        self._choice = Choices(tr("When"), offer, chosen, self._choose)
        with box("div", "w-when") as self._at_box:
            later = at or times.utcnow().replace(second=0, microsecond=0) + timedelta(hours=1)
            self._at = MomentField(tr("Day"), later, tab.zone, on_change, calendar=tr("Choose the day"))
            text(tr("By the clocks of {zone}", zone=tab.zone.key), "w-hint")
        with box("div", "w-when") as self._cron_box:
            with box("div", "w-two"):
                self._cron = text_field(
                    tr("Crontab"),
                    value=cron or "",
                    placeholder=EXAMPLE,
                    code=True,
                    max_length=100,
                    hint=tr("Minute, hour, day of month, month, day of week"),
                    on_change=lambda _: on_change(),
                )
                self._zone = text_field(
                    tr("Time zone"),
                    value=timezone or tab.zone.key,
                    max_length=100,
                    hint=tr("Whose clocks it goes by, for example Europe/Berlin"),
                    on_change=lambda _: on_change(),
                )
            self._unbounded = prose(
                tr(
                    "Each run sends again all that is still in error, however old. To leave old ones alone, choose a "
                    "time of the event above, for example the last 24 h before each run."
                ),
                "w-meta w-pending-ink",
            )
            self._runs = Part(box("div", "w-runs"), self._show_runs)
        self._runs.element.props["aria-live"] = "polite"
        for part in (self._at_box, self._cron_box):
            part.props["data-draft-part"] = "true"
        self.warn(False)
        self._reveal()

    @property
    def controls(self) -> dict[str, Choices | DateField | Field]:
        """What a browser keeps of them; of the times those that are on the screen."""
        return {"when": self._choice, **self._at.parts("at"), "cron": self._cron, "timezone": self._zone}

    @property
    def chosen(self) -> str:
        """NOW, AT or CRON."""
        return self._choice.value

    @property
    def fields(self) -> dict[str, Faulty]:
        """By the name under which they are judged."""
        return {"at": self._at, "cron": self._cron, "timezone": self._zone}

    def values(self) -> tuple[dict[str, Any], dict[str, str]]:
        """What was entered, and at which fields it cannot be read as what it is meant to be."""
        if self.chosen == AT:
            return self._read_at()
        if self.chosen == NOW:
            return {}, {}
        crontab, zone = (self._cron.value or "").strip(), (self._zone.value or "").strip()
        if not crontab:
            return {}, {"cron": tr("Say when, for example {example}.", example=EXAMPLE)}
        return {"cron": crontab, "timezone": zone or self._tab.zone.key}, {}

    def show(self, values: Mapping[str, Any]) -> datetime | None:
        """Names the next runs of what was entered; returns the first one, None where it is now or cannot be said."""
        if self.chosen != CRON or "cron" not in values:
            self._runs.show("", (), None)
            return values.get("at")
        now = times.utcnow()
        try:
            moments = schedule.next_times(values["cron"], values["timezone"], now, SHOWN)
        except (ValueError, LookupError):
            self._runs.show("", (), None)  # its field says why
            return None
        self._runs.show(values["cron"], tuple(moments), values["timezone"])
        return moments[0]

    def warn(self, unbounded: bool) -> None:
        """Says what runs again and again without a time of the event come to."""
        self._unbounded.set_visibility(unbounded)

    def _read_at(self) -> tuple[dict[str, Any], dict[str, str]]:
        try:
            at = self._at.read()
        except ValueError as error:
            return {}, {"at": str(error)}
        return ({"at": at}, {}) if at else ({}, {"at": tr("Choose the day, for example 2026-03-02.")})

    def _choose(self, _: str) -> None:
        self._reveal()
        self._on_change()

    def _reveal(self) -> None:
        self._at_box.set_visibility(self.chosen == AT)
        self._cron_box.set_visibility(self.chosen == CRON)

    def _show_runs(self, crontab: str, moments: Sequence[datetime], timezone: str | None) -> None:
        if not moments:
            return
        # by the clocks that the crontab goes by, which need not be those of who looks
        show_runs(moments, words=redelivery_words.cron(crontab) or crontab, timezone=timezone or "UTC")


def show_runs(moments: Sequence[datetime], *, words: str, timezone: str) -> None:
    """The crontab in words and the moments at which it runs next, by its own clocks."""
    zone, now = ZoneInfo(timezone), times.utcnow()
    text(tr("{words}, {timezone}. Next runs:", words=words, timezone=timezone), "w-second", tag="p")
    with box("ol"):
        for number, moment in enumerate(moments):
            with box("li", "w-row"):
                time_text(moment, zone, shown=redelivery_words.coming(moment, now, zone))
                if not number and moment - now < formats.RELATIVE_FOR:
                    time_text(moment, zone, now=now).classes("w-meta")
