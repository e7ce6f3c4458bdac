"""Folder watch: fires the events that programs append to files, one JSON object a line.

Set WEBHOOK_UI_FOLDER_WATCH_FOLDER. A line of a file *.jsonl there is {"trigger": "user.created", "payload": {…}}, and
may have "idempotency_key", "tenant" and "occurred_at". Lines are taken once they are complete; one that cannot be
taken is logged and passed over. How far each file was read is stored in one commit with the events. A file that became
shorter, or holds something else before that place (another one of the same name), is read from its beginning; one that
is removed is forgotten.
"""

import asyncio
import json
from pathlib import Path
from zlib import crc32

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from webhook_ui import Event, Host, hookimpl, needs_settings
from webhook_ui.errors import Conflict, Invalid

BYTES = 4 * 1024 * 1024  # of one file at a time
LINES = 500

MARK = 64  # bytes before a place by which it is known again

Place = tuple[int, int, int]  # which file it is (its inode), how far it was read, and a checksum of what stands before
Position = dict[str, Place]
_event = TypeAdapter(Event)


class Settings(BaseModel):
    """Without a folder nothing is watched."""

    folder: Path | None = None
    every: float = Field(1.0, ge=0.05, le=3600)


@hookimpl
def register_settings() -> type[Settings]:
    return Settings


@hookimpl
@needs_settings("folder")
async def source(host: Host) -> None:
    folder, every = host.setting.folder, host.setting.every
    position: Position = json.loads(await host.checkpoint() or "{}")
    while True:
        busy = False
        for file in await asyncio.to_thread(lambda: sorted(folder.glob("*.jsonl"))):
            lines = await asyncio.to_thread(read, file, position)
            if lines:
                position = {name: place for name, place in position.items() if (folder / name).exists()}
                await store(host, file.name, lines, position)
                position[file.name] = lines[-1][0]
            busy = busy or len(lines) == LINES
        if not busy:
            await asyncio.sleep(every)


def read(file: Path, position: Position) -> list[tuple[Place, bytes]]:
    """The next complete lines of a file, each with the place after it."""
    with file.open("rb") as opened:
        status = file.stat()
        inode, start, mark = position.get(file.name, (status.st_ino, 0, 0))
        opened.seek(max(start - MARK, 0))
        before = opened.read(min(start, MARK))
        if inode != status.st_ino or start > status.st_size or crc32(before) != mark:
            before, start = b"", 0
            opened.seek(0)
        block = before + opened.read(BYTES)
    lines: list[tuple[Place, bytes]] = []
    end, shift = len(before), start - len(before)
    for line in block[end:].split(b"\n")[:-1][:LINES]:
        end += len(line) + 1
        lines.append(((status.st_ino, shift + end, crc32(block[max(end - MARK, 0) : end])), line))
    if not lines and len(block) == len(before) + BYTES:  # a line that does not end: passed over
        return [((status.st_ino, start + BYTES, crc32(block[-MARK:])), b"a line that is too long")]
    return lines


async def store(host: Host, name: str, lines: list[tuple[Place, bytes]], position: Position) -> None:
    """Fires what the lines say, in one commit; where one cannot be taken, one by one, and the others all the same."""
    events = [(place, event) for place, line in lines if line.strip() and (event := parse(host, name, line))]
    everything = [event for _, event in events]
    try:
        await host.emit_many(everything, checkpoint=json.dumps(position | {name: lines[-1][0]}))
        return
    except (Invalid, Conflict):
        pass
    for place, event in events:
        try:
            await host.emit_many([event], checkpoint=json.dumps(position | {name: place}))
        except (Invalid, Conflict) as error:
            host.log.warning("folder_watch.refused", file=name, reason=str(error))
    await host.emit_many([], checkpoint=json.dumps(position | {name: lines[-1][0]}))


def parse(host: Host, name: str, line: bytes) -> Event | None:
    """The event that a line describes; None, with a log line, if it describes none."""
    try:
        return _event.validate_json(line)
    except ValidationError as error:
        reason = error.errors(include_url=False, include_input=False)[0]["msg"]
        shown = line[:80].decode(errors="replace")
        host.log.warning("folder_watch.passed_over", file=name, line=shown, reason=reason)
        return None
