"""Signatures: the reference library accepts what is signed, and `verify` refuses what it must."""

import base64
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from webhook_ui import signing

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = '{"type":"user.created","data":{"name":"Zoë"}}'.encode()


def signed(secrets: list[str], timestamp: int, body: bytes = BODY) -> dict[str, str]:
    return dict(signing.headers(secrets, "evt_01KB4N8Q5Z7M2", timestamp, body))


def test_the_vector_of_the_specification() -> None:
    timestamp, body = 1614265330, b'{"test": 2432232314}'
    signature = signing.sign([SECRET], "msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp, body)
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(st.dictionaries(st.text(st.characters(codec="utf-8")), st.integers()))
def test_the_reference_accepts_what_is_signed(data: dict[str, int]) -> None:
    import json

    body = json.dumps(data, ensure_ascii=False).encode()
    secret = signing.new_secret()
    assert Webhook(secret).verify(body, signed([secret], int(time.time()), body)) == data


def test_the_reference_refuses_another_body() -> None:
    secret = signing.new_secret()
    headers = signed([secret], int(time.time()))
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(BODY + b" ", headers)


def test_during_a_rotation_both_secrets_verify() -> None:
    now = int(time.time())
    new, old = signing.new_secret(), signing.new_secret()
    headers = signed([new, old], now)
    assert headers["webhook-signature"].count(" ") == 1
    for secret in (new, old):
        Webhook(secret).verify(BODY, headers)
        signing.verify(secret, headers, BODY, now)


def test_what_the_reference_signs_verifies() -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    signature = Webhook(SECRET).sign("evt_1", now, BODY.decode())
    headers = {
        "Webhook-Id": "evt_1",
        "Webhook-Timestamp": str(int(now.timestamp())),
        "Webhook-Signature": f"v1a,foreign v2,x nonsense  {signature}",
    }
    signing.verify(SECRET, headers, BODY, int(now.timestamp()))


def test_new_secrets_differ_and_are_valid() -> None:
    first, second = signing.new_secret(), signing.new_secret()
    assert first != second
    assert len(signing.secret_key(first)) == 32


@pytest.mark.parametrize("size", [24, 32, 64])
def test_secrets_hold_24_to_64_bytes(size: int) -> None:
    key = bytes(range(size))
    assert signing.secret_key("whsec_" + base64.b64encode(key).decode()) == key


@pytest.mark.parametrize(
    ("secret", "words"),
    [
        ("", "starts with whsec_"),
        ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "starts with whsec_"),
        ("whsec_", "24 to 64 bytes, this one 0"),
        ("whsec_" + base64.b64encode(bytes(23)).decode(), "24 to 64 bytes, this one 23"),
        ("whsec_" + base64.b64encode(bytes(65)).decode(), "24 to 64 bytes, this one 65"),
        ("whsec_!!!!" + base64.b64encode(bytes(32)).decode(), "standard base64"),
        ("whsec_" + base64.urlsafe_b64encode(b"\xff" * 32).decode(), "standard base64"),
        ("whsec_" + base64.b64encode(bytes(32)).decode().rstrip("="), "standard base64"),
        ("whsec_Zoë" + base64.b64encode(bytes(32)).decode(), "standard base64"),
    ],
)
def test_unusable_secrets_are_refused_without_repeating_them(secret: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        signing.secret_key(secret)
    assert len(secret) < 10 or secret[6:] not in str(caught.value)


def test_what_would_be_ambiguous_is_not_signed() -> None:
    with pytest.raises(ValueError, match="dot"):
        signing.sign([SECRET], "evt.1", 1, BODY)
    with pytest.raises(ValueError, match="secret"):
        signing.sign([], "evt_1", 1, BODY)


NOW = 1_700_000_000


@pytest.mark.parametrize("offset", [-300, -299, 0, 299, 300])
def test_clocks_may_differ_by_five_minutes(offset: int) -> None:
    signing.verify(SECRET, signed([SECRET], NOW + offset), BODY, NOW)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"webhook-id": ""}, "not signed: webhook-id missing"),
        ({"webhook-signature": "", "webhook-timestamp": ""}, "webhook-timestamp and webhook-signature missing"),
        ({"webhook-timestamp": str(NOW - 301)}, "301 s old"),
        ({"webhook-timestamp": str(NOW + 301)}, "301 s in the future"),
        ({"webhook-timestamp": str(NOW + 1)}, "No signature matches"),
        ({"webhook-timestamp": f"{NOW}.5"}, "whole number"),
        ({"webhook-timestamp": "nan"}, "whole number"),
        ({"webhook-timestamp": "٣" * 10}, "whole number"),
        ({"webhook-timestamp": "9" * 5000}, "whole number"),
        ({"webhook-id": "evt_2"}, "No signature matches"),
        ({"webhook-signature": "v1"}, "No signature matches"),
        ({"webhook-signature": "v1,"}, "No signature matches"),
        ({"webhook-signature": "v1,Zoë\udcff"}, "No signature matches"),
        ({"webhook-signature": "v1a,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="}, "No signature matches"),
    ],
)
def test_what_is_not_proven_is_refused(changes: dict[str, str], words: str) -> None:
    with pytest.raises(signing.NotVerified, match=words):
        signing.verify(SECRET, signed([SECRET], NOW) | changes, BODY, NOW)


def test_another_secret_or_body_is_refused() -> None:
    headers = signed([SECRET], NOW)
    for secret, body in ((signing.new_secret(), BODY), (SECRET, BODY + b"\n")):
        with pytest.raises(signing.NotVerified, match="No signature matches"):
            signing.verify(secret, headers, body, NOW)
