"""`listen`: a local receiver that verifies what arrives and prints it."""

import json
import sys
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
from webhook_ui.errors import UsageError
from webhook_ui.history.webhooks import secrets_by_url

LARGEST_BODY = 64 * 1024 * 1024

FindSecrets = Callable[[str], list[str]]


def listen(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen at; 0 takes a free one.")] = 9000,
    secret: Annotated[str | None, typer.Option(help="The webhook's secret (whsec_…), to verify with.")] = None,
    status: Annotated[int, typer.Option(min=200, max=599, help="What to answer.")] = 200,
) -> None:
    """Receives on this machine, verifies and prints. Without a secret it looks for the webhook in the database."""
    made = secret is None and opening.is_missing(settings_module.load())
    find, database = _finder(secret)
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), _handler(find, status))
    except OSError as error:
        raise UsageError(f"Port {port} cannot be used ({error.strerror}). Choose another one with --port.") from None
    typer.echo(f"Listening at http://127.0.0.1:{server.server_port}/ and answering {status}. Ctrl+C ends it.")
    sys.stdout.flush()
    if made:
        opening.announce(settings_module.load())
    try:
        server.serve_forever()
    finally:
        server.server_close()
        if database is not None:
            database.close()


def _finder(secret: str | None) -> tuple[FindSecrets, Database | None]:
    if secret is not None:
        try:
            signing.secret_key(secret)
        except ValueError as error:
            raise UsageError(f"--secret: {error}") from None
        return (lambda _url: [secret]), None
    database = storage.open_database(settings_module.load())
    return (lambda url: database.read_now(secrets_by_url, url)), database


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
