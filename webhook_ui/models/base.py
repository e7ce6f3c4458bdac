"""What all tables share: their registry, how constraints are named, and the kinds of indexes and rules."""

import sqlalchemy as sa
from sqlalchemy import BigInteger, CheckConstraint, Index, Integer
from sqlalchemy.orm import registry
from sqlmodel import SQLModel

PREFIX = "webhook_ui_"

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite counts up by itself only in a column that is declared INTEGER
Serial = BigInteger().with_variant(Integer, "sqlite")


class Table(SQLModel, registry=registry(metadata=metadata)):
    """Base of all tables: a registry of their own, so that a host application may have its own `Event`."""

    metadata = metadata


def table(model: type[Table]) -> sa.Table:
    """The table behind a class, for statements over columns."""
    found: sa.Table = model.__table__  # type: ignore[attr-defined]  # put there by SQLAlchemy
    return found


def one_of(column: str, *values: str) -> CheckConstraint:
    """A CHECK that `column` is one of `values` (or null, where it may be)."""
    return CheckConstraint(f"{column} IN ({', '.join(repr(value) for value in values)})", name=f"{column}_known")


def index_of(name: str | None, *columns: str, where: str) -> Index:
    """An index over some of a table's rows, on both databases."""
    some = sa.text(where)
    return Index(name, *columns, sqlite_where=some, postgresql_where=some)


def kept(name: str, *columns: str) -> Index:
    """An index over webhooks that are not deleted."""
    return index_of(f"ix_webhook_ui_webhook_kept_{name}", *columns, where="deleted_at IS NULL")
