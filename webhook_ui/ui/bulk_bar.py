"""The bar that stands in place of the result line while webhooks are selected. It calls back; it changes nothing."""

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

from webhook_ui.bulk import Step
from webhook_ui.languages import mark, tr, trn
from webhook_ui.ui import formats, icons
from webhook_ui.ui.controls import button, icon_button
from webhook_ui.ui.parts import box, text

Order = Literal["redeliver", "cancel"]
STEPS = (
    (Step.pause, mark("Pause"), icons.PAUSE),
    (Step.resume, mark("Resume"), icons.RESUME),
    (Step.enable, mark("Enable"), icons.ENABLED),
    (Step.disable, mark("Disable"), icons.DISABLED),
)


class BulkBar:
    """`on_step` hears what is to be done to each, `on_order` what with their deliveries."""

    def __init__(
        self,
        *,
        on_step: Callable[[Step], Any],
        on_order: Callable[[Order], Any],
        on_everything: Callable[[], Any],
        on_clear: Callable[[], Any],
        on_stop: Callable[[], Any],
    ) -> None:
        with box("div", "w-bulk", label=tr("Selected webhooks")) as self.element:
            self.element.props["role"] = "toolbar"
            self._count = text("", "w-medium w-nowrap")
            self._count.props["role"] = "status"
            self._everything = button("", on_everything, kind="quiet", small=True).classes("w-bulk-all")
            with box("div", "w-row w-bulk-acts") as self._acts:
                _action(tr("Redeliver failed"), partial(on_order, "redeliver"), icons.REDELIVER)
                for step, label, icon in STEPS:
                    _action(tr(label), partial(on_step, step), icon)
                _action(tr("Cancel unsent"), partial(on_order, "cancel"), icons.STOP)
                button(tr("Delete"), partial(on_step, Step.delete), icon=icons.DELETE, kind="danger", small=True)
            with box("div", "w-row w-bulk-work") as self._work:
                self._progress = box("progress", "w-bulk-progress", label=tr("Progress"))
                self._stop = button(tr("Stop"), on_stop, icon=icons.CLOSE, kind="quiet", small=True)
            self._clear = icon_button(icons.CLOSE, tr("Clear selection"), on_clear).classes("w-end")
        self._busy = ""
        self.work("", 0, 0)

    def show(self, chosen: int, total: int, *, everything: bool) -> None:
        """How many are selected, of `total` that the filters leave."""
        self.element.set_visibility(chosen > 0 or bool(self._busy))
        if self._busy:
            return
        all_of_them = everything or chosen == total
        self._count.set_text(
            trn("All {n} selected", "All {n} selected", total)
            if everything
            else trn("{n} selected", "{n} selected", chosen)
        )
        self._everything.set_text(trn("Select all {n}", "Select all {n}", total))
        self._everything.set_visibility(not all_of_them)

    def work(self, words: str, done: int, total: int) -> None:
        """Shows how far something that takes longer has come (`DOING`); nothing is under way without words."""
        self._busy = words
        self._acts.set_visibility(not words)
        self._clear.set_visibility(not words)
        self._work.set_visibility(bool(words))
        if words:
            self._everything.set_visibility(False)
            self._count.set_text(tr(words, done=formats.count(done), total=formats.count(total)))
            self._progress.props["max"] = str(total)
            self._progress.props["value"] = str(done)


def _action(label: str, on_click: Callable[[], Any], icon: str) -> None:
    button(label, on_click, icon=icon, kind="quiet", small=True)
