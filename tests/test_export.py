"""Exports: whole lists as files, page by page, harmless to spreadsheets, honest when they break off."""

import csv
import io
import json
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from tests.stored import add_webhook, at, emit
from tests.test_delivery_search import fill
from webhook_ui import ids
from webhook_ui.database import Database
from webhook_ui.errors import Unavailable
from webhook_ui.ui import export, export_lists
from webhook_ui.ui.export_writing import Raw, broken_off, head, lines


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that few rows are many pages."""
    monkeypatch.setattr(export_lists, "PER_PAGE", 7)


async def ask(database: Any, path: str) -> httpx.Response:
    transport = httpx.ASGITransport(Starlette(routes=export.routes(database)))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        return await client.get(path)


async def rows(database: Database, path: str) -> list[dict[str, str]]:
    answer = await ask(database, path)
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text)))


async def test_a_filtered_log_is_exported_whole(database: Database) -> None:
    made = fill(database)
    everything = await rows(database, "/export/deliveries.csv")
    assert [row["event_id"] for row in everything] == [ids.event_text(one["event_id"]) for one in reversed(made)]
    failed = await rows(database, "/export/deliveries.csv?status=error&error_class=dns")
    assert len(failed) == 12
    assert {(row["status"], row["error_class"], row["response_status"]) for row in failed} == {("error", "dns", "")}
    window = {"from": "2026-11-23T09:00:20Z", "to": "2026-11-23T09:00:30Z", "webhook_id": made[0]["webhook_id"]}
    answer = await ask(database, f"/export/deliveries.ndjson?{httpx.QueryParams(window)}")
    found = [json.loads(line) for line in answer.text.splitlines()]
    assert [one["created_at"] for one in found] == [f"2026-11-23T09:00:{n}Z" for n in (28, 26, 24, 22, 20)]
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.headers["content-disposition"].startswith('attachment; filename="deliveries-20')
    assert answer.headers["cache-control"] == "no-store"


async def test_webhooks_are_exported_without_secrets(database: Database) -> None:
    for number in range(9):
        add_webhook(database, title=f"=Hook {number}", headers={"authorization": "Bearer s3cret"})
    answer = await ask(database, "/export/webhooks.csv?sort=id&order=asc")
    found = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["title"] for row in found] == [f"'=Hook {number}" for number in range(9)]
    assert "whsec" not in answer.text
    assert "s3cret" not in answer.text
    assert len(await rows(database, "/export/webhooks.csv?q=hook+3")) == 1


async def test_events_are_exported_with_their_payload_as_it_came(database: Database) -> None:
    add_webhook(database)
    payload = '{"id": 12345678901234567890123,\n "text": "a\\nb", "x": 1e400}'
    emit(database, payload=payload)
    emit(database, "order.paid", now=at(1))
    (line,) = (await ask(database, "/export/events.ndjson?trigger=user.created")).text.splitlines()
    assert json.loads(line)["deliveries"] == 1
    assert payload.replace("\n", " ") in line
    assert len(await rows(database, "/export/events.csv")) == 2


async def test_what_cannot_be_exported_is_explained(database: Database) -> None:
    for path, status, words in (
        ("/export/secrets.csv", 404, "no such file"),
        ("/export/deliveries.xlsx", 404, "no such file"),
        ("/export/deliveries.csv?from=nonsense", 400, "From: Write it as"),
        ("/export/deliveries.csv?status=paid", 400, "Status: “paid” is not a value of this filter."),
        ("/export/deliveries.ndjson?webhook_id=x&error_class=dns", 400, "Webhook_id: “x” is not"),
        ("/export/webhooks.csv?state=tired", 400, "State: “tired” is not"),
        ("/export/events.csv?from=2026-11-23&to=2026-11-22", 400, "To: To lies before From"),
    ):
        answer = await ask(database, path)
        assert (answer.status_code, words in answer.text) == (status, True), answer.text


class Failing:
    """A database that goes away after some pages."""

    def __init__(self, database: Database, pages: int) -> None:
        self._database, self._left = database, pages

    async def read(self, fn: Any, *args: Any, **kwargs: Any) -> Any:
        self._left -= 1
        if self._left < 0:
            raise Unavailable("The database did not answer.")
        return await self._database.read(fn, *args, **kwargs)


class Counting:
    """A database that counts how often it is read."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.reads = 0

    async def read(self, fn: Any, *args: Any, **kwargs: Any) -> Any:
        self.reads += 1
        return await self._database.read(fn, *args, **kwargs)


def scope_of(path: str) -> dict[str, Any]:
    """A request for this file, as a server hands it on."""
    return {
        "type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b"", "headers": [],
        "asgi": {"spec_version": "2.4"}, "scheme": "http", "server": ("127.0.0.1", 80), "root_path": "",
    }  # fmt: skip


@pytest.mark.parametrize("ending", ["csv", "ndjson"])
async def test_an_export_that_breaks_off_says_so_and_does_not_end(database: Database, ending: str) -> None:
    fill(database)
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        sent.append(message)

    path = f"/export/deliveries.{ending}"
    failing: Any = Failing(database, 3)
    await Starlette(routes=export.routes(failing))(scope_of(path), receive, send)
    assert sent[0]["status"] == 200
    assert b"The export broke off here and is not complete: The database did not answer." in sent[-1]["body"]
    assert all(message["more_body"] for message in sent[1:])
    assert (await ask(Failing(database, 0), path)).status_code == 503


def test_a_cell_is_never_a_formula() -> None:
    hostile = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", '=HYPERLINK("http://x")']
    written = lines("csv", ["a", "b"], [{"a": text, "b": -1.5} for text in hostile]).decode()
    cells = list(csv.reader(io.StringIO(written, newline="")))
    assert [cell[0] for cell in cells] == [f"'{text}" for text in hostile]
    assert {cell[1] for cell in cells} == {"-1.5"}, "our own figures stay figures"
    values = {"a": None, "b": True, "c": at(0), "d": ["x", "y"], "e": Raw('{"a":\n1}'), "f": "ü,\n"}
    columns = list(values)
    assert head("csv", columns) == b"a,b,c,d,e,f\r\n"
    assert lines("csv", columns, [values]).decode() == (
        ',true,2026-11-23T09:00:00Z,"[""x"", ""y""]","{""a"":\n1}","ü,\n"\r\n'
    )
    assert lines("ndjson", columns, [values]).decode() == (
        '{"a":null,"b":true,"c":"2026-11-23T09:00:00Z","d":["x", "y"],"e":{"a": 1},"f":"ü,\\n"}\n'
    )
    assert json.loads(broken_off("ndjson", "why"))["error"].endswith("why")


async def test_no_transaction_is_held_between_pages(database: Database) -> None:
    """What is written while a file is made does not wait for it, and the file goes on where it was."""
    made = fill(database)
    page = export_lists.LISTS["deliveries"].prepare("/export/deliveries.csv")
    first = database.read_now(page, None)
    assert first.next_cursor
    emit(database, now=at(500))
    second = database.read_now(page, first.next_cursor)
    expected = [ids.event_text(one["event_id"]) for one in list(reversed(made))[7:14]]
    assert [one["event_id"] for one in second.records] == expected


async def test_a_file_is_read_no_quicker_than_it_is_taken(database: Database) -> None:
    """However many rows there are, no more than one page of them is in memory."""
    fill(database)
    counted: Any = Counting(database)
    portions: list[int] = []

    async def receive() -> Any:
        return {"type": "http.request"}

    async def take(message: Any) -> None:
        if message.get("body"):
            portions.append(message["body"].count(b"\n"))
            assert counted.reads == len(portions), "a page was read before the one before it was taken"

    await Starlette(routes=export.routes(counted))(scope_of("/export/deliveries.ndjson"), receive, take)
    assert max(portions) == export_lists.PER_PAGE
    assert len(portions) == -(-sum(portions) // export_lists.PER_PAGE) > 3
