"""The two doors, the column types and the secret key, on both databases."""

import asyncio
import multiprocessing
import os
import sqlite3
import stat
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from tests.conftest import KEY
from tests.stored import NOW, OPERATOR, RULES, add_webhook, emit, fields
from webhook_ui import database as database_module
from webhook_ui import sealing, storage, times, webhooks, writing
from webhook_ui.changes import TRAFFIC, Changed, Kind
from webhook_ui.database import Database, moment, note, read_notice, write_notice
from webhook_ui.errors import Unavailable, UsageError
from webhook_ui.models import Checkpoint, Webhook, table
from webhook_ui.sealing import FernetSealer
from webhook_ui.settings import Settings
from webhook_ui.watch import Watch

_checkpoint, _webhook = table(Checkpoint), table(Webhook)


def put(session: Session, plugin: str, position: str = "x", updated_at: datetime = NOW) -> str:
    """Stores the smallest row there is."""
    session.execute(_checkpoint.insert().values(plugin=plugin, position=position, updated_at=updated_at))
    return plugin


def commit(session: Session, plugin: str, changes: set[Changed]) -> None:
    put(session, plugin)
    note(session, *changes)


def names(session: Session) -> set[str]:
    return set(session.execute(sa.select(_checkpoint.c.plugin)).scalars())


def raw(database: Database, statement: str) -> list[Any]:
    """Rows as they lie in the database, past our column types."""
    return database.read_now(lambda session: list(session.execute(sa.text(statement))))


class Gate:
    """Holds the writing thread until all that is wanted has been submitted, so that it is one group."""

    def __init__(self, database: Database) -> None:
        self._open, reached = threading.Event(), threading.Event()

        def wait(session: Session) -> None:
            reached.set()
            assert self._open.wait(10)

        self._first: Future[None] = database.writing.submit(wait)
        assert reached.wait(10)

    def open(self) -> None:
        self._open.set()
        self._first.result(10)


def count_commits(database: Database) -> list[int]:
    """A list that grows by one with every transaction of the writing door."""
    commits: list[int] = []
    sa.event.listen(database.writer, "commit", lambda _connection: commits.append(1))
    return commits


# --- groups


async def test_writes_that_wait_together_are_all_stored_in_few_transactions(database: Database) -> None:
    commits = count_commits(database)
    wanted = {f"p{number}" for number in range(300)}
    stored = await asyncio.gather(*(database.write(put, name) for name in sorted(wanted)))
    assert set(stored) == wanted
    assert await database.read(names) == wanted
    assert len(commits) < 60, "writes that wait at the same time share a transaction"


def test_one_failing_job_hurts_no_neighbour_and_hears_its_own_exception(database: Database) -> None:
    gate = Gate(database)

    def fail(session: Session) -> None:
        put(session, "half")
        raise LookupError("mine")

    jobs = [
        database.writing.submit(lambda session: put(session, "before")),
        database.writing.submit(fail),
        database.writing.submit(lambda session: put(session, "before")),  # the key is taken
        database.writing.submit(lambda session: session.execute(sa.text("SELECT no_such_column FROM no_such_table"))),
        database.writing.submit(lambda session: put(session, "lone \ud800")),
        database.writing.submit(lambda session: put(session, "after")),
    ]
    gate.open()
    assert jobs[0].result(10) == "before"
    with pytest.raises(LookupError, match="mine"):
        jobs[1].result(10)
    with pytest.raises(IntegrityError):
        jobs[2].result(10)
    assert jobs[3].exception(10) is not None
    with pytest.raises(UnicodeEncodeError):
        jobs[4].result(10)
    assert jobs[5].result(10) == "after"
    assert database.read_now(names) == {"before", "after"}, "and what the failing one had written is not there"


def test_a_job_that_the_database_cannot_do_is_tried_alone_and_hurts_no_neighbour(database: Database) -> None:
    """A deadlock, for one, ends only one of the jobs; the second time there is nobody to wait for."""
    gate = Gate(database)
    runs: list[str] = []

    def stumble(session: Session) -> str:
        runs.append("run")
        put(session, "second")
        if len(runs) == 1:
            raise sa.exc.OperationalError("UPDATE", {}, Exception("deadlock detected"))
        return "second"

    def cannot(session: Session) -> None:
        raise sa.exc.OperationalError("UPDATE", {}, Exception("too complex"))

    first = database.writing.submit(lambda session: put(session, "first"))
    second, third = database.writing.submit(stumble), database.writing.submit(cannot)
    last = database.writing.submit(lambda session: put(session, "last"))
    gate.open()
    assert (first.result(10), second.result(10), last.result(10)) == ("first", "second", "last")
    with pytest.raises(Unavailable, match="too complex"):
        third.result(10)
    assert runs == ["run", "run"]
    assert database.read_now(names) == {"first", "second", "last"}


async def test_a_write_that_nobody_waits_for_any_more_is_not_done(database: Database) -> None:
    gate = Gate(database)
    given_up = asyncio.ensure_future(database.write(put, "given up"))
    await asyncio.sleep(0)  # it is submitted now
    given_up.cancel()
    await asyncio.gather(given_up, return_exceptions=True)
    gate.open()
    await database.write(put, "next")
    assert await database.read(names) == {"next"}


def test_the_doors_close_only_when_all_is_written(database: Database) -> None:
    gate = Gate(database)
    jobs = [database.writing.submit(lambda session, name=name: put(session, name)) for name in "abc"]
    closing_thread = threading.Thread(target=database.close)
    closing_thread.start()
    gate.open()
    closing_thread.join(10)
    assert [job.result(0) for job in jobs] == ["a", "b", "c"]
    with pytest.raises(Unavailable, match="stopping"):
        database.write_now(put, "late")


# --- announcements


def test_nothing_is_announced_before_it_is_committed(database: Database, database_url: sa.URL) -> None:
    seen: list[tuple[frozenset[Changed], set[str]]] = []
    other = Database(database_url.render_as_string(hide_password=False), FernetSealer(KEY))
    database.announcer.subscribe(lambda changes: seen.append((changes, other.read_now(names))))

    def write(session: Session, name: str) -> None:
        put(session, name)
        note(session, Changed(Kind.event, 5))
        assert seen == []

    database.write_now(write, "one")
    database.write_now(names)  # the announcement follows the answer; now it has been made
    other.close()
    assert seen == [(frozenset({Changed(Kind.event, 5)}), {"one"})]


def test_what_failed_announces_nothing(database: Database) -> None:
    seen: list[frozenset[Changed]] = []
    database.announcer.subscribe(seen.append)

    def fail(session: Session) -> None:
        note(session, Changed(Kind.event))
        raise LookupError

    gate = Gate(database)
    failed = database.writing.submit(fail)
    database.writing.submit(lambda session: note(session, Changed(Kind.webhook, 1)))
    gate.open()
    assert isinstance(failed.exception(10), LookupError)
    database.write_now(names)
    assert seen == [frozenset({Changed(Kind.webhook, 1)})]


def test_postgresql_tells_other_processes(postgres_url: sa.URL) -> None:
    database = Database(postgres_url.render_as_string(hide_password=False), FernetSealer(KEY))
    url = postgres_url.set(drivername="postgresql").render_as_string(hide_password=False)
    with closing(database), psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"LISTEN {database_module.CHANNEL}")
        database.write_now(put, "quiet")
        database.write_now(lambda session: note(session, Changed(Kind.event)))
        heard = [one.payload for one in connection.notifies(timeout=10, stop_after=1)]
    assert [read_notice(one) for one in heard] == [(database.origin, {Changed(Kind.event)})]


def test_others_hear_of_attempts_now_and_then_and_of_all_else_at_once(
    postgres_url: sa.URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(postgres_url.render_as_string(hide_password=False), FernetSealer(KEY))
    url = postgres_url.set(drivername="postgresql").render_as_string(hide_password=False)
    with closing(database), psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"LISTEN {database_module.CHANNEL}")

        def write(*changes: Changed) -> None:
            database.write_now(lambda session: note(session, *changes))

        def hear() -> set[Changed]:
            [one] = connection.notifies(timeout=10, stop_after=1)
            return read_notice(one.payload)[1]

        write(Changed(Kind.attempt, 1))
        assert hear() == {Changed(Kind.attempt, 1)}, "the first of them at once"
        monkeypatch.setattr(writing, "NOTICE_SECONDS", 3600)
        write(Changed(Kind.attempt, 2))
        write(Changed(Kind.attempt, 3))
        write(Changed(Kind.delivery, 4))
        assert hear() == {Changed(Kind.attempt, 2), Changed(Kind.attempt, 3), Changed(Kind.delivery, 4)}
        monkeypatch.setattr(writing, "NOTICE_SECONDS", 0.2)
        write(Changed(Kind.attempt, 5))
        assert hear() == {Changed(Kind.attempt, 5)}, "without anything else to write"
        monkeypatch.setattr(writing, "NOTICE_SECONDS", 3600)
        write(Changed(Kind.attempt, 6))
        database.close()
        assert hear() == {Changed(Kind.attempt, 6)}, "nothing is left untold at the end"


def test_what_is_untold_outlives_a_lost_connection(postgres_url: sa.URL, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database(postgres_url.render_as_string(hide_password=False), FernetSealer(KEY))
    url = postgres_url.set(drivername="postgresql").render_as_string(hide_password=False)
    with closing(database), psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"LISTEN {database_module.CHANNEL}")
        database.write_now(lambda session: note(session, Changed(Kind.attempt, 1)))
        list(connection.notifies(timeout=10, stop_after=1))
        monkeypatch.setattr(writing, "NOTICE_SECONDS", 3600)
        database.write_now(lambda session: note(session, Changed(Kind.attempt, 2)))
        monkeypatch.setattr(writing, "NOTICE_SECONDS", 0)  # it is time as soon as the thread looks again
        with pytest.raises(Unavailable):
            database.write_now(
                lambda session: session.execute(sa.text("SELECT pg_terminate_backend(pg_backend_pid())"))
            )
        database.write_now(lambda session: note(session, Changed(Kind.delivery, 3)))
        [told] = connection.notifies(timeout=10, stop_after=1)
        assert read_notice(told.payload)[1] == {Changed(Kind.attempt, 2), Changed(Kind.delivery, 3)}


def test_a_notice_says_what_changed_or_that_it_may_be_anything() -> None:
    changes = {Changed(Kind.delivery, 7), Changed(Kind.delivery, 12), Changed(Kind.webhook)}
    assert read_notice(write_notice("me", changes)) == ("me", changes)
    many = {Changed(Kind.delivery, number) for number in range(5000)}
    assert read_notice(write_notice("me", many)) == ("me", {Changed(Kind.anything)})
    assert read_notice("me later:7") == ("me", {Changed(Kind.anything)}), "a newer version says what this one knows not"
    assert read_notice("me") == ("me", {Changed(Kind.anything)})


def test_sqlite_tells_others_commits_from_its_own(sqlite_url: sa.URL) -> None:
    url = sqlite_url.render_as_string(hide_password=False)
    seen: list[frozenset[Changed]] = []
    with closing(Database(url, FernetSealer(KEY))) as database, closing(Database(url, FernetSealer(KEY))) as other:
        database.look_for_others()  # from now on it is known what others have committed
        database.write_now(names)
        database.announcer.subscribe(seen.append)
        database.write_now(put, "mine")
        database.look_for_others()
        database.write_now(lambda _: None)  # once this is done, so is what was asked before
        assert seen == []
        other.write_now(put, "theirs")
        database.look_for_others()
        database.write_now(lambda _: None)
        assert seen == [TRAFFIC]


@pytest.mark.parametrize(
    ("changes", "heard"),
    [
        ({Changed(Kind.attempt, 7)}, TRAFFIC),
        ({Changed(Kind.event), Changed(Kind.delivery, 7)}, TRAFFIC),
        ({Changed(Kind.attempt, 7), Changed(Kind.webhook, 8)}, {Changed(Kind.anything)}),
        ({Changed(Kind.account)}, {Changed(Kind.anything)}),
    ],
)
def test_sqlite_tells_others_traffic_from_what_people_change(
    changes: set[Changed], heard: set[Changed], sqlite_url: sa.URL
) -> None:
    url = sqlite_url.render_as_string(hide_password=False)
    seen: list[frozenset[Changed]] = []
    with closing(Database(url, FernetSealer(KEY))) as database, closing(Database(url, FernetSealer(KEY))) as other:
        database.look_for_others()
        database.write_now(names)
        database.announcer.subscribe(seen.append)
        for plugin in ("theirs", "theirs, too"):
            other.write_now(commit, plugin, changes)
            database.look_for_others()
            database.write_now(names)
        assert seen == [heard] * 2


def test_sqlite_tells_the_first_commit_of_others(sqlite_url: sa.URL) -> None:
    url = sqlite_url.render_as_string(hide_password=False)
    seen: list[frozenset[Changed]] = []
    with closing(Database(url, FernetSealer(KEY))) as database, closing(Database(url, FernetSealer(KEY))) as other:
        database.announcer.subscribe(seen.append)
        other.write_now(put, "theirs")
        database.look_for_others()
        database.write_now(names)
        assert seen == [frozenset({Changed(Kind.anything)})]


def test_sqlite_tells_what_came_while_its_connection_was_made_anew(sqlite_url: sa.URL) -> None:
    url = sqlite_url.render_as_string(hide_password=False)
    seen: list[frozenset[Changed]] = []
    with closing(Database(url, FernetSealer(KEY))) as database, closing(Database(url, FernetSealer(KEY))) as other:
        database.look_for_others()
        database.write_now(names)
        database.announcer.subscribe(seen.append)
        database.writer.dispose()
        other.write_now(commit, "theirs", {Changed(Kind.webhook, 7)})
        database.look_for_others()
        database.write_now(names)
        assert seen == [frozenset({Changed(Kind.anything)})]


# --- a database that is away


def test_a_postgresql_whose_machine_vanishes_is_noticed_on_both_sides(postgres_url: sa.URL) -> None:
    with closing(Database(postgres_url.render_as_string(hide_password=False), FernetSealer(KEY))) as database:
        for engine in (database.reader, database.writer):
            with engine.connect() as connection:
                raw_connection: Any = connection.connection.dbapi_connection
                ours = raw_connection.info.get_parameters()
                idle, interval, count = (int(ours[f"keepalives_{name}"]) for name in ("idle", "interval", "count"))
                assert 10 <= idle + interval * count <= 20
                assert 10_000 <= int(ours["tcp_user_timeout"]) <= 20_000
                assert "tcp_user_timeout" in ours["options"], "and the server notices when we vanish"


def test_a_writer_that_stands_still_in_a_transaction_does_not_hold_its_rows_for_ever(
    postgres_url: sa.URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "IDLE_SECONDS", 0.2)

    def stand_still(session: Session) -> None:
        put(session, "held")
        time.sleep(0.6)  # what SIGSTOP does to a worker
        put(session, "late")

    with closing(Database(postgres_url.render_as_string(hide_password=False), FernetSealer(KEY))) as database:
        gate = Gate(database)
        jobs = [
            database.writing.submit(stand_still),
            database.writing.submit(lambda session: put(session, "neighbour")),
        ]
        gate.open()
        for job in jobs:
            with pytest.raises(Unavailable, match="Nothing was changed"):
                job.result(10)
        assert database.read_now(lambda session: session.execute(sa.text("SELECT 1")).scalar()) == 1
        with pytest.raises(Unavailable):
            database.write_now(stand_still)  # alone in its transaction
        assert database.write_now(put, "next") == "next"
        assert database.read_now(names) == {"next"}


def test_a_writer_may_stand_still_as_long_as_a_lease(postgres_url: sa.URL) -> None:
    with closing(Database(postgres_url.render_as_string(hide_password=False), FernetSealer(KEY))) as database:
        shown = "SHOW idle_in_transaction_session_timeout"
        assert database.write_now(lambda session: session.execute(sa.text(shown)).scalar()) == "1min"
        assert database.read_now(lambda session: session.execute(sa.text(shown)).scalar()) == "0"


def test_a_lost_connection_is_unavailable_and_the_next_write_is_fine(postgres_url: sa.URL) -> None:
    database = Database(postgres_url.render_as_string(hide_password=False), FernetSealer(KEY))
    killer = sa.create_engine(postgres_url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)

    def lose(session: Session) -> None:
        put(session, "lost")
        pid = session.execute(sa.text("SELECT pg_backend_pid()")).scalar_one()
        with killer.connect() as connection:
            connection.execute(sa.text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
        session.execute(sa.text("SELECT 1"))

    with closing(database):
        gate = Gate(database)
        neighbour = database.writing.submit(lambda session: put(session, "neighbour"))
        lost = database.writing.submit(lose)
        gate.open()
        for job in (lost, neighbour):
            with pytest.raises(Unavailable, match="Nothing was changed"):
                job.result(20)
        with pytest.raises(Unavailable):
            database.read_now(lose)
        assert database.write_now(put, "next") == "next"
        assert database.read_now(names) == {"next"}

        with killer.connect() as connection:  # all that lie idle in the pools
            connection.execute(
                sa.text(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
        assert database.write_now(put, "after") == "after"
        assert database.read_now(names) == {"next", "after"}


def test_a_postgresql_that_is_gone_is_unavailable() -> None:
    with closing(Database("postgresql+psycopg://someone:top-secret@127.0.0.1:1/none", FernetSealer(KEY))) as database:
        for door in (database.read_now, database.write_now):
            with pytest.raises(Unavailable) as caught:
                door(names)
            assert "top-secret" not in str(caught.value)


def test_a_locked_sqlite_file_is_unavailable_to_writers_only(
    sqlite_url: sa.URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "BUSY_SECONDS", 0.2)
    with closing(Database(str(sqlite_url), FernetSealer(KEY))) as database:
        database.write_now(put, "one")
        with closing(sqlite3.connect(str(sqlite_url.database), isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(Unavailable, match=r"database is locked.* Nothing was changed"):
                database.write_now(put, "two")
            assert database.read_now(names) == {"one"}, "reading goes on meanwhile"
            other.execute("ROLLBACK")
        database.write_now(put, "three")
        assert database.read_now(names) == {"one", "three"}


def test_a_full_disk_is_unavailable_and_leaves_a_group_unstored(sqlite_url: sa.URL) -> None:
    with closing(Database(str(sqlite_url), FernetSealer(KEY))) as database:
        database.write_now(put, "one")
        pages = raw(database, "PRAGMA page_count")[0][0]
        database.write_now(lambda session: session.execute(sa.text(f"PRAGMA max_page_count = {pages}")))
        gate = Gate(database)
        neighbour = database.writing.submit(lambda session: put(session, "neighbour"))
        large = database.writing.submit(lambda session: put(session, "large", position="x" * 10_000_000))
        gate.open()
        with pytest.raises(Unavailable, match="disk is full"):
            large.result(10)
        told = neighbour.exception(10)
        assert ("neighbour" in database.read_now(names)) is (told is None), "what was said is what is stored"
        database.write_now(lambda session: session.execute(sa.text("PRAGMA max_page_count = 1000000")))
        assert database.write_now(put, "next") == "next"


# --- SQLite's own settings


def test_sqlite_is_durable_and_checks_references(sqlite_url: sa.URL) -> None:
    with closing(Database(str(sqlite_url), FernetSealer(KEY))) as database:
        for door in (database.read_now, database.write_now):
            found = {
                pragma: door(lambda session, pragma=pragma: session.execute(sa.text(f"PRAGMA {pragma}")).scalar())
                for pragma in ("journal_mode", "synchronous", "foreign_keys")
            }
            assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_a_reference_to_nothing_is_refused(database: Database) -> None:
    orphan = sa.text("INSERT INTO webhook_ui_subscription (pattern, webhook_id) VALUES ('a.b', 99)")
    with pytest.raises(IntegrityError):
        database.write_now(lambda session: session.execute(orphan))


def test_a_reader_sees_one_state_while_others_write(database: Database) -> None:
    def look_twice(session: Session) -> tuple[set[str], set[str]]:
        first = names(session)
        database.write_now(put, "meanwhile")
        return first, names(session)

    first, second = database.read_now(look_twice)
    assert first == set()
    if database.is_sqlite:
        assert second == set(), "a snapshot"


# --- moments


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    first=st.datetimes(datetime(1970, 1, 1), datetime(2199, 12, 31)),
    second=st.datetimes(datetime(1970, 1, 1), datetime(2199, 12, 31)),
    hours=st.integers(-12, 14),
    gap=st.sampled_from([None, timedelta(microseconds=1), timedelta(0)]),
)
def test_moments_come_back_to_the_microsecond_and_compare_as_moments(
    database: Database, first: datetime, second: datetime, hours: int, gap: timedelta | None
) -> None:
    one = first.replace(tzinfo=UTC)
    other = (second.replace(tzinfo=UTC) if gap is None else one + gap).astimezone(timezone(timedelta(hours=hours)))

    def store(session: Session) -> tuple[datetime, list[str], list[str]]:
        session.execute(_checkpoint.delete())
        put(session, "other", updated_at=other)
        back = session.execute(sa.select(_checkpoint.c.updated_at)).scalar_one()
        put(session, "one", updated_at=one)
        earlier = sa.select(_checkpoint.c.plugin).where(_checkpoint.c.updated_at < other)
        until = sa.select(_checkpoint.c.plugin).where(_checkpoint.c.updated_at <= other)
        return back, list(session.execute(earlier).scalars()), sorted(session.execute(until).scalars())

    back, earlier, until = database.write_now(store)
    assert back == other
    assert back.tzinfo is UTC
    assert earlier == (["one"] if one < other else [])
    assert until == (["one", "other"] if one <= other else ["other"])


def test_a_moment_without_a_zone_is_refused(database: Database) -> None:
    with pytest.raises(sa.exc.StatementError, match="without a zone"):
        database.write_now(put, "x", updated_at=datetime(2026, 11, 23))


def test_postgresql_in_another_zone_gives_utc_back(postgres_url: sa.URL) -> None:
    with closing(Database(postgres_url.render_as_string(hide_password=False), FernetSealer(KEY))) as database:
        database.write_now(put, "x")

        def abroad(session: Session) -> Any:
            session.execute(sa.text("SET LOCAL TIME ZONE 'Asia/Kolkata'"))
            return session.execute(sa.select(_checkpoint.c.updated_at)).scalar_one()

        back = database.read_now(abroad)
    assert (back, back.tzinfo) == (NOW, UTC)


def test_the_clock_of_leases_is_the_present(database: Database) -> None:
    before = times.utcnow()
    found = database.write_now(moment)
    assert found.tzinfo is UTC
    assert before - timedelta(seconds=2) < found < times.utcnow() + timedelta(seconds=2)


def test_the_clock_goes_on_within_a_transaction(database: Database) -> None:
    def twice(session: Session) -> tuple[datetime, datetime]:
        first = moment(session)
        threading.Event().wait(0.005)
        return first, moment(session)

    first, second = database.write_now(twice)
    assert second > first, "a long group must not hand out leases that are old already"


def test_postgresqls_clock_is_read_now_and_then(postgres_url: sa.URL, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database(postgres_url.render_as_string(hide_password=False), FernetSealer(KEY))
    with closing(database):
        asked: list[str] = []
        sa.event.listen(database.writer, "before_cursor_execute", lambda *told: asked.append(told[2]))
        moments = [database.write_now(moment) for _ in range(20)]
        assert moments == sorted(moments)
        assert len([text for text in asked if "clock_timestamp" in text]) < 20
        monkeypatch.setattr(database_module, "READ_AGAIN_SECONDS", 0)
        asked.clear()
        database.write_now(moment)
        assert [text for text in asked if "clock_timestamp" in text]


# --- secrets


def test_secrets_cannot_be_read_in_the_table(database: Database) -> None:
    webhook_id = add_webhook(database, headers={"Authorization": "Bearer very-private"})
    webhook = database.write_now(webhooks.rotate_secret, webhook_id, actor=OPERATOR, now=NOW)
    ((headers, secret, old_secret),) = raw(database, "SELECT headers, secret, old_secret FROM webhook_ui_webhook")
    assert webhook.old_secret is not None
    for text in (headers, secret, old_secret):
        for private in ("very-private", "Authorization", "whsec_", webhook.secret[6:20], webhook.old_secret[6:20]):
            assert private not in text
    back = database.read_now(webhooks.get, webhook_id)
    assert back.headers == {"Authorization": "Bearer very-private"}
    assert back.secret == webhook.secret


def test_nothing_private_lies_in_the_files(sqlite_url: sa.URL, tmp_path: Path) -> None:
    with closing(Database(str(sqlite_url), FernetSealer(KEY))) as database:
        webhook_id = add_webhook(database, headers={"Authorization": "Bearer very-private"})
        secret = database.read_now(webhooks.get, webhook_id).secret
    content = b"".join(path.read_bytes() for path in tmp_path.glob("webhook_ui.db*"))
    assert b"example.com/hook" in content, "what is not secret is there"
    assert b"very-private" not in content
    assert secret.encode() not in content


def test_another_key_opens_nothing_and_says_so(database: Database, database_url: sa.URL) -> None:
    webhook_id = add_webhook(database)
    url = database_url.render_as_string(hide_password=False)
    with (
        closing(Database(url, FernetSealer("quite another key"))) as other,
        pytest.raises(UsageError, match="does not fit this database"),
    ):
        other.read_now(webhooks.get, webhook_id)


@pytest.mark.parametrize("deleted", [False, True])
def test_opening_with_another_key_is_refused(database_url: sa.URL, tmp_path: Path, deleted: bool) -> None:
    url = database_url.render_as_string(hide_password=False)
    first = storage.open_database(Settings(data_dir=tmp_path / "data", database_url=url))
    webhook_id = add_webhook(first)
    if deleted:
        first.write_now(webhooks.delete, webhook_id, actor=OPERATOR, now=NOW)
    first.close()
    storage.open_database(Settings(data_dir=tmp_path / "data", database_url=url)).close()
    for wrong in (
        Settings(data_dir=tmp_path / "elsewhere", database_url=url),
        Settings(data_dir=tmp_path / "data", database_url=url, secret_key="0123456789abcdef"),
    ):
        with pytest.raises(
            UsageError, match=r"The secret key does not fit this database.*WEBHOOK_UI_SECRET_KEY"
        ) as caught:
            storage.open_database(wrong)
        assert "\n" not in str(caught.value)


def test_an_empty_database_takes_any_key(database_url: sa.URL, tmp_path: Path) -> None:
    url = database_url.render_as_string(hide_password=False)
    for key in ("0123456789abcdef", "fedcba9876543210"):
        storage.open_database(Settings(data_dir=tmp_path, database_url=url, secret_key=key)).close()


@pytest.mark.parametrize(
    "url", ["mysql://a:top-secret@127.0.0.1/b", "nonsense", "postgresql://a:top-secret@127.0.0.1:12x/b", ""]
)
def test_another_database_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(UsageError, match="must start with postgresql://") as caught:
        storage.open_database(Settings(data_dir=tmp_path, database_url=url))
    assert "top-secret" not in str(caught.value)


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"cannot be written .* WEBHOOK_UI_DATA_DIR"):
        storage.open_database(Settings(data_dir=tmp_path / "file" / "data"))


def test_the_key_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        key = sealing.load_key(tmp_path, None)
    finally:
        os.umask(old)
    assert len(key) >= 32
    assert stat.S_IMODE((tmp_path / "secret.key").stat().st_mode) == 0o600
    assert sealing.load_key(tmp_path, None) == key
    assert sealing.load_key(tmp_path, "a setting wins over the file") == "a setting wins over the file"
    assert [path.name for path in tmp_path.iterdir()] == ["secret.key"]


def _load_key(folder: str) -> str:
    return sealing.load_key(Path(folder), None)


def test_racing_starts_agree_on_one_key(tmp_path: Path) -> None:
    start = threading.Barrier(8)

    def race(_: int) -> str:
        start.wait()
        return sealing.load_key(tmp_path, None)

    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(race, range(8)))
    assert len(keys) == 1
    (tmp_path / "secret.key").unlink()
    with multiprocessing.get_context("fork").Pool(4) as processes:
        keys = set(processes.map(_load_key, [str(tmp_path)] * 4))
    assert len(keys) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["secret.key"]


@pytest.mark.parametrize("content", [b"", b" \n", b"\xff\xfe\x00k"])
def test_a_spoilt_key_file_is_said(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "secret.key").write_bytes(content)
    with pytest.raises(UsageError, match=r"secret\.key .*Put the key back"):
        sealing.load_key(tmp_path, None)


def test_a_key_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "secret.key").mkdir()
    with pytest.raises(UsageError, match="cannot be read or made"):
        sealing.load_key(tmp_path, None)


def test_sealing_twice_looks_different_each_time() -> None:
    sealer = FernetSealer(KEY)
    first, second = sealer.seal("text"), sealer.seal("text")
    assert first != second
    assert sealer.open(first) == sealer.open(second) == "text"


def test_webhook_fields_survive_unchanged(database: Database) -> None:
    """What a person typed comes back as it was, also where databases differ."""
    values = fields(
        title="Zoë’s 日本 ½ 🎉",
        description="one\ntwo\t%_'\"\\",
        headers={"X-Key": "a b\tc"},
        retry_schedule=[0, 1.5, 1e6],
    )
    webhook = database.write_now(webhooks.add, values, rules=RULES, actor=OPERATOR, now=NOW)
    back = database.read_now(webhooks.get, webhook.id or 0)
    assert {name: getattr(back, name) for name in values} == values


def test_sqlites_log_is_emptied_beside_the_commits(sqlite_url: sa.URL) -> None:
    """A commit that has to do it itself takes a hundred times as long, and every delivery waits for it."""
    file = Path(str(sqlite_url.database))
    with closing(Database(sqlite_url.render_as_string(), FernetSealer(KEY))) as database:
        watch = Watch(database)
        watch.start()
        try:
            before = file.stat().st_size
            for _ in range(5):  # far less than what a commit would empty
                emit(database, payload='{"text": "%s"}' % ("x" * 100_000))
            patience = time.monotonic() + 10
            while file.stat().st_size < before + 400_000:
                assert time.monotonic() < patience, "what was committed still stands in the log"
                time.sleep(0.02)  # another thread works; nothing here could be awaited
        finally:
            watch.stop()
