"""An attempt taken elsewhere: as a command that real shells and a real curl run, and as a file that browsers read."""

import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.browser import Receiver
from tests.stored import NOW, Worker, add_webhook, emit, settlement
from webhook_ui import curl, har, wire
from webhook_ui.database import Database
from webhook_ui.history.deliveries import get_delivery
from webhook_ui.letters import MASK

HEADERS = [
    ["content-type", "application/json"],
    ["user-agent", "webhook-ui/test"],
    ["x-odd", """it's "odd" $HOME `id` \\ !x %s [a] {b} #c"""],
    ["x-empty", ""],
    ["webhook-id", "evt_1"],
    ["webhook-timestamp", "1795821960"],
    ["webhook-signature", "v1,Qh2riM+CezIIVNUlsrOJnrPBWUpgivQWG13n1dxmyPo="],
]
BODIES = {
    "plain": '{"type":"user.created","data":{"name":"Zoë Ångström 🚀"}}',
    "shell": """{"a":"'; echo $(id) `id` \\\\n \\" %d %% !! $HOME' && x"}""",
    "at": "@/etc/passwd",
    "lines": '{\n  "a": 1,\n  "b": [\n  ]\n}\n',
    "controls": '{"a":\t"x",\r\n"b": "%s\\t\\u0000"}',
    "bidi": '{"a":"\u202eabc\u200b"}',
    "empty": "",
    "large": json.dumps({"a": "x'y%" * 60_000}),
    "larger than curl asks for": json.dumps({"a": "y" * 1_000_000}),
}
SHELLS = [shell for shell in ("bash", "dash", "zsh") if shutil.which(shell)]


@pytest.fixture(scope="module")
def far() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def run(shell: str, command: str) -> str:
    environment = {"PATH": os.environ["PATH"], "HOME": "/nowhere"}  # no proxy and no .curlrc of whoever runs the tests
    done = subprocess.run(
        [shell], input=command, env=environment, capture_output=True, text=True, timeout=20, check=False
    )
    assert done.returncode == 0, done.stderr[-500:]
    return done.stdout


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("name", BODIES)
def test_the_command_sends_the_same_bytes_again(far: Receiver, shell: str, name: str) -> None:
    path = "/" + name.replace(" ", "") + shell
    command = curl.command(f"{far.url}{path}?a[1-3]={{b}}&c=é'd&e=../f", HEADERS, BODIES[name])
    assert "200 OK" in run(shell, command)
    (request,) = far.wait_for(path)
    assert request.body == BODIES[name].encode()
    assert request.headers == {
        **dict(HEADERS),
        "host": far.url.removeprefix("http://"),
        "accept": "*/*",
        "accept-encoding": "identity",
        "content-length": str(len(BODIES[name].encode())),
    }


def words_of(command: str) -> list[str]:
    return shlex.split(command.replace("\\\n", ""))


def test_the_command_is_a_plain_one_where_it_can_be() -> None:
    words = words_of(curl.command("https://a.example:443/x?y=a b", HEADERS, BODIES["shell"]))
    assert words[:5] == ["curl", "-i", "-g", "--path-as-is", "--http1.1"]
    assert words[5] == "https://a.example:443/x?y=a b"  # it could not be sent to, so it stands as it was written
    assert words[-2:] == ["--data-raw", BODIES["shell"]]
    assert f"x-odd: {HEADERS[2][1]}" in words
    assert (
        words_of(curl.command("https://xn--bcher-kva.example/é", [], ""))[5] == "https://xn--bcher-kva.example/%C3%A9"
    )


def test_what_is_hidden_and_what_ages_is_said() -> None:
    headers = [["authorization", MASK], ["x-key", MASK], *HEADERS]
    assert MASK in curl.command("https://a.example/", headers, "{}")
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    fresh, old = curl.notes(headers, now, now), curl.notes(HEADERS, now - timedelta(hours=1), now)
    assert fresh[0].startswith("Put in the value of authorization and x-key for •••")
    assert "refuses it after 5 minutes" in fresh[1]
    assert old == ["Its timestamp is older than 5 minutes, so who checks the signature refuses it."]


def archived(database: Database) -> dict[str, Any]:
    """A delivery with an answer, and a second attempt without."""
    webhook_id = add_webhook(database, url="https://example.com/hook?a=1&b=")
    event_id = emit(database)
    worker = Worker(database)
    for said in (
        wire.Answer(
            result=wire.Result.error,
            at=NOW,
            duration_ms=100.0,
            response_status=302,
            response_headers=(("Location", "/login"), ("Content-Type", "text/html")),
            response_body="<html>",
            failure=wire.Failure(kind=wire.ErrorClass.http, message="302 Found"),
            timings=wire.Timings(dns=1.5, connect=2.0, tls=3.0, wait=90.0),
        ),
        wire.Answer(
            result=wire.Result.error,
            at=NOW + timedelta(seconds=9),
            duration_ms=50.0,
            failure=wire.Failure(kind=wire.ErrorClass.connect, message="Nothing listens there."),
        ),
    ):
        (claimed,) = worker.claim(said.at).deliveries
        worker.settle(settlement(claimed, said, now=said.at), now=said.at)
    return har.archive(database.read_now(get_delivery, webhook_id, event_id, now=NOW), version="9.9")


def test_a_delivery_is_an_archive_of_the_known_shape(database: Database) -> None:
    whole = json.loads(json.dumps(archived(database)))
    log = whole["log"]
    assert (log["version"], log["creator"]) == ("1.2", {"name": "Webhook UI", "version": "9.9"})
    for entry in log["entries"]:
        check_entry(entry)
    answered, refused = log["entries"]
    assert answered["startedDateTime"] == "2026-11-23T09:00:00Z"
    assert answered["request"]["queryString"] == [{"name": "a", "value": "1"}, {"name": "b", "value": ""}]
    assert answered["request"]["postData"]["text"].startswith('{"type":"user.created"')
    assert (answered["response"]["status"], answered["response"]["redirectURL"]) == (302, "/login")
    assert answered["timings"] == {
        "blocked": -1, "dns": 1.5, "connect": 5.0, "ssl": 3.0, "send": 0, "wait": 90.0, "receive": 3.5
    }  # fmt: skip
    assert answered["time"] == 100.0
    assert (refused["response"]["status"], refused["response"]["_error"]) == (0, "Nothing listens there.")
    assert (refused["time"], refused["comment"]) == (50.0, "Nothing listens there.")


def check_entry(entry: dict[str, Any]) -> None:
    """What HAR 1.2 demands of an entry."""
    pairs = {"cookies": list, "headers": list, "headersSize": int, "bodySize": int, "httpVersion": str}
    shapes: dict[str, dict[str, type | tuple[type, ...]]] = {
        "request": {**pairs, "method": str, "url": str, "queryString": list, "postData": dict},
        "response": {**pairs, "status": int, "statusText": str, "content": dict, "redirectURL": str},
        "timings": dict.fromkeys(("send", "wait", "receive"), (int, float)),
    }
    datetime.fromisoformat(entry["startedDateTime"])
    assert isinstance(entry["time"], float | int)
    assert entry["cache"] == {}
    for name, shape in shapes.items():
        for field, kind in shape.items():
            assert isinstance(entry[name][field], kind), (name, field)
    assert {"size", "mimeType"} <= entry["response"]["content"].keys()
    assert {"mimeType", "text"} <= entry["request"]["postData"].keys()
    timings = entry["timings"]
    assert min(timings["send"], timings["wait"], timings["receive"]) >= 0
    counted = sum(value for name, value in timings.items() if name != "ssl" and value >= 0)
    assert counted == pytest.approx(entry["time"])
    for header in entry["request"]["headers"] + entry["response"]["headers"]:
        assert header.keys() == {"name", "value"}
