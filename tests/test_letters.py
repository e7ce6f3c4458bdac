"""From an event to a request that is ready to go, and to what the log may show of it."""

import json
import time
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from tests.hostile import receiver
from tests.test_outbound import sending
from webhook_ui import ids, letters, signing
from webhook_ui.letters import Letterhead
from webhook_ui.wire import Outgoing

AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
EVENT = ids.new_id()


def head(url: str = "https://example.com/hook", **changes: object) -> Letterhead:
    values = {"headers": {"Authorization": "Bearer s3cret"}, "secrets": [signing.new_secret()], "user_agent": "ua/1"}
    return letters.letterhead(url=url, **(values | changes))  # type: ignore[arg-type]


def prepare(letterhead: Letterhead) -> Outgoing:
    return letters.prepare(
        letterhead,
        event_id=EVENT,
        trigger="user.created",
        occurred_at=AT,
        payload='{"n":1e400}',
        now=time.time(),  # whoever verifies it looks at the clock, minutes after this file was read
        timeout=3,
    )


async def test_what_is_prepared_arrives_and_verifies() -> None:
    new, old = signing.new_secret(), signing.new_secret()
    async with receiver() as far, sending() as sender:
        outgoing = prepare(head(far.url("/ok"), secrets=[new, old]))
        await sender.send(outgoing)
        [request] = far.requests
    assert (
        request.body
        == outgoing.body
        == b'{"type":"user.created","timestamp":"2026-11-23T09:00:00Z","data":{"n":1e400}}'
    )
    for secret in (new, old):
        Webhook(secret).verify(request.body, request.headers)
    assert request.headers["webhook-id"] == ids.event_text(EVENT)
    assert request.headers["authorization"] == "Bearer s3cret"
    assert request.headers["content-type"] == "application/json"
    assert request.names.count("user-agent") == 1
    assert request.headers["user-agent"] == "ua/1"
    assert json.loads(request.headers["content-length"]) == len(request.body)


def test_the_log_shows_what_was_sent_less_what_operators_set() -> None:
    letterhead = head()
    outgoing = prepare(letterhead)
    shown = letters.shown_headers(letterhead, outgoing)
    sent = outgoing.headers + outgoing.proof
    assert [name for name, _ in shown] == [name for name, _ in sent]
    assert [pair for pair in sent if pair not in shown] == [("Authorization", "Bearer s3cret")]
    assert ("Authorization", letters.MASK) in shown
    assert dict(shown)["webhook-signature"].startswith("v1,")


@pytest.mark.parametrize("secret", ["whsec_bm90IGVub3VnaA==", "s3cret"])
def test_a_secret_that_cannot_sign_is_said_without_repeating_it(secret: str) -> None:
    with pytest.raises(ValueError, match="a signing secret") as caught:
        head(secrets=[secret])
    assert secret.removeprefix("whsec_") not in str(caught.value)
    with pytest.raises(ValueError, match="needs a secret"):
        prepare(head(secrets=[]))
