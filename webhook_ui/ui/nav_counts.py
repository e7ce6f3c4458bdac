"""How many webhooks there are, beside the navigation's entry on every page. Other counts stand with their pages."""

import asyncio
import time
from contextlib import suppress

from webhook_ui.changes import Changed, Kind
from webhook_ui.errors import Unavailable
from webhook_ui.history.webhooks import WebhookFilter, count_webhooks
from webhook_ui.ui.context import Tab
from webhook_ui.ui.shell import Shell

REST = 50.0  # times as long as counting took: many webhooks are counted seldom


async def count_webhooks_in(shell: Shell, tab: Tab) -> None:
    """Shows it, and keeps it up to date."""

    async def show() -> None:
        count = await tab.share("webhooks counted", lambda: tab.services.database.read(count_webhooks, WebhookFilter()))
        shell.set_count("/", count or None)

    async def look(_: frozenset[Changed]) -> None:
        began = time.monotonic()
        await show()
        await asyncio.sleep(REST * (time.monotonic() - began))  # what is missed meanwhile is heard afterwards

    tab.follow(shell.content, look, Kind.webhook)
    with suppress(Unavailable):  # the page itself says that the database is away
        await show()
