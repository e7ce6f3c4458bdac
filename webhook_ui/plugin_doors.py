"""What stands behind a plugin's host: its events and its position are stored in one commit."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from webhook_ui import ids, models
from webhook_ui.actors import Actor, Role
from webhook_ui.database import Database, moment
from webhook_ui.errors import Invalid
from webhook_ui.history import notices
from webhook_ui.history.notices import Place
from webhook_ui.host import Emission, Host
from webhook_ui.models import Checkpoint, table
from webhook_ui.plugin_types import Event, Notice

_checkpoint = table(Checkpoint)


@dataclass(frozen=True)
class News:
    """What the engine has said since a place, as it was found at a moment."""

    notices: Sequence[Notice]
    place: Place
    now: datetime

    def position(self, heard: Sequence[Notice]) -> str:
        """What is to be stored when these were heard."""
        all_of_them, done = ({ids.event_number(one.event_id) for one in some} for some in (self.notices, heard))
        return notices.behind(self.place, sorted(done), sorted(all_of_them - done), now=self.now).text()


class PluginDoors:
    """Used from any event loop: nothing here belongs to one."""

    def __init__(self, database: Database, host: Host, public_url: str | None = None) -> None:
        self._database, self._host, self._public_url = database, host, public_url

    async def store(self, plugin: str, events: Sequence[Event], position: tuple[str, str] | None) -> list[str]:
        """Stores events, and a position under its name, in one commit."""
        along = None if position is None else partial(_keep, *position)
        if not events:
            if along is not None:
                await self._database.write(along)
            return []
        actor = Actor(kind="plugin", name=plugin, role=Role.operator)
        emissions = [_emission(event, index) for index, event in enumerate(events)]
        stored = await self._host.emit_many(emissions, actor=actor, along=along)
        return [ids.event_text(one.event_id) for one in stored]

    async def flush(self) -> None:
        """Returns when all is stored that was handed in: who was cancelled meanwhile has not waited for it."""
        await self._database.write(lambda _: None)

    async def position(self, name: str) -> str | None:
        """What was stored under this name."""
        return await self._database.read(_read, name)

    async def news(self, name: str) -> News:
        """What the engine has said since the position under this name."""
        events, place, now = await self._database.read(_news, name)
        return News([self._notice(event) for event in events], place, now)

    def _notice(self, event: models.Event) -> Notice:
        payload = json.loads(event.payload)
        return Notice(
            event_id=ids.event_text(int(event.id or 0)),
            trigger=event.trigger,
            payload=payload,
            at=event.created_at,
            link=self._public_url and f"{self._public_url.rstrip('/')}/webhooks/{payload['webhook']['id']}",
        )


def payload_text(payload: Mapping[str, Any], field: str = "payload") -> bytes:
    """A payload as JSON. Raises Invalid for what is none."""
    try:
        return json.dumps(dict(payload), ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        sentence = f"The payload is not JSON ({error}). Use dict, list, str, int, float, bool and None only."
        raise Invalid({field: sentence}) from None


def _emission(event: Event, index: int) -> Emission:
    if not isinstance(event, Event):
        raise Invalid({f"events[{index}]": f"This is a {type(event).__name__}. Write Event(trigger=…, payload=…)."})
    return Emission(
        trigger=event.trigger,
        payload=payload_text(event.payload, f"events[{index}].payload"),
        idempotency_key=event.idempotency_key,
        tenant=event.tenant,
        occurred_at=event.occurred_at,
    )


def _keep(name: str, position: str, session: Session) -> None:
    now = moment(session)
    values = {"position": position, "updated_at": now}
    if not session.execute(_checkpoint.update().where(_checkpoint.c.plugin == name).values(values)).rowcount:  # type: ignore[attr-defined]
        session.execute(_checkpoint.insert().values(plugin=name, **values))


def _read(session: Session, name: str) -> str | None:
    found: str | None = session.execute(sa.select(_checkpoint.c.position).where(_checkpoint.c.plugin == name)).scalar()
    return found


def _news(session: Session, name: str) -> tuple[Sequence[models.Event], Place, datetime]:
    position, now = _read(session, name), moment(session)
    if position is None:  # what was said before is no news
        return [], notices.place_at(now), now
    place = notices.place_of(position)
    events, _ = notices.read(session, place, now=now)
    return events, place, now
