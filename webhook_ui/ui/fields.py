"""Fields: label above, error below with its icon, both tied to the real input. They check nothing but their format."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from nicegui import ui

from webhook_ui.languages import tr, trn
from webhook_ui.ui import icons
from webhook_ui.ui.controls import icon_button
from webhook_ui.ui.parts import box, prose, sentence, symbol, text

NEVER_KEPT = "data-never-kept"  # marks a field that `static/drafts.js` never looks into


class Faulty(Protocol):
    """What a form's summary can name and jump to."""

    label: str

    @property
    def error(self) -> str | None: ...

    @error.setter
    def error(self, message: str | None) -> None: ...

    def focus(self) -> None: ...


class Field:
    """One labelled control. `error` shows under it and is tied to it; typing takes the error away again."""

    def __init__(
        self,
        label: str,
        build: Callable[[], ui.input | ui.textarea | ui.select],
        *,
        hint: str = "",
        note: str = "",
        on_change: Callable[[Any], Any] | None = None,
    ) -> None:
        self.label = label
        self._error: str | None = None
        self._on_change = on_change
        with box("div", "w-field") as self.element:
            with box("label", "w-label") as caption:
                text(label)
                if note:
                    text(note, "w-label-note")
            self.control = build()
            self._hint = box("div", "w-hint")
            self._message = box("div", "w-error")
        self._message.set_visibility(False)
        self._hint_text = ""
        # another id than that of the whole component: two with the same one leave a select without its name
        caption.props["for"] = self.control.props["for"] = f"{self.control.html_id}-field"
        self.control.props["aria-label"] = label
        self.control.on_value_change(lambda event: self._changed(event.value))
        self.hint = hint

    @property
    def hint(self) -> str:
        return self._hint_text

    @hint.setter
    def hint(self, hint: str) -> None:
        self._hint_text = hint
        self._hint.clear()
        self._hint.set_visibility(bool(hint) and not self._error)
        if hint:
            with self._hint:
                prose(hint)
        self._describe()

    @property
    def value(self) -> Any:
        return self.control.value

    @value.setter
    def value(self, value: Any) -> None:
        self.control.value = value

    @property
    def error(self) -> str | None:
        return self._error

    @error.setter
    def error(self, message: str | None) -> None:
        if message == self._error:
            return
        self._error = message
        self._message.clear()
        self._message.set_visibility(message is not None)
        self._hint.set_visibility(bool(self._hint_text) and not message)  # one thing at a time
        if message:
            with self._message:
                symbol(icons.ERROR)
                prose(message, tag="span")
        self.element.classes(add="w-bad" if message else "", remove="" if message else "w-bad")
        self._describe()

    def focus(self) -> None:
        self.control.run_method("focus")

    def never_keep(self) -> None:
        """For a secret: no browser stores what is typed into it (`kept_forms.py`)."""
        self.element.props[NEVER_KEPT] = "true"

    def _changed(self, value: Any) -> Any:
        self.error = None
        return self._on_change(value) if self._on_change else None

    def _describe(self) -> None:
        told = self._message if self._error else self._hint if self._hint_text else None
        props: dict[str, str | None] = {
            "aria-describedby": told.html_id if told else None,
            "aria-invalid": "true" if self._error else None,
        }
        for name, value in props.items():
            if value is None:
                self.control.props.pop(name, None)
            else:
                self.control.props[name] = value


def text_field(
    label: str,
    *,
    value: str = "",
    hint: str = "",
    note: str = "",
    placeholder: str = "",
    code: bool = False,
    kind: str = "text",
    autocomplete: str = "off",
    max_length: int | None = None,
    on_change: Callable[[str], Any] | None = None,
    on_enter: Callable[[], Any] | None = None,
) -> Field:
    """One line of text; `code` for URLs and ids, `kind` is the input's type (`email`, `number`, `url`)."""

    def build() -> ui.input:
        made = ui.input(value=value, placeholder=placeholder or None)
        made.props["type"] = kind
        made.props["autocomplete"] = autocomplete
        made.props["spellcheck"] = "false"
        if code:
            made.classes("w-code-input").props["dir"] = "ltr"
        else:
            made.props["dir"] = "auto"
        if max_length:
            made.props["maxlength"] = max_length
        if on_enter:
            made.on("keydown.enter", lambda _: on_enter())
        return made

    return Field(label, build, hint=hint, note=note, on_change=on_change)


def password_field(
    label: str = "",
    *,
    hint: str = "",
    autocomplete: str = "current-password",
    on_enter: Callable[[], Any] | None = None,
) -> Field:
    """A password with a button that shows it."""
    field = text_field(
        label or tr("Password"), kind="password", autocomplete=autocomplete, hint=hint, on_enter=on_enter
    )
    field.never_keep()

    def toggle() -> None:
        shown = field.control.props["type"] == "text"
        field.control.props["type"] = "password" if shown else "text"
        eye.props["aria-pressed"] = "false" if shown else "true"

    with field.control.add_slot("append"):
        eye = icon_button(icons.SHOW, tr("Show it"), toggle)
        eye.props["aria-pressed"] = "false"
    return field


def area_field(
    label: str,
    *,
    value: str = "",
    hint: str = "",
    note: str = "",
    placeholder: str = "",
    rows: int = 8,
    code: bool = False,
    on_change: Callable[[str], Any] | None = None,
) -> Field:
    """Several lines of text; `code` for JSON."""

    def build() -> ui.textarea:
        made = ui.textarea(value=value, placeholder=placeholder or None)
        made.props["rows"] = rows
        made.props["spellcheck"] = "false" if code else "true"
        if code:
            made.classes("w-code-input")
        return made

    return Field(label, build, hint=hint, note=note, on_change=on_change)


# what somebody has chosen stands there before the server has heard of it, and while it cannot
_AT_ONCE = """value => { element.props["model-value"] = value }"""


def show_at_once(control: ui.select | ui.switch | ui.checkbox) -> None:
    """The browser shows what is chosen, and does not ask the server first."""
    control.on("update:model-value", js_handler=_AT_ONCE)


def _choice(options: Mapping[Any, str], value: Any) -> ui.select:
    made = ui.select(dict(options), value=value)
    show_at_once(made)
    return made.props(f'dropdown-icon="{icons.CHEVRON}" popup-content-class=w-list')


def choice_field(
    label: str,
    options: Mapping[Any, str],
    value: Any,
    *,
    hint: str = "",
    note: str = "",
    on_change: Callable[[Any], Any] | None = None,
) -> Field:
    """One of several, as a form field."""

    made = Field(label, lambda: _choice(options, value), hint=hint, note=note, on_change=on_change)
    del made.control.props["for"]  # with it, this control would take its name from elsewhere than `aria-label`
    return made


def switch(label: str, value: bool, *, detail: str = "", on_change: Callable[[bool], Any] | None = None) -> ui.switch:
    """On or off, with a line that says what it means."""
    made = ui.switch(label, value=value, on_change=lambda event: on_change(event.value) if on_change else None)
    show_at_once(made)
    made.classes("w-switch").props["aria-label"] = label  # its detail describes it and is no part of its name
    if detail:
        with made:
            made.props["aria-describedby"] = text(detail, "w-meta w-switch-detail").html_id
    return made


def name_inside(control: ui.input | ui.select, name: str) -> None:
    """Shows `name` within the control, before its value; who listens has it from `aria-label` and hears it once."""
    control.props["aria-label"] = name
    put_inside(control, name)


def put_inside(control: ui.input | ui.select, words: str) -> None:
    """Words before the value, for the eye only."""
    with control.add_slot("prepend"):
        text(words, "q-field__prefix w-inside").props["aria-hidden"] = "true"


def search_field(placeholder: str, value: str, on_search: Callable[[str], Any], *, wait_ms: int = 300) -> ui.input:
    """`on_search` hears the text when typing rests, and at once on Enter or when it is cleared."""
    made = ui.input(value=value, placeholder=placeholder).classes("w-search")
    made.props["aria-label"] = tr("Search")
    made.props["type"] = "search"
    made.props["debounce"] = wait_ms
    made.props["dir"] = "auto"
    made.on_value_change(lambda event: on_search((event.value or "").strip()))
    with made.add_slot("prepend"):
        symbol(icons.SEARCH)
    return made


def filter_field(
    label: str, options: Mapping[str, str], value: str, on_change: Callable[[str], Any], *, neutral: str = ""
) -> ui.select:
    """A filter with its label inside; anything but `neutral` is marked as set."""
    made = _choice(options, value if value in options else neutral).classes("w-filter")
    name_inside(made, label)

    def mark(chosen: str) -> None:
        made.classes(add="" if chosen == neutral else "w-set", remove="w-set" if chosen == neutral else "")

    def changed(chosen: str) -> Any:
        mark(chosen)
        return on_change(chosen)

    mark(made.value)
    made.on_value_change(lambda event: changed(event.value))
    return made


def _name_fields(wrong: Sequence[Faulty], begin: str) -> None:
    text(begin)
    sentence(
        trn("{fields} needs a change.", "{fields} need a change.", len(wrong), fields="{fields}"),
        fields=lambda: _jumps(wrong),
    )


def _jumps(wrong: Sequence[Faulty]) -> None:
    for index, field in enumerate(wrong):
        text("" if index == 0 else tr(" and ") if index == len(wrong) - 1 else ", ")
        jump = text(field.label, "w-jump", tag="button")
        jump.props["type"] = "button"
        jump.on("click", lambda _, field=field: field.focus())


def show_problems(summary: ui.element, fields: Sequence[Faulty], general: str = "") -> None:
    """Fills a form's summary with links to the fields that have an error, and puts the focus on the first.

    `general` is what is wrong with the whole; without anything wrong the summary is empty.
    """
    wrong = [field for field in fields if field.error]
    summary.clear()
    if not wrong and not general:
        return
    with summary, box("div", "w-note w-note-error w-note-small") as section:
        section.props["role"] = "alert"
        symbol(icons.ERROR)
        with box("p", "w-grow"):
            if general:
                text(general)
            if wrong:
                _name_fields(wrong, begin="" if general else tr("Nothing was saved yet. "))
    if wrong:
        wrong[0].focus()
