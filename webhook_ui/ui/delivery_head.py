"""The top of a delivery's panel: what it is, and what can be done with it."""

from collections.abc import Callable, Sequence
from typing import Any

from nicegui import ui

from webhook_ui import curl, ids, times
from webhook_ui.history.deliveries import DeliveryRow
from webhook_ui.languages import mark, tr
from webhook_ui.ui import delivery_words, har_download, icons, toasts
from webhook_ui.ui.context import Tab
from webhook_ui.ui.controls import Action, button, more_menu
from webhook_ui.ui.panel_look import Look
from webhook_ui.ui.parts import box, foreign, link, mono, sentence, status_pill, tag, text, time_text

CANCELLING = mark(
    "Nothing more is sent by itself then. The event and its attempts stay, and Redeliver can send it again."
)


def show_title(row: DeliveryRow, retries: int, tab: Tab) -> None:
    """State, trigger, webhook; below it the event, when, and how many attempts."""
    now = times.utcnow()
    with box("h2", "w-row w-wrap w-panel-title"):
        status_pill(row.status)  # type: ignore[arg-type]  # one of three, by a CHECK of the table
        mono(row.trigger, "w-strong")
        if row.test:
            tag(tr("test"))
        with box("span", "w-row"):
            text(tr("to"), "w-muted w-plain")
            with link("", f"/webhooks/{row.webhook_id}", "w-plain"):
                foreign(row.webhook_title)
    with box("p", "w-meta"):
        event = ids.event_text(row.event_id)
        sentence(
            tr("Event {event} · fired {time} · {number} of {count} attempts").replace(
                " ·", "\u00a0·"
            ),  # no line begins so
            event=lambda: link(event, f"/events/{event}", "w-mono"),
            time=lambda: time_text(
                row.created_at, tab.zone, shown=delivery_words.short_time(row.created_at, now, tab.zone)
            ),
            number=row.tries,
            count=max(retries + 1, row.tries),
        )
        text(tr(" · round {number}", number=row.round) if row.round > 1 else "")


def cancel_words(row: DeliveryRow) -> str:
    """What the button says that calls it off."""
    return tr("Cancel retries") if row.tries else tr("Cancel delivery")


class Actions:
    """The row of buttons; `show` offers what makes sense for the delivery and its chosen attempt."""

    def __init__(self, tab: Tab, *, on_redeliver: Callable[[], Any], on_cancel: Callable[[], Any]) -> None:
        self._tab = tab
        self._shown: Look | None = None
        with box("div", "w-row w-wrap w-panel-acts") as self.element:
            self._redeliver = button(tr("Redeliver"), on_redeliver, icon=icons.REDELIVER, kind="primary")
            self._curl = button(tr("Copy as curl"), self._say_copied, icon=icons.CURL)
            self._cancel = button(tr("Cancel retries"), on_cancel, icon=icons.STOP, kind="quiet")
            self._cancel.props["title"] = tr(CANCELLING)
            self._more = more_menu(self._offer, name=tr("More about this delivery"), small=False)
            self._more.classes("w-end")

    def show(self, shown: Look) -> None:
        """Renews them."""
        self._shown = shown
        row, attempt, writes = shown.detail.row, shown.attempt, self._tab.may_write
        wanted = delivery_words.may_redeliver(row)
        self._redeliver.set_visibility(writes and (wanted or delivery_words.may_send_again(row)))
        look, other = ("w-primary", "w-plain") if wanted else ("w-plain", "w-primary")
        self._redeliver.classes(add=look, remove=other)
        self._cancel.set_visibility(writes and delivery_words.may_cancel(row))
        self._cancel.set_text(cancel_words(row))
        sent = attempt is not None and bool(attempt.request_headers)
        self._curl.set_visibility(sent)
        if attempt is not None and sent:
            command = curl.command(attempt.url, attempt.request_headers, shown.body_of(attempt))
            if self._curl.props.get("data-copy") != command:
                self._curl.props["data-copy"] = command

    def _say_copied(self) -> None:
        attempt = self._shown.attempt if self._shown else None
        if attempt is not None:
            told = curl.notes(attempt.request_headers, attempt.at, times.utcnow())
            toasts.done(" ".join([tr("The command is copied."), *told]))

    def _offer(self) -> Sequence[Action]:
        row = self._shown.detail.row if self._shown else None
        if row is None:
            return []
        event = ids.event_text(row.event_id)
        return [
            Action(
                label=tr("Download HAR"),
                icon=icons.DOWN,
                on_click=lambda: ui.download.from_url(har_download.path_of(row.id)),
            ),
            Action(
                label=tr("Copy delivery ID"),
                icon=icons.COPY,
                copy=row.id,
                on_click=lambda: toasts.done(tr("{id} is copied.", id=row.id)),
            ),
            Action(label=tr("Open event"), icon=icons.FIRE, on_click=lambda: ui.navigate.to(f"/events/{event}")),
            Action(
                label=tr("Open webhook"),
                icon=icons.WEBHOOK,
                on_click=lambda: ui.navigate.to(f"/webhooks/{row.webhook_id}"),
            ),
        ]
