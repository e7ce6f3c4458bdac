"""A payload as a form: which fields a JSON Schema asks for, and their texts to JSON and back. Pure, loses nothing.

What the form cannot show as a plain field is a field of JSON text; what no field shows is kept as it came.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from webhook_ui.languages import mark, tr

Kind = Literal["text", "whole", "number", "choice", "json"]

_WHOLE = re.compile(r"-?(0|[1-9][0-9]*)")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_FORMATS = {
    "email": mark("e-mail"),
    "date-time": mark("date and time"),
    "date": mark("date"),
    "uri": mark("URL"),
    "uuid": mark("UUID"),
}
_PLAIN: dict[str, tuple[Kind, str]] = {
    "string": ("text", mark("text")),
    "integer": ("whole", mark("integer")),
    "number": ("number", mark("number")),
    "boolean": ("choice", mark("true or false")),
}


@dataclass(frozen=True, kw_only=True)
class PayloadField:
    """One property. `options` are JSON texts with what is shown for them; left empty, it is left out."""

    name: str
    kind: Kind
    note: str
    required: bool
    options: Mapping[str, str]


def fields_of(schema: Mapping[str, Any]) -> list[PayloadField]:
    """The properties a form can offer; empty where only JSON makes sense."""
    properties = schema.get("properties")
    if schema.get("type") != "object" or not isinstance(properties, Mapping):
        return []
    required = set(schema.get("required", ()))
    return [_field(name, part, schema, name in required) for name, part in properties.items()]


def _field(name: str, part: Any, schema: Mapping[str, Any], required: bool) -> PayloadField:
    kind, note, options = _judge(part, schema)
    if not required:
        note = tr("{note}, optional", note=note)
    return PayloadField(name=name, kind=kind, note=note, required=required, options=options)


def _judge(part: Any, schema: Mapping[str, Any]) -> tuple[Kind, str, dict[str, str]]:
    part = _resolved(part, schema)
    values = [part["const"]] if "const" in part else part.get("enum")
    if isinstance(values, list) and values:
        options = {json.dumps(value, ensure_ascii=False): _shown(value) for value in values}
        return "choice", tr("one of {count}", count=len(options)), options
    kind, note = _PLAIN.get(part.get("type", ""), ("json", mark("JSON")))
    if kind == "text":
        note = _FORMATS.get(part.get("format", ""), note)
    options = {"true": "true", "false": "false"} if part.get("type") == "boolean" else {}
    return kind, tr(note), options


def _resolved(part: Any, schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Behind references, and without the `null` of what may be empty; {} for anything unusual."""
    for _ in range(8):  # a reference may lead to the next one, but not for ever
        if not isinstance(part, Mapping):
            return {}
        choices = part.get("anyOf") or part.get("allOf")
        if isinstance(choices, list):
            real = [one for one in choices if one != {"type": "null"}]
            if len(real) != 1:
                return {}
            part = real[0]
        elif "$ref" in part:
            part = schema.get("$defs", {}).get(str(part["$ref"]).removeprefix("#/$defs/"))
        else:
            return part
    return {}


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def split(payload: str) -> dict[str, str]:
    """The JSON text of each property of an object, exactly as it stands there. Raises ValueError for what is none."""
    try:
        parts = msgspec.json.decode(payload, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        raise ValueError(tr("This is not a JSON object.")) from None
    return {name: bytes(raw).decode() for name, raw in parts.items()}


def to_text(field: PayloadField, raw: str) -> str | None:
    """What the form shows for the JSON text `raw`; None if this field cannot show it."""
    if field.kind == "json":
        return raw
    if raw == "null":
        return ""
    if field.kind == "choice":
        return raw if raw in field.options else None
    if field.kind == "text":
        value = json.loads(raw) if raw.startswith('"') else None
        return value if isinstance(value, str) and "\n" not in value else None
    return raw if _NUMBER.fullmatch(raw) else None


def to_json(field: PayloadField, typed: str) -> str:
    """The JSON text for what was typed. What is no number where one belongs becomes text, for the model to refuse.

    Raises ValueError for a field of JSON that is none.
    """
    if field.kind == "choice":
        return typed
    if field.kind == "json":
        try:
            msgspec.json.decode(typed, type=msgspec.Raw)
        except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
            raise ValueError(tr("This is not JSON. Text needs quotes; close every bracket and brace.")) from None
        return typed.strip()
    stripped = typed.strip()
    form = {"whole": _WHOLE, "number": _NUMBER}.get(field.kind)
    return stripped if form and form.fullmatch(stripped) else json.dumps(typed, ensure_ascii=False)


def join(parts: Mapping[str, str]) -> str:
    """The object with these properties, one a line."""
    if not parts:
        return "{}"
    lines = [f"  {json.dumps(name, ensure_ascii=False)}: {raw}" for name, raw in parts.items()]
    return "{\n" + ",\n".join(lines) + "\n}"


def place_messages(messages: Mapping[str, str], names: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """What is wrong, by the field it belongs to, and what belongs to none. Keys are `payload`, `payload.name`, …"""
    placed: dict[str, str] = {}
    others = []
    for key, message in messages.items():
        inside = key.removeprefix("payload").removeprefix(".")
        name = max((one for one in names if inside == one or inside.startswith(f"{one}.")), key=len, default=None)
        if name is None:
            others.append(f"{inside}: {message}" if inside else message)
            continue
        deeper = inside[len(name) + 1 :]
        placed[name] = f"{placed[name]} {message}" if name in placed else f"{deeper}: {message}" if deeper else message
    return placed, others
