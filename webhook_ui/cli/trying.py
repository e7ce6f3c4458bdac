"""`demo`: something to look at in a minute."""

from typing import Annotated

import typer


def demo(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the dashboard; 0 takes a free one.")] = 0,
) -> None:
    """Starts a throw-away installation to look at.

    It has sample webhooks, people and receivers, a day's history, and events that come in all the time. It listens
    on this machine only, sends to it alone, and leaves nothing behind. Settings of yours are not in force.
    """
    from webhook_ui.demo import running  # it is the whole server

    running.run(port)
