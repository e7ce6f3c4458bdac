"""What may stand in a webhook's fields, judged for every door alike, each mistake at its field."""

import difflib
import unicodedata
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from webhook_ui import filters, guard, header_rules, shaping
from webhook_ui.errors import Invalid
from webhook_ui.explain import said
from webhook_ui.expressions import LONGEST, Fault
from webhook_ui.languages import mark, number, tr
from webhook_ui.patterns import PATTERN, matches

MAX_TRIGGERS = 200
MAX_RETRIES = 50
LONGEST_WAIT = 30 * 86400
LEAST_RATE, HIGHEST_RATE = 0.00001, 10_000.0  # deliveries a second; the least is one in some 28 hours


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What is judged against: where deliveries may go, which triggers and signers there are, the longest timeout a
    lease allows.
    """

    policy: guard.Policy
    triggers: Collection[str]
    longest_timeout: float
    signers: Collection[str] = ("standard",)


def check_fields(
    values: Mapping[str, Any], *, rules: Rules, whole: bool, present: Collection[str] = ()
) -> dict[str, Any]:
    """`values` as they are to be stored. Raises Invalid naming every field that is wrong.

    With `whole`, title, URL and triggers must be there. Triggers in `present` pass although their plugin is missing.
    """
    checks = _checks(rules, present)
    problems: dict[str, str] = {}
    checked: dict[str, Any] = {}
    for name, value in values.items():
        if name not in checks:
            problems[name] = refusal(name, checks)
            continue
        try:
            checked[name] = checks[name](value)
        except Invalid as error:
            problems[name] = " ".join(error.fields.values())
        except ValueError as error:
            problems[name] = str(error)
    if whole:
        for name in ("title", "url", "triggers"):
            if name not in values:
                problems[name] = tr(MISSING[name])
    if problems:
        raise Invalid(problems)
    return checked


def refusal(name: str, known: Collection[str]) -> str:
    """What is said of a field that nobody may set, or that does not exist."""
    if name in SHOWN_ONLY:
        return "This is shown, but set by the server alone. Leave it out."
    near = difflib.get_close_matches(name, known, n=1)
    return f"There is no such field.{f' Did you mean {near[0]}?' if near else ''}"


SHOWN_ONLY = {"id", "uid", "version", "disabled_reason", "created_at", "updated_at"}
SHOWN_ONLY |= {"breaker", "failing_since", "disable_at"}  # the engine's
MISSING = {
    "title": mark("Give it a title, so that you find it again in the list."),
    "url": mark("Give the address the events are sent to, for example https://example.com/hooks."),
    "triggers": mark("Choose at least one trigger; without one nothing would ever be sent."),
}


def _checks(rules: Rules, present: Collection[str]) -> dict[str, Callable[[Any], Any]]:
    return {
        "title": _title,
        "url": lambda value: _url(value, rules.policy),
        "triggers": lambda value: _triggers(value, rules.triggers, present),
        "enabled": _switch,
        "paused": _switch,
        "ordered": _switch,
        "description": lambda value: clean_text(value, 2000, lines=True),
        "headers": _headers,
        "filter": _filter,
        "template": _template,
        "tenant": tenant,
        "rate_limit": rate,
        "timeout": lambda value: _timeout(value, rules.longest_timeout),
        "retry_schedule": _retry_schedule,
        "signer": lambda value: _signer(value, rules.signers),
    }


def clean_text(value: Any, longest: int, *, lines: bool = False) -> str:
    """`value` stripped. Raises ValueError for what is no text, too long, or holds characters no database can keep."""
    if not isinstance(value, str):
        raise ValueError(tr("This must be text."))
    text = value.strip()
    if len(text) > longest:
        raise ValueError(tr("This is longer than {count} characters; shorten it.", count=longest))
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cs") and not (lines and character in "\n\t\r"):
            raise ValueError(tr("This holds control characters; type it anew."))
    return text


def tenant(value: Any) -> str | None:
    """Whose it is; None for nobody's. Raises ValueError."""
    if value is None:
        return None
    name = clean_text(value, 200)
    if not name:
        raise ValueError(tr("A tenant must not be empty. Leave it out (null) for what belongs to no tenant."))
    return name


def rate(value: Any) -> float | None:
    """Deliveries a second; None for no limit. Raises ValueError."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(tr("This must be a number of deliveries a second."))
    if not LEAST_RATE <= value <= HIGHEST_RATE:
        raise ValueError(
            tr(
                "This must lie between {least} and {most} deliveries a second.",
                least=number(LEAST_RATE, 5),
                most=number(HIGHEST_RATE),
            )
        )
    return float(value)


def _title(value: Any) -> str:
    title = clean_text(value, 200)
    if not title:
        raise ValueError(tr(MISSING["title"]))
    return title


def _url(value: Any, policy: guard.Policy) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(tr(MISSING["url"]))
    url = value.strip()
    guard.check_url(url, policy)
    return url


def _triggers(value: Any, known: Collection[str], present: Collection[str]) -> list[str]:
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
        raise ValueError(tr("This must be a list of triggers."))
    if not value:
        raise ValueError(tr(MISSING["triggers"]))
    if len(value) > MAX_TRIGGERS:
        raise ValueError(
            tr("These are more than {count} triggers; choose a group such as user.* instead.", count=MAX_TRIGGERS)
        )
    for name in value:
        if name not in present:
            _check_trigger(name, known)
    return sorted(set(value))


def _check_trigger(name: str, known: Collection[str]) -> None:
    if name in known or (PATTERN.fullmatch(name) and any(matches(name, trigger) for trigger in known)):
        return
    near = difflib.get_close_matches(name, known, n=2)
    hint = (
        tr("Did you mean {names}?", names=tr(" or ").join(near))
        if near
        else tr("The Triggers page lists those there are.")
    )
    raise ValueError(tr("There is no trigger {name}. {hint}", name=repr(name[:100]), hint=hint))


def _signer(value: Any, known: Collection[str]) -> str:
    if not isinstance(value, str) or value not in known:
        raise ValueError(tr("There is no such signer. There are {names}.", names=", ".join(sorted(known))))
    return value


def _switch(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(tr("This must be true or false."))
    return value


def _headers(value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise ValueError(tr("This must be an object of header names and values."))
    if not all(isinstance(name, str) and isinstance(text, str) for name, text in value.items()):
        raise ValueError(tr("Header names and values must be text."))
    header_rules.check_headers(value)
    return dict(value)


def _filter(value: Any) -> str | None:
    if value is None:
        return None
    text = clean_text(value, LONGEST, lines=True)
    if not text:
        raise ValueError(tr("A filter must not be empty. Leave it out (null) for all events of the triggers."))
    try:
        filters.check(text)
    except Fault as fault:
        raise ValueError(said(str(fault))) from None
    return text


def _template(value: Any) -> dict[str, str] | None:
    template = shaping.check(value)
    if template and "expression" in template:
        template["expression"] = clean_text(template["expression"], LONGEST, lines=True)
    return template


def _seconds(value: Any, longest: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(tr("This must be a number of seconds."))
    if not 0 <= value <= longest:
        raise ValueError(
            tr(
                "This must lie between 0 and {longest} seconds.",
                longest=number(longest, 0 if longest == int(longest) else 1),
            )
        )
    return float(value)


def _timeout(value: Any, longest: float) -> float | None:
    if value is None:
        return None
    if (seconds := _seconds(value, longest)) < 1:
        raise ValueError(tr("A receiver needs at least 1 second to answer."))
    return seconds


def _retry_schedule(value: Any) -> list[float] | None:
    if value is None:
        return None
    if not isinstance(value, list | tuple):
        raise ValueError(tr("This must be a list of seconds, one for each further attempt."))
    if len(value) > MAX_RETRIES:
        raise ValueError(tr("These are more than {count} further attempts.", count=MAX_RETRIES))
    return [_seconds(seconds, LONGEST_WAIT) for seconds in value]
