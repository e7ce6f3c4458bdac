"""SQL watch: fires an event for each new row of a table in another database (SQLite, PostgreSQL).

Set WEBHOOK_UI_SQL_WATCH_DATABASE_URL, …_TABLE, …_COLUMN (of whole numbers that only grow: a serial id) and …_TRIGGER,
which is registered here. With PostgreSQL, …_CHANNEL names a channel of NOTIFY, so that rows are seen at once.

Where it has read to is stored in one commit with the events, so over crashes no row is missed and none comes twice.
A lower id may be committed after a higher one: ids that were left out are looked for again, for …_OVERLAP seconds and,
with PostgreSQL, until every transaction is over that had written anything when they were found missing. Only an id that
is taken first (nextval, a sequence with CACHE) and written in a later transaction can be missed. It begins with ids
beyond those at its first start. Updates and deletes are not seen. Columns that are added are, after a restart.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import psycopg
import sqlalchemy as sa
from pydantic import BaseModel, Field, SecretStr
from pydantic_core import to_jsonable_python

from webhook_ui import Event, Host, Trigger, hookimpl, needs_settings

from ._sql_table import BATCH, Reader


class Settings(BaseModel):
    """Without a database nothing is watched."""

    database_url: SecretStr | None = None
    table: str = ""
    column: str = "id"
    trigger: str = "row.added"
    channel: str | None = Field(None, pattern="[a-z_][a-z0-9_]*")
    every: float = Field(1.0, ge=0.05, le=3600)
    overlap: float = Field(60.0, ge=0, le=3600)


@hookimpl
def register_settings() -> type[Settings]:
    return Settings


@hookimpl
@needs_settings("database_url", "table")
def register_triggers(host: Host) -> list[Trigger]:
    setting: Settings = host.setting
    about = f"A row was added to the table {setting.table}."
    return [Trigger(setting.trigger, f"New row in {setting.table}", about, {setting.column: 1})]


@hookimpl
@needs_settings("database_url", "table")
async def source(host: Host) -> None:
    setting: Settings = host.setting
    url = sa.make_url(host.setting.database_url.get_secret_value())
    if url.drivername in ("postgres", "postgresql"):
        url = url.set(drivername="postgresql+psycopg")
    position, listener = await host.checkpoint(), None
    reader = Reader(url, setting.table, setting.column, overlap=setting.overlap, position=position)
    try:
        if setting.channel:
            address = url.set(drivername="postgresql").render_as_string(hide_password=False)
            listener = await psycopg.AsyncConnection.connect(address, autocommit=True)
            await listener.execute(f"LISTEN {setting.channel}")
        while True:
            rows = await asyncio.to_thread(reader.read)
            if rows or position is None:
                position = reader.position
                await host.emit_many([event_of(setting, row) for row in rows], checkpoint=position)
            if len(rows) >= BATCH:
                continue
            if listener is None:
                await asyncio.sleep(setting.every)
            else:
                async for _ in listener.notifies(timeout=setting.every, stop_after=1):
                    pass
    finally:
        reader.close()
        if listener is not None:
            await listener.close()


def event_of(setting: Settings, row: Mapping[str, Any]) -> Event:
    return Event(
        trigger=setting.trigger,
        payload=to_jsonable_python(dict(row), bytes_mode="base64"),
        idempotency_key=f"{setting.table} {row[setting.column]}",
    )
