"""`webhook_ui.emit(session, …)`: an application's rows and their events are committed together, or not at all."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

import webhook_ui
from tests.processes import ROOT
from tests.stored import PENDING, add_webhook, change, state
from webhook_ui import ids, plugin_loader, plugin_values, settings, storage, times, transactional
from webhook_ui.actors import CLI
from webhook_ui.changes import Changed, Kind
from webhook_ui.database import Database
from webhook_ui.errors import Conflict, Invalid, UsageError
from webhook_ui.models import Event, table
from webhook_ui.watch import Watch

ZOE = {"id": 7, "name": "Zoë"}


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "app_user"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Guest(User):
    pass


@pytest.fixture(autouse=True)
def configured() -> Iterator[None]:
    webhook_ui.configure(plugins_dir=ROOT / "plugins")
    yield
    transactional._Known.configuration = None


@pytest.fixture
def engine(database: Database) -> Iterator[sa.Engine]:
    """The application's own engine, with nothing of ours in it."""
    made = sa.create_engine(database.url)
    Base.metadata.drop_all(made)
    Base.metadata.create_all(made)
    yield made
    Base.metadata.drop_all(made)
    made.dispose()


def stored(database: Database) -> list[str]:
    statement = sa.select(table(Event).c.payload).order_by(table(Event).c.id)
    return database.read_now(lambda session: list(session.execute(statement).scalars()))


def test_it_costs_two_statements(database: Database, engine: sa.Engine) -> None:
    hearing = [add_webhook(database) for _ in range(3)]
    said: list[str] = []
    sa.event.listen(engine, "before_cursor_execute", lambda *given: said.append(given[2]))
    with Session(engine) as session:
        session.add(User(id=7, name="Zoë"))
        session.flush()
        webhook_ui.emit(session, "user.created", ZOE)  # the first one asks whether our tables are there
        for options in ({}, {"occurred_at": times.utcnow()}, {"deliver_at": times.utcnow() + timedelta(days=1)}):
            said.clear()
            event = webhook_ui.emit(session, "user.created", ZOE, **options)
            assert len(said) == 2, said
        session.commit()
    assert [state(database, webhook, ids.event_number(event))["status"] for webhook in hearing] == ["pending"] * 3


def test_it_is_stored_with_the_commit_and_not_at_all_without(database: Database, engine: sa.Engine) -> None:
    hearing = add_webhook(database)
    add_webhook(database, triggers=["user.deleted"])
    add_webhook(database, tenant="acme")
    family = add_webhook(database, triggers=["user.*", "user.created"])
    change(database, add_webhook(database), enabled=False)
    with Session(engine) as session:
        session.add(User(id=7, name="Zoë"))
        event = webhook_ui.emit(session, "user.created", ZOE)
        session.rollback()
    assert stored(database) == []
    with Session(engine) as session:
        savepoint = session.begin_nested()
        webhook_ui.emit(session, "user.created", {"id": 8, "name": "nobody"})
        savepoint.rollback()
        session.add(User(id=7, name="Zoë"))
        event = webhook_ui.emit(session, "user.created", ZOE)
        session.commit()
    assert stored(database) == ['{"id":7,"name":"Zoë"}']
    for webhook_id in (hearing, family):
        found = state(database, webhook_id, ids.event_number(event))
        assert found | {"due_at": None} == PENDING | {"due_at": None}
    everybody = database.read_now(lambda s: s.execute(sa.text("SELECT count(*) FROM webhook_ui_delivery")).scalar())
    assert everybody == 2, "not the other trigger's, the tenant's, nor the one that is off"


def test_dispatchers_hear_of_the_commit(database: Database, engine: sa.Engine) -> None:
    import threading

    webhook_id = add_webhook(database)
    woken = threading.Event()
    wanted = {Changed(Kind.anything), Changed(Kind.delivery), Changed(Kind.delivery, webhook_id)}
    watch = Watch(database)
    watch.start()
    database.announcer.subscribe(lambda changes: woken.set() if changes & wanted else None)
    with Session(engine) as session:
        webhook_ui.emit(session, "user.created", ZOE)
        early = woken.wait(0.3)
        session.commit()
    assert woken.wait(10)
    watch.stop()
    assert not early or database.is_sqlite, "SQLite says that something was committed, and that may be older"


def test_keys_and_payloads_are_judged_as_everywhere(database: Database, engine: sa.Engine) -> None:
    with Session(engine) as session:
        first = webhook_ui.emit(session, "user.created", ZOE, idempotency_key="a")
        session.commit()
        assert webhook_ui.emit(session, "user.created", ZOE, idempotency_key="a") == first
        with pytest.raises(Conflict):
            webhook_ui.emit(session, "user.created", {"id": 8, "name": "x"}, idempotency_key="a")
        with pytest.raises(Invalid, match=r"payload\.name: This field is required"):
            webhook_ui.emit(session, "user.created", {"id": 7})
        with pytest.raises(Invalid, match=r"Did you mean user\.created"):
            webhook_ui.emit(session, "user.craeted", {"id": 7})
        with pytest.raises(Invalid, match="not JSON"):
            webhook_ui.emit(session, "user.created", {"id": object()})
        session.commit()
    assert len(stored(database)) == 1


async def test_async_sessions_too(postgres_url: sa.URL) -> None:
    engine = create_async_engine(postgres_url)
    async with AsyncSession(engine) as session:
        await webhook_ui.emit(session, "user.created", ZOE)
        await session.rollback()
        await webhook_ui.emit(session, "user.created", {"id": 8, "name": "Åsa"})
        await session.commit()
        count = await session.execute(sa.select(table(Event).c.payload))
        assert list(count.scalars()) == ['{"id":8,"name":"Åsa"}']
    await engine.dispose()


def test_a_database_without_our_tables_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'other.db'}")
    with Session(engine) as session, pytest.raises(UsageError, match="has no tables of Webhook UI"):
        webhook_ui.emit(session, "user.created", ZOE)
    assert sa.inspect(engine).get_table_names() == []
    with Session() as session, pytest.raises(UsageError, match="no one database"):
        webhook_ui.emit(session, "user.created", ZOE)


NAMED = """
from pydantic import BaseModel
from webhook_ui import Trigger, hookimpl

class Settings(BaseModel):
    trigger: str

@hookimpl
def register_settings():
    return Settings

@hookimpl
def register_triggers(host):
    return [Trigger(host.setting.trigger, "Named", "", {"id": 1})]
"""


def test_settings_that_were_saved_on_the_page_count(
    sqlite_url: sa.URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the server loads its plugins with, an application in another process does too."""
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "named.py").write_text(NAMED)
    url = sqlite_url.render_as_string(hide_password=False)
    given = {"plugins_dir": tmp_path / "plugins", "database_url": url, "data_dir": tmp_path}
    with pytest.raises(UsageError, match="WEBHOOK_UI_NAMED_TRIGGER is missing"):
        webhook_ui.configure(**given)
    assert not (tmp_path / "secret.key").exists(), "who only looks makes no key"
    database = storage.open_database(settings.load(**given))
    model = next(iter(plugin_loader.load(tmp_path / "plugins", entry_points=False).models.values()))
    saving = {"actor": CLI, "now": times.utcnow()}
    database.write_now(plugin_values.save, "named", model, {"trigger": "saved.here"}, **saving)
    database.close()
    webhook_ui.configure(**given)
    engine = sa.create_engine(sqlite_url)
    with Session(engine) as session:
        assert webhook_ui.emit(session, "saved.here", {"id": 1})
        session.commit()
    engine.dispose()


def test_a_plugin_that_cannot_be_loaded_stops_the_application(tmp_path: Path) -> None:
    (tmp_path / "odd.py").write_text("import nowhere_to_be_found\n")
    with pytest.raises(UsageError, match=r"odd cannot be loaded .*line 1.*nowhere_to_be_found"):
        webhook_ui.configure(plugins_dir=tmp_path)


@pytest.fixture(scope="module")
def listening() -> None:
    def row(user: User) -> dict[str, object] | None:
        return {"id": user.id, "name": user.name} if user.name != "nobody" else None

    webhook_ui.emit_on_insert(User, "user.created", payload=row)
    webhook_ui.emit_on_update(User, "user.created", payload=lambda user: {"id": user.id, "name": f"now {user.name}"})
    webhook_ui.emit_on_delete(User, "user.created", payload=lambda user: {"id": user.id, "name": "gone"})


@pytest.mark.usefixtures("listening")
def test_rows_emit_by_themselves(database: Database, engine: sa.Engine) -> None:
    with Session(engine) as session:
        session.add_all([User(name="Zoë"), User(name="nobody"), Guest(name="Åsa")])
        session.commit()
        zoe = session.scalars(sa.select(User).where(User.name == "Zoë")).one()
        zoe.name = "Zoë"
        session.commit()
        zoe.name = "Zora"
        session.commit()
        session.delete(zoe)
        session.commit()
        session.add(User(name="rolled back"))
        session.flush()
        session.rollback()
    names = [payload.partition('"name":')[2] for payload in stored(database)]
    assert names == ['"Zoë"}', '"Åsa"}', '"now Zora"}', '"gone"}']


@pytest.mark.usefixtures("listening")
def test_statements_that_show_no_rows_are_refused(database: Database, engine: sa.Engine) -> None:
    with Session(engine) as session:
        for statement in (sa.insert(User).values(name="x"), sa.update(User).values(name="x"), sa.delete(User)):
            with pytest.raises(UsageError, match="without showing them"):
                session.execute(statement)
        session.connection().execute(sa.insert(User.__table__), [{"name": "x"}])
        session.commit()
    assert stored(database) == []


def test_what_a_caller_on_sqlite_must_know(sqlite_url: sa.URL) -> None:
    """A transaction that has read, and lets somebody else commit, can write no more: it must begin as a writer."""

    def opened(begin: str) -> sa.Engine:
        engine = sa.create_engine(sqlite_url, connect_args={"timeout": 5})
        sa.event.listen(engine, "connect", lambda raw, _: setattr(raw, "isolation_level", None))
        sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
        return engine

    usual, immediate = opened("BEGIN"), opened("BEGIN IMMEDIATE")
    with Session(usual) as session:
        session.execute(sa.select(table(Event))).all()
        with Session(immediate) as other:
            webhook_ui.emit(other, "user.created", ZOE)
            other.commit()
        with pytest.raises(OperationalError, match="locked"):
            webhook_ui.emit(session, "user.created", ZOE)
    with Session(immediate) as session:
        session.execute(sa.select(table(Event))).all()
        webhook_ui.emit(session, "user.created", ZOE)
        session.commit()


def test_an_engine_is_no_session(engine: sa.Engine) -> None:
    with pytest.raises(UsageError, match="emit was given a Engine where a session is wanted"):
        webhook_ui.emit(engine, "user.created", ZOE)  # type: ignore[call-overload]  # the mistake that is tried
