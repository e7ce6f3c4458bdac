"""The side panel of one delivery: its state, what can be done, every attempt with request and response.

Pages open it by `show` each time their address changes; which attempt is chosen stands there too, see `panel_address`.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from nicegui import ui

from webhook_ui import ids, outbox, times
from webhook_ui.errors import NotFound
from webhook_ui.languages import mark, tr, trn
from webhook_ui.ui import delivery_words, icons, late_presses, panel_address, toasts
from webhook_ui.ui.actions import act
from webhook_ui.ui.attempt_view import past_attempts, planned_attempts, show_attempt, show_what_will_be_sent
from webhook_ui.ui.charts import Moment, time_line
from webhook_ui.ui.context import Tab
from webhook_ui.ui.controls import button, icon_button
from webhook_ui.ui.delivery_head import CANCELLING, Actions, cancel_words, show_title
from webhook_ui.ui.explainer import LastStep, show_notice
from webhook_ui.ui.frames import PanelFrame, confirm
from webhook_ui.ui.panel_address import Choice
from webhook_ui.ui.panel_look import NEWEST, Look, look
from webhook_ui.ui.parts import Part, box, dress, text
from webhook_ui.ui.redelivering import Redeliverer
from webhook_ui.ui.states import notice
from webhook_ui.ui.tested import TestedBox

STEPS_DOWN, STEPS_UP = 1, -1
MORE = 100  # attempts that are shown in addition, each time
AGAIN = mark(
    "It has arrived, as its answer tells. It goes out again with the same `webhook-id`, "
    "so a receiver that knows this id may leave it out."
)
FOCUS = """document.querySelector('a:is(.w-open, .w-trace-open):is([href$="={id}"], [href*="={id}&"])')?.focus()"""


class DeliveryPanel:
    """Shows one delivery after the other; `on_close` and `on_step` (-1 newer, 1 older) hear what a person wants."""

    def __init__(self, tab: Tab, *, on_close: Callable[[], Any], on_step: Callable[[int], Any]) -> None:
        self._tab = tab
        self._shown: Look | None = None
        self._choice = Choice()
        self._delivery: tuple[int, int] | None = None
        self._testing = False
        self._newest = NEWEST
        self._looks = self._latest = 0  # how many were begun, and which of them is shown
        self._on_close = on_close
        self._redeliverer = Redeliverer(tab)
        self._frame = PanelFrame(tr("Delivery"), on_close=self._leave)
        with self._frame.tools:
            icon_button(icons.UP, tr("Newer delivery"), lambda: on_step(STEPS_UP))
            icon_button(icons.DOWN, tr("Older delivery"), lambda: on_step(STEPS_DOWN))
        dress(self._frame.body, data_part="true")  # what stands in it is built anew
        with self._frame.body:
            self._actions = Actions(tab, on_redeliver=self._order_redelivery, on_cancel=self._order_end)
            self._notice = box("div", "w-holder")
            self._last_step = LastStep(self._send_test) if tab.may_write else None
            self._tested = TestedBox(tab)
            with box("div", "w-split") as self._split:
                with box("div"):
                    text(tr("Attempts"), tag="h3")
                    self._line = box()
                self._attempt = Part(box(), lambda *_: self._show_attempt())

    @property
    def delivery_id(self) -> str:
        """What is open, empty for nothing."""
        return ids.delivery_text(*self._delivery) if self._delivery else ""

    async def show(self, delivery_id: str, webhook_id: int) -> None:
        """Opens it for a delivery of this webhook; says so where there is none."""
        choice = panel_address.read(self._path)
        if delivery_id == self.delivery_id:
            if choice != self._choice:
                self._choice = choice
                await self._renew()
            return
        self._tested.clear()
        self._shown, self._choice, self._newest = None, choice, NEWEST
        try:
            self._delivery = ids.delivery_numbers(delivery_id)
        except ValueError:
            self._delivery = (webhook_id, 0)
        if self._delivery[0] != webhook_id:
            self._delivery = (webhook_id, 0)
        asked = self._delivery
        await self._renew()
        if self._delivery == asked:  # nobody has closed it meanwhile
            self._frame.open()

    def hide(self) -> None:
        """Closes it without calling back."""
        self._delivery = self._shown = None
        self._frame.dialog.close()

    async def refresh(self) -> None:
        """Looks again at what is open, and shows in place what has changed."""
        await self._renew()

    @property
    def _path(self) -> str:
        return self._tab.client.sub_pages_router.current_path

    async def _renew(self) -> None:
        if self._delivery is None:
            return
        asked = (self._delivery, self._choice, self._newest)
        self._looks += 1
        number = self._looks
        try:
            found = await self._tab.read(look, *self._delivery, self._choice, now=times.utcnow(), newest=self._newest)
        except NotFound:
            if self._delivery == asked[0]:
                self._show_missing()
            return
        # nobody has gone on meanwhile, and what was begun later has not come earlier
        if asked == (self._delivery, self._choice, self._newest) and number > self._latest:
            self._latest = number
            self._show(found)

    def _show(self, found: Look) -> None:
        known, self._shown = self._shown, found
        if known and known.choice == found.choice and known.number == found.number and _is_same(known, found):
            if self._last_step:
                self._last_step.count(found.failed)
            return
        row, now, zone = found.detail.row, times.utcnow(), self._tab.zone
        retries = self._retries(found)
        self._split.set_visibility(True)
        self._actions.element.set_visibility(True)
        late_presses.clear(self._frame.head)
        with self._frame.head:
            show_title(row, len(retries), self._tab)
        self._actions.show(found)
        late_presses.clear(self._notice)
        with self._notice:
            show_notice(found, now, zone, self._last_step)
        late_presses.clear(self._line)
        with self._line:
            self._fill_line(found, planned_attempts(found.detail, retries, now, zone), now)
        self._attempt.show(row.id, found.number, found.choice.view)

    def _fill_line(self, found: Look, coming: Sequence[Moment], now: datetime) -> None:
        detail, zone = found.detail, self._tab.zone
        if detail.apart:
            time_line(past_attempts([detail.apart], found.number, now, zone), self._choose, name=tr("Chosen attempt"))
        if detail.earlier:
            words = trn("Show {n} earlier", "Show {n} earlier", min(detail.earlier, MORE))
            button(words, self._show_earlier, icon=icons.UP, kind="quiet", small=True)
        past = past_attempts(enumerate(detail.attempts, start=detail.earlier + 1), found.number, now, zone)
        if past or coming:
            time_line([*past, *coming], self._choose)
        else:
            text(tr("None was made."), "w-muted w-line-none", tag="p")

    def _show_missing(self) -> None:
        self._shown = None
        for part in (self._frame.head, self._notice, self._line):
            part.clear()
        self._actions.element.set_visibility(False)
        self._split.set_visibility(False)
        with self._frame.head:
            text(tr("No such delivery"), tag="h2")
        with (
            self._notice,
            notice(tr("This delivery is not here"), tr("It may be older than what is kept."), kind="info"),
        ):
            pass

    def _show_attempt(self) -> None:
        if self._shown is None:
            return
        attempt = self._shown.attempt
        if attempt is None:
            show_what_will_be_sent(self._shown)
        else:
            show_attempt(self._shown, attempt, self._tab.zone, on_view=self._choose_view)

    def _retries(self, shown: Look) -> Sequence[float]:
        services, detail = self._tab.services, shown.detail
        if detail.row.test:
            return ()  # made once
        usual = services.settings.retry_schedule
        return delivery_words.schedule_in_force(detail.webhook, detail.row.trigger, services.plugins.triggers, usual)

    async def _show_earlier(self) -> None:
        if self._shown:
            self._newest = len(self._shown.detail.attempts) + MORE
            self._frame.keep_focus()
            await self._renew()

    async def _choose(self, number: int) -> None:
        await self._turn(replace(self._choice, attempt=number))

    async def _choose_view(self, view: str) -> None:
        await self._turn(replace(self._choice, view="difference" if view == "difference" else "messages"))

    async def _turn(self, choice: Choice) -> None:
        """Shows it at once; that the address changes as well is heard later, and is no news then."""
        if choice == self._choice:
            return
        self._choice = choice
        with self._frame.body:
            ui.navigate.to(panel_address.write(self._path, choice))
            await self._renew()

    def _leave(self) -> Any:
        """The focus goes to the row that was shown last, which may be another than it was opened from."""
        shown = self.delivery_id
        left = self._on_close()
        if shown:
            ui.run_javascript(FOCUS.replace("{id}", shown))
        return left

    async def _order_redelivery(self) -> None:
        row = self._shown.detail.row if self._shown else None
        if row is None or not delivery_words.may_send_again(row):
            await self._redeliver()
            return
        title, verb = tr("Send it once more?"), tr("Redeliver")
        with self._tab.client:
            confirm(title, tr(AGAIN), action=verb, on_confirm=lambda: self._redeliver(confirmed=True), kind="primary")

    async def _redeliver(self, *, confirmed: bool = False) -> None:
        if self._delivery and await self._redeliverer.order(*self._delivery, confirmed=confirmed):
            self._frame.keep_focus()
            await self._turn(Choice())  # what comes next is what is wanted now
            await self.refresh()

    async def _send_test(self) -> None:
        if self._delivery and not self._testing:
            self._testing, asked = True, self._delivery
            await self._tested.send(self._delivery[0])
            self._testing = False
            if self._delivery != asked:  # the panel shows another one by now
                self._tested.clear()

    def _order_end(self) -> None:
        row = self._shown.detail.row if self._shown else None
        if row is None:
            return
        title = tr("Cancel the retries of this delivery?") if row.tries else tr("Cancel this delivery?")
        with self._tab.client:
            confirm(title, tr(CANCELLING), action=cancel_words(row), leave=tr("Keep it"), on_confirm=self._end)

    async def _end(self) -> None:
        if self._delivery and await act(self._tab, outbox.cancel, *self._delivery):
            self._frame.keep_focus()
            toasts.done(tr("Cancelled. {consequence}", consequence=tr(CANCELLING)))
            await self.refresh()


def _is_same(known: Look, found: Look) -> bool:
    """All but how many others have failed, which changes by itself."""
    same = known.detail.row == found.detail.row and known.detail.count == found.detail.count
    return same and known.detail.earlier == found.detail.earlier and _offers(known) == _offers(found)


def _offers(shown: Look) -> bool:
    return bool(shown.failed and shown.failed.count)
