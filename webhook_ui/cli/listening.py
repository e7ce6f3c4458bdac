"""`listen`: a local receiver that verifies what arrives and prints it."""

import json
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Annotated
from urllib.parse import urlsplit

import typer

from webhook_ui import settings as settings_module
from webhook_ui import signing, storage
from webhook_ui.cli import opening
from webhook_ui.database import Database
from webhook_ui.errors import UsageError, WebhookUIError
from webhook_ui.history.webhooks import secrets_by_url
from webhook_ui.settings import Settings

LARGEST_BODY = 64 * 1024 * 1024

FindSecrets = Callable[[str], list[str]]


def listen(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen at; 0 takes a free one.")] = 9000,
    secret: Annotated[str | None, typer.Option(help="The webhook's secret (whsec_…), to verify with.")] = None,
    status: Annotated[int, typer.Option(min=200, max=599, help="What to answer.")] = 200,
) -> None:
    """Receives on this machine, verifies and prints. Without a secret it looks for the webhook in the database.

    It makes none: where there is none yet, it looks again with each request.
    """
    settings = settings_module.load()
    missing = secret is None and opening.is_missing(settings)
    known = _Given(secret) if secret is not None else _Stored(settings)
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), _handler(known.find, status))
    except OSError as error:
        raise UsageError(f"Port {port} cannot be used ({error.strerror}). Choose another one with --port.") from None
    typer.echo(f"Listening at http://127.0.0.1:{server.server_port}/ and answering {status}. Ctrl+C ends it.")
    sys.stdout.flush()
    if missing:
        where = settings.data_dir.absolute()
        hint = "Until the server makes one there, nothing is verified; WEBHOOK_UI_DATA_DIR names another folder."
        typer.echo(f"webhook-ui: no database in {where} yet. {hint}", err=True)
    try:
        server.serve_forever()
    finally:
        server.server_close()
        known.close()


class _Given:
    """The secret from the command line. Raises UsageError."""

    def __init__(self, secret: str) -> None:
        self._secret = secret
        try:
            signing.secret_key(secret)
        except ValueError as error:
            raise UsageError(f"--secret: {error}") from None

    def find(self, _url: str) -> list[str]:
        return [self._secret]

    def close(self) -> None:
        """Nothing is open."""


class _Stored:
    """Those in the database, which is opened once it is there. Raises UsageError for one that cannot be used."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._lock = settings, threading.Lock()
        self._database: Database | None = None
        self._opened()

    def find(self, url: str) -> list[str]:
        try:
            database = self._opened()
            return database.read_now(secrets_by_url, url) if database else []
        except WebhookUIError as error:
            typer.echo(f"webhook-ui: {error}", err=True)
            return []

    def close(self) -> None:
        if self._database is not None:
            self._database.close()

    def _opened(self) -> Database | None:
        with self._lock:
            if self._database is None and not opening.is_missing(self._settings):
                self._database = storage.open_database(self._settings)
            return self._database


def _handler(find: FindSecrets, status: int) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Answers every POST alike and prints what it was."""

        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            body = self.rfile.read(min(length, LARGEST_BODY))
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()
            headers = {name.lower(): value for name, value in self.headers.items()}
            _report(headers, body, _judge(headers, body, self.path, self.server.server_port, find))  # type: ignore[attr-defined]

        def log_message(self, *_: object) -> None:
            """What is worth saying is printed by `_report`."""

    return Handler


def _judge(headers: dict[str, str], body: bytes, path: str, port: int, find: FindSecrets) -> str:
    parts = urlsplit(path)
    hosts = dict.fromkeys([headers.get("host", ""), f"127.0.0.1:{port}", f"localhost:{port}"])
    secrets = [secret for host in hosts for secret in find(f"http://{host}{parts.path}")]
    if not secrets:
        return "not verified: no webhook with this URL in the local database; pass --secret"
    problem = ""
    for secret in dict.fromkeys(secrets):
        try:
            signing.verify(secret, headers, body, now=int(time.time()))
        except signing.NotVerified as error:
            problem = f"NOT VERIFIED: {error}"
        else:
            return "verified"
    return problem


def _report(headers: dict[str, str], body: bytes, verdict: str) -> None:
    try:
        shown = json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        shown = body.decode("utf-8", "replace")
    printable = "".join(sign if sign.isprintable() or sign == "\n" else "�" for sign in shown)
    moment = time.strftime("%H:%M:%S")
    typer.echo(f"{moment}  {headers.get('webhook-id', '(no webhook-id)')[:200]}  {verdict}\n{printable}\n")
    sys.stdout.flush()
