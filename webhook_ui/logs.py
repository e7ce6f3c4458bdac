"""Log lines: for people on a terminal, or one JSON object a line for machines."""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

import msgspec
import structlog
from structlog.typing import Processor

Form = Literal["console", "json"]

_form: Form = "console"
_handler: logging.StreamHandler[TextIO] | None = None  # ours, once it is configured
_logger: logging.Logger | None = None  # that of the application we are part of
_WORD = re.compile(r"[\w.,:;/@+*-]+", re.ASCII)
_encode = msgspec.json.Encoder().encode


def configure(form: Form) -> None:
    """Sets up structlog and lets the standard library's loggers speak through it, on stderr."""
    global _form, _handler  # noqa: PLW0603 - one process writes one kind of lines
    _form = form
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    # tracebacks without the values of variables: among those are secrets and payloads
    renderers: list[Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if form == "json"
        else [
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
        ]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = _handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    # what these say of single requests or jobs is noise, and addresses of the dashboard's socket are confidential
    for name in (
        "uvicorn",
        "uvicorn.error",
        "uvicorn.access",
        "apscheduler",
        "httpx",
        "alembic",
        "engineio",
        "socketio",
    ):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).setLevel(logging.WARNING)
        logging.getLogger(name).propagate = True


def join() -> None:
    """Hands all lines to the loggers of the application around us, which alone says how they look and where they go."""
    global _logger  # noqa: PLW0603 - one process writes one kind of lines
    _logger = logging.getLogger("webhook_ui")
    if not structlog.is_configured():
        structlog.configure(
            processors=[structlog.stdlib.filter_by_level, structlog.processors.format_exc_info, _as_one_line],
            logger_factory=lambda *_: logging.getLogger("webhook_ui"),
            wrapper_class=structlog.stdlib.BoundLogger,
            cache_logger_on_first_use=True,
        )


def _as_one_line(_logger: object, _name: str, line: MutableMapping[str, Any]) -> str:
    trace = line.pop("exception", None)
    event = str(line.pop("event", ""))
    words = " ".join([event, *(f"{key}={_show(value)}" for key, value in line.items())])
    return f"{words}\n{trace}" if trace else words


def is_written(level: int) -> bool:
    """Whether lines of this level are written at all."""
    return logging.getLogger().isEnabledFor(level)


def write(level: int, event: str, rows: Sequence[Mapping[str, object]]) -> None:
    """Writes one line for each of `rows`, all at once: what a logger does for one takes as long as half a delivery.

    The lines look as those of the logger do. Values must be JSON's own.
    """
    if _logger is not None and _logger.isEnabledFor(level):
        for row in rows:
            _logger.log(level, "%s", " ".join([event, *(f"{key}={_show(value)}" for key, value in row.items())]))
    if not rows or _handler is None or not is_written(level):
        return
    name, now = logging.getLevelName(level).lower(), datetime.now(UTC).isoformat().replace("+00:00", "Z")
    if _form == "json":
        lines = [_encode({**row, "event": event, "level": name, "timestamp": now}).decode() for row in rows]
    else:
        head = f"{now} [{name:<9}] {event:<30} "
        lines = [head + " ".join([f"{key}={_show(value)}" for key, value in row.items()]) for row in rows]
    # where nobody reads the log any more, deliveries must go on all the same
    with suppress(OSError, ValueError):
        _handler.stream.write("\n".join(lines) + "\n")
        _handler.flush()


def _show(value: object) -> str:
    """A value as it stands in a line for people: texts that are no single word in quotes, so that no line is forged."""
    if not isinstance(value, str):
        return str(value)
    return value if _WORD.fullmatch(value) else repr(value)
