"""What is selected in one tab: the ticks, the bar that says how many, and what is done with them."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from nicegui import ui

from webhook_ui.bulk import Step
from webhook_ui.languages import tr, trn
from webhook_ui.ui import formats, toasts
from webhook_ui.ui.bulk_actions import MOST_NAMED, BulkWork, order_address
from webhook_ui.ui.bulk_bar import BulkBar, Order
from webhook_ui.ui.context import Tab
from webhook_ui.ui.frames import confirm
from webhook_ui.ui.resume_dialog import Terms, ask_to_resume_many
from webhook_ui.ui.selection import Selection
from webhook_ui.ui.webhook_list import WebhookList
from webhook_ui.ui.webhooks_look import PER_PAGE, hold_something


class Choice:
    """Hears the ticks of the list (`Picks`). `result_line` makes way for the bar while something is selected."""

    def __init__(
        self,
        tab: Tab,
        result_line: ui.element,
        *,
        is_narrowed: Callable[[], bool],
        find_all: Callable[[], Awaitable[list[int]]],
        after: Callable[[], Awaitable[None]],
    ) -> None:
        """`is_narrowed` says whether there are filters, `find_all` what they leave; `after` follows what was done."""
        self._tab = tab
        self._result_line, self._is_narrowed, self._find_all = result_line, is_narrowed, find_all
        self._selection = Selection()
        self._list: WebhookList | None = None
        self._total = 0
        self._bar = BulkBar(
            on_step=self._take,
            on_order=self._order,
            on_everything=self._choose_everything,
            on_clear=self.clear,
            on_stop=self._stop,
        )
        self._work = BulkWork(tab, self._bar, after)

    def show(self, webhooks: WebhookList | None, total: int) -> None:
        """Ticks what is selected in what is shown now; the filters leave `total`."""
        self._list, self._total = webhooks, total
        if webhooks:
            webhooks.choose(self._selection.__contains__)
        self._bar.show(self._selection.count(total), total, everything=self._selection.everything)
        self._result_line.set_visibility(not self._bar.element.visible)

    def clear(self) -> None:
        self._selection.clear()
        self._repaint()

    def one(self, webhook_id: int, chosen: bool, shift: bool) -> None:
        """One was ticked; with Shift, all up to it."""
        self._selection.tick(webhook_id, chosen, shift, self._shown)
        self._repaint()

    def all(self, chosen: bool) -> None:
        """The tick above all others: those on this page."""
        self._selection.choose(self._shown, chosen, self._shown)
        self._repaint()

    @property
    def _shown(self) -> list[int]:
        return self._list.order if self._list else []

    def _repaint(self) -> None:
        self.show(self._list, self._total)

    def _choose_everything(self) -> None:
        self._selection.choose_everything()
        self._repaint()

    def _stop(self) -> None:
        self._work.stop()

    async def _ids(self) -> list[int]:
        return await self._find_all() if self._selection.everything else sorted(self._selection.ids)

    async def _take(self, step: Step) -> Any:
        number = self._selection.count(self._total)
        if step is Step.delete and number > PER_PAGE:
            return confirm(
                trn("Delete {n} webhook?", "Delete {n} webhooks?", number),
                tr(
                    "Nothing is sent to them any more. They can be restored for 30 days, "
                    "and what is open waits as long."
                ),
                action=tr("Delete {n}", n=formats.count(number)),
                on_confirm=lambda: self._take_now(step),
            )
        if step is Step.resume:
            ids = await self._ids()
            if await self._tab.read(hold_something, ids):
                with self._tab.client:
                    return ask_to_resume_many(self._tab, ids, partial(self._take_now, step))
        return await self._take_now(step)

    async def _take_now(self, step: Step, terms: Terms | None = None) -> None:
        ids = await self._ids()
        if step is Step.delete:
            self._selection.clear()
        await self._work.take(step, ids, terms=terms)
        self._repaint()

    async def _order(self, order: Order) -> None:
        whole = self._selection.everything and not self._is_narrowed()
        ids = [] if whole else await self._ids()
        address = order_address(order, ids)
        if address is None:
            number = len(ids)
            if order == "redeliver":
                words = trn(
                    "Deliveries of {n} webhook cannot be redelivered in one order",
                    "Deliveries of {n} webhooks cannot be redelivered in one order",
                    number,
                )
            else:
                words = trn(
                    "Deliveries of {n} webhook cannot be cancelled in one order",
                    "Deliveries of {n} webhooks cannot be cancelled in one order",
                    number,
                )
            most = tr(
                "An order names up to {n} webhooks. Select fewer, or clear the filters and select all.", n=MOST_NAMED
            )
            toasts.failed(words, most)
        else:
            ui.navigate.to(address)
