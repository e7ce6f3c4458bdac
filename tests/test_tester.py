"""Test sends by REST: sent whatever the webhook's state, kept as such, and without a trace in anybody's state."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.api_house import House, build
from tests.processes import Receiver, receiver
from tests.stored import lane
from webhook_ui import models, sending, times, webhooks
from webhook_ui.actors import CLI
from webhook_ui.database import Database
from webhook_ui.history import events, figures
from webhook_ui.history.webhooks import describe
from webhook_ui.models import table


@pytest.fixture
def house(database: Database, tmp_path: Path) -> House:
    return build(database, tmp_path, network=True, allowed_networks="127.0.0.0/8", request_timeout=5)


@pytest.fixture
def far() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


def hook(far: Receiver, **values: Any) -> dict[str, Any]:
    return {"title": "CRM", "url": far.url, "triggers": ["user.created"], **values}


def rows(database: Database, model: type[models.Table]) -> list[Any]:
    return database.read_now(lambda session: list(session.execute(sa.select(table(model)))))


async def test_a_test_is_sent_signed_and_answered_as_an_attempt(house: House, far: Receiver) -> None:
    async with house.client() as client:
        made = (await client.post("/webhooks", json=hook(far, headers={"X-Key": "private"}))).json()
        far.secret = (await client.get(f"/webhooks/{made['id']}/secret")).json()["secret"]
        answer = await client.post(f"/webhooks/{made['id']}/test")
        assert answer.status_code == 200, answer.text
        attempt = answer.json()
        ((message_id, body, headers),) = far.requests
        assert (attempt["status"], attempt["response_status"], attempt["error"]) == ("sent", 200, None)
        assert (attempt["event_id"], attempt["trigger"], attempt["round"]) == (message_id, "user.created", 1)
        assert attempt["delivery_id"] == f"dlv_{message_id[4:]}_{made['id']}"
        assert attempt["request_body"].encode() == body
        assert json.loads(body)["data"] == {"id": 7, "name": "Zoë"}
        assert headers["x-key"] == "private"
        assert "private" not in answer.text
        assert headers["user-agent"] == attempt["request_headers"]["user-agent"] == "webhook-ui/test"
        again = (await client.post(f"/webhooks/{made['id']}/test", json={})).json()
        assert again["event_id"] != attempt["event_id"]

        event = (await client.get(f"/events/{attempt['event_id']}")).json()
        assert (event["test"], event["trigger"], event["deliveries"]) == (True, "user.created", 1)
        kept = (await client.get(f"/deliveries/{attempt['delivery_id']}")).json()
        assert (kept["test"], kept["status"], kept["closed_reason"], kept["tries"]) == (True, "sent", "sent", 1)
        assert kept["attempts"] == [{name: attempt[name] for name in kept["attempts"][0]}]


async def test_any_trigger_may_be_named_and_the_first_is_taken_otherwise(house: House, far: Receiver) -> None:
    async with house.client() as client:
        made = (await client.post("/webhooks", json=hook(far, triggers=["user.*", "order.paid"]))).json()
        path = f"/webhooks/{made['id']}/test"
        assert (await client.post(path)).json()["trigger"] == "order.paid"
        assert (await client.post(path, json={"trigger": "user.deleted"})).json()["trigger"] == "user.deleted"
        for bad, status in (
            ({"trigger": "user.deletd"}, 422),
            ({"trigger": 5}, 422),
            ({"triger": "user.deleted"}, 422),
            (["user.deleted"], 422),
        ):
            assert (await client.post(path, json=bad)).status_code == status, bad
        assert (await client.post("/webhooks/999/test")).status_code == 404
        await client.delete(f"/webhooks/{made['id']}")
        assert (await client.post(path)).status_code == 404
    async with house.client("viewer") as viewer:
        assert (await viewer.post(path)).status_code == 403
    assert len(far.requests) == 2


async def test_a_webhook_whose_plugins_are_gone_has_no_example(house: House, far: Receiver) -> None:
    async with house.client() as client:
        made = (await client.post("/webhooks", json=hook(far))).json()
        change = sa.update(table(models.Webhook)).values(triggers=["gone.away"])
        house.database.write_now(lambda session: session.execute(change))
        refused = await client.post(f"/webhooks/{made['id']}/test")
        assert (refused.status_code, "gone.away" in refused.json()["detail"]) == (409, True)


@pytest.mark.parametrize("status", [410, 503])
async def test_whatever_the_state_it_is_sent_and_changes_nothing(house: House, far: Receiver, status: int) -> None:
    far.answer = lambda _: status
    async with house.client() as client:
        made = (await client.post("/webhooks", json=hook(far, enabled=False, paused=True))).json()
        house.database.write_now(sending.stop, actor=CLI, now=times.utcnow())
        before = (rows(house.database, models.Webhook), rows(house.database, models.Lane))
        overview = house.database.read_now(figures.overview, now=times.utcnow())
        attempt = (await client.post(f"/webhooks/{made['id']}/test")).json()
        assert (attempt["status"], attempt["response_status"]) == ("error", status)
        assert attempt["error"]["class"] == "http"
        kept = (await client.get(f"/deliveries/{attempt['delivery_id']}")).json()
        assert (kept["status"], kept["closed_reason"]) == ("error", "exhausted")
        assert (kept["waiting_for"], kept["next_attempt_at"], kept["in_flight"]) == (None, None, False)
    assert (rows(house.database, models.Webhook), rows(house.database, models.Lane)) == before
    assert rows(house.database, models.Statistics) == []
    assert house.database.read_now(figures.overview, now=times.utcnow()) == overview
    used = house.database.read_now(events.firings, ["user.created"], now=times.utcnow())["user.created"]
    assert (used.last_at, used.count) == (None, 0)
    (row,) = house.database.read_now(lambda s: describe(s, [webhooks.get(s, made["id"])]))
    assert (row.last, row.held) == (None, 0)


async def test_a_test_does_not_hide_the_last_real_result(house: House, far: Receiver) -> None:
    async with house.client() as client:
        made = (await client.post("/webhooks", json=hook(far))).json()
        await client.post("/events", json={"trigger": "user.created", "payload": {"id": 1, "name": "A"}})
        house.attempt_all(status=503)
        assert (await client.post(f"/webhooks/{made['id']}/test")).json()["status"] == "sent"
    (row,) = house.database.read_now(lambda s: describe(s, [webhooks.get(s, made["id"])]))
    assert row.last is not None
    assert (row.last.status, row.last.response_status) == ("error", 503)
    assert lane(house.database, made["id"]).last_result == "error"


async def test_what_cannot_be_reached_is_an_attempt_with_its_class(house: House, far: Receiver) -> None:
    async with house.client() as client:
        made = (await client.post("/webhooks", json=hook(far))).json()
        far.close()
        attempt = (await client.post(f"/webhooks/{made['id']}/test")).json()
        assert (attempt["status"], attempt["response_status"]) == ("error", None)
        assert attempt["error"]["class"] == "connect"
        blocked = sa.update(table(models.Webhook)).values(url="http://10.1.2.3/")
        house.database.write_now(lambda session: session.execute(blocked))
        attempt = (await client.post(f"/webhooks/{made['id']}/test")).json()
        assert attempt["error"]["class"] == "blocked"


async def test_a_test_is_never_sent_again(house: House, far: Receiver) -> None:
    far.answer = lambda _: 500
    async with house.client() as client:
        made = (await client.post("/webhooks", json=hook(far))).json()
        attempt = (await client.post(f"/webhooks/{made['id']}/test")).json()
        refused = await client.post(f"/deliveries/{attempt['delivery_id']}/redeliver")
        assert (refused.status_code, "test" in refused.json()["detail"]) == (409, True)
        assert (await client.post(f"/deliveries/{attempt['delivery_id']}/cancel")).status_code == 409


async def test_many_at_once_are_all_made(house: House, far: Receiver) -> None:
    async with house.client() as client:
        made = (await client.post("/webhooks", json=hook(far))).json()
        answers = await asyncio.gather(*(client.post(f"/webhooks/{made['id']}/test") for _ in range(20)))
    assert {answer.json()["status"] for answer in answers} == {"sent"}
    assert len({request[0] for request in far.requests}) == 20
    assert len(rows(house.database, models.Attempt)) == 20
