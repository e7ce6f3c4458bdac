"""SQL watch: fires an event for each new row of a table in another database (SQLite, PostgreSQL).

Set WEBHOOK_UI_SQL_WATCH_DATABASE_URL, …_TABLE, …_COLUMN (one that only grows, such as a serial id) and …_TRIGGER, which
is registered here. With PostgreSQL, …_CHANNEL names a channel of NOTIFY, so that rows are seen at once.

Where it has read to is stored in one commit with the events, so over crashes no row is missed and none comes twice.
A lower id may be committed after a higher one: what was seen is looked at again for …_OVERLAP seconds, so no
transaction of the application may stay open for longer. It begins with rows that come after its first start. Updates
and deletes are not seen: a row is an event once.
"""

import asyncio
import json
import time
from typing import Any

import psycopg
import sqlalchemy as sa
from pydantic import BaseModel, Field, SecretStr
from pydantic_core import to_jsonable_python

from webhook_ui import Event, Host, Trigger, hookimpl

BATCH = 500


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
def register_triggers(host: Host) -> list[Trigger]:
    setting: Settings = host.setting
    if setting.database_url is None:
        return []
    about = f"A row was added to the table {setting.table}."
    return [Trigger(setting.trigger, f"New row in {setting.table}", about, {setting.column: 1})]


@hookimpl
async def source(host: Host) -> None:
    setting: Settings = host.setting
    if setting.database_url is None:
        return
    url = sa.make_url(setting.database_url.get_secret_value())
    if url.drivername in ("postgres", "postgresql"):
        url = url.set(drivername="postgresql+psycopg")
    watched = Watched(setting, sa.create_engine(url, pool_pre_ping=True), await host.checkpoint())
    listener = None
    try:
        if setting.channel:
            address = url.set(drivername="postgresql").render_as_string(hide_password=False)
            listener = await psycopg.AsyncConnection.connect(address, autocommit=True)
            await listener.execute(f"LISTEN {setting.channel}")
        while True:
            events = await asyncio.to_thread(watched.look)
            if events or watched.is_new:
                await host.emit_many(events, checkpoint=json.dumps({"after": watched.after, "seen": watched.seen}))
                watched.is_new = False
            if len(events) >= BATCH:
                continue
            if listener is None:
                await asyncio.sleep(setting.every)
            else:
                async for _ in listener.notifies(timeout=setting.every, stop_after=1):
                    pass
    finally:
        watched.engine.dispose()
        if listener is not None:
            await listener.close()


class Watched:
    """The table, and how far it was read: all keys up to `after`, and those `seen` beyond (with when that was)."""

    def __init__(self, setting: Settings, engine: sa.Engine, position: str | None) -> None:
        self.setting, self.engine, self.is_new = setting, engine, position is None
        stored = json.loads(position or "{}")
        self.after: Any = stored.get("after")
        self.seen: dict[str, float] = stored.get("seen", {})

    def look(self) -> list[Event]:
        """The rows that were not seen before. Blocks, so it runs on a thread."""
        setting = self.setting
        table = sa.Table(setting.table, sa.MetaData(), autoload_with=self.engine)
        column = table.c[setting.column]
        with self.engine.connect() as connection:
            if self.is_new:
                self.after = connection.execute(sa.select(sa.func.coalesce(sa.func.max(column), 0))).scalar_one()
                return []
            query = sa.select(table).where(column > self.after).order_by(column).limit(BATCH + len(self.seen))
            rows = [dict(row) for row in connection.execute(query).mappings()]
        new = [row for row in rows if str(row[setting.column]) not in self.seen][:BATCH]
        now = time.time()
        self.seen |= {str(row[setting.column]): now for row in new}
        if final := [int(key) for key, at in self.seen.items() if at < now - setting.overlap]:
            self.after = max(final)
            self.seen = {key: at for key, at in self.seen.items() if int(key) > self.after}
        return [
            Event(
                trigger=setting.trigger,
                payload=to_jsonable_python(row, bytes_mode="base64"),
                idempotency_key=f"{setting.table} {row[setting.column]}",
            )
            for row in new
        ]
