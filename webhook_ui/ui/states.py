"""What stands beside or instead of a list: notices, first steps, nothing found, skeletons. No data access."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from nicegui import ui

from webhook_ui.languages import tr
from webhook_ui.ui import icons
from webhook_ui.ui.controls import clear_button
from webhook_ui.ui.parts import box, foreign, prose, symbol, text


@contextmanager
def notice(
    title: str,
    detail: str = "",
    *,
    kind: Literal["error", "pending", "info"] = "error",
    role: str = "status",
    act: Callable[[], object] | None = None,
) -> Iterator[ui.element]:
    """State, cause, next step; what is built inside the `with` (an action), or by `act`, stands at the right.

    One a page. It gives the place of the words, for what is more than a sentence.
    """
    icon = {"error": icons.ERROR, "pending": icons.PAUSED, "info": icons.PENDING}[kind]
    with box("section", f"w-note w-note-{kind}") as section:
        section.props["role"] = role
        symbol(icon)
        with box("div", "w-note-text") as body:
            text(title, "w-note-title", tag="p")
            if detail:
                prose(detail)
        with box("div", "w-note-acts"):
            if act:
                act()
            yield body


@dataclass(frozen=True, kw_only=True)
class Step:
    """One numbered step of an empty state; `build` adds its button or command."""

    title: str
    detail: str
    build: Callable[[], object] | None = None


def empty_state(title: str, detail: str, steps: Sequence[Step], foot: str = "") -> ui.element:
    """What to do first, in a column of 640 px."""
    with box("section", "w-empty") as section:
        text(title, "w-title", tag="h2")
        prose(detail, "w-second")
        with box("ol"):
            for number, step in enumerate(steps, start=1):
                with box("li"):
                    text(str(number), "w-empty-number").props["aria-hidden"] = "true"
                    with box("div", "w-grow"):
                        text(step.title, tag="h3")
                        prose(step.detail, "w-second")
                        if step.build:
                            with box("div", "w-empty-act"):
                                step.build()
        if foot:
            prose(foot, "w-meta")
    return section


def nothing_found(title: str, detail: str, on_clear: Callable[[], object]) -> ui.element:
    """The filters in words, what would be there without them, and the way out."""
    with box("section", "w-box w-nothing") as section:
        foreign(title, "w-medium", cut=False)
        prose(detail, "w-muted")
        clear_button(tr("Clear filters"), on_clear)
    return section


_BONES = "".join(f'<span class="w-sk w-sk-{part}"></span>' for part in ("title", "url", "spark", "last", "foot"))


def skeleton_card() -> ui.element:
    """The final geometry of a card while it is loaded; show it after 200 ms only."""
    card = ui.html(_BONES, sanitize=False).classes("w-card w-skeleton")
    card.props["aria-busy"] = "true"
    return card


def say_restored(words: str = "") -> None:
    """Above a form that was open when the page had to be loaded anew."""
    words = words or tr("What you had typed is back.")
    with notice(tr("The page was loaded anew"), words, kind="info"):
        pass
