"""The REST API as tests meet it: mounted behind a door that knows three tokens, on whichever database is asked for."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa
import uvicorn
from sqlmodel import Session
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.stored import claim_due
from webhook_ui import models, outbox, plugin_loader
from webhook_ui.actors import Actor, Role
from webhook_ui.api import create_api
from webhook_ui.database import Database, moment
from webhook_ui.host import Host
from webhook_ui.outbound import Sender
from webhook_ui.outbox import Lease, Settlement
from webhook_ui.retry import Decision
from webhook_ui.settings import Settings
from webhook_ui.tester import Tester
from webhook_ui.wire import Answer, ErrorClass, Failure, Result

MAX_PAYLOAD_BYTES = 64 * 1024

PLUGIN = '''
from pydantic import BaseModel
from webhook_ui import Trigger, hookimpl

class UserCreated(BaseModel):
    id: int
    name: str

@hookimpl
def register_triggers():
    """Called once at start."""
    return [
        Trigger("user.created", "User creation", "Somebody signed up.", {"id": 7, "name": "Zoë"}, UserCreated),
        Trigger("user.deleted", "User deletion", "Somebody left.", {"id": 7}),
        Trigger("order.paid", "Order paid", "Money came in.", {"total": 12.5}),
    ]
'''


class FakeDoor:
    """Knows who somebody is by a token that is the role's name."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            token = dict(scope["headers"]).get(b"authorization", b"").decode().removeprefix("Bearer ")
            known = token in list(Role)
            actor = Actor(kind="token", name=f"the {token}", role=Role(token)) if known else None
            scope["state"] = {**scope.get("state", {}), "actor": actor}
        await self.app(scope, receive, send)


@dataclass(frozen=True, kw_only=True)
class House:
    """Everything a test of the API needs."""

    database: Database
    app: ASGIApp

    def client(self, role: str | None = "operator") -> httpx.AsyncClient:
        headers = {"authorization": f"Bearer {role}"} if role else {}
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app), base_url="http://api.test/api/v1", headers=headers
        )

    def counts(self) -> dict[str, int]:
        """How many rows each table has that a call may write."""
        tables = (models.Event, models.Delivery, models.Webhook, models.Idempotency, models.Change)
        with Session(self.database.reader) as session:
            return {
                one.__tablename__: session.execute(sa.select(sa.func.count()).select_from(one)).scalar_one()
                for one in tables
            }

    def attempt_all(self, *, status: int = 503) -> None:
        """Claims what is due and settles each as an error with `status`, to be tried again in five minutes."""

        def write(session: Session) -> None:
            now = moment(session)
            lease = Lease(token="worker", now=now, until=now + timedelta(seconds=60))
            claims = claim_due(session, lease=lease, seats=100, seats_per_webhook=100, busy={})
            answer = Answer(
                result=Result.error,
                at=now,
                duration_ms=12.5,
                response_status=status,
                response_headers=(("Set-Cookie", "a=1"), ("set-cookie", "b=2")),
                response_body="down",
                failure=Failure(kind=ErrorClass.http, message=f"{status} Service Unavailable"),
            )
            decision = Decision(status=Result.error, due_at=now + timedelta(minutes=5))
            settlements = [
                Settlement(
                    claimed=claimed,
                    answer=answer,
                    decision=decision,
                    url=claimed.target.url,
                    request_headers=(("content-type", "application/json"),),
                )
                for claimed in claims.deliveries
            ]
            outbox.settle(session, settlements, dispatcher="test", now=now)

        self.database.write_now(write)


def build(database: Database, folder: Path, *, network: bool = False, **more: Any) -> House:
    """The API over `database`, with triggers of its own; `more` are settings. Without `network` tests never leave."""
    plugins_dir = folder / "plugins"
    plugins_dir.mkdir()
    (plugins_dir / "people.py").write_text(PLUGIN, encoding="utf-8")
    plugins = plugin_loader.load(plugins_dir, entry_points=False)
    assert not plugins.problems
    settings = Settings(_env_file=None, data_dir=folder, max_payload_bytes=MAX_PAYLOAD_BYTES, **more)
    host = Host(database, plugins, max_payload_bytes=MAX_PAYLOAD_BYTES, indexed=settings.indexed)
    agent = "webhook-ui/test"
    nowhere = httpx.MockTransport(lambda _: httpx.Response(200, text="thank you"))
    sender = None if network else Sender(settings.policy, connections=1, user_agent=agent, transport=nowhere)
    tester = Tester(database, plugins, settings, user_agent=agent, sender=sender)
    api = create_api(database, host, plugins, settings, tester)
    return House(database=database, app=FakeDoor(Starlette(routes=[Mount("/api/v1", api)])))


@contextmanager
def served(app: ASGIApp) -> Iterator[int]:
    """The port of a real server on loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            time.sleep(0.005)  # uvicorn says that it has started in a flag, not by an event
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()
