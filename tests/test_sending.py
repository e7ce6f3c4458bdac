"""What holds deliveries and lets them go: the big switch, pause and resume, the lane's new start; on both databases."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.api_house import House, build
from tests.stored import NOW, OPERATOR, Worker, add_webhook, at, change, delivery, emit, lane, set_lane
from webhook_ui import ids, sending, times, webhooks
from webhook_ui.actors import Actor, Role
from webhook_ui.changes import Changed, Kind
from webhook_ui.database import Database
from webhook_ui.errors import Conflict, Forbidden, Invalid
from webhook_ui.models import Change, Delivery, Event, table
from webhook_ui.outbox import held
from webhook_ui.sending import SendingState

ADMIN = Actor(kind="person", name="ada@example.com", role=Role.admin)
DOWN: dict[str, Any] = {
    "breaker": "open",
    "reason": "9 of 10 failed",
    "opened_at": at(0),
    "probe_at": at(600),
    "probes": 3,
    "failing_since": at(0),
    "disable_at": at(9000),
    "not_before": at(700),
    "resume_rate": 2.0,
    "last_result": "error",
}
HOOK = {"title": "CRM", "url": "https://crm.example.com/hooks", "triggers": ["user.*"]}


def hold(database: Database, webhook_id: int, moments: list[datetime], **values: Any) -> list[int]:
    """Deliveries of events of these moments."""
    event_ids = [ids.floor(moment) + number for number, moment in enumerate(moments)]
    base = {"trigger": "user.created", "test": False}

    def store(session: Any) -> None:
        for event_id, moment in zip(event_ids, moments, strict=True):
            event = {"id": event_id, "payload": "{}", "actor": "x", "occurred_at": moment, "created_at": moment}
            session.execute(table(Event).insert().values(**base, **event))
            row = {"webhook_id": webhook_id, "event_id": event_id, "status": "pending", "due_at": moment, "round": 1}
            row |= {"tries": 0, "losses": 0, "created_at": moment, "updated_at": moment}
            session.execute(table(Delivery).insert().values(**{**base, **row, **values}))

    database.write_now(store)
    return event_ids


def actions(database: Database, subject: str) -> list[Any]:
    rows = table(Change)
    statement = sa.select(rows).where(rows.c.subject == subject).order_by(rows.c.id)
    return database.read_now(lambda session: list(session.execute(statement)))


# --- the big switch


def test_the_big_switch_is_turned_once_by_whoever_comes_first(database: Database) -> None:
    other = Actor(kind="person", name="bob@example.com", role=Role.admin)
    seen: list[frozenset[Changed]] = []
    database.announcer.subscribe(seen.append)
    assert database.read_now(sending.state) == SendingState(stopped=False)
    stopped = SendingState(stopped=True, stopped_at=at(1), stopped_by=ADMIN.name)
    assert database.write_now(sending.stop, actor=ADMIN, now=at(1)) == stopped
    assert database.write_now(sending.stop, actor=other, now=at(2)) == stopped, "the first one's stays"
    assert database.read_now(sending.state) == stopped
    assert database.write_now(sending.start, actor=other, now=at(3)) == SendingState(stopped=False)
    assert database.write_now(sending.start, actor=ADMIN, now=at(4)) == SendingState(stopped=False)
    assert [(one.action, one.actor, one.at) for one in actions(database, "sending")] == [
        ("sending.stopped", ADMIN.name, at(1)),
        ("sending.started", other.name, at(3)),
    ]
    assert seen == [frozenset({Changed(Kind.webhook)})] * 2


def test_the_big_switch_is_for_admins(database: Database) -> None:
    for turn in (sending.stop, sending.start):
        with pytest.raises(Forbidden, match="needs the role admin"):
            database.write_now(turn, actor=OPERATOR, now=NOW)
    assert not database.read_now(sending.state).stopped


def test_while_it_is_stopped_everything_is_taken_and_nothing_claimed(database: Database) -> None:
    webhook_id = add_webhook(database)
    database.write_now(sending.stop, actor=ADMIN, now=NOW)
    event_id = emit(database)
    assert list(Worker(database).claim(at(1)).deliveries) == []
    database.write_now(sending.start, actor=ADMIN, now=at(2))
    assert [one.event_id for one in Worker(database).claim(at(3)).deliveries] == [event_id]
    assert delivery(database, webhook_id, event_id).claim is not None


# --- pause and resume


def test_a_new_start_forgets_what_the_engine_held_against_a_receiver(database: Database) -> None:
    fresh = {**DOWN, "breaker": "closed", "probes": 0}
    fresh |= dict.fromkeys(("reason", "opened_at", "probe_at", "failing_since", "disable_at"))
    cases: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
        ({"enabled": False}, {"enabled": True}, fresh),
        ({"paused": True}, {"paused": False}, fresh | {"resume_rate": None}),
        ({}, {"url": "https://example.com/new"}, fresh | {"not_before": None}),
        ({}, {"title": "New", "enabled": True, "paused": False}, DOWN),
        ({}, {"enabled": False, "paused": True}, DOWN),
    ]
    for before, after, expected in cases:
        webhook_id = add_webhook(database, **before)
        set_lane(database, webhook_id, **DOWN)
        change(database, webhook_id, **after)
        found = lane(database, webhook_id)
        assert {name: getattr(found, name) for name in DOWN} == expected, after


def test_resume_lets_go_at_a_rate_and_starts_the_lane_anew(database: Database) -> None:
    webhook_id = add_webhook(database, paused=True)
    set_lane(database, webhook_id, **DOWN)
    resumed = database.write_now(webhooks.resume, webhook_id, rate=5, actor=OPERATOR, now=at(1))
    assert (resumed.paused, resumed.version, resumed.updated_at) == (False, 2, at(1))
    found = lane(database, webhook_id)
    assert (found.breaker, found.probe_at, found.resume_rate, found.last_result) == ("closed", None, 5.0, "error")
    again = database.write_now(webhooks.resume, webhook_id, rate=7, actor=OPERATOR, now=at(2))
    assert (again.version, lane(database, webhook_id).resume_rate) == (2, 7.0), "only the rate is another"
    database.write_now(webhooks.resume, webhook_id, actor=OPERATOR, now=at(3))
    assert lane(database, webhook_id).resume_rate is None
    last = actions(database, "webhook")
    assert [one.action for one in last] == ["webhook.created", "webhook.resumed", "webhook.resumed"]
    assert (last[1].before["paused"], last[1].after["paused"], last[1].after["rate"]) == (True, False, 5.0)
    refused: list[Any] = [0, -1, 10_001, float("nan"), True, "5"]
    for bad in refused:
        with pytest.raises(Invalid, match="a second"):
            database.write_now(webhooks.resume, webhook_id, rate=bad, actor=OPERATOR, now=at(4))
    with pytest.raises(Conflict, match="version 2, you saw 1"):
        database.write_now(webhooks.resume, webhook_id, version=1, actor=OPERATOR, now=at(4))


def test_a_disabled_webhook_keeps_what_was_open_and_hears_of_nothing_new(database: Database) -> None:
    webhook_id = add_webhook(database)
    event_id = emit(database)
    change(database, webhook_id, enabled=False)
    emit(database)
    assert list(Worker(database).claim(at(1)).deliveries) == []
    change(database, webhook_id, enabled=True)
    assert [one.event_id for one in Worker(database).claim(at(2)).deliveries] == [event_id]


def test_what_is_older_is_cancelled_in_steps(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held, "AT_ONCE", 2)
    webhook_id, other = add_webhook(database), add_webhook(database)
    old = hold(database, webhook_id, [at(-50), at(-40), at(-30)])
    (sent_before,) = hold(database, webhook_id, [at(-20)], answer="sent", round=2)
    (flying,) = hold(database, webhook_id, [at(-15)], claim="a1", due_at=at(60))
    (lost,) = hold(database, webhook_id, [at(-14)], claim="a0", due_at=at(-1))
    (edge,) = hold(database, webhook_id, [at(0)])
    (foreign,) = hold(database, other, [at(-10)])

    def step() -> int:
        return database.write_now(held.cancel_held, webhook_id, before=at(0), actor=OPERATOR, now=at(5))

    with pytest.raises(Conflict, match="neither paused nor disabled"):
        step()
    change(database, webhook_id, paused=True)
    assert [step(), step(), step(), step()] == [2, 2, 1, 0]
    closed = {one: delivery(database, webhook_id, one) for one in (*old, sent_before, lost)}
    assert {(row.status, row.closed, row.due_at, row.claim) for one, row in closed.items() if one != sent_before} == {
        ("error", "cancelled", None, None)
    }
    assert (closed[sent_before].status, closed[sent_before].closed) == ("sent", "sent")
    for kept, hook in ((flying, webhook_id), (edge, webhook_id), (foreign, other)):
        assert delivery(database, hook, kept).closed is None
    cancelled = [one for one in actions(database, "delivery") if one.action == "deliveries.cancelled"]
    assert [one.after["count"] for one in cancelled] == [2, 2, 1]


# --- by REST


@pytest.fixture
def house(database: Database, tmp_path: Path) -> House:
    return build(database, tmp_path)


async def test_sending_is_stopped_and_started_by_rest(house: House) -> None:
    async with house.client("admin") as admin, house.client("viewer") as viewer, house.client() as operator:
        going = {"stopped": False, "stopped_at": None, "stopped_by": None}
        assert (await viewer.get("/sending")).json() == going
        for client in (viewer, operator):
            for turn in ("stop", "start"):
                refused = await client.post(f"/sending/{turn}")
                assert (refused.status_code, "admin" in refused.json()["detail"]) == (403, True)
        first, second = await admin.post("/sending/stop"), await admin.post("/sending/stop")
        assert (first.status_code, second.status_code) == (200, 200)
        assert first.json() == second.json() == (await viewer.get("/sending")).json()
        assert (first.json()["stopped"], first.json()["stopped_by"]) == (True, "the admin")
        hook = (await operator.post("/webhooks", json=HOOK)).json()
        await operator.post("/events", json={"trigger": "user.deleted", "payload": {}})
        (waiting,) = (await viewer.get("/deliveries", params={"webhook_id": hook["id"]})).json()["items"]
        assert waiting["waiting_for"] == "stopped"
        assert (await admin.post("/sending/start")).json() == going
        assert (await admin.post("/sending/start")).json() == going


async def test_pause_and_resume_by_rest(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held, "AT_ONCE", 2)
    async with house.client() as client:
        hook = (await client.post("/webhooks", json={**HOOK, "rate_limit": 0.5})).json()
        path = f"/webhooks/{hook['id']}"
        assert hook["rate_limit"] == 0.5
        assert hook["breaker"] == {"state": "closed", "reason": None, "opened_at": None, "next_probe_at": None}
        assert (hook["failing_since"], hook["disable_at"]) == (None, None)
        refused = await client.post(f"{path}/resume", json={"drop_before": "2026-01-01T00:00:00Z"})
        assert (refused.status_code, "neither paused" in refused.json()["detail"]) == (409, True)
        paused = await client.post(f"{path}/pause")
        now = times.utcnow()
        old = hold(house.database, hook["id"], [now - timedelta(hours=hour) for hour in (7, 6, 5, 4, 3)])
        (new,) = hold(house.database, hook["id"], [now - timedelta(minutes=1)])
        order = {"drop_before": times.to_text(now - timedelta(hours=1)), "rate": 5}
        for bad in ({**order, "rate": 0}, {**order, "drop_before": "yesterday"}, {**order, "rate": "5"}, {"x": 1}):
            answer = await client.post(f"{path}/resume", json=bad)
            assert answer.status_code == 422, bad
        stale = await client.post(f"{path}/resume", json=order, headers={"if-match": '"1"'})
        assert stale.status_code == 412
        assert {delivery(house.database, hook["id"], one).closed for one in old} == {None}, "refused, so all is there"
        resumed = await client.post(f"{path}/resume", json=order, headers={"if-match": paused.headers["etag"]})
        assert resumed.status_code == 200, resumed.text
        assert (resumed.json()["paused"], resumed.json()["dropped"]) == (False, 5)
        assert {delivery(house.database, hook["id"], one).closed for one in old} == {"cancelled"}
        assert delivery(house.database, hook["id"], new).closed is None
        assert lane(house.database, hook["id"]).resume_rate == 5.0
        again = await client.post(f"{path}/resume")
        assert (again.status_code, again.json()["dropped"]) == (200, 0)
        assert (await client.post(f"{path}/resume", content=b"{}")).status_code == 415
        assert lane(house.database, hook["id"]).resume_rate is None


async def test_a_disabled_webhook_is_not_enabled_by_resuming(house: House) -> None:
    async with house.client() as client:
        hook = (await client.post("/webhooks", json={**HOOK, "enabled": False})).json()
        hold(house.database, hook["id"], [times.utcnow() - timedelta(hours=2)])
        order = {"drop_before": times.to_text(times.utcnow() + timedelta(days=1)), "rate": 3}
        resumed = (await client.post(f"/webhooks/{hook['id']}/resume", json=order)).json()
        assert (resumed["enabled"], resumed["dropped"]) == (False, 1)
        enabled = (await client.patch(f"/webhooks/{hook['id']}", json={"enabled": True})).json()
        assert enabled["enabled"] is True
        assert lane(house.database, hook["id"]).resume_rate == 3.0


async def test_a_receiver_that_is_down_shows_by_rest(house: House) -> None:
    async with house.client() as client, house.client("viewer") as viewer:
        hook = (await client.post("/webhooks", json=HOOK)).json()
        set_lane(house.database, hook["id"], **DOWN)
        found = (await viewer.get(f"/webhooks/{hook['id']}")).json()
        assert found["breaker"] == {
            "state": "open",
            "reason": "9 of 10 failed",
            "opened_at": times.to_text(at(0)),
            "next_probe_at": times.to_text(at(600)),
        }
        assert (found["failing_since"], found["disable_at"]) == (times.to_text(at(0)), times.to_text(at(9000)))
        assert (await viewer.get("/webhooks")).json()["items"] == [found]
        moved = (await client.patch(f"/webhooks/{hook['id']}", json={"url": "https://example.com/b"})).json()
        assert (moved["breaker"]["state"], moved["failing_since"], moved["disable_at"]) == ("closed", None, None)


async def test_a_second_rotation_within_a_day_is_refused_unless_it_is_forced(house: House) -> None:
    async with house.client() as client:
        hook = (await client.post("/webhooks", json=HOOK)).json()
        path = f"/webhooks/{hook['id']}/secret"
        first = (await client.post(f"{path}/rotate")).json()
        refused = await client.post(f"{path}/rotate")
        assert refused.status_code == 409
        assert "rotated 1 minute ago" in refused.json()["detail"]
        assert "force" in refused.json()["detail"]
        assert (await client.get(path)).json()["secret"] == first["secret"]
        assert (await client.post(f"{path}/rotate", json={"force": 1})).status_code == 422
        second = (await client.post(f"{path}/rotate", json={"force": True})).json()
        assert second["secret"] != first["secret"]
        assert second["old_valid_until"] > first["old_valid_until"]
