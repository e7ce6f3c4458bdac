"""The hooks: all that a plugin can do. It writes those it needs, each marked with `@hookimpl`, and only the arguments
it uses. What goes in and out (Trigger, Event, Job, …) is imported from `webhook_ui`.

The `register_…` hooks say what there is, and may ask `host.setting`. They run once, when plugins are loaded, in every
process; what they raise or give wrongly is told with file and line, and the plugin is left out whole. `source`,
`notified` and jobs run in one of all processes, elected; when it dies another one takes over. `transform_payload`,
signers and `delivery_attempted` run where deliveries are sent, routes and pages where the dashboard is.

Each plugin's own code runs apart: async hooks on an event loop of the plugin's own thread, plain ones on threads, both
with a time limit. What blocks or never ends holds up that plugin alone; one that has left several calls behind which
never ended is switched off, and says so on the Triggers page. (Routes and pages are the exception: they run in the
web process's own loop, so what blocks there belongs on a thread.)
"""

from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

import pluggy
from pydantic import BaseModel

from webhook_ui.plugin_api import PROJECT, Trigger
from webhook_ui.plugin_types import Attempt, Delivery, Host, Job, Notice, Page, Signer, Webhook

if TYPE_CHECKING:
    from fastapi import APIRouter

hookspec = pluggy.HookspecMarker(PROJECT)


@hookspec
def register_triggers(host: Host) -> Iterable[Trigger]:  # type: ignore[empty-body]
    """The triggers of this plugin, as a list or one by one with `yield`."""


@hookspec
def register_settings() -> type[BaseModel]:  # type: ignore[empty-body]
    """A pydantic model. The setting `token` of the plugin `github` is read from `WEBHOOK_UI_GITHUB_TOKEN`.

    The instance is `host.setting`. Use `SecretStr` for secrets: they are shown nowhere. A setting that is missing, of
    the wrong type or misspelt leaves the plugin out, and is named.
    """


@hookspec
def register_jobs(host: Host) -> Iterable[Job]:  # type: ignore[empty-body]
    """What is to be done by the clock.

    A run that takes longer is not overtaken by the next. Due times that passed while no process ran, or while one was
    late, are made up for by one run; those that repeat or skip an hour are explained at `schedule.next_time`.
    """


@hookspec
def register_routes(router: "APIRouter", host: Host) -> None:
    """Adds routes to a FastAPI router, served under `/plugins/<name>/`.

    Only who is signed in or sends a token is let in (`request.state.actor`); `@open_to_all` opens a route.
    """


@hookspec
def register_pages(host: Host) -> Iterable[Page]:  # type: ignore[empty-body]
    """Pages of the dashboard."""


@hookspec
def register_signers(host: Host) -> Iterable[Signer]:  # type: ignore[empty-body]
    """Other ways to sign. `standard` (Standard Webhooks) is the default, and comes from a plugin as well."""


@hookspec
def source(host: Host) -> AbstractAsyncContextManager[None]:  # type: ignore[empty-body]
    """Where events come from: an async context manager that is open while the application runs.

    Start tasks in an `asyncio.TaskGroup`, then `yield`: one that raises ends the source. A source that ends with an
    error is started again, after 1 s at first and 5 minutes at last, and shown as failing meanwhile. A plain
    `async def source(host)` will do where there is only a loop: it runs until it is cancelled.
    """


@hookspec
def transform_payload(trigger: str, webhook: Webhook, payload: dict[str, Any]) -> dict[str, Any] | None:
    """Another payload for this webhook, or None to leave it as it is. Called for every attempt, so it must be quick.

    The stored event stays what it was. One that raises, or takes more than 5 s, makes the attempt an error with the
    plugin's name on it: what was meant to be changed is never sent as it is.
    """


@hookspec
async def delivery_attempted(host: Host, delivery: Delivery, attempt: Attempt) -> None:
    """After an attempt is recorded. What it raises is logged; it has 10 s. It may miss attempts when it falls behind
    by more than 1000, and those just before a crash.
    """


@hookspec
async def notified(host: Host, notices: Sequence[Notice]) -> None:
    """What the engine says of webhooks and deliveries, for alerts: up to 100 notices at once, in order, each once.

    They are the events of `webhook.failing`, `webhook.recovered`, `webhook.disabled` and `delivery.exhausted`, from the
    first start with this plugin on; how far it has heard is stored. When it raises, or takes more than 60 s, it is told
    the same again, together with what came later, after 5 s at first and 5 minutes at last, and is shown as failing
    meanwhile. After five times notices are told one by one: what is refused then, while others are taken, is set aside,
    logged and shown, and does not hold up the others. Only a crash before the end is noted can bring notices a second
    time.
    """
