"""What the database says of itself: which one it is, how large, in which shape."""

from dataclasses import dataclass

from sqlmodel import Session

from webhook_ui import migrations


@dataclass(frozen=True, kw_only=True)
class DatabaseFacts:
    """`octets` is what it takes on the disk of its server, without the log of what was written last."""

    name: str
    version: str
    octets: int
    revision: str


def describe_database(session: Session) -> DatabaseFacts:
    """As it is now."""

    def ask(statement: str) -> str:
        return str(session.connection().exec_driver_sql(statement).scalar_one())

    revision = ask(f"SELECT version_num FROM {migrations.VERSION_TABLE}")  # noqa: S608 - a constant of ours
    if session.get_bind().dialect.name == "sqlite":
        octets = int(ask("PRAGMA page_count")) * int(ask("PRAGMA page_size"))
        return DatabaseFacts(name="SQLite", version=ask("SELECT sqlite_version()"), octets=octets, revision=revision)
    version = ask("SHOW server_version").split()[0]
    octets = int(ask("SELECT pg_database_size(current_database())"))
    return DatabaseFacts(name="PostgreSQL", version=version, octets=octets, revision=revision)
