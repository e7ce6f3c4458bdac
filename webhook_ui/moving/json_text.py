"""JSON as webhooks are kept in it."""

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from webhook_ui.moving.escapes import seen
from webhook_ui.moving.places import Mistake, Mistakes, Parsed


def write(value: Mapping[str, Any]) -> str:
    """`value`, each of its values in a line of its own."""
    return seen(json.dumps(value, indent=2, ensure_ascii=False)) + "\n"


def read(text: str) -> Parsed:
    """What `text` says. Raises Mistakes where it cannot be read on."""
    doubled: list[Mistake] = []

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        names = [name for name, _ in pairs]
        doubled.extend(_twice(name, found) for name in found if len(names) > len(found) and names.count(name) > 1)
        return found

    try:
        value = json.loads(text, object_pairs_hook=once, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        raise Mistakes([Mistake(message=f"This is not valid JSON: {error.msg}.", line=error.lineno)]) from None
    except (ValueError, RecursionError):
        raise Mistakes([Mistake(message="This holds a number that is too long, or is nested too deep.")]) from None
    return Parsed(value=value, mistakes=doubled)


def _twice(name: str, found: Mapping[str, Any]) -> Mistake:
    whose = f" (of the webhook {found['uid']})" if "uid" in found else ""
    return Mistake(message=f"The field {name}{whose} is given twice. Give it once.")


def _no_number(name: str) -> NoReturn:
    raise Mistakes([Mistake(message=f"{name} is no JSON number.")])
