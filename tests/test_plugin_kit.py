"""What plugins can do, in a running server: routes, jobs, sources, signers, shapes, observers, pages, settings."""

import base64
import hmac
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import httpx
import pytest
import stripe
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from tests.processes import Installation, Process, Receiver, add_webhook, body_of, receiver

KIT = '''"""Kit: uses every hook there is."""

import asyncio
from contextlib import asynccontextmanager

from fastapi import Request
from pydantic import BaseModel, SecretStr

from webhook_ui import Event, Job, Page, Signer, Trigger, hookimpl, open_to_all


class Settings(BaseModel):
    greeting: str = "hello"
    token: SecretStr
    sizes: list[int] = [1]


@hookimpl
def register_settings():
    return Settings


@hookimpl
def register_triggers():
    for name in ("ticked", "routed", "sourced", "heard"):
        yield Trigger(f"kit.{name}", name, "", {})


@hookimpl
def register_jobs(host):
    def tick(at):
        return [Event(trigger="kit.ticked", payload={"at": at.isoformat(), "sizes": host.setting.sizes})]

    return [Job("tick", tick, every=1)]


@hookimpl
def register_routes(router, host):
    @router.post("/in/{word}")
    @open_to_all
    async def come_in(word: str):
        return {"id": await host.emit("kit.routed", {"word": word})}

    @router.get("/who")
    async def who(request: Request):
        return {"name": request.state.actor.name}


@hookimpl
def register_signers():
    def make(secrets):
        def sign(message_id, timestamp, body):
            return [("webhook-id", message_id), ("x-kit-signature", f"{len(secrets)}:{len(body)}")]

        return sign

    def broken(secrets):
        raise RuntimeError("no ink")

    return [Signer("kit", "Kit", make), Signer("dry", "Dry", broken)]


@hookimpl
def register_pages(host):
    from nicegui import ui

    return [Page("board", "Kit board", lambda: ui.label(host.setting.greeting)), Page("bad", "Bad", lambda: 1 / 0)]


@hookimpl
@asynccontextmanager
async def source(host):
    count = int(await host.checkpoint() or 0)
    await host.emit_many([Event(trigger="kit.sourced", payload={"n": count})], checkpoint=str(count + 1))

    async def fail():
        await asyncio.sleep(0.2)
        raise ConnectionError("the line is dead")

    async with asyncio.TaskGroup() as group:
        group.create_task(fail())
        yield


@hookimpl
def transform_payload(trigger, payload):
    if trigger == "kit.routed":
        if payload["word"] == "refuse":
            raise ValueError("not that word")
        payload["word"] = payload["word"].upper()
        return payload


@hookimpl
async def delivery_attempted(host, delivery, attempt):
    if delivery.trigger == "kit.routed":
        await host.emit("kit.heard", {"status": attempt.status, "webhook": delivery.webhook.title})
    if delivery.trigger == "kit.ticked":
        raise KeyError("observers may fail")
'''


@dataclass
class House:
    """A running server with the kit, and a receiver."""

    server: Process
    address: str
    api: httpx.Client
    far: Receiver

    def listen(self, *triggers: str, **fields: Any) -> dict[str, Any]:
        return add_webhook(self.api, self.far.url, triggers=list(triggers), **fields)

    def wait_for(self, trigger: str, count: int = 1) -> list[tuple[dict[str, Any], dict[str, str]]]:
        """What arrived of a trigger: payloads and headers."""

        def found() -> list[tuple[dict[str, Any], dict[str, str]]]:
            requests = list(self.far.requests)
            return [(body_of(one)["data"], one[2]) for one in requests if body_of(one)["type"] == trigger]

        self.far.wait_for(lambda _: len(found()) >= count)
        return found()

    def clear(self) -> None:
        for webhook in self.api.get("/webhooks").json()["items"]:
            self.api.delete(f"/webhooks/{webhook['id']}")
        self.far.requests.clear()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = Installation(tmp_path_factory.mktemp("kit"), kit_token="s3cret-of-kit", kit_sizes="[2, 3]")
    (made.folder / "plugins" / "kit.py").write_text(KIT)
    (made.folder / "plugins" / "unset.py").write_text(KIT)
    server, address = made.serve("--allow-loopback")
    with receiver() as far, made.api(address) as api:
        yield House(server, address, api, far)
    made.end()


@pytest.fixture
def house(shared: House) -> House:
    shared.clear()
    return shared


def test_jobs_are_done_by_the_clock_and_settings_are_theirs(house: House) -> None:
    house.listen("kit.ticked")
    ticks = [payload for payload, _ in house.wait_for("kit.ticked", 3)]
    assert ticks[0]["sizes"] == [2, 3]
    assert all(one["at"] < two["at"] for one, two in pairwise(ticks))


def test_a_source_that_dies_is_started_again_where_it_was_and_shown(house: House) -> None:
    house.listen("kit.sourced")
    (first, _), *_ = house.wait_for("kit.sourced")
    house.server.wait_for("source.died.*ConnectionError: the line is dead|source.died")
    assert first["n"] >= 1, "it went on where the last run stopped"


def test_routes_are_closed_unless_they_are_opened(house: House) -> None:
    stranger, at = httpx.Client(base_url=house.address, trust_env=False), f"{house.address}/plugins/kit"
    assert stranger.get(f"{at}/who").status_code == stranger.get(f"{at}/nowhere").status_code == 401
    assert stranger.post(f"{at}/in/here").json()["id"].startswith("evt_")
    answer = stranger.get(f"{at}/who", headers=dict(house.api.headers))
    assert answer.json() == {"name": "test"}
    assert stranger.get(f"{at}/nowhere", headers=dict(house.api.headers)).status_code == 404


def test_a_payload_is_shaped_and_what_came_of_it_is_heard(house: House) -> None:
    webhook = house.listen("kit.routed", title="Shaped")
    house.listen("kit.heard")
    event = httpx.post(f"{house.address}/plugins/kit/in/hello").json()["id"]
    ((payload, _),) = house.wait_for("kit.routed")
    assert payload == {"word": "HELLO"}
    ((heard, _),) = house.wait_for("kit.heard")
    assert heard == {"status": "sent", "webhook": "Shaped"}
    kept = house.api.get(f"/events/{event}").json()
    assert kept["payload"] == {"word": "hello"}, "the event stays what it was"
    (delivery,) = house.api.get("/deliveries", params={"webhook_id": webhook["id"]}).json()["items"]
    (attempt,) = house.api.get(f"/deliveries/{delivery['id']}").json()["attempts"]
    assert '"HELLO"' in attempt["request_body"], "the log shows what was sent"


def test_what_a_plugin_cannot_shape_is_never_sent_as_it_is(house: House) -> None:
    house.listen("kit.routed")
    house.listen("kit.heard")
    httpx.post(f"{house.address}/plugins/kit/in/refuse")
    ((heard, _),) = house.wait_for("kit.heard")
    assert heard["status"] == "error"
    (delivery,) = house.api.get("/deliveries", params={"trigger": "kit.routed", "limit": 1}).json()["items"]
    (attempt,) = house.api.get(f"/deliveries/{delivery['id']}").json()["attempts"]
    assert attempt["error"]["class"] == "plugin"
    assert "Plugin kit: transform_payload raised ValueError: not that word." in attempt["error"]["message"]
    assert not [one for one in house.far.requests if body_of(one)["type"] == "kit.routed"]


def test_webhooks_choose_who_signs(house: House) -> None:
    standard = house.listen("user.created")
    assert standard["signer"] == "standard"
    answer = house.api.patch(f"/webhooks/{standard['id']}", json={"signer": "nobody"})
    assert answer.status_code == 422
    assert "dry, ed25519, github, kit, standard, stripe" in answer.text
    for signer in ("kit", "ed25519"):
        house.listen("user.created", signer=signer, title=signer)
    dry = house.listen("user.created", signer="dry")
    house.api.post("/events", json={"trigger": "user.created", "payload": {"id": 7, "name": "Zoë"}})
    requests = [headers for _, headers in house.wait_for("user.created", 3)]
    (by_kit,) = [headers for headers in requests if "x-kit-signature" in headers]
    assert by_kit["x-kit-signature"].startswith("1:")
    assert "webhook-signature" not in by_kit
    (by_key,) = [headers for headers in requests if headers.get("webhook-signature", "").startswith("v1a,")]
    (by_standard,) = [headers for headers in requests if headers.get("webhook-signature", "").startswith("v1,")]
    assert by_standard["webhook-id"] == by_key["webhook-id"]
    tested = house.api.post(f"/webhooks/{dry['id']}/test")
    assert tested.status_code == 409
    assert "Plugin kit: signer dry raised RuntimeError: no ink." in tested.text


def signed_after_rotation(house: House, signer: str) -> tuple[list[str], bytes, dict[str, str], str | None]:
    """A delivery that was signed while its secret is rotated: both secrets, body and headers; the former public key."""
    webhook = house.listen("user.created", signer=signer)
    former = house.api.get(f"/webhooks/{webhook['id']}/secret").json()
    latest = house.api.post(f"/webhooks/{webhook['id']}/secret/rotate").json()
    house.api.post("/events", json={"trigger": "user.created", "payload": {"id": 7, "name": "Zoë"}})
    house.wait_for("user.created")
    _, body, headers = house.far.requests[-1]
    return [latest["secret"], former["secret"]], body, headers, former.get("public_key")


def test_a_key_pair_is_verified_with_the_public_key_alone(house: House) -> None:
    _, body, headers, public_key = signed_after_rotation(house, "ed25519")
    assert public_key
    key = VerifyKey(base64.b64decode(public_key.removeprefix("whpk_")))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    by_new, by_old = (base64.b64decode(entry.removeprefix("v1a,")) for entry in headers["webhook-signature"].split(" "))
    assert key.verify(signed, by_old) == signed
    for content, signature in ((signed, by_new), (signed + b" ", by_old)):
        with pytest.raises(BadSignatureError):
            key.verify(content, signature)


def test_stripes_library_takes_either_secret_while_it_is_rotated(house: House) -> None:
    secrets, body, headers, _ = signed_after_rotation(house, "stripe")
    verify, signature = stripe.WebhookSignature.verify_header, headers["stripe-signature"]
    for secret in secrets:
        assert verify(body, signature, secret, tolerance=300)
        with pytest.raises(stripe.SignatureVerificationError):
            verify(body + b" ", signature, secret)
    with pytest.raises(stripe.SignatureVerificationError):
        verify(body, signature, "whsec_another")
    moved = re.sub("t=([0-9]+)", lambda found: f"t={int(found[1]) + 1}", signature)
    with pytest.raises(stripe.SignatureVerificationError):
        verify(body, moved, secrets[0])


def test_githubs_way_is_followed_with_the_newest_secret(house: House) -> None:
    (newest, former), body, headers, _ = signed_after_rotation(house, "github")
    digests = [f"sha256={hmac.new(secret.encode(), body, 'sha256').hexdigest()}" for secret in (newest, former)]
    assert headers["x-hub-signature-256"] == digests[0] != digests[1]
    assert headers["x-github-delivery"] == headers["webhook-id"]


def test_a_setting_that_is_missing_leaves_the_plugin_out_and_no_secret_is_printed(house: House) -> None:
    assert "The setting WEBHOOK_UI_UNSET_TOKEN is missing." in house.server.text
    assert "s3cret-of-kit" not in house.server.text
