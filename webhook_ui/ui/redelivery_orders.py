"""What can be done to a plan: pause, resume, cancel. Asks first where it cannot be taken back."""

from webhook_ui import redeliveries
from webhook_ui.history.redelivery_outcome import Outcome
from webhook_ui.languages import tr, trn
from webhook_ui.models import Redelivery
from webhook_ui.outbox import plans
from webhook_ui.ui import formats, icons, toasts
from webhook_ui.ui.actions import act
from webhook_ui.ui.context import Tab
from webhook_ui.ui.controls import button
from webhook_ui.ui.frames import confirm
from webhook_ui.ui.parts import box


class PlanOrders:
    """Buttons for a plan, of which those are seen that can be pressed now; none for who may not."""

    def __init__(self, tab: Tab, *, small: bool = False) -> None:
        self._tab, self._small = tab, small
        self._plan: Redelivery | None = None
        with box("div", "w-row") as self.element:
            self._pause = button(tr("Pause"), lambda: self._turn("paused"), icon=icons.PAUSE, small=small)
            self._resume = button(tr("Resume"), lambda: self._turn("running"), icon=icons.RESUME, small=small)
            self._cancel = button(tr("Cancel"), self._ask, kind="plain", small=small)

    def show(self, plan: Redelivery, outcome: Outcome | None = None) -> None:
        """What the plan is now, and what came of it."""
        if self._plan is None and self._small:  # one of several on a page: each says whose it is
            for made in (self._pause, self._resume, self._cancel):
                made.props["aria-label"] = f"{made.text} #{plan.id}"
        self._plan = plan
        writes, alive = self._tab.may_write, plan.state not in ("done", "cancelled")
        self._pause.set_visibility(writes and plan.state in ("running", "scheduled"))
        self._resume.set_visibility(writes and plan.state == "paused")
        ends = alive or takes_back(plan, outcome)
        self._cancel.set_visibility(writes and ends)
        self._cancel.set_text(tr("Cancel") if alive else tr("Cancel what is unsent"))
        self.element.set_visibility(writes and ends)

    async def _turn(self, state: str) -> None:
        if self._plan:
            await act(self._tab, redeliveries.change, self._plan.id, {"state": state})

    def _ask(self) -> None:
        plan = self._plan
        if plan is None:
            return
        with self._tab.client:
            confirm(_question(plan), _meaning(plan), action=_verb(plan), on_confirm=lambda: self._end(plan))

    async def _end(self, plan: Redelivery) -> None:
        if await act(self._tab, plans.cancel, plan.id):
            with self._tab.client:
                toasts.done(
                    tr("Redelivery #{id} is cancelled.", id=plan.id)
                    if plan.kind == "redeliver"
                    else tr("Bulk cancel #{id} is cancelled.", id=plan.id)
                )


def takes_back(plan: Redelivery, outcome: Outcome | None = None) -> bool:
    """Whether something of a plan that is done may still be called off."""
    unsent = outcome is None or outcome.unsent > 0 or not outcome.complete
    return plan.state == "done" and plan.kind == "redeliver" and plan.done > 0 and unsent


def _verb(plan: Redelivery) -> str:
    return tr("Cancel redelivery") if plan.kind == "redeliver" else tr("Stop cancelling")


def _question(plan: Redelivery) -> str:
    return (
        tr("Cancel redelivery #{id}?", id=plan.id)
        if plan.kind == "redeliver"
        else tr("Stop cancelling (#{id})?", id=plan.id)
    )


def _meaning(plan: Redelivery) -> str:
    """What it does, by how far the plan has come."""
    if plan.kind == "cancel":
        return trn(
            "{n} delivery cancelled so far stay cancelled; the rest is sent.",
            "{n} deliveries cancelled so far stay cancelled; the rest is sent.",
            plan.done,
            n=formats.count(plan.done),
        )
    if plan.started_at is None:
        return tr("It never runs. No delivery is changed.")
    again = tr(" It does not run again.") if plan.cron else ""
    reopened = tr(
        "What it has reopened and is not sent yet is cancelled. What was sent stays sent, and what had been waiting "
        "for a retry before goes on by itself."
    )
    return reopened + again
