"""What a composer remembers."""

from dataclasses import replace

import pytest

from webhook_ui import composing, signing
from webhook_ui.composing import Composer
from webhook_ui.outbox import Target

TARGET = Target(
    webhook_id=1,
    url="https://example.com/hook",
    headers={"Authorization": "Bearer s3cret"},
    secrets=[signing.new_secret()],
    timeout=None,
    retry_schedule=None,
)


def test_a_letterhead_is_made_once_for_a_target_and_anew_when_anything_changes() -> None:
    composer = Composer(None, user_agent="test")
    first = composer.letterhead(TARGET)
    assert composer.letterhead(TARGET) is first
    changed = replace(TARGET, headers={})
    assert composer.letterhead(changed).headers == first.headers[:2]
    composer.renew()
    assert composer.letterhead(TARGET) is not first


def test_no_more_letterheads_are_kept_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(composing, "KNOWN_TARGETS", 2)
    composer = Composer(None, user_agent="test")
    first = composer.letterhead(TARGET)
    for _ in range(2):
        composer.letterhead(replace(TARGET))
    assert composer.letterhead(TARGET) is not first
