"""Doing the same to many webhooks: in small transactions, with progress, an account of what failed, and a way back."""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

from webhook_ui import bulk, webhooks
from webhook_ui.bulk import OPPOSITE, Outcome, Step
from webhook_ui.errors import Conflict, Invalid, NotFound, WebhookUIError
from webhook_ui.languages import mark, tr, trn
from webhook_ui.times import utcnow
from webhook_ui.ui import formats, toasts
from webhook_ui.ui.bulk_bar import BulkBar, Order
from webhook_ui.ui.context import Tab, tell
from webhook_ui.ui.resume_dialog import Terms, dropped_words, resume_on

PATIENCE = 1.0  # seconds until something says how far it has come
MOST_NAMED = 40  # webhooks that one address names
DONE: dict[Step, Callable[[int], str]] = {
    Step.enable: lambda n: trn("{n} webhook is enabled.", "{n} webhooks are enabled.", n),
    Step.disable: lambda n: trn("{n} webhook is disabled.", "{n} webhooks are disabled.", n),
    Step.pause: lambda n: trn("{n} webhook is paused.", "{n} webhooks are paused.", n),
    Step.resume: lambda n: trn("{n} webhook is resumed.", "{n} webhooks are resumed.", n),
    Step.delete: lambda n: trn("{n} webhook is deleted.", "{n} webhooks are deleted.", n),
    Step.restore: lambda n: trn("{n} webhook is restored.", "{n} webhooks are restored.", n),
}
ALREADY: dict[Step, Callable[[int], str]] = {
    Step.enable: lambda n: trn(
        "Nothing to do: it was enabled already.", "Nothing to do: they were enabled already.", n
    ),
    Step.disable: lambda n: trn(
        "Nothing to do: it was disabled already.", "Nothing to do: they were disabled already.", n
    ),
    Step.pause: lambda n: trn("Nothing to do: it was paused already.", "Nothing to do: they were paused already.", n),
    Step.resume: lambda n: trn(
        "Nothing to do: it was resumed already.", "Nothing to do: they were resumed already.", n
    ),
    Step.delete: lambda n: trn(
        "Nothing to do: it was deleted already.", "Nothing to do: they were deleted already.", n
    ),
    Step.restore: lambda n: trn(
        "Nothing to do: it was restored already.", "Nothing to do: they were restored already.", n
    ),
}
REFUSED: dict[Step, Callable[[int], str]] = {
    Step.enable: lambda n: trn("{n} webhook could not be enabled", "{n} webhooks could not be enabled", n),
    Step.disable: lambda n: trn("{n} webhook could not be disabled", "{n} webhooks could not be disabled", n),
    Step.pause: lambda n: trn("{n} webhook could not be paused", "{n} webhooks could not be paused", n),
    Step.resume: lambda n: trn("{n} webhook could not be resumed", "{n} webhooks could not be resumed", n),
    Step.delete: lambda n: trn("{n} webhook could not be deleted", "{n} webhooks could not be deleted", n),
    Step.restore: lambda n: trn("{n} webhook could not be restored", "{n} webhooks could not be restored", n),
}
DOING = {
    Step.enable: mark("Enabling {done} of {total}"),
    Step.disable: mark("Disabling {done} of {total}"),
    Step.pause: mark("Pausing {done} of {total}"),
    Step.resume: mark("Resuming {done} of {total}"),
    Step.delete: mark("Deleting {done} of {total}"),
    Step.restore: mark("Restoring {done} of {total}"),
}


@dataclass(kw_only=True)
class _Account:
    """What has come of it so far."""

    changed: list[int] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    seen: int = 0
    dropped: int = 0  # deliveries that were too old to be sent


class BulkWork:
    """One piece of work at a time in one tab. `after` is awaited whenever some of it is stored and shown."""

    def __init__(self, tab: Tab, bar: BulkBar | None, after: Callable[[], Awaitable[None]]) -> None:
        self._tab, self._bar, self._after = tab, bar, after
        self._running = self._stopped = False

    def stop(self) -> None:
        """Ends it after the transaction that is under way; what is done stays done."""
        self._stopped = True

    async def take(
        self, step: Step, webhook_ids: Sequence[int], *, undoing: bool = False, terms: Terms | None = None
    ) -> None:
        """Takes the step for each and says what came of it; Undo takes it back for those that it changed.

        `terms` are those on which webhooks are resumed.
        """
        if self._running:
            return
        self._running, self._stopped = True, False
        account = _Account()
        with self._tab.client:
            try:
                await self._work_off(step, webhook_ids, account, terms if step is Step.resume else None)
            except WebhookUIError as error:
                tell(error)
            finally:
                self._running = False
                self._report("", 0, 0)
            self._say(step, account, len(webhook_ids), undoing=undoing)
            await self._after()

    async def _work_off(self, step: Step, webhook_ids: Sequence[int], account: _Account, terms: Terms | None) -> None:
        begun = time.monotonic()
        for start in range(0, len(webhook_ids), bulk.AT_ONCE):
            if self._stopped:
                return
            part = webhook_ids[start : start + bulk.AT_ONCE]
            outcome = await (self._resume(part, terms, account) if terms else self._apply(part, step))
            account.changed += outcome.changed
            account.refused += outcome.refused
            account.seen += len(part)
            if time.monotonic() - begun > PATIENCE:
                self._report(DOING[step], account.seen, len(webhook_ids))

    def _report(self, words: str, done: int, total: int) -> None:
        if self._bar:
            self._bar.work(words, done, total)

    async def _apply(self, webhook_ids: Sequence[int], step: Step) -> Outcome:
        actor = await self._tab.current_actor()
        rules = self._tab.services.rules
        return await self._tab.write(bulk.apply, webhook_ids, step, rules=rules, actor=actor, now=utcnow())

    async def _resume(self, webhook_ids: Sequence[int], terms: Terms, account: _Account) -> Outcome:
        """One after the other: what each holds and is too old is cancelled first."""
        changed, refused = [], []
        for webhook_id in webhook_ids:
            try:
                if (await self._tab.read(webhooks.get, webhook_id)).paused:
                    account.dropped += (await resume_on(self._tab, webhook_id, terms))[1]
                    changed.append(webhook_id)
            except (NotFound, Conflict, Invalid) as error:
                refused.append(str(error))
        return Outcome(changed=changed, refused=refused)

    def _say(self, step: Step, account: _Account, total: int, *, undoing: bool) -> None:
        if account.refused:
            reasons = list(dict.fromkeys(account.refused))
            few, more = " ".join(reasons[:3]), len(reasons) - 3
            if more > 0:
                few = trn("{reasons} And {n} more like these.", "{reasons} And {n} more like these.", more, reasons=few)
            toasts.failed(REFUSED[step](len(account.refused)), few)
        number = len(account.changed)
        if number:
            words = DONE[step](number)
            if account.dropped:
                words = f"{words} {dropped_words(account.dropped)}"
        elif account.seen and not account.refused:
            words = ALREADY[step](total)
        else:
            return
        if self._stopped:
            rest = formats.count(total - account.seen)
            words = tr("{words} Stopped: {rest} are as they were.", words=words, rest=rest)
        changed = list(account.changed)
        undo = None if undoing or not changed else lambda: self.take(OPPOSITE[step], changed, undoing=True)
        toasts.done(words, undo)


def order_address(order: Order, webhook_ids: Sequence[int]) -> str | None:
    """Where such an order is made for these webhooks, for all if there are none; None if they are too many."""
    if len(webhook_ids) > MOST_NAMED:
        return None
    scope = [("status", "error")] if order == "redeliver" else []
    named = [("webhook_id", str(webhook_id)) for webhook_id in webhook_ids]
    return f"/redeliveries?{urlencode([('new', order), *named, *scope])}"
