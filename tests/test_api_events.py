"""Events over REST: found by tenant and by fields of their payloads, large ones left out of lists, traced."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api_house import House, build
from tests.stored import OPERATOR
from webhook_ui import webhooks
from webhook_ui.database import Database
from webhook_ui.times import utcnow

HOOK = {"title": "CRM", "url": "https://crm.example.com/hooks", "triggers": ["user.*"]}


@pytest.fixture
def house(database: Database, tmp_path: Path) -> House:
    return build(database, tmp_path, indexed_fields="customer.id,user.deleted:id")


async def post(client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> dict[str, Any]:
    response = await client.post(path, json=body)
    assert response.status_code in {200, 201, 202}, response.text
    return dict(response.json())


async def emit(client: httpx.AsyncClient, payload: dict[str, Any], **more: Any) -> str:
    return str((await post(client, "/events", {"trigger": "user.deleted", "payload": payload, **more}))["id"])


async def listed(client: httpx.AsyncClient, *query: tuple[str, str]) -> list[Any]:
    response = await client.get("/events", params=httpx.QueryParams(query))
    assert response.status_code == 200, response.text
    return list(response.json()["items"])


async def test_events_are_found_by_fields_and_tenant(house: House) -> None:
    async with house.client() as client:
        first = await emit(client, {"id": 1, "customer": {"id": "c:7"}})
        second = await emit(client, {"id": 2, "customer": {"id": "c:7"}}, tenant="acme")
        third = await emit(client, {"id": 2}, tenant="acme")
        asked = {
            (("field", "customer.id:c:7"),): [second, first],
            (("field", "id:2"),): [third, second],
            (("field", "id:2"), ("field", "customer.id:c:7")): [second],
            (("field", "id:2"), ("field", "id:2")): [third, second],
            (("field", "id:3"),): [],
            (("tenant", "acme"),): [third, second],
            (("tenant", "acme"), ("field", "customer.id:c:7"), ("trigger", "user.deleted")): [second],
        }
        for query, expected in asked.items():
            assert [item["id"] for item in await listed(client, *query)] == expected, query


async def test_a_field_that_is_not_indexed_is_refused_with_the_way_out(house: House) -> None:
    async with house.client() as client:
        wrong = {"plan:team": "plan is not indexed. Indexed are customer.id, id. Name it in", "plan": "a field and its"}
        for field, words in wrong.items():
            response = await client.get("/events", params={"field": field})
            (error,) = response.json()["errors"]
            assert (response.status_code, error["field"]) == (422, "field")
            assert words in error["message"]
        many = httpx.QueryParams([("field", f"id:{number}") for number in range(6)])
        assert "At most 5" in (await client.get("/events", params=many)).json()["detail"]


async def test_a_list_leaves_a_large_payload_out_and_the_event_shows_it(house: House) -> None:
    async with house.client() as client:
        large = await emit(client, {"text": "é" * 10_000}, idempotency_key="large-1")
        small = await emit(client, {"text": "é"})
        items = {item["id"]: item for item in await listed(client)}
        one = (await client.get(f"/events/{large}")).json()
        note = (await client.get("/openapi.json")).json()["paths"]["/events"]["get"]["description"]
    assert (items[large]["payload"], items[large]["payload_bytes"]) == (None, one["payload_bytes"])
    assert (items[small]["payload"], items[small]["payload_bytes"]) == ({"text": "é"}, len('{"text":"é"}'.encode()))
    assert (one["payload"], one["idempotency_key"], one["actor"]) == (
        {"text": "é" * 10_000},
        "large-1",
        "the operator",
    )
    assert "16 KiB" in note


async def test_a_trace_says_why(house: House) -> None:
    async with house.client() as client, house.client("viewer") as viewer:
        crm = await post(client, "/webhooks", HOOK)
        off = await post(client, "/webhooks", {**HOOK, "title": "Old partner", "enabled": False})
        gone = await post(client, "/webhooks", {**HOOK, "title": "Gone"})
        other = await post(client, "/webhooks", {**HOOK, "title": "Ledger", "triggers": ["order.paid"]})
        house.database.write_now(webhooks.delete, gone["id"], actor=OPERATOR, now=utcnow())
        event_id = await emit(client, {"id": 1})
        house.attempt_all(status=503)
        answer = (await viewer.get(f"/events/{event_id}/trace", params={"limit": 3})).json()
        rest = (
            await viewer.get(f"/events/{event_id}/trace", params={"limit": 3, "cursor": answer["next_cursor"]})
        ).json()
        missing = await viewer.get("/events/evt_0000000000000/trace")
    assert (answer["event_id"], rest["next_cursor"]) == (event_id, None)
    assert answer["counts"] == {"sent": 0, "error": 1, "pending": 0, "missed": 2, "not_subscribed": 1}
    items = {item["webhook_id"]: item for item in answer["items"] + rest["items"]}
    assert list(items) == [crm["id"], off["id"], gone["id"], other["id"]]
    assert [item["outcome"] for item in items.values()] == ["delivered", "disabled", "deleted", "not_subscribed"]
    assert items[crm["id"]]["delivery"]["last_attempt"]["response_status"] == 503
    assert (items[off["id"]]["by"], items[off["id"]]["delivery"]) == ("the operator", None)
    assert items[gone["id"]]["by"] == OPERATOR.name
    assert items[other["id"]]["triggers"] == ["order.paid"]
    assert missing.status_code == 404


async def test_a_trace_tells_what_was_created_so_from_what_was_switched(house: House) -> None:
    async with house.client() as client:
        off = await post(client, "/webhooks", {**HOOK, "title": "Never begun", "enabled": False})
        held = await post(client, "/webhooks", {**HOOK, "title": "Held from the start", "paused": True})
        switched = await post(client, "/webhooks", {**HOOK, "title": "Switched off"})
        await client.patch(f"/webhooks/{switched['id']}", json={"enabled": False})
        stopped = await post(client, "/webhooks", {**HOOK, "title": "Paused since"})
        await post(client, f"/webhooks/{stopped['id']}/pause", {})
        going = await post(client, "/webhooks", HOOK)
        event_id = await emit(client, {"id": 1})
        answer = (await client.get(f"/events/{event_id}/trace")).json()
    told = {item["webhook_id"]: (item["outcome"], item["created_so"]) for item in answer["items"]}
    assert told == {
        off["id"]: ("disabled", True),
        held["id"]: ("delivered", True),
        switched["id"]: ("disabled", False),
        stopped["id"]: ("delivered", False),
        going["id"]: ("delivered", False),
    }
