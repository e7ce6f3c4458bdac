"""What mypy, where it is installed, finds in a plugin, for `plugin check`. It finds; it forbids nothing."""

import getpass
import re
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

LIMIT_SECONDS = 180.0  # the first time it reads all that is imported
WITHOUT = "Type hints are only looked up. `pip install mypy` beside Webhook UI has them checked as well."

# what plugins do not use, and what it would read half of all installed packages for
_CONFIG = """[mypy]
[mypy-webhook_ui.mounting,webhook_ui.operators,webhook_ui.transactional]
follow_imports = skip
"""
_FINDING = re.compile(r"(?P<file>.+?):(?P<line>\d+): (?P<kind>error|warning): (?P<words>.*)")


def findings(plugin: Path) -> list[str]:
    """One sentence for each, with its line; or one that says why there are none."""
    if find_spec("mypy") is None:
        return [WITHOUT]
    print("checking types with mypy…", file=sys.stderr, flush=True)
    try:
        ended = subprocess.run(  # noqa: S603 - our own words, and a path
            _command(plugin.absolute()),
            cwd=plugin.absolute().parent.parent,
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return [f"mypy did not come to an end ({type(error).__name__}). Run it by itself: mypy {plugin}"]
    found = [match for line in ended.stdout.splitlines() if (match := _FINDING.fullmatch(line))]
    if not found and ended.returncode != 0:
        said = (ended.stdout + ended.stderr).strip().splitlines() or ["nothing"]
        return [f"mypy could not check it, and said: {said[-1]}"]
    return [f"{_shown(plugin, match['file'])}line {match['line']}: {match['words']}" for match in found]


def _command(plugin: Path) -> list[str]:
    cache = Path(tempfile.gettempdir()) / f"webhook-ui-mypy-{getpass.getuser()}"
    cache.mkdir(mode=0o700, exist_ok=True)
    config = cache / "mypy.ini"
    config.write_text(_CONFIG)
    options = [f"--config-file={config}", f"--cache-dir={cache}", "--no-sqlite-cache"]  # several may use it at once
    options += ["--ignore-missing-imports", "--follow-imports=silent", "--no-error-summary", "--no-color-output"]
    if plugin.parent.name.isidentifier():  # so that it is known what `from ._shared import …` means
        options += ["--namespace-packages", "--explicit-package-bases"]
    return [sys.executable, "-m", "mypy", *options, str(plugin)]


def _shown(plugin: Path, file: str) -> str:
    """Nothing, or, in a package, which of its files it is."""
    return f"{Path(file).name}, " if plugin.is_dir() else ""
