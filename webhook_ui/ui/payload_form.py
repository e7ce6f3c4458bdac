"""A payload to type: as a form of its fields or as JSON, from one to the other without losing what was typed."""

from collections.abc import Mapping

from webhook_ui.languages import mark, tr
from webhook_ui.plugin_api import Trigger
from webhook_ui.ui import icons, payload_fields
from webhook_ui.ui.context import Value
from webhook_ui.ui.controls import Choices, button
from webhook_ui.ui.fields import Field, area_field, choice_field, text_field
from webhook_ui.ui.kept_forms import Kept, put_back
from webhook_ui.ui.parts import box, text
from webhook_ui.ui.payload_fields import PayloadField

LEFT_OUT = ""
NO_FORM = mark("The form cannot show this: {problem}. Correct it here, or keep to JSON.")


class PayloadForm:
    """Starts with the trigger's example; `text` is the payload as it is to be sent."""

    def __init__(self, trigger: Trigger) -> None:
        self._example = trigger.example_json()
        self._specs = payload_fields.fields_of(trigger.schema())
        self._fields: dict[str, tuple[PayloadField, Field]] = {}
        self._raw: dict[str, str] = {}  # as it came, every property
        self._filled: dict[str, str] = {}  # what each field showed for it
        self._view = "form" if self._specs else "json"
        with box("div", "w-row"):
            if self._specs:
                views = [("form", tr("Form"), None), ("json", tr("JSON"), None)]
                self._choices: Choices | None = Choices(tr("Payload as"), views, "form", self._turn)
            else:
                self._choices = None
            back = button(tr("Back to the example"), self.reset, icon=icons.UNDO, kind="quiet", small=True)
            back.classes("w-end")
        self._form = box("div", "w-two")
        with self._form:
            for spec in self._specs:
                self._fields[spec.name] = (spec, _build(spec))
            if not all(spec.required for spec in self._specs):
                text(tr("What is optional and left empty is left out."), "w-meta w-all", tag="p")
        self._editor = box("div")
        with self._editor:
            rows = min(max(self._example.count("\n") + 2, 6), 16)
            self._json = area_field(tr("Payload"), note=tr("JSON"), rows=rows, code=True)
        self.reset()

    def let_browser_keep(self, kept: Kept) -> None:
        """What is on the screen: the form or the JSON."""
        for part in (self._form, self._editor):
            part.props["data-draft-part"] = "true"
        kept.watch({"payload": self._json, **{f"field {name}": field for name, (_, field) in self._fields.items()}})
        if self._choices:
            kept.watch({"view": self._choices})
        if kept.draft:
            self._put_back(kept.draft.values)

    def _put_back(self, draft: Mapping[str, Value]) -> None:
        """What stood in it, in the form or as JSON; then it may have to be turned into the other one."""
        payload, typed = draft.get("payload"), {}
        for name, (spec, _) in self._fields.items():
            value = draft.get(f"field {name}")
            if isinstance(value, str):
                typed[name] = _known(spec, value)
        if isinstance(payload, str):
            self._json.value = payload
            self._show("json")
        elif typed:
            self._show("form")
            for name, value in typed.items():
                self._fields[name][1].value = value
        if self._choices:
            put_back(self._choices, draft.get("view", self._view))

    @property
    def fields(self) -> list[Field]:
        """What is on the screen."""
        return [field for _, field in self._fields.values()] if self._view == "form" else [self._json]

    def reset(self) -> None:
        """Back to the example, in the view that is open."""
        self.put(self._example)

    def put(self, payload: str) -> None:
        """Shows `payload`, in the view that is open if that can show it."""
        self._json.value = payload
        self._json.error = None
        if self._specs and not self._fill(payload):
            self._json.error = None
            self._show("json")  # it has more than the form can show
        else:
            self._show(self._view)

    def text(self) -> str | None:
        """The payload as JSON text; None if a field holds what is none, which is said there."""
        if self._view == "json":
            return str(self._json.value or "")
        parts = dict(self._raw)
        right = True
        for name, (spec, field) in self._fields.items():
            typed = str(field.value or "")
            if name in self._filled and typed == self._filled[name]:
                continue  # exactly as it came
            if typed.strip() == LEFT_OUT:
                parts.pop(name, None)
                continue
            try:
                parts[name] = payload_fields.to_json(spec, typed)
            except ValueError as error:
                field.error = str(error)
                right = False
        return payload_fields.join(parts) if right else None

    def refuse(self, messages: Mapping[str, str]) -> str:
        """Shows what is wrong at the fields; returns what belongs to none of them."""
        if self._view == "json":
            placed, others = payload_fields.place_messages(messages, [])
            self._json.error = " ".join([*placed.values(), *others])
            return ""
        placed, others = payload_fields.place_messages(messages, list(self._fields))
        for name, message in placed.items():
            self._fields[name][1].error = message
        return " ".join(others)

    def _fill(self, payload: str) -> bool:
        """Puts the payload into the form; False and an explanation at the JSON if it does not go in."""
        try:
            parts = payload_fields.split(payload)
        except ValueError as error:
            self._json.error = tr("{problem} Correct it, then the form can show it.", problem=error)
            return False
        filled: dict[str, str] = {}
        for name, (spec, _) in self._fields.items():
            if name in parts:
                shown = payload_fields.to_text(spec, parts[name])
                if shown is None:
                    self._json.error = tr(NO_FORM, problem=tr("{name} is not {kind}", name=name, kind=_said(spec)))
                    return False
                filled[name] = shown
        self._raw, self._filled = parts, filled
        for name, (_, field) in self._fields.items():
            field.value = filled.get(name, LEFT_OUT)
            field.error = None
        return True

    def _turn(self, view: str) -> None:
        if view == "json":
            text = self.text()
            if text is None:
                self._show("form")
                return
            self._json.value = text
            self._json.error = None
            self._show("json")
        else:
            self._show("form" if self._fill(str(self._json.value or "")) else "json")

    def _show(self, view: str) -> None:
        self._view = view
        if self._choices:
            self._choices.value = view
        self._form.set_visibility(view == "form")
        self._editor.set_visibility(view == "json")


def _known(spec: PayloadField, words: str) -> str:
    """Of a choice the browser knows the words only."""
    return next((key for key, shown in spec.options.items() if shown == words), LEFT_OUT) if spec.options else words


def _said(spec: PayloadField) -> str:
    return {"text": tr("text of one line"), "whole": tr("a number"), "number": tr("a number")}.get(spec.kind, spec.note)


def _build(spec: PayloadField) -> Field:
    if spec.kind == "choice":
        options = {LEFT_OUT: tr("Choose one") if spec.required else tr("Left out"), **spec.options}
        return choice_field(spec.name, options, LEFT_OUT, note=spec.note)
    if spec.kind == "json":
        field = area_field(spec.name, note=spec.note, rows=4, code=True)
        field.element.classes("w-all")
        return field
    return text_field(spec.name, note=spec.note)
