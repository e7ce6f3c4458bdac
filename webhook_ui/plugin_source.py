"""What can be read from a plugin's source without running it: what it needs, what stands there twice, and where."""

import ast
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from webhook_ui import __version__
from webhook_ui.plugin_problems import Mistake, Place

NEEDS = "requires"
OURS = "webhook-ui"
TRIES = 3
_Function = ast.FunctionDef | ast.AsyncFunctionDef


def needs_mistakes(file: Path) -> list[Mistake]:
    """What is against running this file at all: it states that it needs another version."""
    for statement in _body(file):
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == NEEDS for target in targets):
            value = getattr(statement, "value", None)
            sentence = _judge(value.value if isinstance(value, ast.Constant) else None)
            return [Mistake(message=sentence, place=_place(file, statement))] if sentence else []
    return []


def doubled_hooks(file: Path) -> list[Mistake]:
    """Hooks that are defined twice: Python keeps the last one, and the first would be lost in silence."""
    seen: dict[str, int] = {}
    mistakes = []
    for function in _body(file):
        if isinstance(function, _Function) and any(map(_is_mark, function.decorator_list)):
            if function.name in seen:
                lines = f"in line {seen[function.name]} and in line {function.lineno}"
                message = f"{function.name} is defined twice, {lines}: only the last one counts. Make one of them."
                mistakes.append(Mistake(message=message, place=_place(file, function)))
            seen[function.name] = function.lineno
    return mistakes


def place_of_text(file: str, text: str) -> Place | None:
    """Where `text` stands in quotes for the last time: of what is there twice, that is the one too many."""
    found = [
        node.lineno for node in ast.walk(_tree(Path(file))) if isinstance(node, ast.Constant) and node.value == text
    ]
    return Place(file=file, line=max(found)) if found else None


def _judge(wanted: object) -> str:
    example = f'Write {NEEDS} = "{OURS}>=0.1,<2".'
    if not isinstance(wanted, str):
        return f"{NEEDS} says which version of Webhook UI the plugin needs, as a text in quotes. {example}"
    try:
        needed = Requirement(wanted)
    except InvalidRequirement:
        return f"{NEEDS} cannot be read. {example}"
    if canonicalize_name(needed.name) != OURS:
        return f"{NEEDS} names {needed.name}, but only {OURS} is looked at. {example}"
    if needed.specifier.contains(__version__, prereleases=True):
        return ""
    return (
        f"It needs {wanted}, and this is {OURS} {__version__}. Install a version of the plugin for this one, "
        f"or another {OURS}."
    )


def _tree(file: Path) -> ast.Module:
    for _ in range(TRIES):
        try:
            return ast.parse(file.read_bytes())
        except SystemError:  # Python 3.11 counts the depth of all threads' trees together, and stumbles over that
            continue
        except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):  # whoever imports it says what is wrong
            break
    return ast.Module(body=[], type_ignores=[])


def _body(file: Path) -> Iterator[ast.stmt]:
    yield from _tree(file).body


def _is_mark(decorator: ast.expr) -> bool:
    named = decorator.func if isinstance(decorator, ast.Call) else decorator
    return (named.attr if isinstance(named, ast.Attribute) else getattr(named, "id", "")) == "hookimpl"


def _place(file: Path, node: ast.stmt) -> Place:
    return Place(file=str(file), line=node.lineno)
