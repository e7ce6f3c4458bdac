"""Brings a database to the shape this version's code needs; the steps stand in `versions/`."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command, context, op
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError

from webhook_ui.errors import UsageError
from webhook_ui.models import PREFIX

VERSION_TABLE = PREFIX + "version"
LOCK = 0x7765_6268  # PostgreSQL advisory lock: one process migrates, the others wait


def latest() -> str:
    """The revision this version's code needs."""
    return str(ScriptDirectory.from_config(_config()).get_current_head())


def current(url: sa.URL) -> str | None:
    """The revision the database is at; None when it is empty. Raises UsageError when it cannot be opened."""
    engine = _engine(url)
    try:
        with engine.connect() as connection:
            return _revision(connection)
    except DBAPIError as error:
        raise _unreachable(url, error) from error
    finally:
        engine.dispose()


def apply(url: sa.URL, *, aside: bool = True) -> list[str]:
    """Applies what is missing, in one transaction, and returns the revisions applied.

    A SQLite file is copied beside itself first, unless it is a copy itself (`aside`). Raises UsageError when the
    database is newer than the code, or cannot be opened.
    """
    engine = _engine(url)
    try:
        return _apply(engine, aside=aside)
    except DBAPIError as error:
        raise _unreachable(url, error) from error
    finally:
        engine.dispose()


def migrate(connection: Connection | None) -> list[str]:
    """The same on the connection of an application that migrates its own tables: `webhook_ui.migrate(op.get_bind())`.

    On PostgreSQL it is part of the caller's transaction; on SQLite too, where one has begun, else of its own. Raises
    UsageError.
    """
    if not isinstance(connection, Connection):  # Alembic has none while it only writes SQL
        raise UsageError(
            "Webhook UI's tables cannot be written down as SQL (alembic --sql): run Alembic on the database itself, "
            "or `webhook-ui migrate`."
        )
    if connection.dialect.name not in ("sqlite", "postgresql"):
        raise UsageError(f"Webhook UI's tables cannot be in a {connection.dialect.name} database.")
    with _outer_alembic(), _sqlite_prepared(connection):
        return _upgrade(connection)


def build(connection: Connection, revision: str) -> None:
    """Makes the tables as they were at `revision`, within the transaction of `connection`; there are none so far."""
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def include_name(name: str | None, type_: str, parent_names: object = None) -> bool:
    """For `context.configure(include_name=…)` of an application's Alembic: it leaves our tables alone."""
    return type_ != "table" or not str(name).startswith(PREFIX)


def is_known(revision: str) -> bool:
    """Whether this version knows `revision`; one that it does not is newer."""
    return revision in {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}


def check_not_newer(revision: str | None) -> None:
    """Raises UsageError when `revision` is one this version does not know."""
    if revision is not None and not is_known(revision):
        raise UsageError(
            f"The database is newer than this version of webhook-ui (it is at revision {revision}). "
            "Install the newer version, or restore a backup from before the upgrade (webhook-ui restore --replace)."
        )


def _apply(engine: Engine, *, aside: bool) -> list[str]:
    with engine.connect() as connection:
        before = _revision(connection)
        check_not_newer(before)
        if before == latest():
            return []
        connection.rollback()
    with engine.begin() as connection:
        return _upgrade(connection, aside=aside)


def _upgrade(connection: Connection, *, aside: bool = True) -> list[str]:
    """Applies what is missing within the transaction that `connection` is in."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    before = _revision(connection)  # another process may have been quicker
    check_not_newer(before)
    if before == latest():
        return []
    if before is not None and connection.dialect.name == "sqlite":
        _check_no_cascades(connection)
        if aside:
            _copy_aside(Path(str(connection.engine.url.database)), before)
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    scripts = ScriptDirectory.from_config(config).iterate_revisions("head", before or "base")
    return [script.revision for script in scripts][::-1]


def _check_no_cascades(connection: Connection) -> None:
    """Raises UsageError while foreign keys are enforced: a table that is rebuilt would take its deliveries along."""
    if connection.exec_driver_sql("PRAGMA foreign_keys").scalar():
        raise UsageError(
            "SQLite enforces foreign keys on this connection, so rebuilding Webhook UI's tables would empty others. "
            'In Alembic\'s env.py, execute "PRAGMA foreign_keys = OFF" on the connection before context.configure.'
        )


@contextmanager
def _sqlite_prepared(connection: Connection) -> Iterator[None]:
    """Where the driver of SQLite has begun no transaction yet: one of our own, without foreign keys meanwhile."""
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name != "sqlite" or driver.in_transaction:
        yield
        return
    enforced = connection.exec_driver_sql("PRAGMA foreign_keys").scalar()
    connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            connection.exec_driver_sql("ROLLBACK")
            raise
        connection.exec_driver_sql("COMMIT")
    finally:
        connection.exec_driver_sql(f"PRAGMA foreign_keys = {'ON' if enforced else 'OFF'}")


@contextmanager
def _outer_alembic() -> Iterator[None]:
    """Gives `alembic.op` and `alembic.context` back to whoever migrates around us: within, they are ours."""
    outer = [proxy for module in (op, context) if (proxy := vars(module).get("_proxy")) is not None]
    try:
        yield
    finally:
        for proxy in outer:
            proxy._install_proxy()


def _engine(url: sa.URL) -> Engine:
    if url.get_backend_name() != "sqlite":
        return sa.create_engine(url, poolclass=sa.NullPool, connect_args={"connect_timeout": 5})
    # foreign keys are off: a batch copies a table and drops the old one, which must not cascade
    engine = sa.create_engine(url, poolclass=sa.NullPool, connect_args={"timeout": 30})

    def take_over(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode = WAL")

    sa.event.listen(engine, "connect", take_over)
    sa.event.listen(engine, "begin", _begin)
    return engine


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("PRAGMA foreign_keys = OFF")  # an application may have a listener for all connections
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_revision()


def _copy_aside(file: Path, revision: str) -> Path:
    copy = file.with_name(f"{file.stem}.before-{revision}{file.suffix}")
    try:
        with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
    except sqlite3.Error as error:
        raise UsageError(
            f"The database was not upgraded, because it cannot be copied to {copy} first ({error}). "
            "Make room there, or correct the folder's rights."
        ) from error
    return copy


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return config


def _unreachable(url: sa.URL, error: DBAPIError) -> UsageError:
    cause = str(error.orig).strip().splitlines()
    return UsageError(
        f"The database {url.set(query={}).render_as_string(hide_password=True)} cannot be used: "
        f"{cause[0] if cause else 'no reason given'}. Check WEBHOOK_UI_DATABASE_URL or WEBHOOK_UI_DATA_DIR."
    )
