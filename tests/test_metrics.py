"""`/metrics`: what Prometheus reads agrees with what is stored, for all dispatchers of all processes."""

import asyncio
import re
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics
from sqlmodel import Session
from starlette.applications import Starlette

from tests.processes import ROOT, Installation
from tests.stored import OPERATOR, add_webhook, change, start_sending, stop_sending
from tests.test_door import Site, serve, settings, token
from tests.test_readyz import beat
from tests.test_stats import count
from webhook_ui import accounts, ids, metrics, times, webhooks
from webhook_ui.actors import CLI
from webhook_ui.cli import upkeep
from webhook_ui.database import Database
from webhook_ui.errors import Unavailable, WebhookUIError
from webhook_ui.history import backlog
from webhook_ui.metrics import Metrics
from webhook_ui.models import Delivery, Event, Lane, table
from webhook_ui.outbox.statistics import BUCKETS

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


class Scraped:
    """A site that is scraped; each scrape comes a minute after the last one, unless `now` is set."""

    def __init__(self, database: Database) -> None:
        self.now = 0.0
        self.metrics = Metrics(database, clock=lambda: self.now)
        app = Starlette()
        app.add_route("/metrics", self.metrics.answer, methods=["GET"])
        self._client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://web.test")

    async def ask(self, *, later: float = 60.0, **headers: str) -> httpx.Response:
        self.now += later
        return await self._client.get("/metrics", headers=headers)

    async def scrape(self, *, later: float = 60.0) -> Samples:
        answer = await self.ask(later=later)
        assert answer.status_code == 200, answer.text
        return parse(answer.text)


def parse(text: str) -> Samples:
    """All samples; each series may be there once only."""
    found: Samples = {}
    for family in parser.text_string_to_metric_families(text):
        assert family.documentation, family.name
        for sample in family.samples:
            key = sample.name, tuple(sorted(sample.labels.items()))
            assert key not in found
            found[key] = sample.value
    return found


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[f"webhook_ui_{name}", tuple(sorted(labels.items()))]


def by(samples: Samples, name: str, label: str) -> dict[str, float]:
    """The values of a series by one of its labels, without those that are 0."""
    found = {dict(labels)[label]: count for (key, labels), count in samples.items() if key == f"webhook_ui_{name}"}
    return {label: count for label, count in found.items() if count}


def add_event(database: Database, *, ago: float = 0.0) -> int:
    """An event without deliveries, stored so many seconds ago."""
    at = times.utcnow() - timedelta(seconds=ago)
    event_id = ids.floor(at) + (ids.new_id() & ((1 << ids.COUNTER_BITS) - 1))
    row = {
        "id": event_id,
        "trigger": "user.created",
        "payload": "{}",
        "occurred_at": at,
        "created_at": at,
        "actor": "x",
    }
    database.write_now(lambda session: session.execute(table(Event).insert().values(**row)))
    return event_id


def add_delivery(database: Database, webhook_id: int, *, due_in: float = -1.0, **values: Any) -> None:
    """An open delivery that is due in so many seconds."""
    now = times.utcnow()
    due_at = now + timedelta(seconds=due_in)
    row = {"trigger": "user.created", "status": "pending", "created_at": now, "updated_at": now} | values
    row |= {"webhook_id": webhook_id, "event_id": add_event(database), "due_at": due_at}
    row = {"round": 1, "tries": 0, "losses": 0, "test": False} | row
    database.write_now(lambda session: session.execute(table(Delivery).insert().values(**row)))


def set_lane(database: Database, webhook_id: int, **values: Any) -> None:
    lane = table(Lane)
    update = lane.update().where(lane.c.webhook_id == webhook_id).values(**values)
    database.write_now(lambda session: session.execute(update))


def soon(seconds: float = 600) -> datetime:
    return times.utcnow() + timedelta(seconds=seconds)


async def test_the_backlog_is_counted_by_what_it_waits_for(database: Database) -> None:
    site = Scraped(database)
    names = ("free", "paused", "disabled", "deleted", "breaker", "not_before", "ordered", "rated")
    made = {name: add_webhook(database, title=name) for name in names}
    for place, webhook_id in enumerate(made.values(), start=1):
        for _ in range(place):
            add_delivery(database, webhook_id)
    add_delivery(database, made["free"], due_in=-100)
    add_delivery(database, made["free"], due_in=300)  # waits for a retry
    add_delivery(database, made["free"], due_in=60, claim="x")  # is in flight
    add_delivery(database, made["paused"], due_in=-5000)  # held, so it makes nobody late
    change(database, made["paused"], paused=True)
    change(database, made["disabled"], enabled=False)
    database.write_now(webhooks.delete, made["deleted"], actor=OPERATOR, now=times.utcnow())
    set_lane(database, made["breaker"], breaker="open", last_result="error")
    set_lane(database, made["not_before"], not_before=soon())
    change(database, made["ordered"], ordered=True)
    set_lane(database, made["rated"], resume_rate=1.0, rate_tat=soon(5))

    samples = await site.scrape()
    assert value(samples, "deliveries_due") == 2 + 1, "and the head of the ordered lane"
    assert value(samples, "deliveries_later") == 2
    held = {"paused": 3, "disabled": 3, "deleted": 4, "breaker": 5, "not_before": 6, "ordered": 6, "rate_limit": 8}
    assert by(samples, "deliveries_held", "reason") == held
    assert value(samples, "deliveries_open") == 5 + sum(held.values())
    assert 100 <= value(samples, "oldest_due_seconds") < 110
    assert by(samples, "webhooks", "state") == {"enabled": 5, "paused": 1, "disabled": 1}
    assert by(samples, "lanes", "breaker") == {"closed": 6, "open": 1}
    assert value(samples, "webhooks_failing") == 1
    assert value(samples, "sending_stopped") == 0

    stop_sending(database)
    samples = await site.scrape()
    assert by(samples, "deliveries_held", "reason") == {"stopped": 5 + sum(held.values())}
    assert (value(samples, "sending_stopped"), value(samples, "oldest_due_seconds")) == (1, 0)
    start_sending(database)
    assert value(await site.scrape(), "deliveries_due") == 3


async def test_an_ordered_lane_waits_for_its_head(database: Database) -> None:
    webhook_id = add_webhook(database, ordered=True)
    add_delivery(database, webhook_id, due_in=300)  # the head waits for a retry
    add_delivery(database, webhook_id, due_in=-500)
    samples = await Scraped(database).scrape()
    assert (value(samples, "deliveries_due"), value(samples, "oldest_due_seconds")) == (0, 0)
    assert (value(samples, "deliveries_later"), value(samples, "deliveries_held", reason="ordered")) == (1, 1)


async def test_each_dispatcher_speaks_for_itself(database: Database) -> None:
    figures = {"seats": 64, "seats_taken": 5, "turns": 9, "turn_seconds": 1.5, "sent": 70, "claims_lost": 2}
    groups = (1, 0, 2, *[0] * 8, 1)  # one of 1, two of 3 or 4, one of more than 1024
    beat(database, "d1", errors={"dns": 2, "quantum": 1}, groups=groups, since_turn=0.5, **figures)
    beat(database, "d2", seats=8, away_for=12.0)
    beat(database, "silent", ago=60, seats=99)
    samples = await Scraped(database).scrape()
    assert by(samples, "dispatchers", "state") == {"alive": 2, "silent": 1}
    assert by(samples, "dispatcher_seats", "dispatcher") == {"d1": 64, "d2": 8}
    assert value(samples, "dispatcher_seats_taken", dispatcher="d1") == 5
    assert value(samples, "dispatcher_turn_seconds_total", dispatcher="d1") == 1.5
    assert value(samples, "dispatcher_claims_lost_total", dispatcher="d1") == 2
    assert value(samples, "dispatcher_away_seconds", dispatcher="d2") == 12
    attempts = {"dispatcher": "d1", "result": "error"}
    assert value(samples, "attempts_total", dispatcher="d1", result="sent", error_class="") == 70
    assert value(samples, "attempts_total", **attempts, error_class="dns") == 2
    assert value(samples, "attempts_total", **attempts, error_class="quantum") == 1
    assert value(samples, "attempts_total", **attempts, error_class="tls") == 0, "there from the start"
    sizes = {le: value(samples, "group_size_bucket", dispatcher="d1", le=le) for le in ("1.0", "2.0", "4.0", "+Inf")}
    assert sizes == {"1.0": 1, "2.0": 1, "4.0": 3, "+Inf": 4}
    assert value(samples, "group_size_sum", dispatcher="d1") == 75, "those that came too late too"
    infos = by(samples, "dispatcher_info", "dispatcher")
    assert infos == {"d1": 1, "d2": 1, "silent": 1}


async def test_durations_are_a_histogram_that_only_rises(database: Database) -> None:
    minute = times.utcnow().replace(second=0, microsecond=0)
    count(database, 1, minute, [10] * 5)
    site = Scraped(database)
    samples = await site.scrape()
    assert value(samples, "attempt_seconds_count") == 0, "what was there before this process is not counted again"
    count(database, 2, minute, [10, 10, 40_000], error=1)
    count(database, 2, minute - timedelta(minutes=3), [110], by="late")
    samples = await site.scrape()
    found = {dict(labels)["le"]: n for (name, labels), n in samples.items() if name.endswith("attempt_seconds_bucket")}
    assert list(found) == [*(str(end / 1000) for end in BUCKETS), "+Inf"]
    assert (found["0.007"], found["0.01"], found["0.11"], found["30.0"], found["+Inf"]) == (0, 2, 3, 3, 4)
    assert value(samples, "attempt_seconds_count") == 4
    assert value(samples, "attempt_seconds_sum") == pytest.approx(2 * 0.0085 + 0.0925 + 30)
    assert value(await site.scrape(), "attempt_seconds_count") == 4


async def test_totals_go_on_while_minutes_pass(database: Database) -> None:
    totals = metrics._Totals()
    start = times.utcnow().replace(second=0, microsecond=0)

    def read(now: datetime) -> int:
        return database.read_now(totals.count_attempts, now).sent

    assert read(start) == 0
    for number in range(60):
        now = start + timedelta(minutes=number)
        count(database, 1, now, [10, 10])
        assert read(now + timedelta(seconds=50)) == 2 * (number + 1)


async def test_events_are_counted_once_a_little_behind(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    site = Scraped(database)
    add_event(database, ago=20)
    assert value(await site.scrape(), "events_accepted_total") == 0
    add_event(database)
    assert value(await site.scrape(), "events_accepted_total") == 0, "others with earlier ids may still come"
    monkeypatch.setattr(metrics, "SETTLES", timedelta(0))
    await asyncio.sleep(0.002)  # ids count milliseconds
    assert value(await site.scrape(), "events_accepted_total") == 1
    monkeypatch.setattr(metrics, "EVENTS_AT_ONCE", 2)
    for _ in range(3):
        add_event(database)
    await asyncio.sleep(0.002)
    found = [value(await site.scrape(), "events_accepted_total") for _ in range(3)]
    assert found == [3, 4, 4], "what is too much for one scrape is counted by the next"


async def test_scrapes_share_what_was_read(database: Database) -> None:
    reads: list[int] = []
    sa.event.listen(database.reader, "begin", lambda _connection: reads.append(1))
    site = Scraped(database)
    await asyncio.gather(*(site.ask(later=0) for _ in range(20)))
    samples = await site.scrape(later=9)
    assert value(samples, "figures_age_seconds") == 9
    assert len(reads) == 1
    await site.scrape(later=2)
    assert len(reads) == 2


async def test_figures_that_take_long_are_waited_for_only_so_long(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()
    original = backlog.backlog

    def slowly(session: Session, *, now: datetime) -> backlog.Backlog:
        go_on.wait(10)
        return original(session, now=now)

    monkeypatch.setattr(backlog, "backlog", slowly)
    monkeypatch.setattr(metrics, "PATIENCE_SECONDS", 0.05)
    site = Scraped(database)
    answer = await site.ask()
    assert (answer.status_code, "still being read" in answer.text) == (503, True)
    go_on.set()
    monkeypatch.setattr(metrics, "PATIENCE_SECONDS", 8)
    assert value(await site.scrape(later=1), "figures_age_seconds") == 0
    go_on.clear()
    monkeypatch.setattr(metrics, "PATIENCE_SECONDS", 0.05)
    assert value(await site.scrape(later=60), "figures_age_seconds") == 60, "rather the last ones than none"
    assert (await site.ask(later=100)).status_code == 503, "but no old ones"
    go_on.set()


async def test_a_database_that_is_away_is_said(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise Unavailable("The database did not answer.")

    monkeypatch.setattr(database, "read", fail)
    answer = await Scraped(database).ask()
    assert (answer.status_code, answer.text) == (503, "The database did not answer.\n")


async def test_the_newer_format_is_spoken_too(database: Database) -> None:
    beat(database, sent=3, groups=(3, *[0] * 11))
    answer = await Scraped(database).ask(accept="application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    names = {family.name for family in openmetrics.text_string_to_metric_families(answer.text)}
    assert {"webhook_ui_deliveries_open", "webhook_ui_attempt_seconds", "webhook_ui_attempts"} <= names
    plain = await Scraped(database).ask()
    assert plain.headers["content-type"].startswith("text/plain; version=0.0.4")


async def test_the_readme_names_only_series_that_are_there(database: Database) -> None:
    beat(database)
    text = (await Scraped(database).ask()).text
    there = {family.name for family in parser.text_string_to_metric_families(text)}
    there |= {name for name, _ in parse(text)}
    named = set(re.findall(r"\bwebhook_ui_[a-z_]+\b", (ROOT / "README.md").read_text()))
    named -= {"webhook_ui_session", "webhook_ui_version"}  # a cookie, and Alembic's table
    assert len(named & there) > 10
    assert {name for name in named if name not in there and not name.endswith("_bucket")} == set()


def test_doctor_misses_a_dispatcher_once_something_is_due(database: Database) -> None:
    webhook_id = add_webhook(database)
    assert "no dispatcher is at work" in database.read_now(upkeep._judge_sending)
    add_delivery(database, webhook_id)
    with pytest.raises(WebhookUIError, match="1 deliveries are due, and no dispatcher is at work"):
        database.read_now(upkeep._judge_sending)
    beat(database, "d1")
    assert database.read_now(upkeep._judge_sending) == "at work: d1 on worker-7"


# --- who may read them


def test_a_token_or_a_session_opens_them(database: Database) -> None:
    with serve(Site(database, settings())) as site, site.signed_in() as browser, site.browser() as stranger:
        number, text = token(site.database)
        bearer = {"authorization": f"Bearer {text}"}
        for wrong in ({}, {"authorization": "Bearer x"}, {"cookie": "webhook_ui_session=x"}):
            answer = stranger.get("/metrics", headers=wrong)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
            assert "token create" in answer.text
        assert stranger.get("/metrics", headers=bearer).text == "token ci operator"
        assert stranger.get("/metrics", headers={**bearer, "host": "10.0.0.7:8080"}).status_code == 200
        assert browser.get("/metrics").text.startswith("person ")
        assert browser.get("/metrics", headers={"host": "evil.example"}).status_code == 421
        assert stranger.get("/metrics/x", headers=bearer).status_code == 303
        site.database.write_now(accounts.revoke_token, number, actor=CLI, now=times.utcnow())
        assert stranger.get("/metrics", headers=bearer).status_code == 401
        assert stranger.get("/readyz", headers={"host": "10.0.0.7"}).text == "nobody", "open to all, under any name"


# --- from end to end


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    made = Installation(tmp_path / "here")
    yield made
    made.end()


def test_a_worker_of_another_process_is_seen_from_the_web_process(installation: Installation) -> None:
    _, address = installation.serve("--workers", "0")
    key = {"authorization": f"Bearer {installation.token('viewer')}"}
    with httpx.Client(base_url=address, timeout=30) as client:
        red = client.get("/readyz")
        assert red.status_code == 503
        assert {name for name, said in red.json()["checks"].items() if said != "ok"} == {"dispatcher"}
        worker = installation.start("worker")
        worker.wait_for("Dispatcher started")
        until(client, 200)
        samples = parse(client.get("/metrics", headers=key).text)
        assert value(samples, "dispatchers", state="alive") == 1
        (info,) = [dict(labels) for name, labels in samples if name == "webhook_ui_dispatcher_info"]
        assert info["pid"] == str(worker.process.pid)
        assert f"{info['dispatcher']} on {info['host']}" in installation.run("doctor").stdout
        assert worker.stop() == 0
        until(client, 503)  # long before its last beat is old: it has said goodbye


def test_a_process_that_dispatches_itself_is_ready(installation: Installation) -> None:
    _, address = installation.serve()
    with httpx.Client(base_url=address, timeout=30) as client:
        until(client, 200)
        assert client.get("/metrics").status_code == 401


def until(client: httpx.Client, status: int) -> None:
    """Asks `/readyz` until it answers so; it keeps an answer for a second."""
    for _ in range(200):
        if (answer := client.get("/readyz")).status_code == status:
            return
        threading.Event().wait(0.05)
    raise AssertionError(answer.text)
