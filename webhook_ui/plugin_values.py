"""The write side of plugins' settings: what was saved on the page Settings, sealed whole, each change on record."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel
from sqlmodel import Session

from webhook_ui import changelog, plugin_settings, sealing, storage
from webhook_ui.actors import Actor, Role
from webhook_ui.changes import Changed, Kind
from webhook_ui.database import Database, note
from webhook_ui.errors import Invalid, WebhookUIError
from webhook_ui.languages import tr
from webhook_ui.models import PluginSettings, table
from webhook_ui.settings import Settings

Values = Mapping[str, Any]

_settings = table(PluginSettings)
KEPT_SECRET = "secret"  # noqa: S105 - what the history says in place of one


@dataclass(frozen=True, kw_only=True)
class Saved:
    """What is saved for one plugin, as JSON has it, by the names of its fields."""

    values: Values
    updated_at: datetime
    updated_by: str


def all_saved(session: Session) -> dict[str, Saved]:
    """All there is, by plugin."""
    rows = session.execute(sa.select(_settings)).all()
    return {row.plugin: Saved(values=row.given, updated_at=row.updated_at, updated_by=row.updated_by) for row in rows}


def all_values(session: Session) -> dict[str, Values]:
    """The same, for the loader."""
    return {plugin: saved.values for plugin, saved in all_saved(session).items()}


def on_disk(settings: Settings) -> dict[str, Values]:
    """The same for who only looks: without a database or its key, or where it cannot be read, there are none."""
    url = storage.database_url(settings)
    if url.get_backend_name() == "sqlite" and not Path(str(url.database)).exists():
        return {}
    given = settings.secret_key.get_secret_value() if settings.secret_key else None
    if given is None and not (settings.data_dir / "secret.key").exists():  # looking makes none
        return {}
    database = Database(settings.database, sealing.FernetSealer(sealing.load_key(settings.data_dir, given)))
    try:
        return database.read_now(_if_there)
    except WebhookUIError:
        return {}
    finally:
        database.close()


def _if_there(session: Session) -> dict[str, Values]:
    return all_values(session) if sa.inspect(session.connection()).has_table(_settings.name) else {}


def save(
    session: Session, plugin: str, model: type[BaseModel], changes: Values, *, actor: Actor, now: datetime
) -> Values:
    """Changes some of them; None takes one away. Answers what is saved now.

    Raises Invalid by field, for what the model refuses and for what the environment gives, which would win.
    """
    actor.require(Role.admin)
    statement = sa.select(_settings.c.given).where(_settings.c.plugin == plugin).with_for_update()
    before: Values = session.execute(statement).scalar_one_or_none() or {}
    elsewhere = plugin_settings.given_elsewhere(plugin, model)
    wrong = {name: _won_by(elsewhere[name]) for name in changes if name in elsewhere}
    wrong |= {name: tr("The plugin has no such setting.") for name in changes if name not in model.model_fields}
    after = {name: value for name, value in {**before, **changes}.items() if value is not None}
    after = {name: value for name, value in after.items() if name in model.model_fields}
    wrong = wrong or plugin_settings.mistakes(plugin, model, after)
    if wrong:
        raise Invalid(wrong)
    if after == before:
        return before
    values = {"given": after, "updated_at": now, "updated_by": actor.name}
    if not session.execute(_settings.update().where(_settings.c.plugin == plugin).values(values)).rowcount:  # type: ignore[attr-defined]
        session.execute(_settings.insert().values(plugin=plugin, **values))
    changelog.record(
        session,
        actor=actor,
        action="plugin.settings_changed",
        subject="plugin",
        subject_id=plugin,
        before=_shown(model, before),
        after=_shown(model, after),
        now=now,
    )
    note(session, Changed(Kind.plugin))
    return after


def _won_by(where: str) -> str:
    return tr("It is set in {place}, which wins. Take it out there first.", place=where)


def _shown(model: type[BaseModel], values: Values) -> dict[str, Any]:
    secret = plugin_settings.secrets_of(model)
    return {name: KEPT_SECRET if name in secret else value for name, value in values.items()}
