"""Doing what a person asked for: asks who acts, writes, says what went wrong. What can be done stands elsewhere."""

from collections.abc import Callable
from typing import Any

from webhook_ui import times
from webhook_ui.errors import WebhookUIError
from webhook_ui.ui.context import Tab, tell


async def act(tab: Tab, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> bool:
    """`fn(session, …, actor, now)` on the write side; False if it was refused, which is shown."""
    try:
        await tab.write(fn, *args, actor=await tab.current_actor(), now=times.utcnow(), **kwargs)
    except WebhookUIError as error:
        tell(error)
        return False
    return True
