"""The demo's receivers, on loopback: one for all stories, one with a certificate that nobody trusts, a closed port."""

import json
import random
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from webhook_ui.demo.stories import STORIES, Asked, Reply, Story
from webhook_ui.times import utcnow

HOST = "127.0.0.1"
MOST_BYTES = 1024 * 1024
IDLE_SECONDS = 60

_BY_PATH = {story.path: story for story in STORIES}


@dataclass(frozen=True, kw_only=True)
class Receivers:
    """Where they are."""

    http: int
    tls: int
    closed: int

    def url(self, story: Story) -> str:
        """The URL of a story's webhook."""
        port = {"http": self.http, "tls": self.tls, "closed": self.closed}[story.door]
        return f"{'https' if story.door == 'tls' else 'http'}://{HOST}:{port}{story.path}"


@contextmanager
def receiving() -> Iterator[Receivers]:
    """All of them, for as long as the demo lasts."""
    plain, tls = _Server((HOST, 0), _Handler), _Server((HOST, 0), _Handler)
    tls.socket = _context().wrap_socket(tls.socket, server_side=True, do_handshake_on_connect=False)
    with socket.socket() as closed:  # bound and never listening: nobody else gets the port
        closed.bind((HOST, 0))
        for server in (plain, tls):
            threading.Thread(target=server.serve_forever, name="demo-receiver", daemon=True).start()
        try:
            yield Receivers(http=plain.server_port, tls=tls.server_port, closed=closed.getsockname()[1])
        finally:
            for server in (plain, tls):
                server.shutdown()
                server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    began = 0.0

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.began = time.monotonic()

    def handle_error(self, *_: object) -> None:
        """Whoever hangs up, or trusts no such certificate, is part of the story."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    timeout = IDLE_SECONDS

    def do_POST(self) -> None:
        body = self.rfile.read(min(int(self.headers.get("content-length") or 0), MOST_BYTES))
        story = _BY_PATH.get(self.path)
        reply = (story and story.reply(_asked(body, self.server.began))) or Reply(status=404, body="")
        time.sleep(reply.seconds)  # that it is slow is its story
        content = reply.body.encode()
        self.send_response(reply.status)
        for name, value in {**reply.headers, "content-type": "application/json"}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """The dashboard shows it."""


def _asked(body: bytes, began: float) -> Asked:
    try:
        data: Any = json.loads(body).get("data")
    except (ValueError, AttributeError, RecursionError):
        data = None
    return Asked(since=time.monotonic() - began, data=data if isinstance(data, Mapping) else {}, chance=random.Random())


def _context() -> ssl.SSLContext:
    """TLS with a certificate that the receiver has signed itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "freight.demo")])
    now = utcnow()
    made = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=7)
    )
    certificate = made.sign(key, SHA256())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pem"
        file.touch(mode=0o600)
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        file.write_bytes(secret + certificate.public_bytes(Encoding.PEM))
        context.load_cert_chain(file)
    return context
