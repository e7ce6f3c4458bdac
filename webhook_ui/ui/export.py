"""The addresses behind the menu Export: a filtered list as a file, streamed a page at a time.

Each page is a short look of its own at the database, so that a file of a million rows holds no transaction open,
waits for no writer and needs no more memory than one of ten. Who may come here the door has decided.
"""

import asyncio
from collections.abc import AsyncIterator

import structlog
from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Send

from webhook_ui import times
from webhook_ui.database import Database
from webhook_ui.errors import Invalid, Unavailable, WebhookUIError
from webhook_ui.ui.export_lists import LISTS, ExportedList, Page
from webhook_ui.ui.export_writing import TYPES, broken_off, head, lines

AT_ONCE = 2  # pages that are read for files at the same time: the other readers are for who looks at the screen

log = structlog.get_logger()


def routes(database: Database) -> list[Route]:
    """`/export/deliveries.csv` and so on."""
    export = Export(database)
    return [Route("/export/{name}.{ending}", export.answer, methods=["GET"])]


class Export:
    """Answers requests for files."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def answer(self, request: Request) -> Response:
        """The file, or in words why there is none."""
        name, ending = request.path_params["name"], request.path_params["ending"]
        listed = LISTS.get(name)
        if listed is None or ending not in TYPES:
            return PlainTextResponse("There is no such file to export.\n", 404)
        try:
            page = listed.prepare(str(request.url))
            first, cursor = await self._read(page, listed, ending, None)
        except Invalid as error:
            words = " ".join(f"{field.capitalize()}: {problem}" for field, problem in error.fields.items())
            return PlainTextResponse(f"{words}\n", 400)
        except Unavailable as error:
            return PlainTextResponse(f"{error}\n", 503, {"retry-after": "5"})
        begin = head(ending, listed.columns) + first
        headers = {
            "content-disposition": f'attachment; filename="{name}-{times.utcnow():%Y-%m-%d-%H%M}.{ending}"',
            "cache-control": "no-store",
        }
        return _File(self._stream(begin, cursor, page, listed, ending), ending, headers)

    async def _stream(
        self, begin: bytes, cursor: str | None, page: Page, listed: ExportedList, ending: str
    ) -> AsyncIterator[bytes]:
        yield begin
        while cursor is not None:
            written, cursor = await self._read(page, listed, ending, cursor)
            if written:
                yield written

    async def _read(
        self, page: Page, listed: ExportedList, ending: str, cursor: str | None
    ) -> tuple[bytes, str | None]:
        """A page as it stands in the file, and where the list goes on; all of it on a reading thread."""

        def read(session: Session) -> tuple[bytes, str | None]:
            portion = page(session, cursor)
            return lines(ending, listed.columns, portion.records), portion.next_cursor

        async with self._turn:
            return await self._database.read(read)


class _File(StreamingResponse):
    """A body that says so in its last line when it breaks off, and does not end as a whole one does."""

    def __init__(self, content: AsyncIterator[bytes], ending: str, headers: dict[str, str]) -> None:
        super().__init__(content, headers=headers, media_type=TYPES[ending])
        self._ending = ending

    async def stream_response(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        try:
            async for chunk in self.body_iterator:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        except WebhookUIError as error:
            log.warning("export.broke_off", reason=str(error))
            last = broken_off(self._ending, str(error))
            await send({"type": "http.response.body", "body": last, "more_body": True})
            return  # without an end the browser tells that the file is not whole
        await send({"type": "http.response.body", "body": b"", "more_body": False})
