"""A plan in words, as `import` prints it: what is done to which webhook, field by field. Secrets are in none of it."""

from collections.abc import Iterator, Mapping
from typing import Any

from webhook_ui.models import Webhook
from webhook_ui.moving.comparing import Kind, Plan, Step
from webhook_ui.moving.document import FIELDS
from webhook_ui.moving.escapes import quoted

_KINDS: tuple[Kind, ...] = ("create", "change", "restore", "delete")
_DEFAULTS = {name: Webhook.model_fields[name].get_default(call_default_factory=True) for name in FIELDS}


def lines(plan: Plan) -> Iterator[str]:
    """The steps, as a difference is read: - what is stored, + what the file says."""
    for step in plan.steps:
        yield f"{step.kind:<7}  {step.uid}  {quoted(step.title)}"
        before = step.before if step.kind != "create" else _DEFAULTS
        for name in (name for name in FIELDS if name in step.after):
            yield from (f"    {line}" for line in _field(name, before[name], step.after[name], step.kind == "create"))
        if step.secret is not None:
            yield f"    {_secret(step)}"


def summary(plan: Plan, *, dry_run: bool) -> str:
    """How many of what."""
    counts = {kind: plan.count(kind) for kind in _KINDS}
    parts = [f"{count:,} {f'to {kind}' if dry_run else f'{kind}d'}" for kind, count in counts.items() if count]
    return ", ".join([*parts, f"{plan.unchanged:,} unchanged"])


def _field(name: str, before: Any, after: Any, new: bool) -> Iterator[str]:
    if name == "headers":
        yield from _headers(before, after)
        return
    if new:
        if after != before:
            yield f"+ {name}: {_shown(after)}"
        return
    yield f"- {name}: {_shown(before)}"
    yield f"+ {name}: {_shown(after)}"


def _headers(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(before.keys() | after.keys()):
        if name not in after:
            yield f"- headers: {name}"
        elif name not in before:
            yield f"+ headers: {name}"
        elif before[name] != after[name]:
            yield f"~ headers: {name} (another value)"


def _secret(step: Step) -> str:
    if step.kind == "create":
        return "+ secret: as in the file"
    return "~ secret: another one; the one before it signs beside it for 24 hours"


def _shown(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return quoted(value)
        case list():
            return f"[{', '.join(_shown(one) for one in value)}]"
        case Mapping():
            return ", ".join(f"{name} {_shown(one)}" for name, one in value.items())
    return f"{value:g}"
