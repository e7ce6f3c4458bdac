"""One line of a webhook's history in words: who, what, and each field before and after. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from webhook_ui import filters
from webhook_ui.explain import said
from webhook_ui.languages import mark, tr, trn
from webhook_ui.models import Change
from webhook_ui.ui import formats
from webhook_ui.ui.filter_words import shape_words
from webhook_ui.ui.webhook_more import write_rate, write_schedule

FIELDS = {
    "title": mark("Title"),
    "url": mark("URL"),
    "triggers": mark("Triggers"),
    "enabled": mark("Enabled"),
    "disabled_reason": mark("Reason"),
    "paused": mark("Paused"),
    "description": mark("Description"),
    "headers": mark("Headers"),
    "filter": mark("Filter"),
    "template": mark("Body"),
    "tenant": mark("Tenant"),
    "ordered": mark("Ordered"),
    "rate_limit": mark("Rate limit"),
    "signer": mark("Signature"),
    "timeout": mark("Timeout"),
    "retry_schedule": mark("Retry schedule"),
    "rate": mark("Rate while it catches up"),
    "backup_of": mark("Backup of"),
    "webhooks": mark("Webhooks"),
    "events": mark("Events"),
    "deliveries": mark("Deliveries"),
}
_PARTS = {
    "webhook-ui": "Webhook UI",
    "command line": mark("The command line"),
    "application": mark("The application"),
}
_PARTS_WITHIN = {"command line": mark("command line"), "application": mark("application")}
_DEEDS = {
    "webhook.created": mark("added the webhook"),
    "webhook.deleted": mark("deleted the webhook"),
    "webhook.restored": mark("restored the webhook"),
    "webhook.disabled": mark("disabled the webhook"),
    "webhook.resumed": mark("resumed the webhook"),
    "webhook.secret_rotated": mark("rotated the secret"),
    "database.restored": mark("restored the database from a backup"),
}
_SWITCHES = {
    ("enabled", True): mark("enabled the webhook"),
    ("enabled", False): mark("disabled the webhook"),
    ("paused", True): mark("paused the webhook"),
    ("paused", False): mark("resumed the webhook"),
}


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One field before and after, in words; `before` is None where there was no before. `code` is for mono."""

    name: str
    before: str | None
    after: str
    code: bool = False


def who(change: Change) -> str:
    """'dana@acme.example', 'token shop', 'Webhook UI'."""
    if change.actor_kind == "system":
        return tr(_PARTS[change.actor]) if change.actor in _PARTS else tr("The {part}", part=change.actor)
    if change.actor_kind == "token":
        return tr("token {name}", name=change.actor)
    return tr("plugin {name}", name=change.actor) if change.actor_kind == "plugin" else change.actor


def name_of(actor: str) -> str:
    """Who it was by the name that is stored, as it stands within a sentence."""
    return tr(_PARTS_WITHIN[actor]) if actor in _PARTS_WITHIN else actor


def deed(change: Change) -> str:
    """What was done, as it follows a name: 'changed Title and URL', 'paused the webhook'."""
    if change.action in _DEEDS:
        return tr(_DEEDS[change.action])
    names = changed_fields(change)
    if names and names[0] in ("enabled", "paused") and set(names) <= {names[0], "disabled_reason"}:
        return tr(_SWITCHES[names[0], bool((change.after or {})[names[0]])])
    if not names:
        return tr("changed values of headers")  # the only thing of a webhook that history does not keep
    words, more = formats.joined([field_name(name) for name in names[:4]]), len(names) - 4
    if more > 0:
        return trn("changed {fields} and {n} more", "changed {fields} and {n} more", more, fields=words)
    return tr("changed {fields}", fields=words)


def field_name(name: str) -> str:
    """A field as people call it; one that nobody knows any more by its own name."""
    return tr(FIELDS[name]) if name in FIELDS else name


def changed_fields(change: Change) -> list[str]:
    """The names of what is different, in the order of the form; all that is set, where there was nothing before."""
    before, after = change.before or {}, change.after or {}
    if change.after is None or change.action == "webhook.restored":
        return []
    known = [*FIELDS, *(name for name in after if name not in FIELDS)]
    if change.before is None:
        return [name for name in known if after.get(name) not in (None, "", [], False)]
    return [name for name in known if name in after and after[name] != before.get(name)]


def differences(change: Change) -> list[Difference]:
    """Each field that is different."""
    before, after = change.before, change.after or {}
    return [
        Difference(
            name=field_name(name),
            before=None if before is None or name not in before else value_text(name, before[name]),
            after=value_text(name, after[name]),
            code=name in ("url", "triggers", "headers", "filter"),
        )
        for name in changed_fields(change)
    ]


def value_text(name: str, value: Any) -> str:
    """A field's value as people read it."""
    if isinstance(value, bool):
        return tr("on") if value else tr("off")
    if name in _WRITERS:
        return _WRITERS[name](value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(str(one) for one in value) or tr("none")
    return tr("none") if value in (None, "") else str(value)


def _rate_text(value: float | None) -> str:
    return tr("none") if value is None else tr("{rate} a second", rate=write_rate(value))


def _template_text(template: Mapping[str, str] | None) -> str:
    own = (template or {}).get("expression")
    return shape_words(template) + (f": {filters.shown(own)}" if own else "")


_WRITERS: Mapping[str, Callable[[Any], str]] = {
    "disabled_reason": lambda reason: said(reason) if reason else tr("none"),
    "retry_schedule": lambda waits: tr("as the server has it") if waits is None else write_schedule(waits),
    "timeout": lambda value: tr("as the server has it") if value is None else f"{value:g} s",
    "rate_limit": _rate_text,
    "rate": _rate_text,
    "template": _template_text,
    "backup_of": lambda at: f"{at[:10]} {at[11:16]} UTC",
    "webhooks": formats.count,
    "events": formats.count,
    "deliveries": formats.count,
}
