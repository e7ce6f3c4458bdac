"""Lines written many at a time: as the logger's own, none can be forged, and no delivery waits for their reader."""

import io
import json
import logging
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import structlog

from webhook_ui import logs

ROW = {"delivery": "dlv_01KB4N8Q5Z7M2_14", "trigger": "user.created", "attempt": 1, "response_status": None}


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What was written; the logging of the test run is put back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    monkeypatch.setattr(logs, "sys", SimpleNamespace(stderr=stream))
    monkeypatch.setattr(logs, "_logger", None)  # an application that Webhook UI was mounted in has its own
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    monkeypatch.setattr(logs, "_handler", None)


def test_many_lines_for_people(written: io.StringIO) -> None:
    logs.configure("console")
    logs.write(logging.INFO, "attempt.sent", [ROW, {"error": "503 down\n2026-11-23 forged"}])
    first, second = written.getvalue().splitlines()
    assert first.endswith("delivery=dlv_01KB4N8Q5Z7M2_14 trigger=user.created attempt=1 response_status=None")
    assert "[info     ] attempt.sent " in first
    assert second.endswith("error='503 down\\n2026-11-23 forged'")


def test_many_lines_for_machines(written: io.StringIO) -> None:
    logs.configure("json")
    logs.write(logging.WARNING, "attempt.error", [ROW, ROW | {"error": 'a "b"\n'}])
    first, second = (json.loads(line) for line in written.getvalue().splitlines())
    assert first | ROW == first
    assert (first["event"], first["level"], second["error"]) == ("attempt.error", "warning", 'a "b"\n')


def test_what_is_below_the_level_is_not_written(written: io.StringIO) -> None:
    logs.configure("console")
    logging.getLogger().setLevel(logging.WARNING)
    logs.write(logging.INFO, "attempt.sent", [ROW])
    assert written.getvalue() == ""


def test_a_log_that_nobody_reads_stops_nothing(written: io.StringIO) -> None:
    logs.configure("console")
    written.close()
    logs.write(logging.INFO, "attempt.sent", [ROW])


@pytest.mark.parametrize("form", ["console", "json"])
def test_a_traceback_says_where_but_not_what_variables_held(form: logs.Form, written: io.StringIO) -> None:
    logs.configure(form)
    secret = "".join(reversed("nettirw reven"))

    def break_down(word: str) -> None:
        raise RuntimeError(f"broken after {len(word)} characters")

    try:
        break_down(secret)
    except RuntimeError:
        structlog.get_logger(form).exception("thing.failed")
    assert "broken after 13 characters" in written.getvalue()
    assert "break_down" in written.getvalue(), "where it was"
    assert secret not in written.getvalue()
