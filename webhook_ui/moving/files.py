"""The files themselves: which format they have, how much is read of them, and writing them whole or not at all."""

import os
import stat
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Any

from webhook_ui.errors import UsageError
from webhook_ui.moving import json_text, yaml_text
from webhook_ui.moving.places import Mistake, Mistakes, Parsed

LARGEST = 64 * 1024 * 1024
STANDARD = "-"  # standard input or output
OURS = (b"format: webhook-ui/", b'{\n  "format": "webhook-ui/')  # how what we have written begins
PRIVATE = 0o600


class Format(StrEnum):
    """What a file is written in."""

    yaml = "yaml"
    json = "json"


_BY_ENDING = {".yaml": Format.yaml, ".yml": Format.yaml, ".json": Format.json}


def format_of(name: str, chosen: Format | None) -> Format | None:
    """The format that was chosen, or that the file's name says; None for standard input and output.

    Raises UsageError.
    """
    if chosen is not None or name == STANDARD:
        return chosen
    found = _BY_ENDING.get(Path(name).suffix.lower())
    if found is None:
        raise UsageError(f"{name} does not end in .yaml, .yml or .json. Rename it, or add --format yaml (or json).")
    return found


def read(name: str, chosen: Format | None) -> Parsed:
    """What the file says. Raises UsageError, and Mistakes where it cannot be read on."""
    kind = format_of(name, chosen)
    try:
        if name == STANDARD:
            content = sys.stdin.buffer.read(LARGEST + 1)
        else:
            with Path(name).open("rb") as file:
                content = file.read(LARGEST + 1)
    except OSError as error:
        raise UsageError(f"{name} cannot be read ({error.strerror}).") from None
    if len(content) > LARGEST:
        raise UsageError(f"{name} has more than {LARGEST:,} bytes. Divide it into several files.")
    text = _decoded(content)
    if kind is None:
        kind = Format.json if text.lstrip().startswith("{") else Format.yaml
    return json_text.read(text) if kind is Format.json else yaml_text.read(text)


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Mistakes([Mistake(message="This is not UTF-8. Save the file as UTF-8.", line=line)]) from None


def write(name: str, document: Mapping[str, Any], chosen: Format | None, *, private: bool, force: bool) -> None:
    """Writes the document. Raises UsageError for a file that is something else, unless `force` says that this is meant.

    What was exported before is overwritten: that is how a file in git follows.
    """
    kind = format_of(name, chosen) or Format.yaml
    text = json_text.write(document) if kind is Format.json else yaml_text.write(document)
    if name == STANDARD:
        sys.stdout.buffer.write(text.encode())
        sys.stdout.buffer.flush()
        return
    path = Path(name)
    try:
        path = path.resolve()  # a link stays one
        mode = _mode(path, private, force)
        _replace(path, text.encode(), mode)
    except (OSError, RuntimeError) as error:
        words = getattr(error, "strerror", None) or error
        raise UsageError(f"{name} cannot be written ({words}). Name another file, or - for standard output.") from None


def _mode(path: Path, private: bool, force: bool) -> int:
    """The rights the file is to have. Raises UsageError for one that is not ours to overwrite."""
    try:
        present = path.stat()
    except FileNotFoundError:
        return PRIVATE if private else 0o666 & ~_umask()
    if not stat.S_ISREG(present.st_mode):
        raise UsageError(f"{path} is no file. Name a file, or - for standard output.")
    if present.st_size and not force:
        with path.open("rb") as file:
            if not file.read(64).startswith(OURS):
                raise UsageError(f"{path} is no export of webhooks. Name another file, or overwrite it with --force.")
    return PRIVATE if private else stat.S_IMODE(present.st_mode)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _replace(path: Path, content: bytes, mode: int) -> None:
    descriptor, draft = tempfile.mkstemp(prefix=f".{path.name[:100]}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        Path(draft).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(draft).unlink()
        raise
