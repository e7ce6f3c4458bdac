"""What is wrong with a plugin: where in its source, and in words its author understands. Nothing here loads."""

import difflib
import re
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

_AROUND = 2
_SHOWN_CHARACTERS = 300
_FOLDER = re.compile(r"\b_webhook_ui_plugins_\d+\.")  # as `plugin_search` calls the plugins' folder
_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, kw_only=True)
class PluginProblem:
    """Why a plugin was left out. `excerpt` is the source around `line`, as (line number, text).

    `runs_on` says that what was loaded of it before goes on.
    """

    name: str
    where: str
    line: int | None
    message: str
    excerpt: tuple[tuple[int, str], ...] = ()
    runs_on: bool = False


@dataclass(frozen=True, kw_only=True)
class Place:
    """A line in a source file."""

    file: str
    line: int

    def excerpt(self) -> tuple[tuple[int, str], ...]:
        """The lines around, made harmless to show; nothing if the file cannot be read."""
        lines = _lines(self.file)
        first = max(self.line - _AROUND, 1)
        return tuple(
            (number, harmless(text)) for number, text in enumerate(lines, 1) if first <= number <= self.line + 2
        )


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """A sentence about a plugin, and the place it is about."""

    message: str
    place: Place | None = None


def shown_path(path: Path | str) -> str:
    """`path` as a person in the working directory would write it."""
    try:
        return harmless(str(Path(path).absolute().relative_to(Path.cwd())))
    except (ValueError, OSError):
        return harmless(str(path))


def definition(code_file: str, first_line: int, name: str) -> Place:
    """The place of `def name`, which stands some lines below its decorators."""
    head = re.compile(rf"\s*(async\s+)?def\s+{re.escape(name)}\b")
    for number, text in enumerate(_lines(code_file), 1):
        if number >= first_line and head.match(text):
            return Place(file=code_file, line=number)
    return Place(file=code_file, line=first_line)


def place_of(error: BaseException, module: str, folder: Path | None) -> Place | None:
    """Where in the plugin `error` came from: its own innermost line, or the line Python could not read."""
    place = None
    for frame, line in traceback.walk_tb(error.__traceback__):
        if _belongs(frame, module):
            place = Place(file=frame.f_code.co_filename, line=line)
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        inside = folder is not None and Path(error.filename).is_relative_to(folder)
        if inside or place is None:
            return Place(file=error.filename, line=error.lineno)
    return place


def place_in(frame: FrameType, module: str) -> Place | None:
    """Where in the plugin a thread that runs `frame` is: its own innermost line."""
    for each, line in traceback.walk_stack(frame):
        if _belongs(each, module):
            return Place(file=each.f_code.co_filename, line=line)
    return None


def _belongs(frame: FrameType, module: str) -> bool:
    name = str(frame.f_globals.get("__name__", ""))
    return name == module or name.startswith(f"{module}.")


def import_message(error: BaseException, path: Path | None = None) -> str:
    """What an exception during the import of a plugin, which stands at `path`, means, and what to do."""
    if isinstance(error, SyntaxError):
        return f"Python cannot read this file: {said(error.msg)}. Correct the line."
    if isinstance(error, SystemExit):
        return (
            "The file ends the program while it is imported (sys.exit). Take the call out, or move it below "
            '`if __name__ == "__main__":`.'
        )
    if isinstance(error, ImportError):
        return _missing(error, path)
    if isinstance(error, ValueError) and "signal only works in main thread" in str(error):
        return (
            f"{said(error)}. Plugins are loaded on a thread, and signals are the server's: take signal.signal out. "
            "What is to be done at the end stands behind the yield of a source."
        )
    if isinstance(error, OSError) and error.filename:
        return f"{type(error).__name__}: {said(error)}. Make the file readable, or handle the error in the plugin."
    return f"The import raised {raised(error)} Correct it, or remove the plugin."


def _missing(error: ImportError, path: Path | None) -> str:
    if not isinstance(error, ModuleNotFoundError):
        return f"{_FOLDER.sub('.', said(error))}. {_near_name(error) or 'Correct the import.'}"
    first = str(error.name).partition(".")[0]
    for dots, folder in _around(path):
        if first and ((folder / f"{first}.py").exists() or (folder / first).is_dir()):
            return f"{said(error)}. It stands beside this plugin: write from {dots}{error.name} import (with the dot)."
    beside = _FOLDER.sub("", error.name or "")
    if beside != error.name:
        return f"There is no {beside.replace('.', '/')}.py beside this plugin. Put it there, or correct the import."
    return f"{said(error)}. Install it where Webhook UI is installed, or correct the import."


def _around(path: Path | None) -> list[tuple[str, Path]]:
    """The folders that a plugin can import from, and how many dots lead there."""
    if path is None:
        return []
    return [(".", path), ("..", path.parent)] if path.is_dir() else [(".", path.parent)]


def _near_name(error: ImportError) -> str:
    """The name that was probably meant, of those that our own module has."""
    wanted = re.match(r"cannot import name '(\w+)'", str(error))
    module = sys.modules.get(error.name or "")
    if wanted is None or module is None or not f"{error.name}.".startswith("webhook_ui."):
        return ""
    names = getattr(module, "__all__", None) or [name for name in dir(module) if not name.startswith("_")]
    near = difflib.get_close_matches(wanted[1], names, n=1)
    return f"Did you mean {near[0]}?" if near else ""


def raised(error: BaseException) -> str:
    """`error` with its class, as a sentence."""
    text = said(error)
    if not text:
        return f"{type(error).__name__}."
    return f"{type(error).__name__}: {text}" + ("" if text.endswith((".", "…")) else ".")


def said(error: object) -> str:
    """The first line of what `error` says, whatever its class makes of `str`."""
    try:
        text = str(error).strip()
    except Exception as second:  # an exception class of the plugin's own
        text = f"(its message cannot be read: {type(second).__name__})"
    return harmless(text.partition("\n")[0])


def harmless(text: str) -> str:
    """`text` without what a terminal or a database would stumble over, and not too long."""
    cleaned = "".join(sign if sign.isprintable() or sign == "\t" else "\ufffd" for sign in text)
    return cleaned if len(cleaned) <= _SHOWN_CHARACTERS else cleaned[: _SHOWN_CHARACTERS - 1] + "…"


def _lines(file: str) -> list[str]:
    try:
        return _LINE_END.split(Path(file).read_bytes().decode(errors="replace"))
    except (OSError, ValueError):
        return []
