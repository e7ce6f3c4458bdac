"""Work that may take long says so: after a second of it, and until it is done."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from nicegui import Client, background_tasks, ui

from webhook_ui.ui import toasts

AFTER_SECONDS = 1.0


@asynccontextmanager
async def progress(client: Client, words: str) -> AsyncIterator[None]:
    """`async with progress(tab.client, "Deleting 300 webhooks"):` around what is awaited."""
    shown: list[ui.element] = []

    async def show() -> None:
        await asyncio.sleep(AFTER_SECONDS)
        if not client.is_deleted:
            with client:
                shown.append(toasts.working(words))

    task = background_tasks.create(show(), name="progress")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        for toast in shown:
            if not toast.is_deleted:
                toast.delete()
