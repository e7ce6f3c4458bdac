"""Payloads: which JSON texts are taken, and whether one fits its trigger's model. The text itself is never changed."""

import hashlib
import re
from collections.abc import Iterator
from typing import Protocol

import msgspec
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from webhook_ui.errors import Invalid
from webhook_ui.languages import mark, number, tr, tr_known

MAX_DEPTH = 64

_SHOWN_FAULTS = 20
_LISTED_FAULTS = 1000  # pydantic lists all or none; a quarter of a million take it a second
_SHOWN_CHARACTERS = 300
_STRUCTURE = msgspec.json.Decoder(msgspec.Raw)  # reads all of it, builds nothing
_BLANKS = b" \t\r\n"
_BOM = b"\xef\xbb\xbf"
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"')
_TO_SQUARE = bytes.maketrans(b"{}", b"[]")
_NO_BRACKET = bytes(byte for byte in range(256) if byte not in b"[]{}")
_FINE_ESCAPES = re.compile(rb"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_MALFORMED = re.compile(r"malformed: (?P<reason>.+) \(byte (?P<position>\d+)\)")
_NOT_A_NUMBER = re.compile(rb"-?(NaN|Infinity)")
_A_NUMBER = mark("a number")
_KINDS = {b'"': mark("text"), b"[": mark("an array"), b"t": "true", b"f": "false", b"n": "null"}

# What pydantic means, said to whoever sends the payload; all else keeps pydantic's own words.
_PLAIN = {
    "missing": mark("This field is required."),
    "extra_forbidden": mark("The trigger knows no such field. Remove it or correct its name."),
    "string_type": mark("Must be text."),
    "int_type": mark("Must be a whole number."),
    "int_from_float": mark("Must be a whole number."),
    "int_parsing_size": mark("The number is too large."),
    "float_type": mark("Must be a number."),
    "finite_number": mark("Must be a finite number."),
    "bool_type": mark("Must be true or false."),
    "none_required": mark("Must be null."),
    "list_type": mark("Must be an array."),
    "dict_type": mark("Must be an object."),
    "model_type": mark("Must be an object."),
    "model_attributes_type": mark("Must be an object."),
}


_USUAL = (
    mark("Must be greater than or equal to {limit}."),
    mark("Must be greater than {limit}."),
    mark("Must be less than or equal to {limit}."),
    mark("Must be less than {limit}."),
    mark("Must be a multiple of {step}."),
    mark("Must be '{choices}'."),
    mark("String should have at least {count} character."),
    mark("String should have at least {count} characters."),
    mark("String should have at most {count} character."),
    mark("String should have at most {count} characters."),
    mark("String should match pattern '{pattern}'."),
    mark("Must be a valid datetime, {reason}."),
    mark("Must be a valid date in the format YYYY-MM-DD, {reason}."),
    mark("Must be a valid UUID, {reason}."),
    mark("Must be a valid URL, {reason}."),
)
"""What pydantic says most often besides, with its own words in it."""


class Modelled(Protocol):
    """What a trigger says about its payloads."""

    @property
    def name(self) -> str: ...
    @property
    def payload(self) -> type[BaseModel] | None: ...


def accept(raw: bytes, *, max_bytes: int) -> str:
    """The payload in `raw`, character for character, without blanks around it. Raises Invalid."""
    if len(raw) > max_bytes:
        raise _refused(
            tr(
                "The payload has {count} bytes; at most {most} are taken. Send less in one event.",
                count=number(len(raw)),
                most=number(max_bytes),
            )
        )
    raw = raw.strip(_BLANKS)
    if not raw:
        raise _refused(tr('The payload is empty. Give a JSON object, for example {"id": 7}.'))
    text = _decode(raw)
    if b"\\" in raw and _SURROGATE.search(_FINE_ESCAPES.sub(b" ", raw)):
        raise _refused(
            tr("The payload holds half a character (a lone surrogate such as \\ud83d). Send whole characters.")
        )
    _check_structure(raw)
    if not raw.startswith(b"{"):
        found = tr(_KINDS.get(raw[:1], _A_NUMBER))
        raise _refused(
            tr(
                'The payload must be a JSON object, but this is {found}. Wrap it, for example {{"value": …}}.',
                found=found,
            )
        )
    return text


def check_model(trigger: Modelled, text: str) -> None:
    """Raises Invalid, naming each field, when the accepted payload `text` does not fit the trigger's model.

    Types are taken strictly: the text "7" is not the number 7.
    """
    if trigger.payload is None:
        return
    try:
        trigger.payload.model_validate_json(text, strict=True)
    except ValidationError as error:
        raise Invalid(dict(_faults(error))) from None
    except Exception as error:  # a validator is the plugin author's code
        raise _refused(
            tr(
                "The model of {trigger} broke on this payload ({kind}: {error}). Correct the validator in the plugin.",
                trigger=trigger.name,
                kind=type(error).__name__,
                error=_cut(str(error)),
            )
        ) from error


def compact(text: str) -> str:
    """A payload that was checked, without the white space that means nothing; all else stays as it came."""
    return msgspec.json.format(text, indent=-1)


def digest(text: str) -> str:
    """What tells whether two payloads are the same: SHA-256 in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def _refused(sentence: str) -> Invalid:
    return Invalid({"payload": sentence})


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"


def _decode(raw: bytes) -> str:
    if raw.startswith(_BOM):
        raise _refused(tr("The payload starts with a byte order mark. Send UTF-8 without one."))
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise _refused(
            tr("The payload is not UTF-8 (byte {place}). Encode it as UTF-8.", place=error.start + 1)
        ) from None


def _check_structure(raw: bytes) -> None:
    try:
        _STRUCTURE.decode(raw)
        too_deep = _is_too_deep(raw)
    except RecursionError:
        too_deep = True
    except msgspec.DecodeError as error:
        raise _refused(_malformed(raw, str(error))) from None
    if too_deep:
        raise _refused(tr("The payload is nested more than {count} levels deep. Make it flatter.", count=MAX_DEPTH))


def _is_too_deep(raw: bytes) -> bool:
    """Whether well-formed JSON nests deeper than allowed."""
    if raw.count(b"{") + raw.count(b"[") <= MAX_DEPTH:
        return False
    brackets = _STRING.sub(b"", raw).translate(_TO_SQUARE, _NO_BRACKET)
    for _ in range(MAX_DEPTH):  # each round takes the innermost level away
        brackets = brackets.replace(b"[]", b"")
        if not brackets:
            return False
    return True


def _malformed(raw: bytes, message: str) -> str:
    place = _MALFORMED.search(message)
    if place is None:
        return tr("The payload is not JSON: it ends too early. Close every quote, bracket and brace.")
    position = int(place["position"])
    wrong = _NOT_A_NUMBER.match(raw, position - raw[:position].endswith(b"-"))
    if wrong:
        return tr(
            "The payload is not JSON: {number} is no JSON number. Send null or text in its place.",
            number=wrong[0].decode(),
        )
    before = raw[:position]
    line = before.count(b"\n") + 1
    column = len(before[before.rfind(b"\n") + 1 :].decode(errors="replace")) + 1
    return tr(
        "The payload is not JSON: {reason} at line {line}, column {column}.",
        reason=place["reason"],
        line=line,
        column=column,
    )


def _faults(error: ValidationError) -> Iterator[tuple[str, str]]:
    if error.error_count() > _LISTED_FAULTS:
        yield (
            "payload",
            tr(
                "{count} values do not fit the trigger's model. Compare it with the example.",
                count=number(error.error_count()),
            ),
        )
        return
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    for fault in faults[:_SHOWN_FAULTS]:
        yield _cut(".".join(["payload", *map(str, fault["loc"])])), _plain(fault)
    if len(faults) > _SHOWN_FAULTS:
        yield "payload", tr("{count} more fields do not fit either.", count=len(faults) - _SHOWN_FAULTS)


def _plain(fault: ErrorDetails) -> str:
    if fault["type"] == "json_invalid":  # well-formed, but more than the model's reader can hold
        return _cut(fault["msg"].replace("Invalid JSON", "The trigger's model cannot hold this", 1)) + "."
    if fault["type"] in _PLAIN:
        return tr(_PLAIN[fault["type"]])
    message = _cut(fault["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, "))
    message = re.sub(r"^Input should be", "Must be", message)
    return tr_known(message[:1].upper() + message[1:] + ("" if message.endswith((".", "…")) else "."), _USUAL)
