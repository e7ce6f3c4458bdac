"""Migrations build what the models say, and nothing goes wrong when they run twice, at once or too late."""

import multiprocessing
import re
import shutil
import sqlite3
import stat
import uuid
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

from webhook_ui import migrations
from webhook_ui.errors import UsageError
from webhook_ui.models import metadata

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
STEPS = [script.revision for script in ScriptDirectory.from_config(migrations._config()).walk_revisions()][::-1]
COPY = f"empty.before-{STEPS[-1]}.db"

LATER_STEP = '''"""A step that only tests know: it rebuilds a table that others refer to."""

import sqlalchemy as sa
from alembic import op

revision = "later"
down_revision = "LATEST"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("webhook_ui_webhook", recreate="RECREATE") as batch:
        batch.add_column(sa.Column("colour", sa.String(), nullable=True))
'''


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.URL]:
    """A database of each kind that holds nothing."""
    if request.param == "sqlite":
        yield sa.make_url(f"sqlite:///{tmp_path / 'empty.db'}")
        return
    server: sa.URL = request.getfixturevalue("postgres_server")
    name = f"empty_{uuid.uuid4().hex}"
    outside(server, f'CREATE DATABASE "{name}"')
    yield server.set(database=name)
    outside(server, f'DROP DATABASE "{name}" WITH (FORCE)')


def outside(url: sa.URL, *statements: str) -> list[Any]:
    """Runs statements past the product, and returns the last one's rows."""
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        for statement in statements:
            result = connection.execute(sa.text(statement))
        rows = list(result) if result.returns_rows else []
    engine.dispose()
    return rows


@pytest.fixture
def later_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_url: sa.URL) -> None:
    """From now on the code knows one step more than before, and needs it."""
    folder = tmp_path / "versions"
    folder.mkdir()
    recreate = "always" if empty_url.get_backend_name() == "sqlite" else "auto"
    (folder / "rev_later.py").write_text(
        LATER_STEP.replace("RECREATE", recreate).replace("LATEST", migrations.latest())
    )
    plain = migrations._config

    def config() -> Config:
        changed = plain()
        shipped = Path(str(migrations.__file__)).parent / "versions"
        changed.set_main_option("version_locations", f"{shipped};{folder}")
        changed.set_main_option("path_separator", ";")
        return changed

    migrations.apply(empty_url)
    monkeypatch.setattr(migrations, "_config", config)


def store_one_of_each(url: sa.URL) -> None:
    """A webhook and a delivery to it."""
    now = "1763888400000000" if url.get_backend_name() == "sqlite" else "now()"
    outside(
        url,
        "INSERT INTO webhook_ui_webhook (id, uid, version, title, url, description, triggers, enabled, paused,"
        " headers, secret, signer, ordered, created_at, updated_at) VALUES (7, 'u', 1, 'Orders', 'https://x.test', '',"
        f" '[]', true, false, 'sealed', 'sealed', 'standard', false, {now}, {now})",
        "INSERT INTO webhook_ui_delivery (webhook_id, event_id, trigger, status, due_at, round, tries, losses, test,"
        f" created_at, updated_at) VALUES (7, 1, 'user.created', 'pending', {now}, 1, 0, 0, false, {now}, {now})",
    )


def apply_only(url: sa.URL, revision: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes a database as the version made it that knew no step after `revision`."""
    plain, shipped = migrations._config, Path(str(migrations.__file__)).parent / "versions"
    folder.mkdir()
    for known in STEPS[: STEPS.index(revision) + 1]:
        for file in shipped.glob(f"rev_{known}_*.py"):
            shutil.copy(file, folder)

    def config() -> Config:
        changed = plain()
        changed.set_main_option("version_locations", str(folder))
        changed.set_main_option("path_separator", ";")
        return changed

    with monkeypatch.context() as patch:
        patch.setattr(migrations, "_config", config)
        migrations.apply(url)
    assert migrations.current(url) == revision


def first_rows(moment: Any) -> dict[str, dict[str, Any]]:
    """A row for each table that an engine's life fills, every column filled that may be."""
    webhook = {"title": "Orders", "url": "https://x.test", "description": "d", "triggers": ["user.*"], "enabled": True}
    rules = {"signer": "standard", "filter": "f", "template": "t", "tenant": "acme", "ordered": True, "rate_limit": 2.5}
    secrets = {"headers": "sealed", "secret": "sealed", "old_secret": "sealed", "old_secret_until": moment}
    stamps = {"created_at": moment, "updated_at": moment}
    request = {"url": "https://x.test", "request_headers": [["a", "b"]], "request_body": "{}"}
    response = {"response_status": 500, "response_headers": [["c", "d"]], "response_body": "no"}
    failure = {"status": "error", "error_class": "http", "error_message": "500", "timings": {"dns": 1.5}}
    state = {"status": "error", "due_at": moment, "claim": "a1", "answer": "error", "last_attempt_id": 3}
    cursor = {"upper_bound": 9, "cursor_webhook": 7, "cursor_event": 1, "matched": 5, "done": 2}
    plan = {"rate": 1.5, "at": moment, "cron": "0 4 * * *", "timezone": "UTC", "within": "24h", "next_run_at": moment}
    return {
        "webhook": {
            **{"id": 7, "uid": "u", "version": 3, "paused": True, "disabled_reason": "r", "timeout": 9.5},
            **{"retry_schedule": [5.0], "deleted_at": moment, **webhook, **rules, **secrets, **stamps},
        },
        "lane": {
            **{"webhook_id": 7, "breaker": "open", "reason": "down", "probe_at": moment, "not_before": moment},
            **{"rate_tat": moment, "failing_since": moment, "last_result": "error"},
        },
        "delivery": {
            **{"webhook_id": 7, "event_id": 1, "trigger": "user.created", "round": 2, "tries": 4, "losses": 1},
            **{"redelivery_id": 5, "closed": None, "test": True, **state, **stamps},
        },
        "attempt": {
            **{"webhook_id": 7, "event_id": 1, "id": 3, "round": 2, "late": True, "at": moment, "duration_ms": 12.5},
            **{**request, **response, **failure},
        },
        "redelivery": {
            "id": 5,
            "state": "running",
            "scope": {"webhook_id": 7},
            "actor": "x",
            **cursor,
            **plan,
            **stamps,
        },
    }


def stored(url: sa.URL, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The one row of each of our tables, as the database has it."""
    rows = {name: outside(url, f"SELECT * FROM webhook_ui_{name}") for name in names}
    return {name: dict(row._mapping) for name, (row,) in rows.items()}


def shape(connection: Connection) -> list[Any]:
    """Everything the database itself says about our tables, in an order that does not depend on how they were made."""
    if connection.dialect.name == "sqlite":
        rows = connection.exec_driver_sql("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        return sorted((kind, name, sorted(_lines(sql))) for kind, name, sql in rows if name != migrations.VERSION_TABLE)
    columns = connection.exec_driver_sql(
        "SELECT table_name, column_name, data_type, is_nullable, column_default, is_identity"
        " FROM information_schema.columns WHERE table_schema = 'public'"
    )
    constraints = connection.exec_driver_sql(
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE connamespace = 'public'::regnamespace"
    )
    indexes = connection.exec_driver_sql(
        "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
    )
    found = [tuple(map(str, row)) for rows in (columns, constraints, indexes) for row in rows]
    return sorted(row for row in found if row[0] != migrations.VERSION_TABLE)


def _lines(sql: str) -> Iterator[str]:
    text = re.sub(r'"(\w+)"', r"\1", sql)  # a rebuilt table's name comes back in quotes
    text = re.sub(r"(?<=\w), (\w+ [A-Z]+)(?=, ?\n)", r",\n\1", text)  # an added column has no line of its own
    for line in text.splitlines():
        if stripped := line.strip().rstrip(","):
            yield stripped


def test_migrated_is_what_the_models_say(empty_url: sa.URL) -> None:
    migrations.apply(empty_url)
    engine = sa.create_engine(empty_url, poolclass=sa.NullPool)
    left_out = set() if engine.dialect.name == "sqlite" else {"fk_webhook_ui_attempt_webhook_id_event_id"}

    def include(_one: object, name: str | None, *_rest: object) -> bool:
        """Alembic asks no model's constraint which database it is for; the next test does."""
        return name not in left_out

    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={"version_table": migrations.VERSION_TABLE, "compare_type": True, "include_object": include},
        )
        assert compare_metadata(context, metadata) == []


def test_migrated_is_what_a_fresh_database_would_be(empty_url: sa.URL) -> None:
    """Alembic compares no CHECKs, no conditions of indexes and no table options, so the databases are asked."""
    engine = sa.create_engine(empty_url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        metadata.create_all(connection)
        fresh = shape(connection)
        metadata.drop_all(connection)
        connection.commit()
    migrations.apply(empty_url)
    with engine.connect() as connection:
        migrated = shape(connection)
    text = str(fresh)
    assert "ck_webhook_ui_delivery_open_or_closed" in text, "the CHECKs are in what is compared"
    assert "losses > 0" in text, "and the conditions of partial indexes"
    assert ("WITHOUT ROWID" in text) is (empty_url.get_backend_name() == "sqlite")
    assert migrated == fresh


def test_every_constraint_has_a_name() -> None:
    unnamed = [
        (table.name, constraint)
        for table in metadata.sorted_tables
        for constraint in table.constraints
        if constraint.name is None
    ]
    assert unnamed == [], "a batch on SQLite can only drop what has a name"


def test_a_second_apply_does_nothing(empty_url: sa.URL) -> None:
    assert migrations.current(empty_url) is None
    assert migrations.apply(empty_url) == STEPS
    assert migrations.apply(empty_url) == []
    assert migrations.current(empty_url) == migrations.latest()


def test_a_database_newer_than_the_code_is_left_alone(empty_url: sa.URL) -> None:
    migrations.apply(empty_url)
    outside(empty_url, f"UPDATE {migrations.VERSION_TABLE} SET version_num = '9999'")
    with pytest.raises(UsageError, match=r"newer than this version .*9999.* Install the newer version") as caught:
        migrations.apply(empty_url)
    assert "\n" not in str(caught.value)
    assert migrations.current(empty_url) == "9999"


def test_a_database_of_the_first_form_keeps_all_it_holds(
    empty_url: sa.URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply_only(empty_url, STEPS[0], tmp_path / "first", monkeypatch)
    rows = first_rows(1763888400000000 if empty_url.get_backend_name() == "sqlite" else NOW)
    engine = sa.create_engine(empty_url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        for name, row in rows.items():
            first = sa.Table(f"webhook_ui_{name}", sa.MetaData(), autoload_with=connection, resolve_fks=False)
            assert {column.name for column in first.c} == set(row), f"each column of {name} is filled"
            connection.execute(first.insert().values(**row))
    before = stored(empty_url, rows)
    assert migrations.apply(empty_url) == STEPS[1:]
    after = stored(empty_url, rows)
    for column in ("cursor_webhook", "cursor_event"):  # nothing has used them: a run has a cursor for each lane
        assert column not in after["redelivery"]
        del before["redelivery"][column]
    assert {name: {column: after[name][column] for column in row} for name, row in before.items()} == before
    added = {column: value for column, value in after["lane"].items() if column not in before["lane"]}
    assert added["probes"] == 0
    assert set(added.values()) == {None, 0}, "what is new says nothing yet"


def test_of_runs_before_they_were_kept_the_last_of_each_plan_is_known(
    empty_url: sa.URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply_only(empty_url, "0002", tmp_path / "second", monkeypatch)
    now = "1763888400000000" if empty_url.get_backend_name() == "sqlite" else "now()"
    for number, state, started, bound in (
        (1, "done", now, "null"),
        (2, "running", now, "9"),
        (3, "cancelled", now, "9"),
        (4, "scheduled", "null", "null"),
    ):
        outside(
            empty_url,
            "INSERT INTO webhook_ui_redelivery (id, kind, state, scope, started_at, upper_bound, matched, done, actor,"
            f" created_at, updated_at) VALUES ({number}, 'redeliver', '{state}', '{{}}', {started}, {bound}, 5, 4, 'x',"
            f" {now}, {now})",
        )
    migrations.apply(empty_url)
    columns = "redelivery_id, outcome, ended_at IS NULL, matched, done"
    rows = outside(empty_url, f"SELECT {columns} FROM webhook_ui_redelivery_run ORDER BY redelivery_id")
    assert [(row[0], row[1], bool(row[2]), row[3], row[4]) for row in rows] == [
        (1, "done", False, 5, 4),
        (2, None, True, 5, 4),
        (3, "cancelled", False, 5, 4),
    ]


@pytest.mark.usefixtures("later_step")
def test_an_upgrade_keeps_what_is_stored(empty_url: sa.URL) -> None:
    store_one_of_each(empty_url)
    assert migrations.apply(empty_url) == ["later"]
    rows = outside(
        empty_url,
        "SELECT title, colour, status FROM webhook_ui_webhook JOIN webhook_ui_delivery ON webhook_id = id",
    )
    assert [tuple(row) for row in rows] == [("Orders", None, "pending")], "rebuilding a table deleted no delivery"


@pytest.mark.usefixtures("later_step")
def test_a_sqlite_file_is_copied_aside_before_an_upgrade(empty_url: sa.URL, tmp_path: Path) -> None:
    if empty_url.get_backend_name() != "sqlite":
        assert migrations.apply(empty_url) == ["later"]
        return
    store_one_of_each(empty_url)
    migrations.apply(empty_url)
    copy = tmp_path / COPY
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("SELECT title FROM webhook_ui_webhook").fetchall() == [("Orders",)]
        assert connection.execute(f"SELECT version_num FROM {migrations.VERSION_TABLE}").fetchall() == [(STEPS[-1],)]


@pytest.mark.usefixtures("later_step")
def test_the_copy_shows_the_state_before_also_when_two_upgrade(empty_url: sa.URL, tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        applied = list(pool.map(migrations.apply, [empty_url] * 4))
    assert sorted(applied) == [[], [], [], ["later"]]
    if empty_url.get_backend_name() == "sqlite":
        with closing(sqlite3.connect(tmp_path / COPY)) as connection:
            assert connection.execute(f"SELECT version_num FROM {migrations.VERSION_TABLE}").fetchall() == [
                (STEPS[-1],)
            ]


@pytest.mark.usefixtures("later_step")
def test_without_room_for_a_copy_nothing_is_upgraded(empty_url: sa.URL, tmp_path: Path) -> None:
    if empty_url.get_backend_name() == "sqlite":
        (tmp_path / COPY).mkdir()
        with pytest.raises(UsageError, match="not upgraded, because it cannot be copied"):
            migrations.apply(empty_url)
        assert migrations.current(empty_url) == STEPS[-1]


def test_a_new_sqlite_file_is_not_copied(tmp_path: Path) -> None:
    migrations.apply(sa.make_url(f"sqlite:///{tmp_path / 'new.db'}"))
    assert not list(tmp_path.glob("*before*"))


def test_several_threads_may_migrate_at_once(empty_url: sa.URL) -> None:
    with ThreadPoolExecutor(6) as pool:
        applied = list(pool.map(migrations.apply, [empty_url] * 6))
    assert sorted(applied) == [[], [], [], [], [], STEPS]


def test_several_processes_may_migrate_at_once(empty_url: sa.URL) -> None:
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        applied = list(pool.map(migrations.apply, [empty_url] * 2))
    assert sorted(applied) == [[], STEPS]


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://someone:top-secret@127.0.0.1:1/webhooks",
        "postgresql+psycopg://127.0.0.1:1/webhooks?user=someone&password=top-secret",
        "postgresql+psycopg://someone:top-secret@127.0.0.1:1/webhooks?no_such_option=1",
    ],
)
def test_a_postgresql_that_does_not_answer_is_said_without_its_password(url: str) -> None:
    for action in (migrations.apply, migrations.current):
        with pytest.raises(UsageError, match="cannot be used") as caught:
            action(sa.make_url(url))
        assert "top-secret" not in str(caught.value)
        assert "\n" not in str(caught.value)
        assert "127.0.0.1:1" in str(caught.value)


def test_a_wrong_password_is_not_repeated(postgres_server: sa.URL) -> None:
    url = postgres_server.set(username="nobody_here", password="top-secret")
    with pytest.raises(UsageError, match='role "nobody_here" does not exist') as caught:
        migrations.apply(url)
    assert "top-secret" not in str(caught.value)


def test_what_is_no_database_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "letter.db"
    file.write_text("Dear reader, " * 1000)
    folder = tmp_path / "folder.db"
    folder.mkdir()
    for path in (file, folder, tmp_path / "missing" / "x.db"):
        with pytest.raises(UsageError, match="cannot be used") as caught:
            migrations.apply(sa.make_url(f"sqlite:///{path}"))
        assert path.name in str(caught.value)
        assert "\n" not in str(caught.value)
    assert file.read_text().startswith("Dear reader")
    assert stat.S_ISDIR(folder.stat().st_mode)
