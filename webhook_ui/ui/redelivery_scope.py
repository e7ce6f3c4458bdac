"""The fields that say which deliveries an order is for. They read what was entered; whether it makes sense is judged
where it is stored.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from webhook_ui.languages import mark, tr, tr_all
from webhook_ui.ui import redelivery_words
from webhook_ui.ui.context import Tab
from webhook_ui.ui.dates import DateField, MomentField
from webhook_ui.ui.fields import Faulty, Field, choice_field, text_field
from webhook_ui.ui.parts import box, prose
from webhook_ui.ui.redeliveries_address import Kind, read_moment, split_webhooks
from webhook_ui.ui.webhooks_field import WebhooksField

RANGE = "range"
WINDOWS = ("1h", "24h", "7d", "30d")


class ScopeFields:
    """`values` is what was entered, ready to be judged; `on_change` hears that something is another than before."""

    def __init__(
        self, tab: Tab, kind: Kind, scope: Mapping[str, str], offer: Mapping[str, str], on_change: Callable[[], Any]
    ) -> None:
        self._kind, self._zone, self._on_change = kind, tab.zone, on_change
        with box("div", "w-two"):
            named = split_webhooks(scope.get("webhook_id", ""))
            self._webhooks = WebhooksField(tab, offer, named, on_change)
            triggers = _triggers(tab, scope.get("trigger", ""))
            self._trigger = choice_field(
                tr("Trigger"), triggers, scope.get("trigger", ""), on_change=lambda _: on_change()
            )
            if kind == "cancel":
                status = scope.get("status", "")
                self._status = _choice(tr("Status"), STATUSES, status, on_change)
            self._class = _choice(tr("Kind of error"), CLASSES, scope.get("error_class", ""), on_change)
            self._response = text_field(
                tr("Response status"), value=scope.get("response_status", ""), placeholder=tr("Any"), max_length=3,
                on_change=lambda _: on_change(),
            )  # fmt: skip
            self._tenant = text_field(
                tr("Tenant"), value=scope.get("tenant", ""), placeholder=tr("Any"), max_length=200,
                on_change=lambda _: on_change(),
            )  # fmt: skip
            window, windows = _windows(kind, scope)
            self._window = choice_field(tr("Time of the event"), windows, window, on_change=self._choose_window)
        with box("div", "w-two") as self._range:
            self._since = self._moment(tr("From"), scope.get("from", ""), end=False)
            self._until = self._moment(tr("To"), scope.get("to", ""), end=True)
            prose(tr("By the clocks of {zone}; To is not included", zone=tab.zone.key), "w-hint w-all")
        self._range.set_visibility(window == RANGE)
        self._range.props["data-draft-part"] = "true"

    @property
    def controls(self) -> dict[str, DateField | Field]:
        """What a browser keeps of them; a range only while it is on the screen."""
        return {
            "webhooks": self._webhooks.field,
            "trigger": self._trigger,
            **({"status": self._status} if self._kind == "cancel" else {}),
            "error_class": self._class,
            "response_status": self._response,
            "tenant": self._tenant,
            "within": self._window,
            **self._since.parts("from"),
            **self._until.parts("to"),
        }

    @property
    def fields(self) -> dict[str, Faulty]:
        """By the name under which they are judged, in the order of the form."""
        return {
            self._webhooks.name: self._webhooks.field,
            "trigger": self._trigger,
            **({"status": self._status} if self._kind == "cancel" else {}),
            "error_class": self._class,
            "response_status": self._response,
            "tenant": self._tenant,
            "within": self._window,
            "from": self._since,
            "to": self._until,
        }

    def values(self) -> tuple[dict[str, Any], dict[str, str]]:
        """What was entered, and at which fields it cannot be read as what it is meant to be."""
        problems: dict[str, str] = {self._webhooks.name: self._webhooks.problem} if self._webhooks.problem else {}
        values: dict[str, Any] = {
            **self._webhooks.values,
            "trigger": self._trigger.value or None,
            "status": (self._status.value or None) if self._kind == "cancel" else "error",
            "error_class": self._class.value or None,
            "tenant": (self._tenant.value or "").strip() or None,
        }
        status = (self._response.value or "").strip()
        values["response_status"] = int(status) if status.isascii() and status.isdigit() else None
        if status and values["response_status"] is None:
            problems["response_status"] = tr("This must be an HTTP status, a number from 100 to 599.")
        window = self._window.value
        if window and window != RANGE:
            values["within"] = window
        for name, field in (("from", self._since), ("to", self._until)) if window == RANGE else ():
            try:
                values[name] = field.read()
            except ValueError as error:
                problems[name] = str(error)
        return {name: value for name, value in values.items() if value is not None}, problems

    def _moment(self, label: str, typed: str, *, end: bool) -> MomentField:
        value: datetime | None = read_moment(typed, self._zone, end=end) if typed else None
        calendar = tr("Choose the last day") if end else tr("Choose the first day")
        made = MomentField(label, value, self._zone, self._on_change, calendar=calendar)
        if typed and value is None:
            made.enter(typed)
        return made

    def _choose_window(self, window: str) -> None:
        self._range.set_visibility(window == RANGE)
        self._on_change()


STATUSES = {"": mark("All that is open"), "pending": mark("Pending"), "error": mark("Error, waits for a retry")}
CLASSES = {"": mark("Any"), **redelivery_words.ERROR_CLASSES}


def _choice(label: str, options: Mapping[str, str], value: str, on_change: Callable[[], Any]) -> Field:
    # a value that a link has and that is none of them is shown, and refused where it is judged
    options = tr_all(options)
    return choice_field(label, {**options, value: options.get(value, value)}, value, on_change=lambda _: on_change())


def _triggers(tab: Tab, chosen: str) -> dict[str, str]:
    """All, each group and each trigger that plugins offer, and what is chosen although none does any more."""
    names = list(tab.services.plugins.triggers)
    groups = {f"{name.rsplit('.', 1)[0]}.*" for name in names}
    return {"": tr("All"), **{name: name for name in sorted({*names, *groups, *([chosen] if chosen else [])})}}


def _windows(kind: Kind, scope: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Which window is chosen, and which there are to choose from."""
    given = scope.get("within", "")
    chosen = RANGE if scope.get("from") or scope.get("to") else given
    lengths = [*WINDOWS, *([given] if given and given not in WINDOWS else [])]
    options = {"": tr("Any time"), **{text: _last(text, repeated=kind == "redeliver") for text in lengths}}
    return chosen, {**options, RANGE: tr("From … to …")}


def _last(text: str, *, repeated: bool) -> str:
    length = redelivery_words.within(text)
    return tr("Last {length} before each run", length=length) if repeated else tr("Last {length}", length=length)
