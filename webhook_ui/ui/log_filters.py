"""The row of filters above a log. Each calls back with its name in a `LogAddress`; only titles are looked up."""

import re
from collections.abc import Callable, Iterable
from typing import Any
from zoneinfo import ZoneInfo

from nicegui import ui
from nicegui.events import GenericEventArguments
from sqlmodel import Session

from webhook_ui.history.webhooks import Order, Sort, WebhookFilter, list_webhooks
from webhook_ui.languages import mark, tr, tr_all
from webhook_ui.models import Webhook
from webhook_ui.ui import icons
from webhook_ui.ui.context import Tab
from webhook_ui.ui.controls import button
from webhook_ui.ui.fields import filter_field, name_inside
from webhook_ui.ui.kept_forms import Control, Kept
from webhook_ui.ui.log_address import CAUSES, STATUSES, LogAddress, judge, shown_moment
from webhook_ui.ui.moment_fields import MomentField
from webhook_ui.ui.parts import Text, box, symbol, text

Ask = Callable[..., Any]
OFFERED = 12
_NUMBER_AT_END = re.compile(r"#?([1-9][0-9]{0,17})\)?$")


class LogFilters:
    """Status, Trigger, Webhook (unless it is one webhook's log), Cause, Response, From, To; `show` follows the address.

    `ask(status="error")` hears each change.
    """

    def __init__(self, tab: Tab, log: LogAddress, triggers: Iterable[str], ask: Ask, *, one_webhook: bool) -> None:
        self._tab, self._log, self._ask = tab, log, ask
        self._triggers = tuple(dict.fromkeys(triggers))
        zone = tab.zone
        with box("div", "w-filters w-log-filters") as self.element:
            self.element.props["role"] = "search"
            self.element.props["aria-label"] = tr("Deliveries")
            self._status = filter_field(
                tr("Status"), tr_all(STATUSES), log.status, lambda key: self._tell("status", key)
            )
            self._webhook = None if one_webhook else WebhookField(tab, lambda number: self._tell("webhook", number))
            if one_webhook:
                self._build_trigger(log)
            self._build_moments(log)
            self._build_more()
            if not one_webhook:
                self._build_trigger(log)
            self._cause = filter_field(tr("Cause"), tr_all(CAUSES), log.cause, lambda key: self._tell("cause", key))
            self._cause.classes("w-filter-behind")
            self._response = _response_field(log.response, lambda code: self._tell("response", code))
        Kept(tab, self.element, "filters deliveries").follow(self._controls)
        self._times = shown_moment(log.first, zone), shown_moment(log.last, zone)
        self._mark(log, zone)

    @property
    def _controls(self) -> dict[str, Control]:
        webhook: dict[str, Control] = {"webhook": self._webhook.control} if self._webhook else {}
        others: dict[str, Control] = {"trigger": self._trigger, "cause": self._cause, "response": self._response}
        return {"status": self._status, **webhook, "from": self._first, "to": self._last, **others}

    def _build_trigger(self, log: LogAddress) -> None:
        self._trigger = filter_field(
            tr("Trigger"), self._offers(log.trigger), log.trigger, lambda name: self._tell("trigger", name)
        )
        self._trigger.classes("w-filter-behind w-filter-trigger" if self._webhook else "w-filter-trigger")

    def _build_moments(self, log: LogAddress) -> None:
        with box("div", "w-moments"):
            self._first = MomentField(
                tr("From"),
                shown_moment(log.first, self._zone()),
                lambda text: self._tell_time("first", text),
                calendar=tr(_FIRST),
            )
            self._last = MomentField(
                tr("To"),
                shown_moment(log.last, self._zone()),
                lambda text: self._tell_time("last", text),
                calendar=tr(_LAST),
            )

    def _build_more(self) -> None:
        """Behind it stands what has no room in one row: on a phone all but the status."""
        self._more = button(tr("More filters"), icon=icons.FILTER).classes("w-filters-more")
        self._more.props["aria-expanded"] = "false"
        self._more.on("click", js_handler=_TURN)
        self._more.on("vnodeMounted", js_handler=_OPEN_IF_SET)
        with self._more:
            self._wide, self._narrow = _Count("w-only-wide"), _Count("w-only-narrow")

    async def show(self, log: LogAddress, zone: ZoneInfo) -> None:
        """Follows the address, and explains at the times what is wrong with them."""
        before, self._log = self._log, log
        self._status.value, self._cause.value = log.status, log.cause
        if self._trigger.value != log.trigger:
            self._trigger.set_options(self._offers(log.trigger), value=log.trigger)
        if before.response != log.response or not log.narrowed:
            self._response.value = log.response
        if self._webhook:
            await self._webhook.show(log.webhook)
        if self._log != log:
            return  # what was asked for meanwhile is shown by who asked
        times = shown_moment(log.first, zone), shown_moment(log.last, zone)
        for field, shown, known in zip((self._first, self._last), times, self._times, strict=True):
            if shown != known or not log.narrowed:  # what is being typed into the one while the other is followed stays
                field.enter(shown)
        self._times = times
        self._mark(log, zone)

    def _tell(self, name: str, value: str) -> Any:
        # what only follows the address is no news
        return None if getattr(self._log, name) == value else self._ask(**{name: value})

    def _tell_time(self, name: str, typed: str) -> Any:
        if typed == shown_moment(getattr(self._log, name), self._zone()):
            return None
        return self._ask(**{name: typed.replace(" ", "T"), "tz": self._zone().key if typed else self._log.tz})

    def _zone(self) -> ZoneInfo:
        return self._tab.zone

    def _offers(self, chosen: str) -> dict[str, str]:
        names = [*self._triggers, *([chosen] if chosen and chosen not in self._triggers else [])]
        return {"": tr("All"), **{name: name for name in names}}

    def _mark(self, log: LogAddress, zone: ZoneInfo) -> None:
        hidden = [log.cause, log.response, *([log.trigger] if self._webhook else [])]
        others = [log.webhook, log.first, log.last, *([] if self._webhook else [log.trigger])]
        self._wide.count(sum(map(bool, hidden)))
        self._narrow.count(sum(map(bool, [*hidden, *others])))
        self._response.classes(add="w-set" if log.response else "", remove="" if log.response else "w-set")
        judged = judge(log, zone)
        self._first.show_error(judged.first_problem)
        self._last.show_error(judged.last_problem)


class _Count:
    """How many of the filters behind the button are set: on wide screens others are there than on narrow ones."""

    def __init__(self, width: str) -> None:
        self._text = text("", f"w-filters-count {width}")

    def count(self, number: int) -> None:
        self._text.set_text(f"({number})" if number else "")
        self._text.classes(add="w-some" if number else "", remove="" if number else "w-some")


class WebhookField:
    """One webhook of many: its number, or words of its title or URL, with suggestions while one types."""

    def __init__(self, tab: Tab, on_change: Callable[[str], Any]) -> None:
        self._tab, self._on_change = tab, on_change
        self._shown = ""
        self.title = ""
        self.control = ui.input(placeholder=tr("All")).classes("w-filter w-filter-webhook")
        self._offers = box("datalist")
        self._offers.props["id"] = f"{self.control.html_id}-datalist"  # the one the framework's input asks for
        props = self.control.props
        name_inside(self.control, tr("Webhook"))
        props["maxlength"] = 200
        props["debounce"] = 250
        props["autocomplete"] = "off"
        props["clearable"] = True
        props["clear-icon"] = icons.CLOSE
        self.control.on_value_change(lambda event: self._typed(event.value or ""))
        for leaving in ("blur", "keydown.enter"):  # what stands there now, whatever is still on its way
            self.control.on(leaving, self._finish, js_handler="event => emit(event.target.value ?? '')")

    async def show(self, number: str) -> None:
        """Shows the webhook with this number, or none."""
        if number == self._shown:
            return
        self._shown, self.title = number, ""
        if number:
            title = await self._tab.read(_with_number, int(number))
            if self._shown != number:
                return  # another one was asked for meanwhile
            self.title = title
        self.control.value = f"{self.title} (#{number})" if self.title else f"#{number}" if number else ""
        self.control.classes(add="w-set" if number else "", remove="" if number else "w-set")

    async def _typed(self, typed: str) -> None:
        number = _NUMBER_AT_END.search(typed)
        if not typed.strip():
            self._take("")
        elif typed.endswith(")") and number:  # one of the suggestions
            self._take(number[1])
        else:
            await self._offer(typed)

    async def _finish(self, event: GenericEventArguments) -> None:
        """Takes a number as it stands, and words where they mean only one."""
        typed = str(event.args or "").strip()
        number = _NUMBER_AT_END.fullmatch(typed) or (_NUMBER_AT_END.search(typed) if typed.endswith(")") else None)
        if not typed or number:
            self._take(number[1] if number else "")
            return
        found = await self._offer(typed)
        if len(found) == 1:
            self._take(str(found[0][0]))

    async def _offer(self, typed: str) -> list[tuple[int, str]]:
        found = await self._tab.read(_with_words, typed)
        self._offers.clear()
        with self._offers:
            for number, title in found:
                Text("option", "").props["value"] = f"{title} (#{number})"
        return found

    def _take(self, number: str) -> None:
        if number != self._shown:
            self._on_change(number)


def _with_words(session: Session, typed: str) -> list[tuple[int, str]]:
    page = list_webhooks(session, WebhookFilter(q=typed), sort=Sort.updated, order=Order.desc, limit=OFFERED)
    return [(row.id, row.webhook.title) for row in page.rows]


def _with_number(session: Session, number: int) -> str:
    webhook = session.get(Webhook, number)
    return webhook.title if webhook else ""


def _response_field(value: str, on_change: Callable[[str], Any]) -> ui.input:
    made = ui.input(value=value, placeholder=tr("All")).classes("w-filter w-filter-response")
    name_inside(made, tr("Response"))
    for name, setting in (
        ("maxlength", 3),
        ("inputmode", "numeric"),
        ("autocomplete", "off"),
        ("clearable", True),
        ("clear-icon", icons.CLOSE),
    ):
        made.props[name] = setting

    message = box("div", "w-error w-response-problem")
    message.set_visibility(False)

    def say(typed: str) -> None:
        code = (typed or "").strip()
        wrong = bool(code) and not _is_response(code)
        message.clear()
        message.set_visibility(wrong)
        made.classes(add="w-bad" if wrong else "", remove="" if wrong else "w-bad")
        made.props["aria-invalid"] = "true" if wrong else "false"
        made.props["aria-describedby"] = message.html_id if wrong else ""
        if wrong:
            with message:
                symbol(icons.ERROR)
                text(tr("A response is a number from 100 to 599: {typed} is none, so it is left out.", typed=code))

    def heard(typed: str) -> Any:
        code = typed.strip()
        if code and not _is_response(code):
            return None  # it may be the beginning of one: it is judged once the field is left
        say(code)
        return on_change(code)

    made.on_value_change(lambda event: heard(event.value or ""))
    for leaving in ("blur", "keydown.enter"):
        made.on(leaving, lambda: say(made.value))
    return made


def _is_response(code: str) -> bool:
    return len(code) == 3 and code.isascii() and code.isdigit() and "100" <= code <= "599"


_TURN = """event => {
  const more = event.target.closest("button");
  more.setAttribute("aria-expanded", more.getAttribute("aria-expanded") !== "true");
}"""
# a page that is loaded with some of them set shows them: which are behind the button is known where it is seen
_OPEN_IF_SET = """vnode => {
  const some = [...vnode.el.querySelectorAll(".w-filters-count.w-some")].some((one) => one.checkVisibility());
  if (some) vnode.el.setAttribute("aria-expanded", "true");
}"""
_FIRST, _LAST = mark("Choose the first day"), mark("Choose the last day")
