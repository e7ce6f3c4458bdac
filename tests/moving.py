"""What tests of backups share: installations on either database with one of everything, and all rows from outside."""

import functools
import importlib
import signal
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import sqlalchemy as sa

from benchmarks import fleet
from tests.conftest import KEY, _execute
from tests.processes import Installation
from tests.stored import NOW, OPERATOR, Worker, add_webhook, at, emit
from tests.templates import put_migrated
from webhook_ui import accounts, migrations, webhooks
from webhook_ui.actors import CLI, Role
from webhook_ui.columns import SealedJson
from webhook_ui.database import Database
from webhook_ui.models import (
    Account,
    Change,
    Checkpoint,
    EventField,
    Heartbeat,
    Idempotency,
    PluginSettings,
    Redelivery,
    RedeliveryLane,
    RedeliveryRun,
    Sending,
    SignInSession,
    Skip,
    Table,
    metadata,
    table,
)
from webhook_ui.sealing import FernetSealer

ODD = '{"big":18446744073709551617,"huge":1e400,"zero":"\\u0000","Zoë":"🎉\\\\ \\t\\n","empty":""}'
LEFT_OUT = {table(Heartbeat).name, table(SignInSession).name}

Rows = dict[str, list[tuple[Any, ...]]]


class Place:
    """An installation on a database of its own, which is not made yet."""

    def __init__(self, folder: Path, url: sa.URL, **settings: str) -> None:
        self.url, self.folder = url, folder
        plain = url if url.get_backend_name() == "sqlite" else url.set(drivername="postgresql")
        given = {"database_url": plain.render_as_string(hide_password=False), "secret_key": KEY, **settings}
        self.installation = Installation(folder, **given)

    def run(self, *arguments: str, **environment: str) -> CompletedProcess[str]:
        """A command that must succeed."""
        ended = self.installation.run(*arguments, **environment)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended

    def refuses(self, *arguments: str, **environment: str) -> str:
        """What a command says that ends with exit 2 and one line."""
        ended = self.installation.run(*arguments, **environment)
        assert (ended.returncode, ended.stdout) == (2, ""), ended.stdout + ended.stderr
        assert ended.stderr.count("\n") == 1, ended.stderr
        return ended.stderr

    def halfway(self, *arguments: str, prepare: Callable[[], object]) -> fleet.Running:
        """A command that stops halfway, as `prepare` has it do; answers it once it has."""
        running = self.start(*arguments, prepare=prepare)
        running.wait_for("HALFWAY")
        return running

    def start(self, *arguments: str, prepare: Callable[[], object]) -> fleet.Running:
        """A command in whose process `prepare` is called first."""
        log = self.folder / f"{uuid.uuid4().hex}.log"
        return fleet.start(*arguments, environment=self.installation.environment, log=log, prepare=prepare)

    @contextmanager
    def opened(self) -> Iterator[Database]:
        """Its database, made if it is not there."""
        if self.url.get_backend_name() == "sqlite":
            put_migrated(Path(str(self.url.database)))
        migrations.apply(self.url)
        with closing(Database(self.url.render_as_string(hide_password=False), FernetSealer(KEY))) as database:
            yield database


@contextmanager
def postgresql(server: sa.URL) -> Iterator[sa.URL]:
    """A database that holds nothing, for as long as the `with`."""
    name = f"place_{uuid.uuid4().hex}"
    _execute(server, f'CREATE DATABASE "{name}"')
    yield server.set(database=name)
    _execute(server, f'DROP DATABASE "{name}" WITH (FORCE)')


def stop_at(name: str) -> None:
    """In a command's process: when it calls this function it says HALFWAY, and goes no further."""
    module, _, function = name.rpartition(".")

    def stop(*_: object, **__: object) -> None:
        print("HALFWAY", flush=True)
        while True:
            signal.pause()

    setattr(importlib.import_module(module), function, stop)


def stopping_at(name: str) -> Callable[[], object]:
    """What prepares a command to stop there."""
    return functools.partial(stop_at, name)


def rows(url: sa.URL) -> Rows:
    """All rows of all tables; what is JSON or sealed as the text that is stored."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        found = {}
        for one in metadata.sorted_tables:
            plain = [sa.cast(c, sa.Text) if isinstance(c.type, sa.JSON | SealedJson) else c for c in one.columns]
            query = sa.select(*(sa.type_coerce(c, sa.Text) if isinstance(c, sa.Cast) else c for c in plain))
            found[one.name] = sorted((tuple(row) for row in connection.execute(query)), key=repr)
    engine.dispose()
    return found


def kept(everything: Rows) -> Rows:
    """Those rows that a backup keeps."""
    return {name: of_one for name, of_one in everything.items() if name not in LEFT_OUT}


def unrestored(everything: Rows) -> Rows:
    """Those rows without the lines of history that say that a backup was restored."""
    name = table(Change).name
    subject = [column.name for column in table(Change).columns].index("subject")
    return {**everything, name: [row for row in everything[name] if row[subject] != "database"]}


def fill(database: Database) -> None:
    """Something in every table, as different as it may be."""
    first = add_webhook(database, triggers=["user.*"], headers={"x-key": "Zoe's"}, filter="data.id != `8`")
    second = add_webhook(database, tenant="acme", rate_limit=2.5, retry_schedule=[1.5, 60], template={"shape": "slack"})
    third = add_webhook(database, triggers=["order.paid"])
    database.write_now(webhooks.rotate_secret, first, actor=OPERATOR, now=NOW)
    for payload in ('{"id":7}', ODD):
        emit(database, payload=payload, tenant="acme")
    worker = Worker(database)
    worker.deliver(200)
    emit(database, payload='{"id":9}')
    emit(database, payload='{"id":8}')
    worker.deliver(500, at(1))
    waiting = emit(database, "order.paid", now=at(2))
    worker.claim(at(3))  # and is never heard of again
    _put(database, Idempotency, trigger="user.created", key="k", event_id=waiting, payload_digest="d", deliveries=1,
         expires_at=at(86400))  # fmt: skip
    _put(database, EventField, field="id", value="7", event_id=waiting)
    _put(database, Skip, webhook_id=second, event_id=waiting, reason="data.id", delivered=True)
    _put(database, Checkpoint, plugin="folder_watch", position="a\\b\tc", updated_at=NOW)
    _put(database, PluginSettings, plugin="alerts", given={"to": "Zoë"}, updated_at=NOW, updated_by="dana")
    for number in (1, 2):  # the second one goes, and its number is not given again
        _put(database, Redelivery, state="running", scope={"webhook_ids": [first]}, rate=0.1 + 0.2 * number,
             actor="dana", created_at=NOW, updated_at=at(0.000001))  # fmt: skip
    database.write_now(lambda session: session.execute(table(Redelivery).delete().where(table(Redelivery).c.id == 2)))
    _put(database, RedeliveryLane, redelivery_id=1, webhook_id=third, cursor=waiting)
    _put(database, RedeliveryRun, redelivery_id=1, started_at=NOW, matched=3)
    _put(database, Sending, id=1, stopped_at=NOW, actor="dana")
    _put(database, Account, email="dana@example.com", role="admin", password_hash="x", created_at=NOW, updated_at=NOW)
    _put(database, SignInSession, digest="s", account_id=1, created_at=NOW, seen_at=NOW, expires_at=at(9), origin="x")
    _put(
        database, Heartbeat, dispatcher="gone", host="far", pid=1, version="0", started_at=NOW, beat_at=NOW, figures={}
    )
    database.write_now(accounts.create_token, name="shop", role=Role.viewer, actor=CLI, now=NOW)


def _put(database: Database, model: type[Table], **values: Any) -> None:
    given = {name: values.get(name, field.get_default()) for name, field in model.model_fields.items()}
    given = {name: value for name, value in given.items() if not (name == "id" and value is None)}
    database.write_now(lambda session: session.connection().execute(table(model).insert(), given))


def is_mode(file: Path, mode: int) -> bool:
    """Who may read and write it."""
    return file.stat().st_mode & 0o777 == mode
