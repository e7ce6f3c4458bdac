"""Furnishes the demo's database: people, a token, webhooks with their past, plans."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from webhook_ui import accounts, builtin, ids, plugin_loader, redeliveries, storage, webhooks
from webhook_ui.actors import CLI, Actor, Role
from webhook_ui.database import moment
from webhook_ui.demo.past import Deed, Past
from webhook_ui.demo.receiver import Receivers
from webhook_ui.demo.stories import FILTERED, GIVEN_UP, PAUSED, ROTATED, STORIES, Story
from webhook_ui.plugin_loader import Plugins
from webhook_ui.rules import in_force
from webhook_ui.settings import Settings

PEOPLE = {
    "dana@demo.example": Role.admin,
    "olga@demo.example": Role.operator,
    "vera@demo.example": Role.viewer,
}
DANA = Actor(kind="person", name="dana@demo.example", role=Role.admin, origin="127.0.0.1")
OLGA = Actor(kind="person", name="olga@demo.example", role=Role.operator, origin="127.0.0.1")
VIP = "data.amount >= `20000`"
MOVED_IN = timedelta(days=90)
LATEST = timedelta(hours=26)  # before it the youngest webhook was added

NIGHTLY = {"error_class": "http", "within": "24h", "cron": "30 3 * * *", "timezone": "Europe/Berlin", "rate": 5}


@dataclass(frozen=True, kw_only=True)
class _House:
    """What furnishing goes by."""

    settings: Settings
    plugins: Plugins
    receivers: Receivers
    password_hash: str


def furnish(settings: Settings, receivers: Receivers, password: str, *, tell: Callable[[int], object]) -> None:
    """Makes the database and puts everything into it; `tell` hears how many hours of the past are done."""
    database = storage.open_database(settings)
    try:
        house = _House(
            settings=settings,
            plugins=plugin_loader.load(settings.plugins_dir, builtin=builtin.PLUGINS, entry_points=False),
            receivers=receivers,
            password_hash=accounts.hash_password(password),
        )
        # here and not on the writing thread, so that Ctrl+C is heard at once
        with Session(database.writer) as session, session.begin():
            by_path = _fill(session, house, tell)
        # it was given up, and will arrive while one looks
        again = {"webhook_id": by_path[GIVEN_UP], "within": "24h", "rate": 0.5}
        for plan in (NIGHTLY, again):
            asyncio.run(redeliveries.place(database, plan, kind="redeliver", actor=OLGA))
    finally:
        database.close()


def _fill(session: Session, house: _House, tell: Callable[[int], object]) -> Mapping[str, int]:
    """Everything but plans; returns the webhooks by the path of their receivers."""
    until = moment(session)
    began = until - MOVED_IN
    with ids.made_at(lambda: began):
        _add_people(session, house.password_hash, began)
    stories = dict(_add_webhook(session, house, number, until) for number in range(len(STORIES)))
    by_path = {story.path: webhook_id for webhook_id, story in stories.items()}
    Past(session, house.settings, house.plugins, stories).happen(until, _deeds(by_path, until, house), tell)
    return by_path


def _add_people(session: Session, password_hash: str, now: datetime) -> None:
    for email, role in PEOPLE.items():
        accounts.create_account(session, email=email, role=role, password_hash=password_hash, actor=CLI, now=now)
    accounts.create_token(session, name="shop", role=Role.operator, actor=DANA, now=now)


def _add_webhook(session: Session, house: _House, number: int, until: datetime) -> tuple[int, Story]:
    story = STORIES[number]
    now = until - LATEST - (MOVED_IN - LATEST) * (1 - number / len(STORIES)) * 0.9
    values = {**story.fields, "url": house.receivers.url(story)}
    with ids.made_at(lambda: now):
        rules = in_force(house.settings, house.plugins)
        webhook = webhooks.add(session, values, rules=rules, actor=DANA if number % 3 else OLGA, now=now)
    return int(webhook.id or 0), story


def _deeds(by_path: Mapping[str, int], until: datetime, house: _House) -> list[Deed]:
    """What people did on that day."""
    rules = in_force(house.settings, house.plugins)
    paused, ledger, vip = by_path[PAUSED], by_path[ROTATED], by_path[FILTERED]
    return [
        (
            until - timedelta(hours=6),
            lambda session, now: webhooks.change(session, vip, {"filter": VIP}, rules=rules, actor=OLGA, now=now),
        ),
        (
            until - timedelta(hours=3),
            lambda session, now: webhooks.rotate_secret(session, ledger, actor=DANA, now=now),
        ),
        (
            until - timedelta(minutes=55),
            lambda session, now: webhooks.change(session, paused, {"paused": True}, rules=rules, actor=OLGA, now=now),
        ),
    ]
