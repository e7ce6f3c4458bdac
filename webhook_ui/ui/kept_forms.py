"""What stands in a form and outlives a page that had to be loaded anew. The browser keeps it (`static/drafts.js`); a
form says here what of it.

Never kept are passwords, the values of tokens, settings of plugins that are secrets, and headers, which are only
counted: what is kept stands in the browser's storage as it is. Forms do not name such fields, and those that are made
for secrets (`Field.never_keep`) are left out even where one did.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from nicegui import ui

from webhook_ui.ui.context import Draft, Tab, Value
from webhook_ui.ui.controls import Choices
from webhook_ui.ui.dates import DateField
from webhook_ui.ui.fields import NEVER_KEPT, Field
from webhook_ui.ui.states import say_restored

Control = Field | DateField | Choices | ui.input | ui.select | ui.switch | ui.checkbox


class Kept:
    """One opening of a form. `form` says which it is and what for ("token new"); in `summary` it says what is back.

    `draft` is what stood in it before the page was loaded anew, None where it is opened by a person. `version` is that
    of what the form changes, as it was seen first: nobody's changes since are overwritten unasked.
    """

    def __init__(
        self, tab: Tab, place: ui.element, form: str, *, version: int = 0, summary: ui.element | None = None
    ) -> None:
        self._tab, self._place, self._form, self._summary = tab, place, form, summary
        self._controls: dict[str, Control] = {}
        self.draft: Draft | None = tab.drafts.pop(form, None)
        self.version = self.draft.version if self.draft else version
        place.props["data-draft-form"] = f"{form} {self.version}"

    def watch(self, controls: Mapping[str, Control | ui.element]) -> None:
        """The browser keeps these, by their names in a draft."""
        for name, control in controls.items():
            element = control if isinstance(control, ui.element) else control.element
            if NEVER_KEPT not in element.props:
                element.props["data-draft"] = name

    def keep(self, controls: Mapping[str, Control], *, words: str = "") -> None:
        """Marks them and, if there is a draft, fills them in this order; `words` say so where something is missing."""
        self.watch(controls)
        self._controls.update(controls)
        if self.draft:
            self._fill(self.draft)
            self.say(words)

    def follow(self, controls: Mapping[str, Control]) -> None:
        """The same for a form that its address opens: it may be there before its draft."""
        self.keep(controls)
        self._tab.waiting[self._form] = self._hear

    def forget(self) -> None:
        """What it was for is done: it is not opened again, although it is still on the screen."""
        self._place.props.pop("data-draft-form", None)

    def say(self, words: str = "") -> None:
        """That what was typed is back."""
        if self._summary:
            with self._summary:
                say_restored(words)

    def _hear(self, draft: Draft) -> None:
        if not self._place.is_deleted and self._fill(draft):
            self.say()

    def _fill(self, draft: Draft) -> bool:
        """Whether anything is another than before."""
        given = draft.values
        changed = [put_back(control, given[name]) for name, control in self._controls.items() if name in given]
        return any(changed)


def put_back(control: Control, value: Value) -> bool:
    """Sets it as if a person had, by what the browser has seen of it; whether it is another value than before."""
    if isinstance(control, Choices):
        return isinstance(value, str) and control.choose(value)
    if isinstance(control, DateField):
        if not isinstance(value, str) or value == (control.control.value or ""):
            return False
        control.take(value)
        return True
    new = _meant(control, value)
    if new is None or new == ("" if control.value is None else control.value):
        return False
    control.value = new
    return True


def _meant(control: Field | ui.input | ui.select | ui.switch | ui.checkbox, value: Value) -> Any:
    """The value as the control has it; None for what it cannot have. Of a choice the browser knows the words only."""
    inner = control.control if isinstance(control, Field) else control
    if isinstance(inner, ui.select):
        known = {words: key for key, words in _options(inner)}
        if isinstance(value, list):
            return [known[words] for words in value if words in known] if inner.multiple else None
        return known.get(value) if isinstance(value, str) and not inner.multiple else None
    is_right = isinstance(value, bool) == isinstance(control.value, bool) and not isinstance(value, list)
    return value if is_right else None


def _options(select: ui.select) -> Iterable[tuple[Any, str]]:
    """Each with its words."""
    return select.options.items() if isinstance(select.options, dict) else ((one, one) for one in select.options)
