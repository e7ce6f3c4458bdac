"""The engine's own events in the order in which they are heard of, for those who are to be told of each once.

Ids are made before a commit, so a lower one may appear after a higher one, also by a clock that is behind: what was
read is looked at again for a while, and remembered meanwhile.
"""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
import sqlalchemy as sa
from sqlmodel import Session

from webhook_ui import ids
from webhook_ui.engine_events import TRIGGERS
from webhook_ui.models import Event, table

GROUP = 100
LOOKED_AT_AGAIN = timedelta(minutes=2)

_event = table(Event)


class Place(msgspec.Struct, frozen=True):
    """How far somebody has heard: all events up to the id `after`, and those `seen` beyond it."""

    after: int
    seen: tuple[int, ...] = ()

    def text(self) -> str:
        """What is stored of it."""
        return json.dumps({"after": self.after, "seen": self.seen})


def place_of(text: str) -> Place:
    """The place in a text that `Place.text` made."""
    return msgspec.json.decode(text, type=Place)


def place_at(now: datetime) -> Place:
    """The place of who has heard everything that was before `now`."""
    return Place(ids.floor(now))


def read(session: Session, place: Place, *, now: datetime) -> tuple[Sequence[Event], Place]:
    """The next events after a place, at most GROUP, and the place behind them."""
    statement = (
        sa.select(Event)
        .where(_event.c.trigger.in_(TRIGGERS), _event.c.id > place.after, _event.c.id.not_in(place.seen))
        .order_by(_event.c.id)
        .limit(GROUP)
    )
    found = session.execute(statement).scalars().all()
    return found, behind(place, [int(event.id or 0) for event in found], now=now)


def behind(place: Place, heard: Sequence[int], waiting: Sequence[int] = (), *, now: datetime) -> Place:
    """The place of who has heard of these as well, but not of those that are `waiting`."""
    seen = [*place.seen, *heard]
    limit = min([ids.floor(now - LOOKED_AT_AGAIN), *(one - 1 for one in waiting)])
    after = max([place.after, *(one for one in seen if one <= limit)])
    return Place(after, tuple(one for one in seen if one > after))
