"""`init`: writes the folders that a checkout has and an installed package has not."""

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated

import typer

from webhook_ui.errors import UsageError


def init(folder: Annotated[Path, typer.Argument(help="Where to write them.")] = Path()) -> None:
    """Writes `plugins/` with the shipped plugins and `data/`; what is already there stays as it is."""
    try:
        for line in _copy(files("webhook_ui.cli") / "starter", folder):
            typer.echo(line)
    except OSError as error:
        raise UsageError(f"{folder.absolute()} cannot be written ({error.strerror}). Name another folder.") from None
    typer.echo("Next: webhook-ui" + ("" if folder == Path() else f" (in {folder})"))


def _copy(source: Traversable, target: Path) -> list[str]:
    target.mkdir(parents=True, exist_ok=True)
    lines = []
    for entry in sorted(source.iterdir(), key=lambda entry: entry.name):
        goal = target / entry.name
        if entry.is_dir():
            lines += _copy(entry, goal)
        elif goal.exists():
            lines.append(f"kept     {goal}")
        else:
            goal.write_bytes(entry.read_bytes())
            lines.append(f"written  {goal}")
    return lines
