"""What the REST API is sent by mistake or on purpose: always a problem document, never a 500, nothing stored."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from tests.api_house import House, build
from webhook_ui.api import problems
from webhook_ui.database import Database
from webhook_ui.errors import Conflict, Throttled, Unavailable
from webhook_ui.sealing import FernetSealer

JSON = {"content-type": "application/json"}
HOOK = {"title": "CRM", "url": "https://crm.example.com/hooks", "triggers": ["user.*"]}

# each: what it is, the body as bytes, the field it is named at (None: wherever)
EVENTS: list[tuple[str, bytes, str | None]] = [
    ("nothing", b"", ""),
    ("garbage", b"{]", ""),
    ("a list", b"[]", ""),
    ("null", b"null", ""),
    ("two documents", b'{"trigger":"user.deleted","payload":{}} {}', ""),
    ("byte order mark", b'\xef\xbb\xbf{"trigger":"user.deleted","payload":{}}', ""),
    ("UTF-16", '{"trigger":"user.deleted","payload":{}}'.encode("utf-16"), ""),
    ("not UTF-8", b'{"trigger":"user.deleted","payload":{"a":"\xff"}}', ""),
    ("NaN", b'{"trigger":"user.deleted","payload":{"a":NaN}}', None),
    ("Infinity", b'{"trigger":"user.deleted","payload":{"a":-Infinity}}', None),
    ("NaN as a trigger", b'{"trigger":NaN,"payload":{}}', ""),
    ("no payload", b'{"trigger":"user.deleted"}', "payload"),
    ("no trigger", b'{"payload":{}}', "trigger"),
    ("payload null", b'{"trigger":"user.deleted","payload":null}', "payload"),
    ("payload a list", b'{"trigger":"user.deleted","payload":[]}', "payload"),
    ("payload text", b'{"trigger":"user.deleted","payload":"trigger"}', "payload"),
    ("payload a number", b'{"trigger":"user.deleted","payload":1}', "payload"),
    ("lone surrogate", b'{"trigger":"user.deleted","payload":{"a":"\\ud800"}}', "payload"),
    ("surrogates swapped", b'{"trigger":"user.deleted","payload":{"a":"\\udfff\\ud800"}}', "payload"),
    ("bad escape", b'{"trigger":"user.deleted","payload":{"a":"\\x"}}', None),
    ("raw control character", b'{"trigger":"user.deleted","payload":{"a":"\n"}}', None),
    ("65 deep", b'{"trigger":"user.deleted","payload":' + b'{"a":' * 64 + b"{}" + b"}" * 64 + b"}", "payload"),
    ("very deep", b'{"trigger":"user.deleted","payload":' + b'{"a":' * 20_000 + b"1" + b"}" * 20_000 + b"}", ""),
    ("deep elsewhere", b'{"trigger":' + b"[" * 50_000 + b"]" * 50_000 + b"}", None),
    ("trigger twice", b'{"trigger":"user.deleted","payload":{},"trigger":"user.deleted"}', "trigger"),
    ("payload twice", b'{"payload":{"a":1},"trigger":"user.deleted","payload":{"a":1}}', "payload"),
    ("escaped twice", b'{"trigger":"user.deleted","payload":{},"tr\\u0069gger":"user.deleted"}', "trigger"),
    ("unknown field", b'{"trigger":"user.deleted","payload":{},"tenants":"a"}', "tenants"),
    ("unknown surrogate field", b'{"trigger":"user.deleted","payload":{},"\\ud800":1}', None),
    ("unknown trigger", b'{"trigger":"user.deletd","payload":{}}', "trigger"),
    ("NUL in the trigger", b'{"trigger":"user.\\u0000","payload":{}}', "trigger"),
    ("surrogate in the trigger", b'{"trigger":"\\ud800","payload":{}}', "trigger"),
    ("trigger a number", b'{"trigger":12,"payload":{}}', "trigger"),
    ("trigger null", b'{"trigger":null,"payload":{}}', "trigger"),
    ("model: text for a number", b'{"trigger":"user.created","payload":{"id":"12","name":"a"}}', "payload.id"),
    ("model: true for a number", b'{"trigger":"user.created","payload":{"id":true,"name":"a"}}', "payload.id"),
    ("model: a field missing", b'{"trigger":"user.created","payload":{"id":1}}', "payload.name"),
    ("key empty", b'{"trigger":"user.deleted","payload":{},"idempotency_key":""}', "idempotency_key"),
    ("key with NUL", b'{"trigger":"user.deleted","payload":{},"idempotency_key":"a\\u0000"}', "idempotency_key"),
    ("key a number", b'{"trigger":"user.deleted","payload":{},"idempotency_key":7}', "idempotency_key"),
    (
        "key too long",
        b'{"trigger":"user.deleted","payload":{},"idempotency_key":"' + b"k" * 257 + b'"}',
        "idempotency_key",
    ),
    ("tenant with NUL", b'{"trigger":"user.deleted","payload":{},"tenant":"\\u0000"}', "tenant"),
    ("tenant too long", b'{"trigger":"user.deleted","payload":{},"tenant":"' + b"t" * 201 + b'"}', "tenant"),
    *(
        (
            f"occurred_at {text}",
            f'{{"trigger":"user.deleted","payload":{{}},"occurred_at":{text}}}'.encode(),
            "occurred_at",
        )
        for text in (
            '"2026-11-23T09:00:00"',
            '"2026-11-23"',
            '"2026-02-30T00:00:00Z"',
            '"2026-11-23T23:59:60Z"',
            '"2026-11-23T09:00:00+24:00"',
            '"10000-01-01T00:00:00Z"',
            '"0000-01-01T00:00:00Z"',
            '"9999-12-31T23:59:59-05:00"',
            '"0001-01-01T00:00:00+05:00"',
            '"2200-01-01T00:00:00Z"',
            '"Infinity"',
            '"٢٠٢٦-11-23T09:00:00Z"',
            "1795424400",
            "1e400",
            "{}",
        )
    ),
    ("deliver_at naive", b'{"trigger":"user.deleted","payload":{},"deliver_at":"2026-11-23T09:00:00"}', "deliver_at"),
]

LONG_NUMBER = "9" * 5000
FIELDS: list[tuple[str, str]] = [
    ("title", '""'),
    ("title", '"  "'),
    ("title", "7"),
    ("title", "null"),
    ("title", '"\\u0000"'),
    ("title", '"\\ud800"'),
    ("title", json.dumps("x" * 201)),
    ("title", "NaN"),
    ("url", '"javascript:alert(1)"'),
    ("url", '"http://127.0.0.1/"'),
    ("url", '"http://[::1]:80/"'),
    ("url", '"https://\\ud800.example.com/"'),
    ("url", '"https://example.com/\\u0000"'),
    ("url", '"https://example.com:99999/"'),
    ("url", "[]"),
    ("url", json.dumps("https://example.com/" + "a" * 100_000)),
    ("triggers", "[]"),
    ("triggers", '"user.created"'),
    ("triggers", '["user.creatd"]'),
    ("triggers", '["\\ud800"]'),
    ("triggers", '["\\u0000"]'),
    ("triggers", "[1]"),
    ("triggers", json.dumps(["user.created"] * 201)),
    ("enabled", "1"),
    ("enabled", '"true"'),
    ("paused", "null"),
    ("ordered", "0"),
    ("description", "null"),
    ("description", '"\\ud800"'),
    ("description", '"a\\u0000b"'),
    ("description", json.dumps("x" * 2001)),
    ("headers", "[]"),
    ("headers", '{"X-A":1}'),
    ("headers", '{"":"a"}'),
    ("headers", '{"X A":"a"}'),
    ("headers", '{"X-A":"a\\r\\nX-B: c"}'),
    ("headers", '{"X-A":"\\ud800"}'),
    ("headers", '{"Content-Length":"1"}'),
    ("headers", '{"Transfer-Encoding":"chunked"}'),
    ("headers", '{"Host":"a"}'),
    ("headers", '{"webhook-id":"a"}'),
    ("headers", '{"X-A":"1","x-a":"2"}'),
    ("tenant", "7"),
    ("tenant", '"\\u0000"'),
    ("timeout", "0"),
    ("timeout", "-1"),
    ("timeout", '"5"'),
    ("timeout", "true"),
    ("timeout", "NaN"),
    ("timeout", "1e400"),
    ("timeout", "9223372036854775808"),
    ("timeout", LONG_NUMBER),
    ("retry_schedule", "5"),
    ("retry_schedule", '["5"]'),
    ("retry_schedule", "[-1]"),
    ("retry_schedule", "[Infinity]"),
    ("retry_schedule", "[1e400]"),
    ("retry_schedule", json.dumps([1] * 51)),
    ("rate_limit", "0"),
    ("rate_limit", "-1"),
    ("rate_limit", "1e-9"),
    ("rate_limit", "10000.5"),
    ("rate_limit", '"5"'),
    ("rate_limit", "true"),
    ("rate_limit", "[5]"),
    ("filter", '"a"'),
    ("template", '"a"'),
    ("signer", '"nobody"'),
    ("signer", "7"),
    ("id", "7"),
    ("\\ud800", "7"),
    ("\\u0000", "7"),
]

QUERIES: list[tuple[str, str]] = [
    *(
        ("/webhooks", f"limit={value}")
        for value in (
            *("-1", "0", "201", "9223372036854775808", "1_0", "%2B5", "%205", "5%20", "1.0", "1e2", "true", "NaN", ""),
            *("%00", "%D9%A5", LONG_NUMBER, "5&limit=5"),
        )
    ),
    *(
        ("/webhooks", f"from={quote(value)}")
        for value in (
            *("", "yesterday", "2026-13-01", "2026-02-30", "1969-12-31", "2200-01-01", "2026-11-23T09:00:00"),
            *("2026-11-23T09:00:00+24:00", "9999-12-31T23:59:59-05:00", "1e20", "1795424400", "\x00", "٢٠٢٦-11-23"),
        )
    ),
    ("/events", "to=9999-12-31"),
    ("/events", "from=2026-11-23&to=2026-11-21"),
    *(("/webhooks", f"q={value}") for value in ("%00", "a" * 201, "%1B")),
    *(("/webhooks", f"trigger={value}") for value in ("%00", "a" * 201)),
    *(("/webhooks", f"enabled={value}") for value in ("1", "TRUE", "", "null")),
    ("/webhooks", "sort=title"),
    ("/webhooks", "sort="),
    ("/webhooks", "order=up"),
    ("/webhooks", "offset=5"),
    ("/webhooks", "Limit=5"),
    ("/webhooks", "%00=1"),
    ("/webhooks", "%ED%A0%80=1"),
    *(
        (path, f"cursor={value}")
        for path in ("/webhooks", "/events", "/deliveries", "/triggers")
        for value in ("", "x", "%00", "%FF", "bnVsbA", "W10", "WzEsMiwzLDRd", "WzFlMzA4XQ", "W3RydWUsdHJ1ZV0", "e30")
    ),
    ("/webhooks", "cursor=WzkyMjMzNzIwMzY4NTQ3NzU4MDcsMV0"),
    ("/deliveries", "status=opened"),
    ("/deliveries", "status=pending%00"),
    *(("/deliveries", f"webhook_id={value}") for value in ("0", "-1", "a", "9223372036854775808", "1.0", "%00")),
    *(("/deliveries", f"event_id={value}") for value in ("7", "evt_", "evt_ZZZZZZZZZZZZZ", "evt_01kb4n8q5z7m2", "%00")),
    ("/deliveries", "q=a"),
    ("/events", "enabled=true"),
    ("/triggers", "trigger=a"),
    ("/webhooks/1", "limit=5"),
]

PATHS = [
    *(
        f"/webhooks/{value}"
        for value in (
            *("0", "-1", "a", "01", "1.0", "1e2", "%2B1", "1%20", "99999999999999999999", LONG_NUMBER, "%00"),
            *("%ED%A0%80", "%FF", "%D9%A1", "NaN", "1%2F..", "999"),
        )
    ),
    *(f"/events/{value}" for value in ("1", "evt_", "evt_ZZZZZZZZZZZZZ", "evt_0000000000000", "%00", "evt_%00", "%FF")),
    *(
        f"/deliveries/{value}"
        for value in (
            *(
                "1",
                "dlv_",
                "dlv_0000000000001_",
                "dlv_0000000000001_1",
                "dlv_0000000000001_01",
                "dlv_0000000000001_%00",
            ),
            *("dlv_0000000000001_99999999999999999999", "dlv_0000000000001_٣", "dlv_1_1_1", "%00"),
        )
    ),
    *("/", "/%00", "/events/batch/x", "/webhooks/1/sekret", "//webhooks"),
]


@pytest.fixture
def house(database: Database, tmp_path: Path) -> House:
    return build(database, tmp_path)


@pytest.fixture
def sqlite_house(sqlite_url: sa.URL, tmp_path: Path) -> Iterator[House]:
    """Where the database does not matter."""
    database = Database(str(sqlite_url), FernetSealer("a key that only tests use"))
    yield build(database, tmp_path)
    database.close()


def complaint(name: str, response: httpx.Response, statuses: tuple[int, ...], field: str | None = None) -> str | None:
    """What is wrong with an answer that should have been a problem; None when it is as it should be."""
    if response.status_code not in statuses:
        return f"{name[:80]}: {response.status_code} {response.text[:200]}"
    if response.headers["content-type"] != "application/problem+json":
        return f"{name[:80]}: answered as {response.headers['content-type']}"
    problem = response.json()
    if problem["status"] != response.status_code or not problem["detail"]:
        return f"{name[:80]}: {problem}"
    if len(response.content) > 3000:
        return f"{name[:80]}: an answer of {len(response.content)} bytes repeats what was sent"
    if field is not None and field not in {error["field"] for error in problem["errors"]}:
        return f"{name[:80]}: not named at {field!r} but {problem['errors']}"
    return None


@pytest.mark.parametrize(
    ("field", "value", "bound"),
    [
        ("idempotency_key", "", "at least 1"),
        ("idempotency_key", "k" * 257, "at most 256"),
        ("tenant", "t" * 201, "at most 200"),
    ],
)
async def test_a_text_too_long_or_too_short_is_told_how_long_it_may_be(
    house: House, field: str, value: str, bound: str
) -> None:
    async with house.client() as client:
        response = await client.post("/events", json={"trigger": "user.deleted", "payload": {}, field: value})
    assert response.json()["errors"] == [{"field": field, "message": f"This must have {bound} characters."}]


async def test_bad_events_are_refused_alone_and_in_a_batch(house: House) -> None:
    complaints = []
    async with house.client() as client:
        for name, body, field in EVENTS:
            response = await client.post("/events", content=body, headers=JSON)
            complaints.append(complaint(name, response, (422,), field))
            batch = b'{"events":[{"trigger":"user.deleted","payload":{}},' + body + b"]}"
            response = await client.post("/events/batch", content=batch, headers=JSON)
            complaints.append(complaint(f"batch: {name}", response, (422,)))
    assert [text for text in complaints if text] == []
    assert set(house.counts().values()) == {0}


@pytest.mark.parametrize(
    "body",
    [
        b'{"events":[]}',
        b'{"events":{}}',
        b'{"events":null}',
        b"{}",
        b'{"events":[1]}',
        b'{"events":[' + b"0," * 500_000 + b"0]}",
        b'{"events":[{"trigger":"user.deleted","payload":{}}],"events":[{"trigger":"user.deleted","payload":{}}]}',
        b'{"events":[{"trigger":"user.deleted","payload":{}}],"more":1}',
    ],
)
async def test_bad_batches_are_refused(sqlite_house: House, body: bytes) -> None:
    async with sqlite_house.client() as client:
        response = await client.post("/events/batch", content=body, headers=JSON)
    assert complaint("batch", response, (422,)) is None or len(response.json()["errors"]) == 200
    assert response.status_code == 422
    assert set(sqlite_house.counts().values()) == {0}


async def test_bad_fields_of_webhooks_are_refused(house: House) -> None:
    complaints = []
    async with house.client() as client:
        path = f"/webhooks/{(await client.post('/webhooks', json=HOOK)).json()['id']}"
        before = house.counts()
        for name, value in FIELDS:
            body = f'{{"{name}":{value}}}'
            whole = "".join(f',"{key}":{json.dumps(text)}' for key, text in HOOK.items() if key != name)
            complaints += [
                complaint(f"PATCH {body}", await client.patch(path, content=body, headers=JSON), (422,)),
                complaint(
                    f"POST {body}",
                    await client.post("/webhooks", content=f"{body[:-1]}{whole}}}", headers=JSON),
                    (422,),
                ),
            ]
        for body in (b"", b"[]", b"null", b'"a"', b'{"title":"a","title":"a"}', b'{"headers":{"X":"1","X":"1"}}', b"{"):
            complaints.append(complaint(str(body), await client.patch(path, content=body, headers=JSON), (422,)))
        many = json.dumps({f"field_{number}": 1 for number in range(10_000)})
        complaints.append(complaint("many fields", await client.patch(path, content=many, headers=JSON), (422,)))
        deep = b'{"title":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
        complaints.append(complaint("deep", await client.patch(path, content=deep, headers=JSON), (422,)))
        for action in ("pause", "resume", "restore", "secret/rotate", "test"):
            for body in (
                b'{"rtae":5}',
                b'{"rate":0,"force":2,"trigger":1}',
                b'{"rate":5,"rate":5}',
                b"[]",
                b"null",
                b"x",
            ):
                response = await client.post(f"{path}/{action}", content=body, headers=JSON)
                complaints.append(complaint(f"{action} {body!r}", response, (422,)))
    assert [text for text in complaints if text] == []
    assert house.counts() == before


async def test_bad_parameters_are_refused(house: House) -> None:
    complaints = []
    async with house.client() as client:
        for path, query in QUERIES:
            complaints.append(complaint(f"{path}?{query}", await client.get(f"{path}?{query}"), (422,)))
        refused = await client.post("/webhooks/1/pause?now=1")
        complaints.append(complaint("pause?now=1", refused, (422,), "now"))
    assert [text for text in complaints if text] == []


async def test_ids_that_name_nothing_are_not_found(house: House) -> None:
    orders = ("/deliveries/x/redeliver", "/deliveries/dlv_0000000000001_1/cancel", "/webhooks/x/pause")
    async with house.client() as client:
        complaints = [complaint(path, await client.get(path), (404,)) for path in PATHS]
        complaints += [complaint(path, await client.post(path), (404,)) for path in orders]
    assert [text for text in complaints if text] == []


async def test_bodies_of_another_kind_are_refused(house: House) -> None:
    body = json.dumps({"trigger": "user.deleted", "payload": {}}).encode()
    kinds: list[tuple[dict[str, str], int]] = [
        ({}, 415),
        ({"content-type": ""}, 415),
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({"content-type": "application/jsonx"}, 415),
        ({"content-type": "application/json; charset=utf-16"}, 415),
        ({"content-type": "application/json; charset=evil"}, 415),
        ({**JSON, "content-encoding": "gzip"}, 415),
        ({**JSON, "content-encoding": "br"}, 415),
        ({**JSON, "content-length": "99999999"}, 413),
        ({**JSON, "content-length": "9" * 30}, 413),
    ]
    complaints = []
    async with house.client() as client:
        for headers, status in kinds:
            for method, path in (("POST", "/events"), ("POST", "/webhooks"), ("POST", "/webhooks/1/pause")):
                if status == 413 and path != "/events":
                    continue
                response = await client.request(method, path, content=body, headers=headers)
                complaints.append(complaint(f"{path} {headers}", response, (status,)))
        fine = await client.post(
            "/events",
            content=body,
            headers={"content-type": 'Application/JSON ; charset="UTF-8"', "content-encoding": "identity"},
        )
        assert fine.status_code == 202
    assert [text for text in complaints if text] == []


NAUGHTY = [
    *("\u0301" * 150, "\u202e", "\ufffe\uffff", "{{7*7}}", "${7*7}", "=cmd|' /C calc'!A0", "<script>alert(1)</script>"),
    *(
        "javascript:alert(1)",
        "'; DROP TABLE webhook_ui_webhook; --",
        "%00",
        "%s%s%n",
        "👩‍👩‍👧‍👦",
        "ﷺ",
        "x" * 200,
        "NULL",
        "../..",
    ),
]


async def test_odd_but_honest_text_comes_back_unchanged(house: House) -> None:
    async with house.client() as client:
        for text in NAUGHTY:
            fields: dict[str, Any] = {**HOOK, "title": text, "description": text, "tenant": text}
            stored = await client.post("/webhooks", json=fields)
            assert stored.status_code == 201, (text, stored.text)
            shown = (await client.get(f"/webhooks/{stored.json()['id']}")).json()
            assert (shown["title"], shown["description"], shown["tenant"]) == (text, text, text)
            found = (await client.get("/webhooks", params={"q": text, "limit": 200})).json()["items"]
            assert stored.json()["id"] in {item["id"] for item in found}, text
            emitted = await client.post(
                "/events",
                json={"trigger": "user.deleted", "payload": {text: text}, "tenant": text, "idempotency_key": text},
            )
            assert emitted.status_code == 202, (text, emitted.text)
            event = (await client.get(f"/events/{emitted.json()['id']}")).json()
            assert event["payload"] == {text: text}


@pytest.mark.parametrize(
    ("error", "status", "header"),
    [
        (OverflowError("int too large"), 422, None),
        ("\ud800", 422, None),
        (RecursionError(), 422, None),
        (sa.exc.DataError("INSERT secret", {}, Exception("secret")), 422, None),
        (sa.exc.StatementError("secret", "INSERT secret", {}, None), 422, None),
        (sa.exc.IntegrityError("INSERT secret", {}, Exception("secret")), 500, None),
        (KeyError("secret"), 500, None),
        (Unavailable("The database did not answer."), 503, ("retry-after", "5")),
        (Throttled("Too many attempts.", 6.2), 429, ("retry-after", "7")),
        (Conflict("It is over."), 409, None),
    ],
)
async def test_what_slips_through_is_still_a_problem_document(
    error: Exception | str, status: int, header: tuple[str, str] | None
) -> None:
    app = FastAPI()
    problems.handle_all(app)

    async def fail(_: Request) -> Response:
        if isinstance(error, Exception):
            raise error
        return Response(error.encode())

    app.add_route("/", fail)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as client:
        response = await client.get("/")
    assert complaint(str(status), response, (status,)) is None
    assert "secret" not in response.text
    assert header is None or response.headers[header[0]] == header[1]
