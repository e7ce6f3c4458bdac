"""What a plugin is given as `host`: the core's doors for it, and no more. It is made at load, and opened at start."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import structlog

from webhook_ui.errors import PluginFault
from webhook_ui.plugin_types import Event

MAX_EVENTS = 1000


class Doors(Protocol):
    """What stands behind a host once the database is open."""

    async def store(self, plugin: str, events: Sequence[Event], position: tuple[str, str] | None) -> list[str]:
        """Stores events, and a position under its name, in one commit."""

    async def position(self, name: str) -> str | None:
        """What was stored under this name."""


class PluginHost:
    """The `Host` of one plugin."""

    def __init__(self, plugin: str, setting: Any = None) -> None:
        self._plugin, self._setting = plugin, setting
        self._doors: Doors | None = None
        self.log: Any = structlog.get_logger().bind(plugin=plugin)

    @property
    def setting(self) -> Any:
        """The plugin's settings."""
        if self._setting is None:
            raise PluginFault(f"Plugin {self._plugin} has no settings: write a register_settings that gives a model.")
        return self._setting

    def open(self, doors: Doors) -> None:
        """From now on it can be used."""
        self._doors = doors

    async def emit(
        self,
        trigger: str,
        payload: Mapping[str, Any],
        *,
        idempotency_key: str | None = None,
        tenant: str | None = None,
        occurred_at: datetime | None = None,
    ) -> str:
        """Stores one event and answers its id."""
        event = Event(
            trigger=trigger, payload=payload, idempotency_key=idempotency_key, tenant=tenant, occurred_at=occurred_at
        )
        (stored,) = await self._opened().store(self._plugin, [event], None)
        return stored

    async def emit_many(self, events: Iterable[Event], *, checkpoint: str | None = None) -> list[str]:
        """Stores events and the source's position in one commit."""
        if checkpoint is not None and not isinstance(checkpoint, str):
            raise TypeError(f"checkpoint must be a str, not {type(checkpoint).__name__}. Use str(…) or json.dumps(…).")
        position = None if checkpoint is None else (self._plugin, checkpoint)
        return await self._opened().store(self._plugin, list(events), position)

    async def checkpoint(self) -> str | None:
        """The position that was stored last."""
        return await self._opened().position(self._plugin)

    def _opened(self) -> Doors:
        if self._doors is None:
            raise PluginFault(
                f"Plugin {self._plugin} used its host while plugins were being loaded. Use it in the functions that "
                "run later: source, jobs, routes, pages, delivery_attempted."
            )
        return self._doors
