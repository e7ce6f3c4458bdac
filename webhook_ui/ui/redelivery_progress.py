"""How far a plan's run has come: a bar with its figures, renewed in place, and the same for a run that is over."""

from zoneinfo import ZoneInfo

from webhook_ui import times
from webhook_ui.history.redelivery_outcome import Outcome
from webhook_ui.languages import tr
from webhook_ui.models import Redelivery
from webhook_ui.outbox.left import Left
from webhook_ui.ui import redelivery_words
from webhook_ui.ui.parts import Part, box, link, text


class Progress:
    """The bar of one plan."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        with box("div", "w-progress") as self.element:
            with box("div", "w-progress-track", label=tr("Progress")) as self._track:
                self._bar = box("div", "w-progress-bar")
            with box("div", "w-row w-wrap w-progress-line"):
                self._done = text("", "w-strong")
                self._outcome = Part(box("span", "w-holder"), _show_outcome)
                self._pace = text("", "w-muted")
                self._held = text("", "w-pending-ink")
                self._end = text("", "w-end")
        self._track.props["role"] = "progressbar"
        self._track.props["aria-valuemin"] = "0"
        self._track.props["aria-valuemax"] = "100"

    def show(self, plan: Redelivery, waiting: Left, outcome: Outcome | None = None) -> None:
        """What it is now, what keeps it waiting, and what came of what it has had sent."""
        told = redelivery_words.came_to(outcome) if outcome else ""
        self._outcome.show(
            told, redelivery_words.outcome_path(plan, outcome) if outcome else "", bool(outcome and outcome.failed)
        )
        lost = redelivery_words.status_of(plan, outcome) in ("all_failed", "some_failed")
        self._bar.classes(add="w-progress-failed" if lost else "", remove="" if lost else "w-progress-failed")
        whole = max(plan.matched, plan.done, 1)
        share = 100 * plan.done / whole
        goes_on = plan.upper_bound is not None
        self._track.props["aria-valuenow"] = f"{share:.0f}"
        self._track.props["aria-valuetext"] = redelivery_words.done(plan)
        self._bar.style(f"width: {share:.1f}%")
        self._bar.classes(
            add="w-progress-cancel" if plan.kind == "cancel" else "",
            remove="" if plan.kind == "cancel" else "w-progress-cancel",
        )
        self._done.set_text(redelivery_words.done(plan))
        self._pace.set_text(redelivery_words.pace(plan.rate) if goes_on and plan.kind == "redeliver" else "")
        self._held.set_text(redelivery_words.held(waiting) if goes_on else "")
        self._end.set_text(redelivery_words.ending(plan, waiting, times.utcnow(), self._zone) if goes_on else "")


def _show_outcome(words: str, path: str, failed: bool) -> None:
    if words:
        link(words, path, "w-error-ink" if failed else "")
