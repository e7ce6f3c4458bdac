"""What the database says of itself: which one it is, how large, in which shape."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from webhook_ui import migrations, times
from webhook_ui.history.changes import latest_change


@dataclass(frozen=True, kw_only=True)
class Restoration:
    """When a backup was brought back, by whom, of when it was if that is known, and how much it held."""

    at: datetime
    by: str
    backup_of: datetime | None
    webhooks: int
    events: int
    deliveries: int


@dataclass(frozen=True, kw_only=True)
class DatabaseFacts:
    """`octets` is what it takes on the disk of its server, without the log of what was written last."""

    name: str
    version: str
    octets: int
    revision: str
    restored: Restoration | None = None


def describe_database(session: Session) -> DatabaseFacts:
    """As it is now."""

    def ask(statement: str) -> str:
        return str(session.connection().exec_driver_sql(statement).scalar_one())

    revision = ask(f"SELECT version_num FROM {migrations.VERSION_TABLE}")  # noqa: S608 - a constant of ours
    restored = _restored(session)
    if session.get_bind().dialect.name == "sqlite":
        octets = int(ask("PRAGMA page_count")) * int(ask("PRAGMA page_size"))
        return DatabaseFacts(
            name="SQLite", version=ask("SELECT sqlite_version()"), octets=octets, revision=revision, restored=restored
        )
    version = ask("SHOW server_version").split()[0]
    octets = int(ask("SELECT pg_database_size(current_database())"))
    return DatabaseFacts(name="PostgreSQL", version=version, octets=octets, revision=revision, restored=restored)


def _restored(session: Session) -> Restoration | None:
    change = latest_change(session, "database", 1)
    if change is None:
        return None
    said = change.after or {}
    backup_of = times.from_text(said["backup_of"]) if said.get("backup_of") else None
    counts = {name: said.get(name, 0) for name in ("webhooks", "events", "deliveries")}
    return Restoration(at=change.at, by=change.actor, backup_of=backup_of, **counts)
