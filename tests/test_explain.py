"""What is said of a failed attempt: each cause is brought about by a real receiver, stored, and put into words."""

import dataclasses
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
import sqlalchemy as sa

from tests.causes import CAUSES, Cause, deliver_all
from tests.conftest import KEY
from tests.stored import add_webhook, attempts
from tests.templates import put_migrated
from webhook_ui.database import Database
from webhook_ui.explain import Case, Explanation, explain, said
from webhook_ui.explain.cases import quote
from webhook_ui.languages import spoken
from webhook_ui.sealing import FernetSealer

Stored = dict[Cause, Any]


def case_of(row: Any) -> Case:
    return Case(
        url=row.url,
        error_class=row.error_class,
        message=row.error_message or "",
        response_status=row.response_status,
        headers=row.response_headers,
        body=row.response_body,
        timings=row.timings,
        duration_ms=row.duration_ms,
        at=row.at,
    )


def in_full(told: Explanation) -> str:
    return "\n".join([told.title, told.cause, told.follows, *told.steps])


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stored]:
    """The one attempt of each cause, as it stands in the database."""
    file = put_migrated(tmp_path_factory.mktemp("causes") / "webhook_ui.db")
    with closing(Database(str(sa.make_url(f"sqlite:///{file}")), FernetSealer(KEY))) as database:
        webhook_id = add_webhook(database)
        with pytest.MonkeyPatch.context() as monkeypatch:
            events = deliver_all(database, webhook_id, monkeypatch)
        yield {cause: attempts(database, webhook_id, event_id)[0] for cause, event_id in events.items()}


@pytest.mark.parametrize("cause", CAUSES, ids=[f"{cause.code}-{place}" for place, cause in enumerate(CAUSES)])
def test_each_cause_is_named_and_says_what_to_do(stored: Stored, cause: Cause) -> None:
    row = stored[cause]
    told = explain(case_of(row))
    if cause.code == "good":
        assert (row.status, told) == ("sent", None)
        return
    assert told is not None, row
    assert told.code == cause.code, (row.error_class, row.error_message, row.response_status)
    for word in cause.words:
        assert word in in_full(told)
    assert told.steps
    assert told.warning == (row.status == "sent")
    assert in_full(told).replace("\n", "").isprintable()


def test_each_cause_is_told_in_spanish(stored: Stored) -> None:
    for cause, row in stored.items():
        english = explain(case_of(row))
        with spoken("es"):
            told = explain(case_of(row))
        if english is None or told is None:
            assert told == english
            continue
        assert told.code == english.code
        assert told.title != english.title, cause
        assert told.follows != english.follows or not told.follows, cause
        assert not set(told.steps) & set(english.steps), cause
        if cause.code != "plugin":  # a plugin's own words are the cause there
            assert told.cause != english.cause, cause
        assert in_full(told).count("`") == in_full(english).count("`"), cause


def test_the_engines_sentences_are_told_in_spanish_and_nobody_elses(stored: Stored) -> None:
    kept = set()
    for row in stored.values():
        with spoken("es"):
            if row.error_message and said(row.error_message) == row.error_message:
                kept.add(row.error_class)
        assert said(row.error_message or "") == (row.error_message or "")
    assert kept <= {"http", "plugin"}  # a status without advice, and a plugin's own words
    with spoken("es"):
        assert said("Nobody knows (10.1.2.3).") == "Nobody knows (10.1.2.3)."
        blocked = said(
            "10.1.2.3 is in a private network, and deliveries to it are blocked. To allow it, set NETWORKS=10.0.0.0/8."
        )
    assert blocked == (
        "10.1.2.3 está en una red privada, y las entregas a ella están bloqueadas. "
        "Para permitirlo, define NETWORKS=10.0.0.0/8."
    )


@pytest.mark.parametrize(
    ("url", "location", "words"),
    [
        ("http://a.example/x?y=1", "https://a.example/x?y=1", "it wants https"),
        ("https://a.example/x", "/x/", "the slash at the end"),
        ("https://a.example/x", "https://b.example/x", "points to https://b.example/x."),
    ],
)
def test_a_redirect_says_what_it_wants(stored: Stored, url: str, location: str, words: str) -> None:
    row = next(row for cause, row in stored.items() if cause.code == "redirect_lasting")
    told = explain(dataclasses.replace(case_of(row), url=url, headers=[["Location", location]]))
    assert told is not None
    assert words in told.cause


@pytest.mark.parametrize("location", ["javascript:alert(1)", "ftp://a.example/x", "mailto:a@a.example"])
def test_only_an_address_of_the_web_is_recommended(stored: Stored, location: str) -> None:
    row = next(row for cause, row in stored.items() if cause.code == "redirect_lasting")
    told = explain(dataclasses.replace(case_of(row), headers=[["Location", location]]))
    assert told is not None
    assert f"points to {location}, which is no http or https address" in told.cause
    assert "Set the webhook's URL" not in in_full(told)


def test_without_a_good_attempt_there_is_none_to_compare_with(stored: Stored) -> None:
    compared = set()
    for cause, row in stored.items():
        told, alone = explain(case_of(row)), explain(dataclasses.replace(case_of(row), had_good=False))
        if told is not None and alone is not None and told != alone:
            compared.add(cause.code)
            assert "last good attempt" in in_full(told)
            assert alone.steps
            assert "last good attempt" not in in_full(alone)
    assert compared == {"bad_request", "unprocessable", "application"}


def test_there_are_many_causes() -> None:
    assert len({cause.code for cause in CAUSES}) > 40


def test_words_of_others_are_harmless_inside_a_sentence() -> None:
    assert quote("a\x00b\u202ec`d\ne  f") == "a b c d e f"
    assert quote("x" * 200, 5) == "xxxxx…"
