"""A mail server on loopback that speaks SMTP with STARTTLS and AUTH PLAIN, and keeps what it is given."""

import asyncio
import base64
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

PATIENCE = 30.0


@dataclass
class Letter:
    """One mail as it was handed over; `user` is who had signed in, `secure` whether by TLS."""

    to: list[str]
    mail: EmailMessage
    user: str | None
    secure: bool


@dataclass
class Mailbox:
    """`password` must be known where it is set; addresses in `refused` are not taken."""

    context: ssl.SSLContext | None = None
    password: str | None = None
    refused: set[str] = field(default_factory=set)
    letters: list[Letter] = field(default_factory=list)
    port: int = 0
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def wait_for(self, count: int) -> list[Letter]:
        """Waits until so many have arrived."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.letters) >= count, PATIENCE), self.letters
            return list(self.letters)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        session = _Session(self, reader, writer)
        with suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            await session.run()
        writer.close()


class _Session:
    def __init__(self, box: Mailbox, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.box, self.reader, self.writer = box, reader, writer
        self.secure, self.user = False, None
        self.to: list[str] = []

    async def run(self) -> None:
        await self.say("220 mailbox")
        while line := (await self.reader.readline()).decode().strip():
            verb, _, rest = line.partition(" ")
            if verb.upper() == "QUIT":
                return
            await getattr(self, f"on_{verb.lower()}")(rest)

    async def say(self, *lines: str) -> None:
        self.writer.write("".join(f"{line}\r\n" for line in lines).encode())
        await self.writer.drain()

    async def on_ehlo(self, _: str) -> None:
        offers = (["STARTTLS"] if self.box.context and not self.secure else []) + ["AUTH PLAIN"]
        await self.say("250-mailbox", *(f"250-{one}" for one in offers), "250 8BITMIME")

    async def on_starttls(self, _: str) -> None:
        await self.say("220 go on")
        assert self.box.context
        await self.writer.start_tls(self.box.context)
        self.secure = True

    async def on_auth(self, rest: str) -> None:
        _, user, password = base64.b64decode(rest.removeprefix("PLAIN ")).decode().split("\0")
        known = password == self.box.password
        self.user = user if known else None
        await self.say("235 welcome" if known else "535 5.7.8 who are you")

    async def on_mail(self, _: str) -> None:
        self.to = []
        await self.say("250 ok" if self.user or not self.box.password else "530 5.7.0 sign in first")

    async def on_rcpt(self, rest: str) -> None:
        address = rest.partition("<")[2].partition(">")[0]
        if address in self.box.refused:
            await self.say("550 5.1.1 nobody of that name")
            return
        self.to.append(address)
        await self.say("250 ok")

    async def on_rset(self, _: str) -> None:
        await self.say("250 ok")

    async def on_data(self, _: str) -> None:
        await self.say("354 go on")
        content = await self.reader.readuntil(b"\r\n.\r\n")
        mail = message_from_bytes(content[:-5].replace(b"\r\n..", b"\r\n."), policy=policy.default)
        with self.box.arrived:
            self.box.letters.append(Letter(self.to, mail, self.user, self.secure))
            self.box.arrived.notify_all()
        await self.say("250 taken")


@contextmanager
def open_at(box: Mailbox, port: int = 0) -> Iterator[Mailbox]:
    """The server for the length of a `with`."""
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(box.serve, "127.0.0.1", port))
    box.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield box
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
