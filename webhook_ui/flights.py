"""What a dispatcher has in the air: who sits on which seat, what waits for one, and the answers that have come back.

Quick lanes get a stock: deliveries that are claimed already and take the seat that another of the same lane leaves,
without waiting for a turn. There are twice as many of them as seats, so that a commit may take its time and a turn
records many answers. Where more quick lanes have something due than there are seats, those left out get a place
in the reserve instead: one delivery each, which takes the next seat that nobody of its own lane takes. Both are given
back as soon as their lane fails, slows down, or leaves them lying.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress

import structlog

from webhook_ui import breaker, ids, letters, times
from webhook_ui.breaker import Window
from webhook_ui.composing import Composer
from webhook_ui.errors import PluginFault
from webhook_ui.letters import Contents
from webhook_ui.outbound import Sender
from webhook_ui.outbox import Claimed, Key
from webhook_ui.retry import GONE
from webhook_ui.seats import STOCK_WINDOWS, Seats
from webhook_ui.settings import LEASE_GRACE, Settings
from webhook_ui.turn import Sent
from webhook_ui.wire import Answer, ErrorClass, Failure, Result

WATCHED = 50_000  # webhooks whose latest outcomes are remembered
STOCK_BYTES = 16 * 1024 * 1024  # the payloads of all stocks together, about
MEAN_OF = 16  # payloads, of which the mean size says how many of them may be in stock
STOCK_SECONDS = 5.0  # what has waited longer is given back: its lease must last for an attempt yet

log = structlog.get_logger()


class Flights:
    """Sends what it is given, on a bounded number of seats; `wake` is called whenever something has come back.

    Whoever settles takes `answers` and `unused` (what was claimed and is not to be sent) and leaves empty lists.
    """

    def __init__(
        self,
        sender: Sender,
        settings: Settings,
        *,
        composer: Composer,
        wake: Callable[[], None],
        stock_windows: int = STOCK_WINDOWS,
    ) -> None:
        self.seats = Seats(settings.concurrency, settings.concurrency_per_webhook, stock_windows=stock_windows)
        self.answers: list[Sent] = []
        self.unused: list[Claimed] = []
        self._sender, self._settings, self._composer, self._wake = sender, settings, composer, wake
        # a webhook's own timeout may be longer than the lease has become since it was saved
        self._longest_attempt = max(settings.request_timeout, settings.lease - LEASE_GRACE)
        self._in_flight: dict[asyncio.Task[None], Claimed] = {}
        self._stock: dict[int, deque[tuple[float, Claimed]]] = {}
        self._reserve: dict[int, tuple[float, Claimed]] = {}  # by lane, the oldest first
        self._stocked = 0  # deliveries in all stocks
        self._mean_size = 1.0  # of the latest payloads, in characters
        self._short = asyncio.Event()
        self._left_out: set[int] = set()  # lanes of which the last `wanted` asked one for the reserve
        self._shares: dict[int, int] = {}  # how many seats were given to each lane by the last `wanted`
        self._windows: dict[int, Window] = {}
        self._failed: set[int] = set()  # lanes in which something failed since the last `wanted`
        self._gone: set[int] = set()  # those of them whose receiver wants no more
        self._changed: set[int | None] = set()  # webhooks that were changed since the last `wanted`; None: all
        self._is_ending = False

    @property
    def calm_for(self) -> float:
        """For how many seconds nothing has begun and nothing waits for a seat; infinite when nothing is in flight."""
        if self._stock or self._reserve:
            return 0.0
        return time.monotonic() - self.seats.taken_at if self._in_flight else float("inf")

    def holds_any(self, keys: Collection[Key]) -> bool:
        """Whether one of these deliveries is in flight."""
        return any(one.key in keys for one in self._in_flight.values())

    def wanted(self, due: Sequence[int], *, kept: int = 0) -> dict[int, int]:
        """How many to claim now of each lane in which something is due: for free seats, and to wait for one.

        `kept` seats are not given out: something else may be on its way to them.
        """
        now = time.monotonic()
        self._failed, self._gone, self._changed = set(), set(), set()
        self._shares = self.seats.shares(due, now, kept=kept)
        wanted = dict(self._shares)
        most = min(self.seats.stock_windows * self._settings.concurrency, int(STOCK_BYTES / self._mean_size))
        room = max(most - self._waiting, 0)
        seated = self._shares.keys() | self._reserve.keys()
        left_out, all_of_them = self.seats.left_out(due, seated, now, room)
        self._left_out = set(left_out)
        wanted |= dict.fromkeys(left_out, 1)
        if not all_of_them:
            return wanted  # who is left out and has no place in the reserve is served before others get a stock
        room -= len(left_out)
        for webhook_id in due:
            if room <= 0:
                break
            if webhook_id in self._shares or self.seats.flying(webhook_id):
                stock = len(self._stock.get(webhook_id, ()))
                more = min(self.seats.stock(webhook_id, now) - stock, room)
                if more > 0:
                    wanted[webhook_id] = wanted.get(webhook_id, 0) + more
                    room -= more
        return wanted

    @property
    def _waiting(self) -> int:
        """How many are claimed and wait for a seat."""
        return len(self._reserve) + self._stocked

    async def gather(self, seconds: float) -> None:
        """Waits up to `seconds` for more answers, while no seat is free, plenty waits for one, and nothing presses."""
        seats = self._settings.concurrency
        if self.seats.free or self._waiting < seats or len(self.answers) >= seats:
            return
        self._short.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._short.wait()

    def hurry(self) -> None:
        """Ends `gather`."""
        self._short.set()

    def clear_out(self) -> None:
        """Gives back the stock of lanes that are no longer quick, and what has been lying too long."""
        now = time.monotonic()
        for webhook_id, (claimed_at, _) in list(self._reserve.items()):
            if not self.seats.is_quick(webhook_id, now) or now - claimed_at > STOCK_SECONDS:
                self._return_stock(webhook_id)
        for webhook_id, stock in list(self._stock.items()):
            if not self.seats.is_quick(webhook_id, now) or now - stock[0][0] > STOCK_SECONDS:
                self._return_stock(webhook_id)

    def return_stock(self, webhook_id: int | None) -> None:
        """Somebody has changed this webhook, or all: what is not in flight yet is claimed again as it is now."""
        self._changed.add(webhook_id)
        for one in [webhook_id] if webhook_id is not None else [*self._stock, *self._reserve]:
            self._return_stock(one)

    def pressure(self, answers: Sequence[Sent]) -> Mapping[int, tuple[int, int]]:
        """Of the webhooks that failed in `answers`, how many of how many attempts failed lately."""
        failed = {one.claimed.webhook_id for one in answers if one.answer.failure is not None}
        now = time.monotonic()
        return {webhook_id: self._window(webhook_id).counts(now) for webhook_id in failed}

    def forget_pressure(self, webhook_id: int) -> None:
        """Its breaker has opened or closed: what came before no longer counts."""
        self._windows.pop(webhook_id, None)

    def send_off(self, deliveries: Sequence[Claimed]) -> None:
        """Sends as many of each lane as it has been given seats; the others take what is free, or are its stock."""
        now = time.monotonic()
        shares, self._shares = self._shares, {}
        more: list[Claimed] = []
        for claimed in deliveries:
            self._mean_size += (len(claimed.payload) - self._mean_size) / MEAN_OF
            share = shares.get(claimed.webhook_id, 0)
            if claimed.webhook_id in self._gone or not self._changed.isdisjoint((claimed.webhook_id, None)):
                self.unused.append(claimed)
            elif share or claimed.narrow:
                shares[claimed.webhook_id] = max(share - 1, 0)
                self._start(claimed, now)
            else:
                more.append(claimed)
        for claimed in more:
            if claimed.webhook_id in self._failed:
                self.unused.append(claimed)
            elif self.seats.room(claimed.webhook_id) > 0:
                self._start(claimed, now)
            elif claimed.webhook_id in self._left_out and claimed.webhook_id not in self._reserve:
                self._reserve[claimed.webhook_id] = now, claimed
            elif self.seats.flying(claimed.webhook_id):
                self._stock.setdefault(claimed.webhook_id, deque()).append((now, claimed))
                self._stocked += 1
            else:  # nobody of its lane is left whose seat it could take
                self.unused.append(claimed)

    def send_at_once(self, deliveries: Sequence[Claimed]) -> None:
        """Sends what may have a seat now and gives back the rest; for claims that no `wanted` asked for."""
        now = time.monotonic()
        shares = self.seats.shares(list(dict.fromkeys(one.webhook_id for one in deliveries)), now)
        for claimed in deliveries:
            share = shares.get(claimed.webhook_id, 0)
            if share:
                shares[claimed.webhook_id] = share - 1
                self._start(claimed, now)
            else:
                self.unused.append(claimed)

    def _start(self, claimed: Claimed, now: float) -> None:
        self.seats.take(claimed.webhook_id, 1, now)
        task = asyncio.create_task(self._fly(claimed))
        self._in_flight[task] = claimed
        task.add_done_callback(self._land)

    def give_back(self, deliveries: Sequence[Claimed]) -> None:
        """These are not to be sent."""
        self.unused += deliveries

    async def end(self, grace: float) -> None:
        """Waits up to `grace` seconds for what is in flight; what is still there then, and all stock, is unused."""
        self._is_ending = True
        self.return_stock(None)
        if self._in_flight:
            await asyncio.wait(self._in_flight, timeout=grace)
        unfinished = {task: claimed for task, claimed in self._in_flight.items() if not task.done()}
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)
        self.unused += unfinished.values()

    async def _fly(self, claimed: Claimed) -> None:
        """One seat: sends a delivery, then the next of the same lane's stock, or what waits in the reserve."""
        task = asyncio.current_task()
        following: Claimed | None = claimed
        while following is not None:
            if task is not None:
                self._in_flight[task] = following
            webhook_id = following.webhook_id
            sent = await self._deliver(following)
            self._wake()
            if following.narrow:
                self.hurry()  # its lane waits for it
            if not sent:
                self._failed.add(webhook_id)
                self._return_stock(webhook_id)
            following = self._next(webhook_id) or self._next_of_reserve()

    def _next_of_reserve(self) -> Claimed | None:
        now = time.monotonic()
        while self._reserve and not self._is_ending:
            webhook_id = next(iter(self._reserve))
            claimed_at, claimed = self._reserve.pop(webhook_id)
            self._hurry_if_short()
            if now - claimed_at <= STOCK_SECONDS and self.seats.room(webhook_id) > 0:
                self.seats.take(webhook_id, 1, now)
                return claimed
            self.unused.append(claimed)
        return None

    def _next(self, webhook_id: int) -> Claimed | None:
        stock = self._stock.get(webhook_id)
        if not stock or self._is_ending or not self.seats.room(webhook_id):
            return None
        now = time.monotonic()
        claimed_at, claimed = stock.popleft()
        self._stocked -= 1
        self._hurry_if_short()
        if not stock:
            del self._stock[webhook_id]
        if now - claimed_at > STOCK_SECONDS:
            self.unused.append(claimed)
            self._return_stock(webhook_id)
            return None
        self.seats.take(webhook_id, 1, now)
        return claimed

    def _hurry_if_short(self) -> None:
        if self._waiting < self._settings.concurrency:
            self.hurry()

    def _land(self, task: asyncio.Task[None]) -> None:
        del self._in_flight[task]
        self.hurry()
        self._wake()

    def _return_stock(self, webhook_id: int) -> None:
        stock = self._stock.pop(webhook_id, ())
        self._stocked -= len(stock)
        self.unused += [claimed for _, claimed in stock]
        self.hurry()
        if webhook_id in self._reserve:
            self.unused.append(self._reserve.pop(webhook_id)[1])

    def _window(self, webhook_id: int) -> Window:
        if webhook_id not in self._windows:
            if len(self._windows) >= WATCHED:
                self._windows.clear()
            self._windows[webhook_id] = Window()
        return self._windows[webhook_id]

    async def _deliver(self, claimed: Claimed) -> bool:
        """Makes one attempt; whether it was sent."""
        began = time.monotonic()
        sent = timed_out = False
        try:
            attempt = await self._attempt(claimed)
            answer = attempt.answer
            sent = answer.failure is None
            timed_out = answer.failure is not None and answer.failure.kind is ErrorClass.timeout
            if breaker.tells(answer):
                self._window(claimed.webhook_id).add(sent, time.monotonic())
            if answer.response_status == GONE:
                self._gone.add(claimed.webhook_id)
            self.answers.append(attempt)
        except Exception:  # a fault of this program: no try is counted, and its lease ends without an answer
            log.exception("attempt.lost", delivery=ids.delivery_text(claimed.webhook_id, claimed.event_id))
        finally:
            now = time.monotonic()
            self.seats.release(claimed.webhook_id, seconds=now - began, sent=sent, timed_out=timed_out, now=now)
        return sent

    async def _attempt(self, claimed: Claimed) -> Sent:
        body, plain = None, self._composer.is_plain(claimed.target)  # asked once: plugins may be exchanged meanwhile
        try:
            if plain:
                head = self._composer.letterhead(claimed.target)
            else:
                head, outgoing, changed = await self._composer.compose(claimed.target, **self._contents(claimed))
                body = outgoing.body.decode() if changed else None
        except (ValueError, PluginFault) as error:  # a secret that cannot sign, for example
            log.warning("attempt.unsendable", webhook=claimed.webhook_id, reason=str(error))
            return Sent(claimed=claimed, answer=_unsendable(error), headers=())
        if plain:
            outgoing = letters.prepare(head, **self._contents(claimed))
        answer = await self._sender.send(outgoing)
        return Sent(claimed=claimed, answer=answer, headers=letters.shown_headers(head, outgoing), request_body=body)

    def _contents(self, claimed: Claimed) -> Contents:
        return {
            "event_id": claimed.event_id,
            "trigger": claimed.trigger,
            "occurred_at": claimed.occurred_at,
            "payload": claimed.payload,
            "now": time.time(),
            "timeout": min(claimed.target.timeout or self._settings.request_timeout, self._longest_attempt),
        }


def _unsendable(error: ValueError | PluginFault) -> Answer:
    remedy = "Correct the plugin" if isinstance(error, PluginFault) else "Correct the webhook, then redeliver"
    message = f"Nothing could be sent: {str(error).rstrip('.')}. {remedy}."
    failure = Failure(kind=ErrorClass.plugin, message=message)
    return Answer(result=Result.error, at=times.utcnow(), duration_ms=0.0, failure=failure)
