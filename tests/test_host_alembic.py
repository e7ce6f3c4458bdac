"""An application with migrations of its own brings our tables along by its Alembic, and keeps them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.orm import Session

import webhook_ui
from tests.conftest import _execute
from tests.processes import ROOT
from webhook_ui import migrations, transactional
from webhook_ui.errors import UsageError
from webhook_ui.models import Event, table

README = (ROOT / "README.md").read_text()
OURS = README.partition("### In the application's database")[2].split("```python\n")[1].partition("```")[0]
ENV = """
import sqlalchemy as sa
from alembic import context
import webhook_ui

metadata = sa.MetaData()
sa.Table("app_user", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.String))
sa.Table("app_note", metadata, sa.Column("id", sa.Integer, primary_key=True))

def run():
    if context.is_offline_mode():
        context.configure(url=context.config.get_main_option("sqlalchemy.url"), target_metadata=metadata)
        context.run_migrations()
        return
    engine = sa.create_engine(context.config.get_main_option("sqlalchemy.url"), poolclass=sa.NullPool)
    prepare(engine)
    with engine.connect() as connection:
        context.configure(connection=connection, target_metadata=metadata, include_name=webhook_ui.include_name)
        with context.begin_transaction():
            context.run_migrations()

def prepare(engine):
    PREPARE

run()
"""
BEFORE = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "a1", None

def upgrade():
    op.create_table("app_user", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.String))
    op.execute("INSERT INTO app_user VALUES (1, 'Ada')")
"""
AFTER = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "a3", "a2"

def upgrade():
    op.create_table("app_note", sa.Column("id", sa.Integer, primary_key=True))

def downgrade():
    op.drop_table("app_note")
"""
KEYS = "    sa.event.listen(engine, 'connect', lambda raw, _: raw.execute('PRAGMA foreign_keys = ON'))"
IMMEDIATE = """
    def take_over(raw, _):
        raw.isolation_level = None
    sa.event.listen(engine, "connect", take_over)
    sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.URL]:
    if request.param == "sqlite":
        yield sa.make_url(f"sqlite:///{tmp_path / 'app.db'}")
        return
    server: sa.URL = request.getfixturevalue("postgres_server")
    _execute(server, 'DROP DATABASE IF EXISTS "of_an_application" WITH (FORCE)', 'CREATE DATABASE "of_an_application"')
    yield server.set(database="of_an_application")


def alembic_of(folder: Path, url: sa.URL, prepare: str = "pass", ours: str = OURS) -> Config:
    """An application's Alembic: its own environment and three revisions, the second of which is from the README."""
    (folder / "alembic" / "versions").mkdir(parents=True, exist_ok=True)
    (folder / "alembic" / "env.py").write_text(ENV.replace("PREPARE", prepare.strip()))
    (folder / "alembic" / "script.py.mako").write_text((ROOT / "webhook_ui/migrations/script.py.mako").read_text())
    for name, source in (("a1", BEFORE), ("a2", ours), ("a3", AFTER)):
        (folder / "alembic" / "versions" / f"{name}.py").write_text(source)
    config = Config()
    config.set_main_option("script_location", str(folder / "alembic"))
    config.set_main_option("sqlalchemy.url", url.render_as_string(hide_password=False).replace("%", "%%"))
    return config


def names(url: sa.URL) -> set[str]:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    return set(sa.inspect(engine).get_table_names())


def test_its_migrations_bring_our_tables_and_keep_them(empty_url: sa.URL, tmp_path: Path) -> None:
    config = alembic_of(tmp_path, empty_url)
    command.upgrade(config, "head")
    assert {"app_user", "app_note", "alembic_version", "webhook_ui_event"} <= names(empty_url)
    assert migrations.current(empty_url) == migrations.latest()
    command.check(config)  # raises if autogenerate would change anything, such as drop our tables
    command.downgrade(config, "a2")
    command.upgrade(config, "head")
    assert migrations.apply(empty_url) == [], "what a start of the server has to do"
    webhook_ui.configure(plugins_dir=ROOT / "plugins")
    engine = sa.create_engine(empty_url, poolclass=sa.NullPool)
    with Session(engine) as session:
        session.execute(sa.text("INSERT INTO app_user VALUES (7, 'Zoe')"))
        webhook_ui.emit(session, "user.created", {"id": 7, "name": "Zoe"})
        session.commit()
        assert session.execute(sa.select(sa.func.count()).select_from(table(Event))).scalar() == 1
    transactional._Known.configuration = None


@pytest.mark.parametrize("prepare", [KEYS, IMMEDIATE, "pass"])
def test_on_sqlite_it_is_whole_or_not_at_all(tmp_path: Path, prepare: str) -> None:
    url = sa.make_url(f"sqlite:///{tmp_path / 'app.db'}")
    broken = OURS.replace("migrate(op.get_bind())", "migrate(op.get_bind()); raise ValueError('later')")
    config = alembic_of(tmp_path, url, prepare, broken)
    with pytest.raises(ValueError, match="later"):
        command.upgrade(config, "head")
    there = "webhook_ui_event" in names(url)
    assert (migrations.current(url) == migrations.latest()) is there
    command.upgrade(alembic_of(tmp_path, url, prepare), "head")
    assert migrations.current(url) == migrations.latest()
    command.check(config)


def at_first_revision(url: sa.URL, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database of an older version, with a webhook."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with monkeypatch.context() as patch, engine.begin() as connection:
        upgrade = command.upgrade
        patch.setattr(command, "upgrade", lambda config, _: upgrade(config, "0001"))
        webhook_ui.migrate(connection)
    engine.dispose()


@pytest.mark.parametrize(("prepare", "refused"), [(KEYS, False), (IMMEDIATE, False), (IMMEDIATE + KEYS, True)])
def test_older_tables_are_rebuilt_without_emptying_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prepare: str, refused: bool
) -> None:
    url = sa.make_url(f"sqlite:///{tmp_path / 'app.db'}")
    at_first_revision(url, monkeypatch)
    config = alembic_of(tmp_path, url, prepare)
    if refused:
        with pytest.raises(UsageError, match=r"foreign keys.*PRAGMA foreign_keys = OFF"):
            command.upgrade(config, "head")
        assert migrations.current(url) == "0001"
        return
    command.upgrade(config, "head")
    assert migrations.current(url) == migrations.latest()
    assert list(tmp_path.glob("app.before-0001.db")), "a copy was made first"


def test_as_sql_alone_it_is_refused(tmp_path: Path) -> None:
    config = alembic_of(tmp_path, sa.make_url("sqlite:///nowhere.db"))
    with pytest.raises(UsageError, match="--sql"):
        command.upgrade(config, "head", sql=True)


def test_a_listener_for_all_connections_does_not_empty_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`PRAGMA foreign_keys = ON` for each connection of the process is what SQLAlchemy's documentation shows."""
    url = sa.make_url(f"sqlite:///{tmp_path / 'app.db'}")
    at_first_revision(url, monkeypatch)

    def enforce(raw: Any, _: object) -> None:
        raw.execute("PRAGMA foreign_keys = ON")

    sa.event.listen(sa.Engine, "connect", enforce)
    try:
        assert migrations.apply(url)[-1] == migrations.latest()
    finally:
        sa.event.remove(sa.Engine, "connect", enforce)
