"""Shapes of bodies, sent to a real receiver that verifies them: what each far side asks for is there."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.api_house import House, build
from tests.processes import Receiver, receiver
from webhook_ui import shaping
from webhook_ui.database import Database
from webhook_ui.expressions import Document
from webhook_ui.sealing import FernetSealer

LOUD = {"name": "<!channel> @everyone [x](https://x.test) ``` *b*", "id": 7}


@pytest.fixture
def house(sqlite_url: sa.URL, tmp_path: Path) -> Iterator[House]:
    database = Database(str(sqlite_url), FernetSealer("a key that only tests use"))
    yield build(database, tmp_path, network=True, allowed_networks="127.0.0.0/8", request_timeout=5)
    database.close()


@pytest.fixture
def far() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


def document(data: Any = LOUD, payload: str = "") -> Document:
    text = payload or json.dumps(data)
    return Document(event_id="evt_1", trigger="user.created", timestamp="2026-11-23T09:00:00.12Z", payload=text)


def shaped(template: Any, made: Document | None = None) -> Any:
    return json.loads(shaping.shape(template, made or document()).body)


async def send(house: House, far: Receiver, **values: Any) -> tuple[Any, dict[str, str], dict[str, Any]]:
    """The body and headers that arrived, and the attempt; the signature is verified on arrival."""
    hook = {"title": "CRM", "url": far.url, "triggers": ["user.created"], **values}
    async with house.client() as client:
        made = (await client.post("/webhooks", json=hook)).json()
        far.secret = (await client.get(f"/webhooks/{made['id']}/secret")).json()["secret"]
        attempt = (await client.post(f"/webhooks/{made['id']}/test")).json()
    _, body, headers = far.requests[-1]
    assert attempt["request_body"].encode() == body
    return json.loads(body), headers, attempt


async def test_a_structured_cloudevent_is_one(house: House, far: Receiver) -> None:
    body, headers, attempt = await send(house, far, template={"shape": "cloudevents"})
    assert headers["content-type"] == attempt["request_headers"]["content-type"] == "application/cloudevents+json"
    # the attributes that the specification (1.0.2) requires, and what it says of each
    assert body["specversion"] == "1.0"
    assert body["id"] == headers["webhook-id"]
    assert body["source"]
    assert body["type"] == "user.created"
    assert datetime.fromisoformat(body["time"]).tzinfo is not None
    assert body["datacontenttype"] == "application/json"
    assert body["data"] == {"id": 7, "name": "Zoë"}
    assert all(name.isalnum() and name == name.lower() for name in body)


async def test_a_binary_cloudevent_has_its_attributes_in_headers(house: House, far: Receiver) -> None:
    body, headers, attempt = await send(
        house, far, template={"shape": "cloudevents-binary"}, headers={"CE-Source": "https://own.example"}
    )
    assert body == {"id": 7, "name": "Zoë"}
    assert headers["content-type"] == "application/json"
    assert (headers["ce-specversion"], headers["ce-type"]) == ("1.0", "user.created")
    assert headers["ce-id"] == headers["webhook-id"]
    assert headers["ce-source"] == "https://own.example", "the webhook's own header goes before"
    assert datetime.fromisoformat(headers["ce-time"]).tzinfo is not None
    assert attempt["request_headers"]["ce-id"] == headers["ce-id"]


async def test_own_expressions_and_ready_ones_arrive_signed(house: House, far: Receiver) -> None:
    body, headers, _ = await send(
        house, far, template={"shape": "custom", "expression": "{who: data.name, what: type}"}
    )
    assert (body, headers["content-type"]) == ({"who": "Zoë", "what": "user.created"}, "application/json")
    body, _, _ = await send(house, far, template={"shape": "slack"})
    assert body["text"] == "user.created"
    body, headers, _ = await send(
        house, far, template={"shape": "cloudevents", "expression": "{specversion: '1.0', id: id}"}
    )
    assert (list(body), headers["content-type"]) == (["specversion", "id"], "application/cloudevents+json")


async def test_a_template_that_gives_nothing_sends_nothing_and_says_so(house: House, far: Receiver) -> None:
    hook = {"title": "CRM", "url": far.url, "triggers": ["user.created"]}
    template = {"shape": "custom", "expression": "data.missing"}
    async with house.client() as client:
        made = (await client.post("/webhooks", json={**hook, "template": template})).json()
        answer = await client.post(f"/webhooks/{made['id']}/test")
    assert answer.status_code == 409
    assert "The template (Custom) gave no body: it gives null. Correct its template" in answer.json()["detail"]
    assert far.requests == []


def test_slack_takes_a_payload_literally() -> None:
    body = shaped({"shape": "slack"})
    assert "channel" not in body["text"]
    assert [block["type"] for block in body["blocks"]] == ["header", "rich_text", "context"]
    literal = body["blocks"][1]["elements"][0]
    assert literal["type"] == "rich_text_preformatted"
    assert json.loads(literal["elements"][0]["text"]) == LOUD
    assert body["blocks"][0]["text"] == {"type": "plain_text", "text": "user.created", "emoji": False}


def test_discord_mentions_nobody() -> None:
    body = shaped({"shape": "discord"})
    assert body["allowed_mentions"] == {"parse": []}
    (embed,) = body["embeds"]
    assert (embed["title"], embed["timestamp"]) == ("user.created", "2026-11-23T09:00:00.12Z")
    assert embed["description"].startswith("```json\n{\n")
    assert len(shaped({"shape": "discord"}, document({"a": "x" * 9000}))["embeds"][0]["description"]) <= 4096


def test_teams_gets_an_adaptive_card() -> None:
    body = shaped({"shape": "teams"})
    (attachment,) = body["attachments"]
    card = attachment["content"]
    assert (body["type"], attachment["contentType"]) == ("message", "application/vnd.microsoft.card.adaptive")
    assert (card["type"], card["version"], card["$schema"][:4]) == ("AdaptiveCard", "1.4", "http")
    assert json.loads(card["body"][1]["inlines"][0]["text"]) == LOUD


@pytest.mark.parametrize("name", [name for name, ready in shaping.SHAPES.items() if ready.expression])
def test_a_ready_shape_is_an_expression_to_start_from(name: str) -> None:
    ready = shaping.SHAPES[name].expression or ""
    laid_out_anew = "  " + ready.replace("\n", "\n   ")
    kept = shaping.check({"shape": name, "expression": laid_out_anew})
    assert (kept == {"shape": name}) is (name != "custom"), "unchanged, it stays the ready one"
    made = document({"id": 7})
    assert shaped({"shape": name, "expression": ready}, made) == shaped(kept, made)


def test_cloudevents_carry_the_payload_byte_for_byte() -> None:
    payload = '{"a": 1e400, "b": 123456789012345678901, "a":1.10}'
    for template in ({"shape": "cloudevents"}, {"shape": "cloudevents-binary"}):
        assert payload.encode() in shaping.shape(template, document(payload=payload)).body


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("data.missing", "it gives null"),
        ("[@,@]" + " | [@,@]" * 40, "too much data"),
        ("join(',', data)", "takes an array of texts"),
        ("data.items", "too large to reckon with"),
        ("nonsense(", "Line 1"),
    ],
)
def test_what_a_template_cannot_do_is_told_with_its_name(expression: str, words: str) -> None:
    payload = '{"items": 1e999}' if "items" in expression else '{"id": 7}'
    with pytest.raises(shaping.Unshapeable, match=r"^The template \(Custom\) gave no body: ") as caught:
        shaping.shape({"shape": "custom", "expression": expression}, document(payload=payload))
    assert words in str(caught.value)
