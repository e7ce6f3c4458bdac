"""YAML as webhooks are kept in it: written alike everywhere, read with the line of each value.

What is written is the same on every machine, so that a difference is one: PyYAML's two emitters disagree. What is read
are its events alone, one after the other: no object is made, nothing refers to anything, and depth is bounded.
"""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, NoReturn

import yaml

from webhook_ui.moving.escapes import can_be_seen, quoted
from webhook_ui.moving.places import Mistake, Mistakes, Parsed, Place

DEEPEST = 20
INDENT = "  "

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as quick, where PyYAML was built with it
_WORDS = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})  # no texts, to this or that reader
_PLAIN = re.compile(r"[^\W\d_](?:[\w ./()+*@;%!?=&'’–—-]|:(?! |$)|(?<! )#)*(?<! )")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_NUMBER = re.compile(r"[-+]?[0-9]+(?:\.[0-9]*(?:[eE][-+][0-9]{1,3})?)?")  # as all versions of YAML read them
_CONSTANTS = {"": None, "~": None, "null": None, "true": True, "false": False}


def write(value: Mapping[str, Any]) -> str:
    """`value`, made of mappings, lists, texts, numbers, switches and None."""
    return "".join(f"{line}\n" for line in _mapping(value, ""))


def _mapping(value: Mapping[str, Any], indent: str) -> Iterator[str]:
    for name, inner in value.items():
        head = f"{indent}{_text(name)}:"
        if inner and isinstance(inner, dict):
            yield head
            yield from _mapping(inner, indent + INDENT)
        elif inner and isinstance(inner, list):
            yield head
            yield from _list(inner, indent + INDENT)
        elif isinstance(inner, str) and "\n" in inner and can_be_seen(inner) and inner == inner.strip():
            yield f"{head} |-"
            yield from (f"{indent}{INDENT}{line}" if line else "" for line in inner.split("\n"))
        else:
            yield f"{head} {_scalar(inner)}"


def _list(value: list[Any], indent: str) -> Iterator[str]:
    for inner in value:
        if isinstance(inner, dict):
            first, *rest = _mapping(inner, indent + INDENT)
            yield f"{indent}- {first.lstrip()}"
            yield from rest
        else:
            yield f"{indent}- {_scalar(inner)}"


def _scalar(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return format(Decimal(repr(value)), "f")  # an exponent without a point is a text to some readers
        case str():
            return _text(value)
    return "{}" if isinstance(value, dict) else "[]"


def _text(value: str) -> str:
    is_plain = _UUID.fullmatch(value) or (_PLAIN.fullmatch(value) and value.lower() not in _WORDS)
    return value if is_plain else quoted(value)


def read(text: str) -> Parsed:
    """What `text` says. Raises Mistakes where it cannot be read on."""
    reader = _Reader(text)
    try:
        value = reader.document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        words = ", ".join(part for part in (error.context, error.problem) if part)
        line = mark.line + 1 if mark else None
        raise Mistakes([Mistake(message=f"This is not valid YAML: {words}.", line=line)]) from None
    except yaml.reader.ReaderError as error:
        raise Mistakes([_unreadable(text, error)]) from None
    return Parsed(value=value, lines=reader.lines, mistakes=reader.mistakes)


def _unreadable(text: str, error: yaml.reader.ReaderError) -> Mistake:
    found = re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]", text)
    line = text.count("\n", 0, found.start()) + 1 if found else None
    return Mistake(message=f"This cannot be read as YAML: {error.reason}. Write such characters as \\uXXXX.", line=line)


class _Reader:
    """Makes plain values out of events."""

    def __init__(self, text: str) -> None:
        self._events: Iterator[yaml.Event] = yaml.parse(text, Loader=_LOADER)
        self.lines: dict[Place, int] = {}
        self.mistakes: list[Mistake] = []

    def document(self) -> Any:
        next(self._events)  # the stream begins
        if isinstance(next(self._events), yaml.StreamEndEvent):
            return None
        value = self._value(next(self._events), ())
        next(self._events)  # the document ends
        following = next(self._events)
        if not isinstance(following, yaml.StreamEndEvent):
            self._refuse(following, (), "A second document begins here. Put all webhooks into the first one.")
        return value

    def _value(self, event: yaml.Event, place: Place) -> Any:
        self.lines[place] = _line(event)
        if not isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent) or event.anchor:
            self._refuse(event, place, "Anchors and aliases (& and *) are not read here. Write the value itself.")
        if event.tag not in {None, "!"}:
            self._refuse(event, place, "Tags (such as !!str) are not read here. Leave it out.")
        if len(place) > DEEPEST:
            self._refuse(event, place[:3], "This is nested too deep.")
        if isinstance(event, yaml.ScalarEvent):
            return event.value if event.style else self._plain(event, place)
        return self._list(place) if isinstance(event, yaml.SequenceStartEvent) else self._mapping(place)

    def _list(self, place: Place) -> list[Any]:
        found: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            found.append(self._value(event, (*place, len(found))))
        return found

    def _mapping(self, place: Place) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                self._refuse(event, place, "A name is wanted here, as in `title: CRM`.")
            name = event.value
            value = self._value(next(self._events), (*place, name))
            self.lines[*place, name] = _line(event)
            if name in found:
                self._note(event, (*place, name), "This is given twice. Give it once.")
            found[name] = value
        return found

    def _plain(self, event: yaml.ScalarEvent, place: Place) -> Any:
        """What a text without quotes stands for, by the core schema of YAML 1.2: `yes` and `2026-11-28` are texts."""
        text: str = event.value
        lowered = text.lower()
        if lowered in _CONSTANTS:
            return _CONSTANTS[lowered]
        if not _NUMBER.fullmatch(text):
            return text
        if len(text) > 40:
            self._note(event, place, "This number is too long. If it is a text, write it in quotes.")
        elif text.lstrip("+-").isdigit():
            return int(text)
        return float(text[:40])

    def _note(self, event: yaml.Event, place: Place, message: str) -> None:
        self.mistakes.append(Mistake(message=message, place=place, line=_line(event)))

    def _refuse(self, event: yaml.Event, place: Place, message: str) -> NoReturn:
        self._note(event, place, message)
        raise Mistakes(self.mistakes)


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 0
