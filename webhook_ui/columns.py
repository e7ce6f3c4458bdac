"""Column types both databases read back as they were written: moments in UTC, and secrets sealed at rest."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class Sealer(Protocol):
    """What encrypts and decrypts; a `Database` hangs one on its dialect as `sealer`."""

    def seal(self, text: str) -> str: ...
    def open(self, sealed: str) -> str: ...


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment. SQLite has no such type: there it is the number of microseconds since 1970."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(sa.BigInteger())
        return dialect.type_descriptor(sa.DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a zone cannot be stored")
        return (value - EPOCH) // MICROSECOND if dialect.name == "sqlite" else value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        found: datetime = EPOCH + value * MICROSECOND if dialect.name == "sqlite" else value.astimezone(UTC)
        return found


class JsonText(TypeDecorator[Any]):
    """A JSON value in a column of text."""

    impl = sa.String
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else json.dumps(value, ensure_ascii=False)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)


class SealedJson(TypeDecorator[Any]):
    """A JSON value that is stored encrypted."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        if value is None:
            return None
        sealer: Sealer = dialect.sealer  # type: ignore[attr-defined]  # hung there by Database
        return sealer.seal(json.dumps(value))

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        sealer: Sealer = dialect.sealer  # type: ignore[attr-defined]
        return json.loads(sealer.open(value))
