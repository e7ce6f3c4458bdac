"""Which statements fit which database."""

from sqlalchemy.engine import Connection

from webhook_ui.outbox.store import Store
from webhook_ui.outbox.store_postgresql import PostgresqlStore
from webhook_ui.outbox.store_sqlite import SqliteStore

_STORES: dict[str, Store] = {"sqlite": SqliteStore(), "postgresql": PostgresqlStore()}


def store_of(connection: Connection) -> Store:
    """The hot path's statements for the database behind `connection`."""
    return _STORES[connection.dialect.name]
