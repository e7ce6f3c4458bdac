"""Emitting in the application's own transaction: event and deliveries are committed with its rows, or not at all.

For applications that keep Webhook UI's tables in their own database (SQLAlchemy or SQLModel, sync or async). What
stands in a SQLite's way is said in the README.
"""

import threading
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Literal, TypedDict, TypeVar, Unpack, overload
from weakref import WeakSet

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import UnboundExecutionError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapper, ORMExecuteState, Session, object_session, scoped_session

from webhook_ui import builtin, ids, migrations, plugin_loader, plugin_values
from webhook_ui import settings as settings_module
from webhook_ui.actors import Actor, Role
from webhook_ui.errors import UsageError
from webhook_ui.host import Emission, check
from webhook_ui.outbox.joined import emit_on
from webhook_ui.plugin_doors import payload_text
from webhook_ui.plugin_loader import Plugins

E = TypeVar("E")
Payload = Callable[[E], Mapping[str, Any] | None]
When = Literal["insert", "update", "delete"]

APPLICATION = Actor(kind="system", name="application", role=Role.operator, origin="session")
ELSEWHERE = (
    "Either put its tables there (WEBHOOK_UI_DATABASE_URL and `webhook-ui migrate`), or emit from outside the "
    "transaction: POST /api/v1/events, or `webhook-ui emit`."
)


@dataclass(frozen=True, kw_only=True)
class _Configuration:
    plugins: Plugins
    max_payload_bytes: int


class _Known:
    """What this process knows: which triggers there are, and in which databases our tables were found."""

    configuration: ClassVar[_Configuration | None] = None
    engines: ClassVar["WeakSet[Engine]"] = WeakSet()
    watched: ClassVar["set[tuple[type[Any], When]]"] = set()
    lock = threading.RLock()  # the first emit configures under it


class Options(TypedDict, total=False):
    """What `emit` takes besides."""

    idempotency_key: str | None
    tenant: str | None
    occurred_at: datetime | None
    deliver_at: datetime | None


def configure(
    *,
    plugins_dir: str | Path | None = None,
    max_payload_bytes: int | None = None,
    database_url: str | None = None,
    data_dir: str | Path | None = None,
) -> None:
    """Loads the plugins that say which triggers there are; to be called once, at the application's start.

    They must be those that the server has, with the same settings: those of the environment, and those that were saved
    on the page Settings, as they are at this moment. The latter are read from the database by the settings
    `database_url` and `data_dir`, where the secret key is; without a database, or with another key, there are none.
    Without this call, the first `emit` does so by the settings (`WEBHOOK_UI_…`).

    Raises UsageError for a plugin that cannot be loaded: an application should not start without its events.
    """
    settings = settings_module.load(
        plugins_dir=plugins_dir, max_payload_bytes=max_payload_bytes, database_url=database_url, data_dir=data_dir
    )
    saved = plugin_values.on_disk(settings)
    plugins = plugin_loader.load(settings.plugins_dir, builtin=builtin.PLUGINS, saved=saved)
    if plugins.problems:
        first = plugins.problems[0]
        line = f", line {first.line}" if first.line else ""
        raise UsageError(f"The plugin {first.name} cannot be loaded ({first.where}{line}): {first.message}")
    know(plugins, max_payload_bytes=settings.max_payload_bytes)


def know(plugins: Plugins, *, max_payload_bytes: int) -> None:
    """From now on `emit` in this process knows these plugins."""
    with _Known.lock:
        _Known.configuration = _Configuration(plugins=plugins, max_payload_bytes=max_payload_bytes)


@overload
def emit(
    session: Session | Connection, trigger: str, payload: Mapping[str, Any], **options: Unpack[Options]
) -> str: ...
@overload
def emit(
    session: AsyncSession, trigger: str, payload: Mapping[str, Any], **options: Unpack[Options]
) -> Coroutine[Any, Any, str]: ...
def emit(
    session: Session | AsyncSession | Connection,
    trigger: str,
    payload: Mapping[str, Any],
    **options: Unpack[Options],
) -> str | Coroutine[Any, Any, str]:
    """Stores one event and its deliveries in the transaction of `session`, and answers the event's id.

    Besides, it takes `idempotency_key`, `tenant`, `occurred_at` and `deliver_at`, as the REST API does.

    They become visible with the caller's commit, and vanish with its rollback; dispatchers hear of the commit. With an
    `AsyncSession` it is to be awaited. Raises Invalid, Conflict, or UsageError where our tables are not in that
    database; then nothing was written.
    """
    emission = Emission(trigger=trigger, payload=payload_text(payload), **options)
    if not isinstance(session, Session | AsyncSession | Connection | scoped_session):
        raise UsageError(
            f"emit was given a {type(session).__name__} where a session is wanted: the one that stores the rows which "
            "the event is about."
        )
    if isinstance(session, AsyncSession):
        return session.run_sync(lambda inner: _emit(_connection(inner), emission))
    return _emit(session if isinstance(session, Connection) else _connection(session), emission)


def emit_on_insert(entity: type[E], trigger: str, *, payload: Payload[E]) -> None:
    """From now on every new row of `entity` emits `trigger`, in the transaction that stores it.

    `payload(row)` gives the payload, or None for no event. Statements for many rows at once (`insert(User)`), which
    give no rows to look at, are refused with an error; `bulk_save_objects` and statements of other programs are not
    seen.
    """
    _watch(entity, "insert", trigger, payload)


def emit_on_update(entity: type[E], trigger: str, *, payload: Payload[E]) -> None:
    """The same for rows that have changed."""
    _watch(entity, "update", trigger, payload)


def emit_on_delete(entity: type[E], trigger: str, *, payload: Payload[E]) -> None:
    """The same for rows that are deleted."""
    _watch(entity, "delete", trigger, payload)


def _watch(entity: type[E], when: When, trigger: str, payload: Payload[E]) -> None:
    def emit_row(_mapper: "Mapper[Any]", connection: Connection, row: E) -> None:
        session = object_session(row)
        if when == "update" and session is not None and not session.is_modified(row, include_collections=False):
            return
        content = payload(row)
        if content is not None:
            emit(connection, trigger, content)

    sa.event.listen(entity, f"after_{when}", emit_row, propagate=True)
    with _Known.lock:
        if not _Known.watched:
            sa.event.listen(Session, "do_orm_execute", _refuse_bulk)
        _Known.watched.add((entity, when))


def _refuse_bulk(state: ORMExecuteState) -> None:
    mapper = state.bind_mapper
    when: When | None = (
        "insert" if state.is_insert else "update" if state.is_update else "delete" if state.is_delete else None
    )
    if mapper is None or when is None:
        return
    for entity, watched in _Known.watched:
        if watched == when and issubclass(mapper.class_, entity):
            raise UsageError(
                f"This {when} statement changes rows of {mapper.class_.__name__} without showing them, so their events "
                "would be missing. Change the objects themselves (session.add_all, session.delete), or execute it on "
                "session.connection() and emit what it means by yourself."
            )


def _connection(session: Session) -> Connection:
    try:
        return session.connection()
    except UnboundExecutionError:
        raise UsageError(
            f"This session has no one database that Webhook UI's tables could be in. {ELSEWHERE}"
        ) from None


def _emit(connection: Connection, emission: Emission) -> str:
    known = _configuration()
    event = check(emission, known.plugins, max_payload_bytes=known.max_payload_bytes, actor=APPLICATION)
    _check_tables(connection)
    return ids.event_text(emit_on(connection, event).event_id)


def _configuration() -> _Configuration:
    with _Known.lock:
        if _Known.configuration is None:
            configure()
        assert _Known.configuration is not None  # noqa: S101 - for the type checker: configure has set or raised
        return _Known.configuration


def _check_tables(connection: Connection) -> None:
    """Raises UsageError unless our tables are there, in the form this version writes. Asked once for each engine."""
    if connection.engine in _Known.engines:
        return
    if connection.dialect.name not in ("sqlite", "postgresql"):
        raise UsageError(f"Webhook UI's tables cannot be in a {connection.dialect.name} database. {ELSEWHERE}")
    if not sa.inspect(connection).has_table(migrations.VERSION_TABLE):
        raise UsageError(f"This session's database has no tables of Webhook UI. {ELSEWHERE}")
    at = connection.execute(sa.text(f"SELECT version_num FROM {migrations.VERSION_TABLE}")).scalar()  # noqa: S608
    if at != migrations.latest():
        raise UsageError(
            f"The tables of Webhook UI in this session's database are those of another version ({at}). "
            "Run `webhook-ui migrate`, and use the same version in the application."
        )
    with _Known.lock:
        _Known.engines.add(connection.engine)
