"""Where plugins are looked for: built in, in the operator's folder, installed. Finding runs none of them."""

import importlib.metadata
import itertools
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.metadata import EntryPoint
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from types import CodeType, ModuleType

from webhook_ui.plugin_api import PROJECT
from webhook_ui.plugin_problems import harmless, shown_path

_loads = itertools.count(1)


class Source(StrEnum):
    """How a plugin came here."""

    builtin = "builtin"
    file = "file"
    entry_point = "entry point"


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A plugin that was found. `module` is the name its code runs under, `path` what belongs to it on disk.

    `code` answers the file its hooks stand in, where there is one to be read.
    """

    name: str
    source: Source
    where: str
    module: str
    bring: Callable[[], object]
    path: Path | None = None
    code: Callable[[], Path | None] = lambda: None


def names(folder: Path) -> list[str]:
    """The names of all plugins that can be found, those that cannot be loaded among them."""
    found: list[str] = []
    finders: list[Callable[[], list[Candidate]]] = [lambda: in_folder(folder), installed]
    for find in finders:
        with suppress(Exception):  # whoever loads them says what is wrong
            found += [candidate.name for candidate in find()]
    return found


Stamp = tuple[tuple[str, int, int], ...]


def stamps(folder: Path) -> dict[str, Stamp]:
    """What each plugin in `folder` is made of, so that a change of it is noticed; what several share counts for all."""
    shared: list[tuple[str, int, int]] = []
    found: dict[str, list[tuple[str, int, int]]] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.name.startswith("."):
            continue
        seen = _stamps(path)
        if _is_plugin(path):
            found[harmless(path.name if path.is_dir() else path.stem)] = seen
        else:
            shared += seen
    return {name: (*seen, *shared) for name, seen in found.items()}


def stamp(candidate: Candidate) -> Stamp:
    """What this one is made of; nothing of one that is not in the operator's folder."""
    return tuple(_stamps(candidate.path)) if candidate.path else ()


def _stamps(path: Path) -> list[tuple[str, int, int]]:
    files = [*path.rglob("*.py")] if path.is_dir() else [path] if path.suffix == ".py" else []
    return [stamp for file in sorted(files) if (stamp := _stamp(file))]


def _stamp(file: Path) -> tuple[str, int, int] | None:
    try:
        found = file.stat()
    except OSError:  # gone in this moment
        return None
    return str(file), found.st_mtime_ns, found.st_size


def built_in(modules: Sequence[ModuleType]) -> list[Candidate]:
    """The core's own plugins."""
    return [_module(module) for module in modules]


def in_folder(folder: Path, only: str | None = None) -> list[Candidate]:
    """Files and packages, sorted, or the one that is called `only`.

    They live in a package of this load alone, so no name clashes with what is installed, and `from ._shared import …`
    works between them.
    """
    if not folder.exists():
        return []
    package = ModuleType(f"_webhook_ui_plugins_{next(_loads)}")
    package.__path__ = [str(folder.absolute())]
    sys.modules[package.__name__] = package
    paths = [folder / only] if only else [path for path in sorted(folder.iterdir()) if _is_plugin(path)]
    return [_on_disk(path, package.__name__) for path in paths]


def _is_plugin(path: Path) -> bool:
    if path.name.startswith(("_", ".")):
        return False
    return (path / "__init__.py").exists() if path.is_dir() else path.suffix == ".py"


def _on_disk(path: Path, package: str) -> Candidate:
    name = harmless(path.name if path.is_dir() else path.stem)
    module = f"{package}.{name.replace('.', '%2e')}"
    return Candidate(
        name=name,
        source=Source.file,
        where=shown_path(path),
        module=module,
        bring=lambda: _run(module, path.absolute()),
        path=path.absolute(),
        code=lambda: _main_file(path.absolute()),
    )


class _Uncached(SourceFileLoader):
    """Reads the source each time: an edit within the second counts, and nothing is written beside it."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        code: CodeType = self.source_to_code(self.get_data(path), path)
        return code


def _main_file(path: Path) -> Path:
    return path / "__init__.py" if path.is_dir() else path


def _run(name: str, path: Path) -> ModuleType:
    is_package, file = path.is_dir(), str(_main_file(path))
    loader = _Uncached(name, file)
    spec = ModuleSpec(name, loader, origin=file, is_package=is_package)
    spec.has_location = True
    if spec.submodule_search_locations is not None:
        spec.submodule_search_locations.append(str(path))
    module = module_from_spec(spec)
    sys.modules[name] = module  # pydantic and dataclasses look their module up there
    try:
        loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def installed() -> list[Candidate]:
    """What installed distributions offer as entry points."""
    return [_entry_point(each) for each in sorted(importlib.metadata.entry_points(group=PROJECT))]


def _entry_point(entry: EntryPoint) -> Candidate:
    where = f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value
    return Candidate(
        name=entry.name,
        source=Source.entry_point,
        where=where,
        module=entry.value.partition(":")[0].strip().partition(".")[0],
        bring=entry.load,
        code=lambda: _file_of(entry.value.partition(":")[0].strip()),
    )


def _file_of(module: str) -> Path | None:
    with suppress(Exception):  # whoever imports it says what is wrong
        spec = find_spec(module)
        return Path(spec.origin) if spec and spec.has_location and spec.origin else None
    return None


def _module(module: ModuleType) -> Candidate:
    name = module.__name__
    return Candidate(name=name.rpartition(".")[2], source=Source.builtin, where=name, module=name, bring=lambda: module)
