"""What pydantic has against a plugin's settings, in our words and the reader's language."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from pydantic_core import ErrorDetails

from webhook_ui import payloads
from webhook_ui.languages import mark, tr

# Settings come as texts of the environment too, so more can be said of them than of payloads.
_PLAIN = {
    "missing": mark("It is missing."),
    "extra_forbidden": mark("There is no such field. Remove it or correct its name."),
    "int_parsing": mark("Must be a whole number."),
    "float_parsing": mark("Must be a number."),
    "decimal_parsing": mark("Must be a number."),
    "bool_parsing": mark("Must be true or false."),
    "path_type": mark("Must be text."),
    "url_parsing": mark("Must be an address, such as https://example.com."),
    "url_scheme": mark("Must be an address, such as https://example.com."),
}
_COUNTED: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "too_short": lambda said: tr("Must be longer: at least {count}.", count=said["min_length"]),
    "string_too_short": lambda said: tr("Must be longer: at least {count}.", count=said["min_length"]),
    "too_long": lambda said: tr("Must be shorter: at most {count}.", count=said["max_length"]),
    "string_too_long": lambda said: tr("Must be shorter: at most {count}.", count=said["max_length"]),
    "string_pattern_mismatch": lambda said: tr("Must match the pattern {pattern}.", pattern=said["pattern"]),
    "literal_error": lambda said: tr("Must be one of these: {choices}.", choices=_choices(said)),
    "enum": lambda said: tr("Must be one of these: {choices}.", choices=_choices(said)),
}


def in_words(fault: ErrorDetails) -> str:
    """A sentence for one fault; the value is not repeated."""
    kind, said = fault["type"], fault.get("ctx", {})
    if kind in _PLAIN:
        return tr(_PLAIN[kind])
    if kind in _COUNTED:
        return _COUNTED[kind](said)
    if fault["msg"].startswith("value is not a valid email address"):
        return tr("Must be an e-mail address.")
    return payloads._plain(fault)


def _choices(said: Mapping[str, Any]) -> str:
    return ", ".join(re.findall(r"'(.*?)'", said["expected"])) or str(said["expected"])
