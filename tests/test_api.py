"""The REST API: each call on both databases, and the document that describes them."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from sqlmodel import Session

from tests.api_house import MAX_PAYLOAD_BYTES, House, build, served
from webhook_ui import models, webhook_fields
from webhook_ui.api import OPERATIONS
from webhook_ui.api.webhooks import NewWebhook, WebhookChange
from webhook_ui.database import Database
from webhook_ui.sealing import FernetSealer

JSON = {"content-type": "application/json"}
HOOK = {"title": "CRM", "url": "https://crm.example.com/hooks", "triggers": ["user.*"]}
EVENT = {"trigger": "user.created", "payload": {"id": 7, "name": "Zoë"}}


@pytest.fixture
def house(database: Database, tmp_path: Path) -> House:
    return build(database, tmp_path, indexed_fields="customer.id")


@pytest.fixture
def sqlite_house(sqlite_url: sa.URL, tmp_path: Path) -> Iterator[House]:
    """Where the database does not matter."""
    database = Database(str(sqlite_url), FernetSealer("a key that only tests use"))
    yield build(database, tmp_path)
    database.close()


async def add(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    response = await client.post("/webhooks", json={**HOOK, **fields})
    assert response.status_code == 201, response.text
    return dict(response.json())


async def emit(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    response = await client.post("/events", json={**EVENT, **fields})
    assert response.status_code == 202, response.text
    return dict(response.json())


async def walk(client: httpx.AsyncClient, path: str, **params: Any) -> list[Any]:
    """The ids on all pages."""
    found, cursor = [], None
    while True:
        response = await client.get(path, params={**params, **({"cursor": cursor} if cursor else {})})
        assert response.status_code == 200, response.text
        found += [item.get("id", item.get("name")) for item in response.json()["items"]]
        cursor = response.json()["next_cursor"]
        if cursor is None:
            return found


async def test_nobody_without_a_token_gets_in_but_the_documents_are_open(house: House) -> None:
    async with house.client(None) as client:
        for method, path in (("GET", "/webhooks"), ("POST", "/events"), ("GET", "/nothing"), ("PUT", "/triggers")):
            response = await client.request(method, path)
            assert response.status_code == 401
            assert response.headers["www-authenticate"] == "Bearer"
            assert response.headers["content-type"] == "application/problem+json"
        assert (await client.get("/openapi.json")).json()["openapi"].startswith("3.1")
        page = (await client.get("/docs")).text
    assert "Store an event and deliver it" in page
    assert "<script" not in page
    assert "//" not in page.replace("https://crm.example.com", "").replace("http-equiv", "")


async def test_an_emitted_event_is_stored_with_its_deliveries(house: House) -> None:
    async with house.client() as client:
        hook = await add(client)
        await add(client, triggers=["order.paid"])
        await add(client, enabled=False)
        emitted = await emit(client, occurred_at="2026-11-23T10:00:00+01:00", tenant="acme")
        assert emitted["deliveries"] == 1
        event = (await client.get(f"/events/{emitted['id']}")).json()
        assert event["occurred_at"] == "2026-11-23T09:00:00Z"
        assert event["payload"] == EVENT["payload"]
        assert event["deliveries"] == 1
        assert (event["trigger"], event["tenant"]) == ("user.created", "acme")
        listed = (await client.get("/deliveries", params={"event_id": emitted["id"]})).json()["items"]
    assert [item["webhook_id"] for item in listed] == [hook["id"]]
    assert listed[0]["status"] == "pending"
    assert listed[0]["waiting_for"] is None
    assert listed[0]["last_attempt"] is None


async def test_a_payload_keeps_its_bytes_from_request_to_answer(house: House) -> None:
    payload = (
        '{ "id": 123456789012345678901234567890, "a":1e400,"a" : -0.0,\n"Zo\\u00eb": "\\u0000 Zoë \\/",'
        '"deep":{"x":[1.0,1.10,{"b":{} , "a":[ ]}]} }'
    )
    body = f'{{"trigger":"user.deleted", "payload":\t{payload} ,"tenant":"{{}}"}}'.encode()
    async with house.client() as client:
        response = await client.post("/events", content=body, headers=JSON)
        assert response.status_code == 202, response.text
        one = await client.get(f"/events/{response.json()['id']}")
        listed = await client.get("/events")
        batch = f'{{"events":[{body.decode()}, {body.decode()}]}}'.encode()
        assert (await client.post("/events/batch", content=batch, headers=JSON)).status_code == 202
    assert f'"payload":{payload}'.encode() in one.content
    assert f'"payload":{payload}'.encode() in listed.content
    with Session(house.database.reader) as session:
        assert session.execute(sa.select(models.table(models.Event).c.payload)).scalars().all() == [payload] * 3


async def test_the_same_key_answers_the_first_event_again(house: House) -> None:
    async with house.client() as client:
        first = await emit(client, idempotency_key="signup-7")
        again = await client.post("/events", json={**EVENT, "idempotency_key": "signup-7"})
        assert (again.status_code, again.json()) == (200, first)
        laid_out = json.dumps({**EVENT, "idempotency_key": "signup-7"}, indent=2, ensure_ascii=False)
        from_elsewhere = await client.post("/events", content=laid_out, headers=JSON)
        assert (from_elsewhere.status_code, from_elsewhere.json()) == (200, first)
        other = {**EVENT, "payload": {"id": 8, "name": "Ada"}, "idempotency_key": "signup-7"}
        conflict = await client.post("/events", json=other)
        assert conflict.status_code == 409
        assert "new key" in conflict.json()["detail"]
        batch = await client.post("/events/batch", json={"events": [EVENT, other]})
        assert batch.status_code == 409
        assert "events[1]" in batch.json()["detail"]
    assert house.counts()["webhook_ui_event"] == 1


async def test_a_batch_is_stored_whole_or_not_at_all(house: House) -> None:
    async with house.client() as client:
        await add(client)
        wrong = [EVENT, {"trigger": "user.creatd", "payload": {}}, {"payload": {}}, {**EVENT, "payload": {"id": "7"}}]
        refused = await client.post("/events/batch", json={"events": wrong})
        assert refused.status_code == 422
        assert {error["field"] for error in refused.json()["errors"]} == {"events[2].trigger"}
        refused = await client.post("/events/batch", json={"events": [wrong[0], wrong[1], wrong[3]]})
        fields = {error["field"]: error["message"] for error in refused.json()["errors"]}
        assert set(fields) == {"events[1].trigger", "events[2].payload.id", "events[2].payload.name"}
        assert "user.created" in fields["events[1].trigger"]
        assert house.counts()["webhook_ui_event"] == 0
        stored = await client.post("/events/batch", json={"events": [EVENT] * 1000})
        assert stored.status_code == 202
        assert len({item["id"] for item in stored.json()["items"]}) == 1000
        assert {item["deliveries"] for item in stored.json()["items"]} == {1}
        too_many = await client.post("/events/batch", json={"events": [EVENT] * 1001})
        assert too_many.status_code == 422
    assert house.counts()["webhook_ui_event"] == 1000


async def test_an_event_of_one_tenant_never_reaches_anothers_webhook(house: House) -> None:
    async with house.client() as client:
        hooks = {tenant: (await add(client, tenant=tenant))["id"] for tenant in ("acme", "globex", None)}
        for tenant, reached in (("acme", {"acme", None}), ("globex", {"globex", None}), (None, {None})):
            emitted = await emit(client, tenant=tenant)
            listed = (await client.get("/deliveries", params={"event_id": emitted["id"]})).json()["items"]
            assert {item["webhook_id"] for item in listed} == {hooks[name] for name in reached}


async def test_a_webhook_lives_its_life(house: House) -> None:
    async with house.client() as client:
        response = await client.post(
            "/webhooks", json={**HOOK, "headers": {"X-Key": "k"}, "timeout": 5, "ordered": True}
        )
        hook = response.json()
        path = f"/webhooks/{hook['id']}"
        assert response.headers["location"] == f"/api/v1{path}"
        assert response.headers["etag"] == '"1"'
        assert hook["headers"] == {"X-Key": "k"}
        assert set(hook) == {
            *("id", "uid", "version", "title", "url", "triggers", "enabled", "paused", "description", "headers"),
            *("tenant", "ordered", "rate_limit", "timeout", "retry_schedule", "signer", "disabled_reason", "breaker"),
            *("failing_since", "disable_at", "created_at", "updated_at", "filter", "template"),
        }
        changed = await client.patch(path, json={"title": "CRM, new", "retry_schedule": [1, 2.5]})
        assert changed.json() == {
            **hook,
            "title": "CRM, new",
            "retry_schedule": [1, 2.5],
            "version": 2,
            "updated_at": changed.json()["updated_at"],
        }
        assert (await client.post(f"{path}/pause")).json()["paused"] is True
        assert (await client.post(f"{path}/resume", content=b"{}", headers=JSON)).json()["paused"] is False
        assert (await client.post(f"{path}/resume", json={"rte": 5})).status_code == 422
        secret = (await client.get(f"{path}/secret")).json()["secret"]
        rotated = (await client.post(f"{path}/secret/rotate")).json()
        assert secret.startswith("whsec_")
        assert rotated["secret"] not in (secret, None)
        assert rotated["old_valid_until"] > hook["created_at"]
        assert (await client.post(f"{path}/restore")).status_code == 409
        assert (await client.delete(path)).status_code == 204
        assert (await client.get(path)).status_code == 404
        assert (await client.delete(path)).status_code == 404
        assert (await client.post(f"{path}/restore")).status_code == 200
        assert (await client.get(path)).json()["title"] == "CRM, new"


async def test_a_change_on_an_old_version_is_refused(house: House) -> None:
    async with house.client() as client:
        path = f"/webhooks/{(await add(client))['id']}"
        tag = (await client.get(path)).headers["etag"]
        changed = await client.patch(path, json={"title": "B"}, headers={"if-match": tag})
        assert changed.headers["etag"] == '"2"'
        for call in (
            client.patch(path, json={"title": "C"}, headers={"if-match": tag}),
            client.patch(path, json={"title": "C"}, headers={"if-match": "W/" + '"2"'}),
            client.post(f"{path}/pause", headers={"if-match": "nonsense"}),
            client.delete(path, headers={"if-match": tag}),
        ):
            refused = await call
            assert refused.status_code == 412
            assert refused.json()["title"] == "Changed meanwhile"
        assert (await client.get(path)).json()["title"] == "B"
        assert (await client.patch(path, json={"title": "C"}, headers={"if-match": "*"})).status_code == 200
        assert (await client.delete(path, headers={"if-match": f'"1", {chr(34)}3{chr(34)}'})).status_code == 204


async def test_a_viewer_reads_and_changes_nothing(house: House) -> None:
    async with house.client() as client:
        hook = await add(client, headers={"Authorization": "Basic c2VjcmV0"})
        emitted = await emit(client)
        house.attempt_all()
    delivery = f"/deliveries/dlv_{emitted['id'][4:]}_{hook['id']}"
    path = f"/webhooks/{hook['id']}"
    before = house.counts()
    async with house.client("viewer") as viewer:
        assert (await viewer.get(path)).json()["headers"] == {"Authorization": "•••"}
        assert "c2VjcmV0" not in (await viewer.get("/webhooks")).text
        assert (await viewer.get(delivery)).status_code == 200
        for call in (
            viewer.post("/webhooks", json=HOOK),
            viewer.patch(path, json={"title": "X"}),
            viewer.delete(path),
            viewer.post(f"{path}/pause"),
            viewer.post(f"{path}/resume", json={"drop_before": "2026-11-23T00:00:00Z"}),
            viewer.post(f"{path}/test"),
            viewer.post(f"{path}/restore"),
            viewer.get(f"{path}/secret"),
            viewer.post(f"{path}/secret/rotate"),
            viewer.post("/events", json=EVENT),
            viewer.post("/events/batch", json={"events": [EVENT]}),
            viewer.post(f"{delivery}/redeliver"),
            viewer.post(f"{delivery}/cancel"),
        ):
            refused = await call
            assert refused.status_code == 403, refused.request.url
            assert "operator" in refused.json()["detail"]
    assert house.counts() == before


async def test_a_delivery_shows_its_attempts_and_takes_orders(house: House) -> None:
    async with house.client() as client:
        hook = await add(client)
        emitted = await emit(client)
        path = f"/deliveries/dlv_{emitted['id'][4:]}_{hook['id']}"
        house.attempt_all()
        found = (await client.get(path)).json()
        event = (await client.get(f"/events/{emitted['id']}")).json()
        assert (found["status"], found["tries"], found["waiting_for"]) == ("error", 1, "retry")
        assert found["closed_reason"] is None
        assert found["next_attempt_at"] is not None
        (attempt,) = found["attempts"]
        assert attempt["error"] == {"class": "http", "message": "503 Service Unavailable"}
        assert (attempt["status"], attempt["response_status"], attempt["response_body"]) == ("error", 503, "down")
        assert attempt["response_headers"] == {"set-cookie": "a=1, b=2"}
        assert attempt["timings"] == {"dns": None, "connect": None, "tls": None, "wait": None}
        assert json.loads(attempt["request_body"])["data"] == EVENT["payload"]
        assert json.loads(attempt["request_body"])["timestamp"] == event["occurred_at"]
        assert (await client.get("/deliveries", params={"status": "error"})).json()["items"][0]["id"] == found["id"]
        assert (await client.get("/deliveries", params={"status": "sent"})).json()["items"] == []
        again = (await client.post(f"{path}/redeliver")).json()
        assert (again["status"], again["waiting_for"]) == ("error", None)
        cancelled = (await client.post(f"{path}/cancel")).json()
        assert (cancelled["status"], cancelled["closed_reason"]) == ("error", "cancelled")
        assert cancelled["next_attempt_at"] is None
        assert (await client.post(f"{path}/cancel")).status_code == 409
        assert (await client.post(f"{path}/redeliver")).json()["round"] == 2


async def test_lists_go_on_without_gap_or_duplicate_while_rows_are_added(house: House) -> None:
    async with house.client() as client:
        hooks = [(await add(client, title=f"Webhook {number}"))["id"] for number in range(7)]
        events = [(await emit(client))["id"] for _ in range(3)]
        for path, limit, expected in (
            ("/events", 1, set(events)),
            ("/deliveries", 4, None),
            ("/webhooks", 2, set(hooks)),
        ):
            whole = await walk(client, path)
            first = (await client.get(path, params={"limit": limit})).json()
            await emit(client)
            await add(client)
            rest = await walk(client, path, limit=limit, cursor=first["next_cursor"])
            assert [item["id"] for item in first["items"]] + rest == whole
            assert expected is None or expected <= set(whole)
        for sort in ("created", "updated", "id"):
            rising = await walk(client, "/webhooks", sort=sort, order="asc", limit=3)
            assert rising == list(reversed(await walk(client, "/webhooks", sort=sort, order="desc", limit=2)))
            assert rising == sorted(rising)
        assert await walk(client, "/triggers", limit=1) == ["order.paid", "user.created", "user.deleted"]


async def test_lists_are_narrowed(house: House) -> None:
    async with house.client() as client:
        crm = (await add(client))["id"]
        shop = (await add(client, title="Shop 100%", url="https://shop.example.com/", triggers=["order.paid"]))["id"]
        off = (await add(client, title="Off", enabled=False))["id"]

        async def found(**params: str) -> set[int]:
            return set(await walk(client, "/webhooks", **params))

        assert await found(q="shop") == {shop}
        assert await found(q="100%") == {shop}
        assert await found(q="%") == {shop}
        assert await found(trigger="user.created") == {crm, off}
        assert await found(enabled="false") == {off}
        assert await found(enabled="true", trigger="user.deleted") == {crm}
        created = (await client.get(f"/webhooks/{crm}")).json()["created_at"]
        day = created[:10]
        assert await found(**{"from": day, "to": day}) == {crm, shop, off}
        assert await found(**{"from": created}) == {crm, shop, off}
        assert await found(to=created) == set()
        assert await found(**{"from": "2199-12-31", "to": "2199-12-31"}) == set()
        emitted = await emit(client)
        assert await walk(client, "/events", **{"from": "1970-01-01", "to": "2199-12-31"}) == [emitted["id"]]
        assert await walk(client, "/events", trigger="order.paid") == []
        assert await walk(client, "/deliveries", webhook_id=str(shop)) == []
        assert len(await walk(client, "/deliveries", webhook_id=str(crm), trigger="user.created")) == 1


async def test_a_wrong_method_learns_which_ones_there_are(house: House) -> None:
    async with house.client() as client:
        hook = await add(client)
        response = await client.put(f"/webhooks/{hook['id']}", json={})
        assert (response.status_code, response.headers["allow"]) == (405, "DELETE, GET, HEAD, PATCH")
        assert response.json()["type"] == "urn:webhook-ui:problem:method-not-allowed"
        for method, path in (("GET", "/nothing"), ("POST", "/webhooks/1/nothing"), ("GET", "/webhooks/")):
            response = await client.request(method, path)
            assert response.status_code == 404
            assert response.headers["content-type"] == "application/problem+json"


def test_the_described_fields_of_a_webhook_are_those_that_are_checked() -> None:
    rules = webhook_fields.Rules(policy=None, triggers=(), longest_timeout=1)
    checked = set(webhook_fields._checks(rules, ()))
    assert set(WebhookChange.__struct_fields__) == set(NewWebhook.__struct_fields__) == checked


async def test_every_example_of_the_document_is_accepted(house: House) -> None:
    async with house.client("admin") as client:
        hook = await add(client)
        emitted = await emit(client)
        ids = {
            "webhook_id": hook["id"],
            "event_id": emitted["id"],
            "delivery_id": f"dlv_{emitted['id'][4:]}_{hook['id']}",
            "redelivery_id": (await client.post("/redeliveries", json={"at": "2090-01-01T00:00:00Z"})).json()["id"],
        }
        document = (await client.get("/openapi.json")).json()
        calls = [
            (path, method, call) for path, methods in document["paths"].items() for method, call in methods.items()
        ]
        assert len(calls) == len(OPERATIONS)
        for path, method, call in sorted(calls, key=lambda one: (one[1] == "delete", one[0])):
            names = {one["name"]: one["example"] for one in call["parameters"] if one["in"] == "query"}
            headers = {one["name"]: one["example"] for one in call["parameters"] if one["in"] == "header"}
            if "If-Match" in headers:
                headers["If-Match"] = (await client.get(f"/webhooks/{hook['id']}")).headers["etag"]
            if path.endswith("/restore"):
                await client.delete(f"/webhooks/{hook['id']}")
            body = call.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")
            lists = {name: value for name, value in names.items() if isinstance(value, list)}
            params = {name: json.dumps(value).strip('"') for name, value in names.items()} | lists
            response = await client.request(
                method.upper(), path.format(**ids), params=params, headers=headers, json=body
            )
            assert str(response.status_code) in call["responses"], (method, path, response.text)
            assert response.status_code < 300, (method, path, response.text)


def test_the_documents_answers_fit_their_own_schemas(sqlite_house: House) -> None:
    jsonschema = pytest.importorskip("jsonschema_rs")

    async def read() -> dict[str, Any]:
        async with sqlite_house.client() as client:
            return dict((await client.get("/openapi.json")).json())

    document = asyncio.run(read())
    text = json.dumps(document["components"]["schemas"]).replace("#/components/schemas/", "#/$defs/")
    for methods in document["paths"].values():
        for call in methods.values():
            for answer in call["responses"].values():
                for content in answer.get("content", {}).values():
                    name = content["schema"]["$ref"].rpartition("/")[2]
                    schema = {"$ref": f"#/$defs/{name}", "$defs": json.loads(text)}
                    jsonschema.Draft202012Validator(schema).validate(content["example"])


def test_a_body_is_measured_while_it_streams(sqlite_house: House) -> None:
    def chunks(total: int) -> Iterator[bytes]:
        yield b'{"trigger":"user.deleted","payload":{"text":"'
        for _ in range(total // 1024):
            yield b"x" * 1024
        yield b'"}}'

    headers = {"authorization": "Bearer operator", **JSON}
    with served(sqlite_house.app) as port, httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1") as client:
        fits = client.post("/events", content=chunks(MAX_PAYLOAD_BYTES - 1024), headers=headers)
        assert fits.status_code == 202, fits.text
        large = client.post("/events", content=chunks(MAX_PAYLOAD_BYTES + 1024), headers=headers)
        assert large.status_code == 422
        assert large.json()["errors"][0]["field"] == "payload"
        larger = client.post("/events", content=chunks(MAX_PAYLOAD_BYTES + 66 * 1024), headers=headers)
        assert larger.status_code == 413
        assert "at the most" in larger.json()["detail"]
        for path, body in (
            ("/webhooks", b'{"title":"' + b"x" * 262_144 + b'"}'),
            ("/webhooks/1/pause", b" " * 262_145),
        ):
            refused = client.post(path, content=body, headers=headers)
            assert refused.status_code == 413, path
        assert client.get("/webhooks", headers=headers).status_code == 200
    assert sqlite_house.counts()["webhook_ui_event"] == 1
