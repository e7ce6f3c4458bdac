"""One webhook as a card. Takes values that are ready to show; reads nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from nicegui import ui

from webhook_ui.ui import formats
from webhook_ui.ui.charts import sparkline
from webhook_ui.ui.controls import Action, more_menu
from webhook_ui.ui.parts import Status, box, link, mono, status_pill, text, time_text


@dataclass(frozen=True, kw_only=True)
class CardFace:
    """What a card says. `when` is a moment with the words before it ("retry ")."""

    title: str
    url: str
    path: str
    state: Literal["enabled", "disabled", "paused"]
    triggers: list[str]
    created_at: datetime
    sent: Sequence[int]
    errors: Sequence[int]
    result: Status = "none"
    result_text: str = ""
    when: tuple[str, datetime] | None = None
    when_text: str = ""


def cards(name: str = "Webhooks") -> ui.element:
    """The grid that cards stand in: one column below 600 px, then as many as fit."""
    grid = box("div", "w-cards", label=name)
    grid.props["role"] = "region"
    return grid


def webhook_card(
    face: CardFace,
    *,
    now: datetime,
    zone: ZoneInfo,
    actions: Sequence[Action] = (),
    extra: Callable[[], Any] | None = None,
) -> ui.element:
    """`extra` builds what stands at the right of the last result instead of a time (Send test)."""
    with box("article", "w-card" if face.state == "enabled" else "w-card w-card-off") as card:
        with box("div", "w-card-top"):
            title = link("", face.path, "w-card-title w-cut")
            title.props["dir"] = "auto"
            title.props["title"] = face.title
            with title:
                text(face.title, tag="bdi")
            with box("span", "w-row w-end"):
                status_pill(face.state)
                if actions:
                    more_menu(actions)
        mono(face.url, "w-card-url", cut=True)
        _numbers(face)
        _last(face, now, zone, extra)
        with box("div", "w-card-foot"):
            text(formats.listed(face.triggers), "w-cut").props["title"] = ", ".join(face.triggers)
            with box("span", "w-end w-nowrap"):
                text("Created ")
                time_text(face.created_at, zone, shown=formats.day_and_time(face.created_at, now, zone))
    return card


def _numbers(face: CardFace) -> None:
    sent, errors = sum(face.sent), sum(face.errors)
    bad = errors > 0 and sent < errors * 20  # less than 95 of 100 arrive
    with box("div", "w-card-numbers"):
        sparkline(face.sent, face.errors)
        with box("div", "w-card-rate"):
            text(formats.success(sent, errors), "w-error-ink" if bad else "", tag="strong")
            note = (
                formats.counted(errors, "error") if errors else f"{formats.count(sent)} sent" if sent else "last 24 h"
            )
            text(note, "w-meta w-nowrap")


def _last(face: CardFace, now: datetime, zone: ZoneInfo, extra: Callable[[], Any] | None) -> None:
    with box("div", "w-card-last"):
        status_pill(face.result)
        if face.result_text:
            look = "w-error-ink w-medium" if face.result == "error" else "w-second"
            text(face.result_text, f"w-cut {look}").props["title"] = face.result_text
        with box("span", "w-end w-nowrap w-muted"):
            if extra:
                extra()
            elif face.when:
                time_text(face.when[1], zone, now=now, prefix=face.when[0])
            elif face.when_text:
                text(face.when_text)
