"""The part of a webhook's form that most leave closed: description, headers, filter, tenant, order, rate, retries."""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from nicegui import ui

from webhook_ui import letters
from webhook_ui.languages import mark, tr
from webhook_ui.models import Webhook
from webhook_ui.ui import icons, plugin_texts
from webhook_ui.ui.controls import button, icon_button
from webhook_ui.ui.fields import Faulty, area_field, choice_field, switch, text_field
from webhook_ui.ui.parts import Part, box, focus, prose, symbol, text
from webhook_ui.ui.schedule_view import in_words, schedule_strip
from webhook_ui.webhook_fields import MAX_RETRIES

NEVER = "never"
_STANDARD = {letters.STANDARD: mark("Shared secret (Standard Webhooks v1)")}
_UNITS = {"": 1, "s": 1, "min": 60, "m": 60, "h": 3600, "d": 86400}
_WAIT = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)\s*(s|min|m|h|d|)", re.ASCII)


class MoreFields:
    """A button that opens them, and the fields. `values` is what was entered, ready to be stored."""

    def __init__(
        self,
        webhook: Webhook | None,
        *,
        longest_timeout: float,
        usual_timeout: float,
        usual_schedule: Sequence[float],
        signers: Mapping[str, str] = _STANDARD,
    ) -> None:
        """`signers` has the title of each way to sign, by name."""
        self._signer = webhook.signer if webhook else letters.STANDARD
        self._opener = button(
            tr("More: headers, filter, tenant, timeout, retries"), self._toggle, icon=icons.NEXT, kind="quiet"
        )
        self._opener.classes("w-disclose")
        with box("div", "w-form") as self._box:
            self.description = area_field(
                tr("Description"), value=webhook.description if webhook else "", rows=2, hint=tr("For your colleagues")
            )
            self.headers = HeaderRows(webhook.headers if webhook else {})
            self.filter = area_field(
                tr("Filter"),
                value=(webhook.filter or "") if webhook else "",
                rows=2,
                code=True,
                hint=tr(
                    "Only events for which this is true, such as `data.plan == 'pro'`; empty: all. On the tab Settings "
                    "of the webhook it can be tried on recent events"
                ),
            )
            self.tenant = text_field(
                tr("Tenant"),
                value=(webhook.tenant or "") if webhook else "",
                hint=tr("Events of other tenants never go to it; empty: events of all tenants do"),
                max_length=200,
            )
            self.ordered = switch(
                tr("Ordered"),
                webhook.ordered if webhook else False,
                detail=tr("One event at a time, first in, first out"),
            )
            self.rate_limit = text_field(
                tr("Rate limit"),
                value=write_rate(webhook.rate_limit if webhook else None),
                note=tr("a second"),
                hint=tr("So many deliveries a second at the most, over all dispatchers; empty: no limit"),
            )
            self.timeout = text_field(
                tr("Timeout"),
                value=f"{webhook.timeout:g}" if webhook and webhook.timeout is not None else "",
                note=tr("seconds"),
                hint=tr(
                    "How long the receiver may take to answer, 1 to {most}; empty: {usual}",
                    most=format(longest_timeout, "g"),
                    usual=format(usual_timeout, "g"),
                ),
            )
            self.retry_schedule = text_field(
                tr("Retry schedule"),
                value=write_schedule(webhook.retry_schedule if webhook else None),
                placeholder="5 s, 5 min, 30 min, 2 h",
                hint=tr(
                    "Waits after each failed attempt; empty: as the server is set, `{never}`: no second attempt",
                    never=NEVER,
                ),
                on_change=self._preview,
            )
            self._usual_schedule = usual_schedule
            self._attempts = Part(box("div", "w-preview w-preview-waits"), _show_attempts)
            self._preview(self.retry_schedule.value)
            missing = (
                {}
                if self._signer in signers
                else {self._signer: tr("{name} (its plugin is missing)", name=self._signer)}
            )
            self.signer = choice_field(tr("Signature"), {**_in_words(signers), **missing}, self._signer)
        self.open(False)
        self.open_if_used()

    @property
    def fields(self) -> dict[str, Faulty]:
        """By the name under which they are stored, in the order of the form."""
        return {
            "description": self.description,
            "headers": self.headers,
            "filter": self.filter,
            "tenant": self.tenant,
            "rate_limit": self.rate_limit,
            "timeout": self.timeout,
            "retry_schedule": self.retry_schedule,
            "signer": self.signer,
        }

    def values(self) -> tuple[dict[str, Any], dict[str, str]]:
        """What was entered, and at which fields it cannot be read as what it is meant to be."""
        values: dict[str, Any] = {
            "description": self.description.value or "",
            "filter": (self.filter.value or "").strip() or None,
            "tenant": (self.tenant.value or "").strip() or None,
            "ordered": bool(self.ordered.value),
        }
        if self.signer.value != self._signer:  # one whose plugin is missing stays as it is
            values["signer"] = self.signer.value
        problems: dict[str, str] = {}
        for name, read in (
            ("headers", self.headers.read),
            ("rate_limit", lambda: read_rate(self.rate_limit.value or "")),
            ("timeout", lambda: read_timeout(self.timeout.value or "")),
            ("retry_schedule", lambda: read_schedule(self.retry_schedule.value or "")),
        ):
            try:
                values[name] = read()
            except ValueError as error:
                problems[name] = str(error)
        return values, problems

    def open_if_used(self) -> None:
        """Shows them where one of them is not as usual."""
        texts = (self.description, self.filter, self.tenant, self.rate_limit, self.timeout, self.retry_schedule)
        signed = self.signer.value != letters.STANDARD
        if any(field.value for field in texts) or self.headers.values or self.ordered.value or signed:
            self.open(True)

    def open(self, opened: bool) -> None:
        self._box.set_visibility(opened)
        self._opener.props["aria-expanded"] = "true" if opened else "false"

    def _preview(self, typed: str | None) -> None:
        """When attempts would fall; while it cannot be read, what was shown last stays."""
        try:
            waits = read_schedule(typed or "")
        except ValueError:
            return
        if waits is None or len(waits) <= MAX_RETRIES:
            self._attempts.show(tuple(self._usual_schedule if waits is None else waits), waits is None)

    def _toggle(self) -> None:
        self.open(self._opener.props["aria-expanded"] != "true")


def _in_words(signers: Mapping[str, str]) -> dict[str, str]:
    return {name: plugin_texts.said(title) for name, title in signers.items()}


def _show_attempts(schedule: Sequence[float], usual: bool) -> None:
    words = in_words(schedule)
    if usual:
        words = tr("{schedule}, as the server is set or the trigger says", schedule=words)
    text(words, "w-meta", tag="p")
    schedule_strip(schedule)


class HeaderRows:
    """Names and values that every delivery carries."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self.label = tr("Headers")
        self._rows: list[tuple[ui.element, ui.input, ui.input]] = []
        self._error: str | None = None
        with box("div", "w-field", label=tr("Headers")) as self.element:
            self.element.props["role"] = "group"
            text(tr("Headers"), "w-label")
            self._list = box("div", "w-header-rows")
            with box("div"):
                self._adder = button(tr("Add header"), self._add_new, icon=icons.ADD, kind="quiet", small=True)
            prose(tr("Sent with every delivery; what signs a delivery cannot be replaced"), "w-hint")
            self._message = box("div", "w-error")
        self._message.set_visibility(False)
        for name, value in headers.items():
            self._add(name, value)

    @property
    def values(self) -> Sequence[tuple[str, str]]:
        """Names and values of the rows in which something stands."""
        rows = [((name.value or "").strip(), (value.value or "").strip()) for _, name, value in self._rows]
        return [row for row in rows if any(row)]

    @property
    def error(self) -> str | None:
        return self._error

    @error.setter
    def error(self, message: str | None) -> None:
        self._error = message
        self._message.clear()
        self._message.set_visibility(message is not None)
        if message:
            with self._message:
                symbol(icons.ERROR)
                prose(message, tag="span")
        for _, name, _ in self._rows:
            name.props.set_optional("aria-invalid", "true" if message else None)
            name.props.set_optional("aria-describedby", self._message.html_id if message else None)

    def focus(self) -> None:
        if self._rows:
            self._rows[0][1].run_method("focus")

    def read(self) -> dict[str, str]:
        """Raises ValueError for a name that stands there twice, which a mapping would swallow."""
        seen: set[str] = set()
        for name, _ in self.values:
            if name.lower() in seen:
                raise ValueError(tr("The header {name} is given twice.", name=name))
            seen.add(name.lower())
        return dict(self.values)

    def _add(self, name: str = "", value: str = "", *, with_focus: bool = False) -> None:
        number = len(self._rows) + 1
        with self._list, box("div", "w-row w-header-row") as row:
            first = self._input(tr("Name"), name, tr("Header {n} name", n=number))
            second = self._input(tr("Value"), value, tr("Header {n} value", n=number))
            icon_button(icons.CLOSE, tr("Remove header {n}", n=number), partial(self._remove, row), small=False)
        # as one types on; with Ctrl the form is saved
        first.on("keydown.enter.exact", js_handler=f"() => getHtmlElement({second.id}).focus()")
        second.on("keydown.enter.exact", lambda _: self._go_on(row))
        self._rows.append((row, first, second))
        if with_focus:  # from its first moment on: a word of it that comes later finds somebody typing elsewhere
            first.props["autofocus"] = True

    def _input(self, placeholder: str, value: str, name: str) -> ui.input:
        made = ui.input(value=value, placeholder=placeholder).classes("w-code-input w-grow")
        made.props["aria-label"] = name
        made.props["dir"] = "ltr"
        made.props["autocomplete"] = "off"
        made.props["spellcheck"] = "false"
        made.on_value_change(lambda _: self._clear())
        return made

    def _clear(self) -> None:
        if self._error:
            self.error = None

    def _add_new(self) -> None:
        self._add(with_focus=True)

    def _place(self, row: ui.element) -> int:
        return [one for one, _, _ in self._rows].index(row)

    def _go_on(self, row: ui.element) -> None:
        following = self._rows[self._place(row) + 1 :]
        if following:
            following[0][1].run_method("focus")
        else:
            self._add_new()

    def _remove(self, row: ui.element) -> None:
        place = self._place(row)
        del self._rows[place]
        row.delete()
        self._clear()
        if self._rows:
            self._rows[min(place, len(self._rows) - 1)][1].run_method("focus")
        else:
            focus(self._adder)


def read_rate(typed: str) -> float | None:
    """Deliveries a second, None for an empty field. Raises ValueError."""
    rate = typed.strip().removesuffix("/s").strip()
    if not rate:
        return None
    if not re.fullmatch(r"\d{1,9}(\.\d{1,6})?", rate, re.ASCII):
        raise ValueError(tr("Write the rate limit as a number of deliveries a second, for example 5 or 0.5."))
    return float(rate)


def write_rate(rate: float | None) -> str:
    """'0.5', as `read_rate` reads it again: never with an exponent."""
    return "" if rate is None else f"{rate:.6f}".rstrip("0").rstrip(".")


def read_timeout(typed: str) -> float | None:
    """Seconds, None for an empty field. Raises ValueError."""
    seconds = typed.strip().removesuffix("s").strip()
    if not seconds:
        return None
    if not re.fullmatch(r"\d{1,9}(\.\d{1,6})?", seconds, re.ASCII):
        raise ValueError(tr("Write the timeout as a number of seconds, for example 15."))
    return float(seconds)


def read_schedule(typed: str) -> list[float] | None:
    """Seconds of each wait, None for an empty field, none at all for `never`. Raises ValueError."""
    typed = typed.strip().lower()
    if not typed:
        return None
    if typed == NEVER:
        return []
    waits = []
    for part in typed.split(","):
        match = _WAIT.fullmatch(part.strip())
        if match is None:
            raise ValueError(
                tr(
                    "`{typed}` is no length of time. Separate them by commas, for example 5 s, 5 min, 2 h.",
                    typed=part.strip()[:40],
                )
            )
        waits.append(float(match[1]) * _UNITS[match[2]])
    return waits


def write_schedule(waits: Sequence[float] | None) -> str:
    """'5 s, 5 min, 2 h', as `read_schedule` reads it again."""
    if waits is None:
        return ""
    return ", ".join(_wait(seconds) for seconds in waits) or NEVER


def _wait(seconds: float) -> str:
    for unit in ("d", "h", "min"):
        if seconds and seconds % _UNITS[unit] == 0:
            return f"{seconds // _UNITS[unit]:.0f} {unit}"
    # never with an exponent, which would not be read again
    return f"{seconds:.6f}".rstrip("0").rstrip(".") + " s"
