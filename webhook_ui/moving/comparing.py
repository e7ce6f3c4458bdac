"""A file beside what is stored: what bringing it in would create, change, restore and delete. It changes nothing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlmodel import Session

from webhook_ui import webhooks
from webhook_ui.errors import Conflict, Invalid
from webhook_ui.letters import MASK
from webhook_ui.models import Webhook, table
from webhook_ui.moving.document import FIELDS, Document, Entry
from webhook_ui.moving.places import Mistake, Mistakes
from webhook_ui.webhook_fields import Rules, check_fields

AT_ONCE = 500  # uids in one statement

Kind = Literal["create", "change", "restore", "delete"]

_webhook = table(Webhook)
_TOO_SOON = (
    "It is another one, and the secret stored here was rotated less than a day ago: the one before it still signs, and "
    "no third one can. Leave it out, or import it after that day."
)


@dataclass(frozen=True, kw_only=True)
class Step:
    """What is done with one webhook. `before` and `after` hold the fields that differ; of a new one, `before` nothing.

    `secret` is the one that shall sign from now on, None where that stays as it is, or is made.
    """

    kind: Kind
    uid: str
    title: str
    webhook_id: int = 0
    version: int = 0
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)
    secret: str | None = None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All steps, and how many webhooks are as the file says."""

    steps: Sequence[Step]
    unchanged: int

    def count(self, kind: Kind) -> int:
        """How many steps of this kind."""
        return sum(step.kind == kind for step in self.steps)


def compare(session: Session, *, document: Document, rules: Rules, now: datetime, delete_missing: bool) -> Plan:
    """What would be done. Raises Mistakes with everything that is wrong with the file."""
    mistakes = list(document.mistakes)
    steps: list[Step] = []
    stored = _stored(session, [entry.uid for entry in document.entries])
    for entry in document.entries:
        judged = _Judged(entry, stored.get(entry.uid), rules, now)
        if step := judged.step():
            steps.append(step)
        mistakes += [document.parsed.mistake(entry.place(name), words) for name, words in judged.wrong.items()]
    if mistakes:
        raise Mistakes(_once(mistakes))
    unchanged = len(document.entries) - len(steps)
    if delete_missing:
        steps += _missing(session, {entry.uid for entry in document.entries})
    return Plan(steps=steps, unchanged=unchanged)


def _stored(session: Session, uids: Sequence[str]) -> dict[str, Webhook]:
    found: dict[str, Webhook] = {}
    for start in range(0, len(uids), AT_ONCE):
        some = uids[start : start + AT_ONCE]
        for webhook in session.execute(sa.select(Webhook).where(_webhook.c.uid.in_(some))).scalars():
            found[webhook.uid] = webhook
    return found


def _missing(session: Session, uids: set[str]) -> Iterator[Step]:
    columns = _webhook.c.id, _webhook.c.uid, _webhook.c.title, _webhook.c.version
    for row in session.execute(sa.select(*columns).where(_webhook.c.deleted_at.is_(None)).order_by(_webhook.c.id)):
        if row.uid not in uids:
            yield Step(kind="delete", uid=row.uid, title=row.title, webhook_id=row.id, version=row.version)


def _once(mistakes: Sequence[Mistake]) -> list[Mistake]:
    return list(dict.fromkeys(mistakes))


class _Judged:
    """One entry beside the webhook of its uid, if there is one; what is wrong is in `wrong`, by field."""

    def __init__(self, entry: Entry, stored: Webhook | None, rules: Rules, now: datetime) -> None:
        self.wrong: dict[str, str] = {}
        self._entry, self._stored, self._rules, self._now = entry, stored, rules, now

    def step(self) -> Step | None:
        """What is to be done; None for nothing, or where something is wrong."""
        values = self._unmasked(dict(self._entry.values))
        checked = self._new(values) if self._stored is None else self._changed(self._stored, values)
        secret = self._secret()
        if self.wrong or checked is None:
            return None
        stored = self._stored
        if stored is None:
            return Step(kind="create", uid=self._entry.uid, title=checked["title"], after=checked, secret=secret)
        kind: Kind = "change" if stored.deleted_at is None else "restore"
        if kind == "change" and not checked and secret is None:
            return None
        return Step(
            kind=kind,
            uid=stored.uid,
            title=stored.title,
            webhook_id=int(stored.id or 0),
            version=stored.version,
            before={name: getattr(stored, name) for name in checked},
            after=checked,
            secret=secret,
        )

    def _unmasked(self, values: dict[str, Any]) -> dict[str, Any]:
        """The same with the stored values of headers where the file does not show them."""
        headers = values.get("headers")
        if not isinstance(headers, dict) or MASK not in headers.values():
            return values
        known = self._stored.headers if self._stored else {}
        if unknown := [name for name, value in headers.items() if value == MASK and name not in known]:
            self.wrong["headers"] = (
                f"The value of {', '.join(unknown)} is not in this file ({MASK}), and not stored here either. Write it "
                "in its place, leave the header out, or export again with --with-secrets."
            )
        shown = {name: known.get(name, "") if value == MASK else value for name, value in headers.items()}
        return {**values, "headers": shown}

    def _new(self, values: dict[str, Any]) -> dict[str, Any] | None:
        try:
            return check_fields(values, rules=self._rules, whole=True)
        except Invalid as error:
            self.wrong = {**error.fields, **self.wrong}
            return None

    def _changed(self, stored: Webhook, values: dict[str, Any]) -> dict[str, Any] | None:
        """The fields that differ, judged. What stays as it is is not judged anew: it may be older than a rule."""
        if stored.deleted_at is not None and self._now - stored.deleted_at > webhooks.RESTORABLE:
            self.wrong["uid"] = (
                f"The webhook with this uid was deleted more than {webhooks.RESTORABLE.days} days ago and cannot be "
                "restored. Give this one another uid."
            )
        given = {name: value for name, value in values.items() if not _is_same(value, getattr(stored, name))}
        try:
            checked = check_fields(given, rules=self._rules, whole=False, present=stored.triggers)
        except Invalid as error:
            self.wrong = {**error.fields, **self.wrong}
            return None
        return {name: checked[name] for name in FIELDS if name in checked and checked[name] != getattr(stored, name)}

    def _secret(self) -> str | None:
        """The secret that is to be stored."""
        secret, stored = self._entry.secret, self._stored
        if secret is None or stored is None:
            return secret
        if secret == stored.secret:
            return None
        try:
            webhooks.check_rotation(stored, self._now)
        except Conflict:
            self.wrong |= {"secret": _TOO_SOON}
        return secret


def _is_same(given: Any, stored: Any) -> bool:
    """Whether a field of the file needs no look: equal, and no number in place of a switch."""
    return isinstance(given, bool) == isinstance(stored, bool) and given == stored
