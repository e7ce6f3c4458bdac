"""The main job from end to end: real processes, real HTTP, real signatures, on both databases."""

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from benchmarks.ledger import View
from tests.processes import Installation, Receiver, add_webhook, body_of, payload, receiver
from webhook_ui import ids

SCHEDULE = "0.2,0.2,0.2,0.5,0.5,1,1,1,1"


@pytest.fixture
def installation(tmp_path: Path, database_url: sa.URL) -> Iterator[Installation]:
    """A fresh folder, with SQLite in it or PostgreSQL beside it."""
    settings = {"retry_schedule": SCHEDULE, "request_timeout": "2", "lease": "12"}
    if database_url.get_backend_name() == "postgresql":
        plain = database_url.set(drivername="postgresql")
        settings["database_url"] = plain.render_as_string(hide_password=False)
    made = Installation(tmp_path / "here", **settings)
    yield made
    made.end()


@pytest.fixture
def far() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


def test_an_event_is_delivered_signed_and_logged(installation: Installation, far: Receiver) -> None:
    _, address = installation.serve("--allow-loopback")
    with installation.api(address) as api:
        webhook = add_webhook(api, far.url)
        far.secret = api.get(f"/webhooks/{webhook['id']}/secret").json()["secret"]
        raw = (
            b'{"trigger":"user.created","payload":{"name":"Zo\xc3\xab",  "id":7, "big":123456789012345678901234567890}}'
        )
        event = api.post("/events", content=raw, headers={"content-type": "application/json"})
        assert event.status_code == 202
        far.wait_for(lambda ids: event.json()["id"] in ids)
        # the payload arrives byte for byte, and the reference library has verified it
        assert far.requests[0][1].endswith(
            b'"data":{"name":"Zo\xc3\xab",  "id":7, "big":123456789012345678901234567890}}'
        )
        assert far.requests[0][2]["content-type"] == "application/json"
        assert far.requests[0][2]["user-agent"].startswith("webhook-ui/")
        delivery = until_closed(api, event.json()["id"])
        assert (delivery["status"], delivery["closed_reason"], delivery["tries"]) == ("sent", "sent", 1)
        attempt = delivery["attempts"][0]
        assert (attempt["status"], attempt["response_status"], attempt["error"]) == ("sent", 200, None)


def test_an_event_of_the_command_line_wakes_the_server_at_once(installation: Installation, far: Receiver) -> None:
    _, address = installation.serve("--allow-loopback")
    with installation.api(address) as api:
        add_webhook(api, far.url)
    printed = installation.run("emit", "user.created", '{"id":7,"name":"Zoë"}')
    assert printed.returncode == 0, printed.stderr
    far.wait_for(lambda ids: printed.stdout.strip() in ids, patience=4)  # sooner than the ticker of 5 s
    assert body_of(far.requests[0])["data"] == {"id": 7, "name": "Zoë"}


def test_a_failed_delivery_is_tried_again_by_schedule_with_the_same_id(installation: Installation) -> None:
    with receiver(lambda number: 503 if number <= 2 else 200) as far:
        _, address = installation.serve("--allow-loopback")
        with installation.api(address) as api:
            far.secret = api.get(f"/webhooks/{add_webhook(api, far.url)['id']}/secret").json()["secret"]
            event = api.post("/events", json={"trigger": "user.created", "payload": payload(1)}).json()
            far.wait_for(lambda ids: len(ids) == 3)
            assert {one[0] for one in far.requests} == {event["id"]}
            delivery = until_closed(api, event["id"])
            assert [attempt["response_status"] for attempt in delivery["attempts"]] == [503, 503, 200]
            assert delivery["attempts"][0]["error"]["class"] == "http"
            assert "503" in delivery["attempts"][0]["error"]["message"]


def test_a_webhook_whose_receiver_says_gone_is_disabled_by_the_engine(installation: Installation) -> None:
    with receiver(lambda _: 410) as far:
        _, address = installation.serve("--allow-loopback")
        with installation.api(address) as api:
            before = add_webhook(api, far.url)
            event = api.post("/events", json={"trigger": "user.created", "payload": payload(1)}).json()
            delivery = until_closed(api, event["id"])
            assert (delivery["status"], delivery["closed_reason"]) == ("error", "gone")
            after = api.get(f"/webhooks/{before['id']}").json()
            assert after["enabled"] is False
            assert "410" in after["disabled_reason"]
            assert after["updated_at"] == before["updated_at"]  # nobody edited it


def test_an_event_of_one_tenant_reaches_no_other_tenant(installation: Installation) -> None:
    with receiver() as red, receiver() as blue, receiver() as everybody:
        _, address = installation.serve("--allow-loopback")
        with installation.api(address) as api:
            add_webhook(api, red.url, tenant="red")
            add_webhook(api, blue.url, tenant="blue")
            add_webhook(api, everybody.url)
            ids = {}
            for tenant in ("red", "blue", None):
                event = {"trigger": "user.created", "payload": payload(1), "tenant": tenant}
                ids[tenant] = api.post("/events", json=event).json()["id"]
            everybody.wait_for(lambda arrived: len(arrived) == 3)
            red.wait_for(lambda arrived: len(arrived) == 1)
            blue.wait_for(lambda arrived: len(arrived) == 1)
            for event_id in ids.values():
                until_closed(api, event_id)
            assert [one[0] for one in red.requests] == [ids["red"]]
            assert [one[0] for one in blue.requests] == [ids["blue"]]


def test_kill_minus_nine_in_mid_dispatch_loses_nothing(installation: Installation, database_url: sa.URL) -> None:
    """The ledgers: what was accepted arrives; what arrives was accepted; only what was claimed arrives twice."""
    accepted: list[str] = []
    with receiver() as far:
        server, address = installation.serve("--allow-loopback")
        with installation.api(address) as api:
            far.secret = api.get(f"/webhooks/{add_webhook(api, far.url)['id']}/secret").json()["secret"]
            for chunk in _chunks(300, 50):
                events = [{"trigger": "user.created", "payload": payload(number)} for number in chunk]
                accepted += [item["id"] for item in api.post("/events/batch", json={"events": events}).json()["items"]]
            far.wait_for(lambda ids: len(ids) >= 40)
            server.kill()
        assert len(far.requests) < len(accepted), "the plug was pulled too late to prove anything"
        view = View(stored_in(installation, database_url))
        claimed = {ids.event_text(event_id) for _, event_id in view.claims()}
        assert claimed, "the plug was pulled where nothing was at stake"
        view.end_leases()
        installation.serve("--allow-loopback")
        far.wait_for(lambda ids: set(ids) >= set(accepted), patience=60)
        for _ in range(400):
            if not view.open():
                break
            threading.Event().wait(0.05)
    assert Counter(one.closed for one in view.deliveries().values()) == {"sent": len(accepted)}
    received = Counter(far.ids)
    assert set(received) == set(accepted)
    assert {event_id for event_id, times in received.items() if times > 1} <= claimed
    assert max(received.values()) <= 2


def test_sigterm_lets_attempts_in_flight_finish(installation: Installation) -> None:
    release = threading.Event()

    def slowly(_: int) -> int:
        release.wait(10)
        return 200

    with receiver(slowly) as far:
        server, address = installation.serve("--allow-loopback")
        with installation.api(address) as api:
            add_webhook(api, far.url)
            event = api.post("/events", json={"trigger": "user.created", "payload": payload(1)}).json()
            far.wait_for(lambda ids: event["id"] in ids)
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        release.set()
        stopping.join()
        _, address = installation.serve("--allow-loopback")
        with installation.api(address) as api:
            assert until_closed(api, event["id"])["tries"] == 1
    assert len(far.requests) == 1


def test_workers_of_their_own_deliver_while_the_web_process_only_shows(
    installation: Installation, far: Receiver
) -> None:
    _, address = installation.serve("--allow-loopback", "--workers", "0")
    with installation.api(address) as api:
        add_webhook(api, far.url)
        event = api.post("/events", json={"trigger": "user.created", "payload": payload(1)}).json()
        assert api.get("/deliveries").json()["items"][0]["status"] == "pending"
        worker = installation.start("worker", "--allow-loopback")
        worker.wait_for("Dispatcher started")
        far.wait_for(lambda ids: event["id"] in ids)
        until_closed(api, event["id"])
        assert worker.stop() == 0


def stored_in(installation: Installation, url: sa.URL) -> sa.URL:
    """Where an installation keeps what it has accepted."""
    if url.get_backend_name() == "postgresql":
        return url
    return sa.make_url(f"sqlite:///{installation.folder / 'data' / 'webhook_ui.db'}")


def until_closed(api: httpx.Client, event_id: str) -> dict:
    """The one delivery of an event once it is over; asked at the most 400 times."""
    for _ in range(400):
        item = api.get("/deliveries", params={"event_id": event_id}).json()["items"][0]
        if item["closed_reason"]:
            return api.get(f"/deliveries/{item['id']}").json()
        threading.Event().wait(0.05)
    raise AssertionError(f"still open: {item}")


def _chunks(count: int, size: int) -> Iterator[range]:
    return (range(start, min(start + size, count)) for start in range(0, count, size))
