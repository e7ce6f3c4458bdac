"""The line between filters and rows: the chosen window of time, the way back, and what can be done with all of it."""

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from webhook_ui.history.deliveries import DeliveryFilter
from webhook_ui.languages import tr
from webhook_ui.ui import formats, icons
from webhook_ui.ui.context import Tab
from webhook_ui.ui.controls import clear_button, icon_button
from webhook_ui.ui.export_menu import export_menu
from webhook_ui.ui.log_address import LogAddress, attempts_in_words, scope_query, write
from webhook_ui.ui.log_look import Doable, doable
from webhook_ui.ui.parts import box, link, symbol, text
from webhook_ui.ui.root import whole

PLANS = "/redeliveries"


class LogBar:
    """`ask` hears that the window is taken back, `clear` that all filters are.

    `offered` says whether something above offers already to redeliver what failed: then it is offered here of a filter.
    """

    def __init__(
        self, tab: Tab, ask: Callable[..., Any], clear: Callable[[], Any], *, offered: Callable[[], bool]
    ) -> None:
        self._tab, self._ask, self._offered = tab, ask, offered
        self._log, self._criteria = LogAddress(), DeliveryFilter()
        with box("div", "w-log-bar"):
            with box("span", "w-window") as self._window:
                self._window_words = text("")
                taken_back = {"attempted_first": "", "attempted_last": ""}
                icon_button(icons.CLOSE, tr("Take the time back"), lambda: self._ask(**taken_back))
            self._clear = clear_button(tr("Clear filters"), clear, kind="quiet", small=True)
            text(tr("Times in {zone}", zone=tab.zone.key), "w-meta w-log-zone")
            with box("div", "w-acts"):
                with box("div", "w-row w-log-orders"):
                    self._hint = text(tr("To redeliver or cancel many, choose From and To"), "w-meta")
                    self._redeliver, self._cancel = _Order(icons.REDELIVER), _Order(icons.CLOSE)
                export_menu("deliveries", self._export_query)
            with box("span", "w-window") as self._plan:
                self._plan_words = text("")
                icon_button(icons.CLOSE, tr("Show all again"), lambda: self._ask(redelivery=""))
            self._plan.move(target_index=1)
        self._hint.set_visibility(False)
        self._plan.set_visibility(False)
        self._window.set_visibility(False)
        self._clear.set_visibility(False)

    def show(self, log: LogAddress, criteria: DeliveryFilter, zone: ZoneInfo) -> None:
        """Follows the address."""
        self._log, self._criteria = log, criteria
        words = attempts_in_words(log, zone)
        self._window_words.set_text(tr("Attempted {window}", window=words))
        self._window.set_visibility(bool(words))
        self._plan_words.set_text(tr("Redelivery #{number}", number=log.redelivery))
        self._plan.set_visibility(bool(log.redelivery))
        self._clear.set_visibility(log.narrowed)

    async def count(self, *, fresh: bool) -> None:
        """Offers to operators what can be done with what the filter leaves; `fresh` as in `Tab.share`."""
        if not self._tab.may_write:
            return
        criteria = self._criteria
        found = await self._tab.share(("doable", criteria), lambda: self._tab.read(doable, criteria), fresh=fresh)
        if criteria == self._criteria and not self._hint.is_deleted:
            self._offer(found)

    def _offer(self, found: Doable) -> None:
        self._hint.set_visibility(self._criteria.by_attempts)
        redelivers = found.failed and (self._log.narrowed or not self._offered())
        self._redeliver.show(
            tr("Redeliver failed ({count})", count=_count(found.failed, found)) if redelivers else "",
            scope_query(self._criteria, new="redeliver", status="error"),
        )
        state = {"status": self._criteria.status} if self._criteria.status else {}
        self._cancel.show(
            tr("Cancel waiting ({count})", count=_count(found.waiting, found)) if found.waiting else "",
            scope_query(self._criteria, new="cancel", **state),
        )

    def _export_query(self) -> dict[str, str]:
        """The filters alone: a file begins at the top; one webhook's log names it."""
        criteria = self._criteria
        scope = scope_query(criteria)
        log = self._log
        more = {
            "status": log.status,
            "attempted_from": log.attempted_first,
            "attempted_to": log.attempted_last,
            "redelivery_id": log.redelivery,
        }
        return {**scope, **{name: value for name, value in more.items() if value}}


class _Order:
    """The way to an order, if there is something to order; its count changes in place, and who stands on it stays."""

    def __init__(self, icon: str) -> None:
        with link("", PLANS, "w-btn w-way") as self._way:
            symbol(icon)
            self._words = text("")
        self._way.set_visibility(False)

    def show(self, words: str, query: dict[str, str]) -> None:
        self._words.set_text(words)
        self._way.props["href"] = whole(write(PLANS, query))
        self._way.set_visibility(bool(words))


def _count(number: int, found: Doable) -> str:
    return formats.count(number) if found.exactly else f"{formats.count(number)}+"
