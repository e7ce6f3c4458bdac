"""Texts in double quotes, as JSON and YAML both read them; what cannot be seen is written out."""

import json
import re

# controls, blanks that are none, joiners, marks that turn the reading around, half characters, what is no character
_UNSEEN = re.compile(
    r"[\x7f-\xa0\xad\u061c\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff\ufff0-\uffff\ud800-\udfff]"
)
_CONTROLS = re.compile(r"[\x00-\x09\x0b-\x1f]")  # less the end of a line


def can_be_seen(text: str) -> bool:
    """Whether nothing in it must be written out but the ends of its lines."""
    return not _UNSEEN.search(text) and not _CONTROLS.search(text)


def quoted(value: str) -> str:
    """`value` in quotes."""
    return seen(json.dumps(value, ensure_ascii=False))


def seen(text: str) -> str:
    """`text`, in which such characters stand in quotes only, with each of them as `\\uXXXX`."""
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
