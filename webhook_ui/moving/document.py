"""What a file of webhooks holds: which fields in which order, and how an entry is known again. Pure.

An entry's fields are judged elsewhere, by the rules that hold for every door; here is what a file has beside them.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from webhook_ui import signing
from webhook_ui.letters import MASK
from webhook_ui.models import Webhook
from webhook_ui.moving.places import Mistake, Mistakes, Parsed, Place
from webhook_ui.webhook_fields import refusal

FORMAT = "webhook-ui/1"
FIELDS = (
    *("title", "url", "triggers", "enabled", "paused", "description", "headers", "filter", "template", "tenant"),
    *("ordered", "rate_limit", "timeout", "retry_schedule", "signer"),
)
"""What an operator sets, in the order of a file."""
HEAD = ("format", "webhooks")
KNOWN = ("uid", *FIELDS, "secret")

_UID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_FORMATS = re.compile(r"webhook-ui/[0-9]{1,9}")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One webhook of a file. `values` are the fields that are said of it, not judged yet."""

    index: int
    uid: str
    values: Mapping[str, Any]
    secret: str | None = None

    def place(self, *steps: str) -> Place:
        """Where in the file it stands, or a value of it."""
        return ("webhooks", self.index, *steps)


@dataclass(frozen=True, kw_only=True)
class Document:
    """A file that was understood as far as it can be without a database. `mistakes` keep it from being brought in."""

    parsed: Parsed
    entries: Sequence[Entry]
    mistakes: Sequence[Mistake]


def compose(found: Sequence[Webhook], *, secrets: bool) -> dict[str, Any]:
    """The document of these webhooks; without `secrets`, values of headers are masked."""
    return {"format": FORMAT, "webhooks": [_entry(one, secrets) for one in sorted(found, key=lambda one: one.uid)]}


def _entry(webhook: Webhook, secrets: bool) -> dict[str, Any]:
    values = {name: getattr(webhook, name) for name in FIELDS}
    names = sorted(webhook.headers)
    values["headers"] = {name: webhook.headers[name] if secrets else MASK for name in names}
    if webhook.template is not None:
        values["template"] = {name: webhook.template[name] for name in sorted(webhook.template, reverse=True)}
    for name in ("rate_limit", "timeout"):
        values[name] = _number(values[name])
    if webhook.retry_schedule is not None:
        values["retry_schedule"] = [_number(seconds) for seconds in webhook.retry_schedule]
    return {"uid": webhook.uid, **values, **({"secret": webhook.secret} if secrets else {})}


def _number(value: float | None) -> float | None:
    return int(value) if value is not None and value == int(value) else value


def understand(parsed: Parsed) -> Document:
    """The document that was read. Raises Mistakes where it is none of ours."""
    value = parsed.value
    if not isinstance(value, dict) or not _is_format(value.get("format")):
        words = f"This is no file of webhooks: it must begin with `format: {FORMAT}`."
        raise Mistakes([*parsed.mistakes, parsed.mistake((), words)])
    if value["format"] != FORMAT:
        words = f"This Webhook UI reads {FORMAT}. Export it anew, or bring Webhook UI up to date."
        raise Mistakes([parsed.mistake(("format",), words)])
    mistakes = [*parsed.mistakes]
    mistakes += [parsed.mistake((name,), refusal(name, HEAD)) for name in value if name not in HEAD]
    listed = value.get("webhooks")
    if not isinstance(listed, list):
        mistakes.append(parsed.mistake(("webhooks",), "This must be a list of webhooks; for none at all, write []."))
        raise Mistakes(mistakes)
    entries = list(_entries(parsed, listed, mistakes))
    return Document(parsed=parsed, entries=entries, mistakes=mistakes)


def _is_format(value: Any) -> bool:
    return isinstance(value, str) and _FORMATS.fullmatch(value) is not None


def _entries(parsed: Parsed, listed: Sequence[Any], mistakes: list[Mistake]) -> Iterator[Entry]:
    seen: dict[str, int] = {}
    for index, one in enumerate(listed):
        place: Place = ("webhooks", index)
        if not isinstance(one, dict):
            mistakes.append(parsed.mistake(place, "This must be a webhook: its uid and its fields."))
            continue
        wrong = dict(_wrong_fields(one))
        uid = str(one.get("uid"))
        if "uid" not in wrong and uid in seen:
            first = parsed.lines.get(("webhooks", seen[uid]))
            where = f"in line {first}" if first else f"as webhooks[{seen[uid]}]"
            wrong["uid"] = f"The webhook {uid} stands here a second time; the first one is {where}. Remove one of them."
        mistakes += [parsed.mistake((*place, name), message) for name, message in wrong.items()]
        seen.setdefault(uid, index)
        values = {name: value for name, value in one.items() if name in FIELDS}
        # one whose uid is wrong is judged all the same, so that all that is wrong with it is told at once
        yield Entry(index=index, uid=uid, values=values, secret=None if "secret" in wrong else one.get("secret"))


def _wrong_fields(one: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What is wrong with an entry apart from the fields that rules speak of."""
    uid, secret = one.get("uid"), one.get("secret")
    if uid is None:
        yield "uid", "Give it a uid, by which it is known again: a word of your own, such as billing, or a UUID."
    elif not isinstance(uid, str):
        yield "uid", "This must be text. Write it in quotes."
    elif not _UID.fullmatch(uid):
        yield "uid", "A uid has 1 to 100 letters (A to Z), digits, dots, hyphens and underscores."
    if secret is not None:
        try:
            signing.secret_key(secret if isinstance(secret, str) else "")
        except ValueError as error:
            yield "secret", f"{str(error).capitalize()}."
    for name in one:
        if name not in KNOWN:
            yield name, refusal(name, KNOWN)
