"""The engine's own events: their triggers are like any other, and the engine's payloads fit them."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from webhook_ui import builtin, engine_events, patterns, payloads, plugin_loader
from webhook_ui.engine_events import (
    DISABLED,
    EXHAUSTED,
    FAILING,
    RECOVERED,
    Subject,
    disabled_payload,
    exhausted_payload,
    failing_payload,
    recovered_payload,
)
from webhook_ui.plugin_loader import Plugins
from webhook_ui.wire import ErrorClass, Failure

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
WEBHOOK = Subject(id=14, uid="u-14", title='Zoë "Billing"', url="https://billing.example.com/hooks?token=s3cret&x=?")
ABOUT = {"id": 14, "uid": "u-14", "title": 'Zoë "Billing"', "url": "https://billing.example.com/hooks"}
FAILURE = Failure(kind=ErrorClass.http, message="503 Service Unavailable")


def failing(failure: Failure | None = FAILURE, status: int | None = 503) -> str:
    return failing_payload(
        WEBHOOK,
        reason="12 of the last 20 attempts failed; last: 503",
        failed=12,
        attempts=20,
        failure=failure,
        response_status=status,
        failing_since=NOW,
        noticed_at=NOW,
    )


@pytest.fixture
def plugins(tmp_path: Path) -> Plugins:
    return plugin_loader.load(tmp_path, builtin=builtin.PLUGINS, entry_points=False)


def exhausted(failure: Failure | None = FAILURE, status: int | None = 503) -> str:
    return exhausted_payload(
        WEBHOOK, event_id=7, trigger="user.created", tries=10, failure=failure, response_status=status
    )


def test_the_four_are_registered_by_a_plugin_like_any_other(plugins: Plugins) -> None:
    assert (plugins.problems, plugins.added) == ((), ())
    found = [(info.name, info.source, info.triggers) for info in plugins.loaded if info.triggers]
    assert found == [("engine_events", "builtin", 4)]
    assert set(plugins.triggers) == engine_events.TRIGGERS
    assert {trigger.name for trigger in plugins.matching("webhook.*")} == {FAILING, DISABLED, RECOVERED}
    assert patterns.matches("delivery.*", EXHAUSTED)


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        (DISABLED, disabled_payload(WEBHOOK, reason="It is gone.", failing_since=NOW, disabled_at=NOW)),
        (DISABLED, disabled_payload(WEBHOOK, reason="It is gone.", failing_since=None, disabled_at=NOW)),
        (RECOVERED, recovered_payload(WEBHOOK, reason="Still down", failing_since=NOW, recovered_at=NOW)),
        (RECOVERED, recovered_payload(WEBHOOK, reason=None, failing_since=None, recovered_at=NOW)),
        (FAILING, failing()),
        (FAILING, failing(None, None)),
        (EXHAUSTED, exhausted()),
        (EXHAUSTED, exhausted(Failure(kind=ErrorClass.timeout, message="No answer."), None)),
        (EXHAUSTED, exhausted(None, None)),
    ],
)
def test_what_the_engine_says_fits_the_model_and_holds_what_the_example_holds(
    plugins: Plugins, name: str, payload: str
) -> None:
    trigger = plugins.find(name)
    assert payloads.accept(payload.encode(), max_bytes=10_000) == payload
    payloads.check_model(trigger, payload)
    said = json.loads(payload)
    assert list(said) == list(trigger.example)
    assert list(said["webhook"]) == list(trigger.example["webhook"])
    assert said["webhook"] == ABOUT, "without the query, which may hold a token"


def test_what_they_say() -> None:
    assert disabled_payload(WEBHOOK, reason="Gone.", failing_since=None, disabled_at=NOW).endswith(
        ',"reason":"Gone.","failing_since":null,"disabled_at":"2026-11-23T09:00:00Z"}'
    )
    assert json.loads(recovered_payload(WEBHOOK, reason="Down", failing_since=NOW, recovered_at=NOW)) == {
        "webhook": ABOUT,
        "reason": "Down",
        "failing_since": "2026-11-23T09:00:00Z",
        "recovered_at": "2026-11-23T09:00:00Z",
    }
    assert json.loads(exhausted()) == {
        "webhook": ABOUT,
        "delivery_id": "dlv_0000000000007_14",
        "event_id": "evt_0000000000007",
        "trigger": "user.created",
        "tries": 10,
        "error": {"class": "http", "message": "503 Service Unavailable", "response_status": 503},
    }
