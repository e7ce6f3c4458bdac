"""A log with what belongs to it: the picture of attempts over time, filters, what can be done, the rows.

One webhook's, or that of all of them.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from webhook_ui import times
from webhook_ui.errors import Unavailable
from webhook_ui.history.deliveries import DeliveryFilter
from webhook_ui.languages import tr
from webhook_ui.models import Webhook
from webhook_ui.ui.attempt_counts import SCALES
from webhook_ui.ui.context import Tab, zone_named
from webhook_ui.ui.delivery_log import DeliveryLog
from webhook_ui.ui.histogram import Histogram, Picture
from webhook_ui.ui.log_address import LogAddress, in_words, judge
from webhook_ui.ui.log_bar import LogBar
from webhook_ui.ui.log_filters import LogFilters
from webhook_ui.ui.parts import box, link, sentence, text
from webhook_ui.ui.states import nothing_found
from webhook_ui.ui.turnover import BEAT_SECONDS, next_beat


class Activity:
    """`go` leads to another address, `path` writes it, `reading` says whether a delivery is open."""

    def __init__(
        self,
        tab: Tab,
        log: LogAddress,
        *,
        webhook: Webhook | None = None,
        go: Callable[[LogAddress], Any],
        path: Callable[[LogAddress], str],
        reading: Callable[[], bool],
        offered: Callable[[], bool] = lambda: False,
    ) -> None:
        """`offered` as in `LogBar`."""
        self._tab, self._address, self._webhook = tab, log, webhook
        self._asked = log  # at once: the next change may be made before the browser is there
        self._go, self._path, self._reading = go, path, reading
        self._counted_at = float("-inf")
        self._waits = False  # to look at the figures
        criteria = self._criteria()
        self._histogram = Histogram(
            log.span or "24h", self._zone(), on_pick=self._pick_window, on_scale=lambda span: self._ask(span=span)
        )
        self._filters = LogFilters(tab, log, self._triggers(), self._ask, one_webhook=webhook is not None)
        self._bar = LogBar(tab, self._ask, lambda: self.go(self._address.without_filters()), offered=offered)
        self._rows = DeliveryLog(tab, log, criteria, self, whole=webhook is None)

    def know(self, webhook: Webhook) -> None:
        """What the webhook is now."""
        self._webhook = webhook

    @property
    def delivery_ids(self) -> list[str]:
        """What is on the screen, newest first."""
        return self._rows.delivery_ids

    def go(self, log: LogAddress) -> None:
        """Leads to another part of the log."""
        self._go(log)

    def path(self, log: LogAddress) -> str:
        """As a link."""
        return self._path(log)

    def is_reading(self) -> bool:
        """Whether a delivery is open."""
        return self._reading()

    async def load(self) -> None:
        """Reads the rows anew; the picture and the figures come when they are there."""
        await self._filters.show(self._address, self._zone())
        self._bar.show(self._address, self._criteria(), self._zone())
        await self._rows.load()
        self._tab.begin(self._complete(fresh=True), name="figures of a log")

    async def show(self, log: LogAddress) -> None:
        """Goes to another part of the log, another picture, or marks another row as the open one."""
        before, self._address = self._address, log
        self._asked = log
        await self._rows.show(log, self._criteria())
        if before.part != log.part:  # meanwhile another part may have been asked for, and be shown already
            await self._filters.show(self._address, self._zone())
            self._bar.show(self._address, self._criteria(), self._zone())
        if (before.span, before.part) != (log.span, log.part):
            self._tab.begin(self._complete(fresh=True), name="figures of a log")

    async def refresh(self, *, fresh: bool = True) -> None:
        """Looks again at the rows; at the figures only now and then, but once more after the last news.

        If not `fresh`, with what another tab has found after the same news.
        """
        await self._rows.refresh(fresh=fresh)
        if time.monotonic() - self._counted_at >= BEAT_SECONDS:
            await self._complete(fresh=fresh)
        elif not self._waits:
            self._waits = True
            self._tab.begin(self._complete_with_others(), name="figures of a log")

    async def _complete_with_others(self) -> None:
        """When all tabs look at their figures: one look is enough for those that show the same."""
        await next_beat()
        self._waits = False
        if not self._histogram.element.is_deleted:
            await self._complete(fresh=False)

    def say_nothing(self, log: LogAddress) -> None:
        """Builds what stands there instead of an empty list."""
        if log.narrowed:
            words = in_words(log, self._zone())
            nothing_found(
                tr("No delivery with {filters}", filters=words) if words else tr("No deliveries"),
                tr("Others may be there without the filter."),
                lambda: self.go(log.without_filters()),
            )
            return
        with box("section", "w-box w-nothing"):
            text(tr("No deliveries yet"), "w-medium", tag="p")
            if self._webhook and not self._webhook.enabled:
                text(tr("While it is disabled, no events are taken for it."), "w-muted", tag="p")
                return
            with box("p", "w-muted"):
                sentence(
                    tr("They appear here as soon as one of its triggers fires. To try it, {fire_one}.")
                    if self._webhook
                    else tr(
                        "They appear here as soon as a trigger that a webhook listens to fires. To try it, {fire_one}."
                    ),
                    fire_one=lambda: link(tr("fire one by hand"), "/triggers"),
                )

    async def _complete(self, *, fresh: bool) -> None:
        """What may take longer than the rows: nobody waits for it."""
        self._counted_at = time.monotonic()
        try:
            await self._bar.count(fresh=fresh)
            await self._draw(fresh=fresh)
        except Unavailable:
            self._counted_at = float("-inf")  # with the next change

    async def _draw(self, *, fresh: bool) -> None:
        log = self._address
        scale, zone, webhook_id = log.span or "24h", self._zone(), self._criteria().webhook_id
        services = self._tab.services

        async def paint() -> Picture:
            bars = await services.counts.bars(
                services.database, SCALES[scale], now=times.utcnow(), zone=zone, webhook_id=webhook_id
            )
            return Picture.of(bars, zone)

        picture = await self._tab.share(("picture", scale, zone.key, webhook_id), paint, fresh=fresh)
        if self._histogram.element.is_deleted or log.span != self._address.span:
            return
        criteria = self._criteria()
        self._histogram.scale(scale)
        self._histogram.show(picture)
        self._histogram.mark(criteria.attempted_since, criteria.attempted_until)
        self._histogram.say_all(self._address.asking(webhook="", attempted_first="", attempted_last="").narrowed)

    def _ask(self, **changes: Any) -> None:
        log = self._asked
        self._asked = replace(log, **changes) if set(changes) == {"span"} else log.asking(**changes)
        self.go(self._asked)

    def _pick_window(self, since: datetime | None, until: datetime | None) -> None:
        """Attempts are what the bars count: From and To are times of the event."""
        first, last = (times.to_text(moment) if moment else "" for moment in (since, until))
        if (first, last) != (self._address.attempted_first, self._address.attempted_last):
            self._ask(attempted_first=first, attempted_last=last)

    def _criteria(self) -> DeliveryFilter:
        webhook_id = self._webhook.id if self._webhook else None
        return judge(self._address, self._zone(), webhook_id).criteria

    def _zone(self) -> ZoneInfo:
        return zone_named(self._address.tz) or self._tab.zone

    def _triggers(self) -> Iterable[str]:
        plugins = self._tab.services.plugins
        if self._webhook is None:
            return sorted(plugins.triggers)
        return sorted({trigger.name for name in self._webhook.triggers for trigger in plugins.matching(name)})
