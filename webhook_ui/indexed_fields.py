"""Which fields of payloads are indexed, and their values in one payload. Pure: where they are kept stands elsewhere."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec

from webhook_ui.engine_events import TRIGGERS as ENGINES

LONGEST_VALUE = 200  # characters; longer values are left out
LONGEST_PATH = 200
MOST = 20  # fields of one trigger

_NAME = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)+")
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_TEXT = msgspec.json.Decoder(str)
_BLANKS = b" \t\r\n"

Found = tuple[tuple[str, str], ...]  # path and value


@dataclass(frozen=True)
class IndexedFields:
    """What the setting names: `everywhere` in the payloads of all triggers, `of` in those of one."""

    everywhere: tuple[str, ...] = ()
    of: tuple[tuple[str, str], ...] = ()  # trigger, path

    @property
    def paths(self) -> tuple[str, ...]:
        """Every path that is indexed for any trigger, by name."""
        return tuple(sorted({*self.everywhere, *(path for _, path in self.of)}))

    def paths_of(self, trigger: str) -> tuple[str, ...]:
        """What is indexed in payloads of `trigger`."""
        return tuple(dict.fromkeys([*self.everywhere, *(path for name, path in self.of if name == trigger)]))

    def find(self, trigger: str, payload: str) -> Found:
        """The values of an accepted payload; what is no scalar, too long or not there is left out."""
        paths = self.paths_of(trigger) if self.everywhere or self.of else ()
        return tuple(_values(payload, paths)) if paths else ()


NONE = IndexedFields()


def parse(entries: Iterable[str]) -> IndexedFields:
    """From `trigger:path` and `path`. Raises ValueError that says what is wrong."""
    everywhere: list[str] = []
    of: list[tuple[str, str]] = []
    for entry in entries:
        trigger, colon, path = entry.rpartition(":")
        path = check_path(path.strip())
        if not colon:
            everywhere.append(path)
        else:
            of.append((_check_trigger(trigger.strip(), entry), path))
    found = IndexedFields(tuple(dict.fromkeys(everywhere)), tuple(dict.fromkeys(of)))
    for name in {"", *(trigger for trigger, _ in found.of)}:
        if len(found.paths_of(name)) > MOST:
            raise ValueError(f"it names more than {MOST} fields of one trigger; each is a row for every event")
    return found


def check_path(path: str) -> str:
    """The path itself. Raises ValueError for what is none."""
    if not path or len(path) > LONGEST_PATH or not path.isprintable() or " " in path or not all(path.split(".")):
        raise ValueError(f"{path[:40]!r} is no path of a field; write it like customer.id")
    return path


def _check_trigger(trigger: str, entry: str) -> str:
    if not _NAME.fullmatch(trigger):
        raise ValueError(f"{entry[:80]!r} names no trigger; write it like order.paid:customer.id, or the path alone")
    if trigger in ENGINES:
        raise ValueError(f"events of {trigger} come from the engine itself; their fields cannot be indexed")
    return trigger


def _values(payload: str, paths: Iterable[str]) -> Iterator[tuple[str, str]]:
    whole = _OBJECT.decode(payload)  # only its first level; what lies deeper is read where a path leads there
    for path in paths:
        value = _scalar(_follow(whole, path.split(".")))
        if value is not None:
            yield path, value


def _follow(whole: dict[str, msgspec.Raw], names: list[str]) -> bytes:
    here = bytes(whole.get(names[0], b""))
    for name in names[1:]:
        if not here.lstrip(_BLANKS).startswith(b"{"):
            return b""
        here = bytes(_OBJECT.decode(here).get(name, b""))
    return here.strip(_BLANKS)


def _scalar(raw: bytes) -> str | None:
    """As a person would search for it: texts without quotes, all else as it is written."""
    if not raw or raw[:1] in b"{[":
        return None
    value = _TEXT.decode(raw) if raw.startswith(b'"') else raw.decode()
    # PostgreSQL keeps no NUL
    return value if len(value) <= LONGEST_VALUE and "\x00" not in value else None
