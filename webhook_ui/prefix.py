"""Under which path the application stands: mounts, `root_path` and what proxies say become one, known to all below.

Below the door `scope["root_path"]` is the whole of it, `scope["path"]` begins with it, and nobody else need care.
"""

import re

from starlette.types import Scope

FORWARDED = b"x-forwarded-prefix"
LONGEST = 200
_PREFIX = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+")  # no dots in front, no `//`: it stands in links


def settle(scope: Scope) -> Scope:
    """The same request, with every prefix in `root_path` and in `path`."""
    root: str = scope.get("root_path", "")
    outer: str = scope.get("app_root_path", root)  # what was there before our mount
    path: str = scope["path"]
    if not _is_below(path, root):
        path = outer + path  # the application was told its prefix, and the proxy has taken it off
    given = _forwarded(scope)
    prefix = "" if given == outer else given  # said twice it counts once
    settled = {**scope, "root_path": prefix + root, "path": prefix + path}
    settled["headers"] = [pair for pair in scope["headers"] if pair[0] != FORWARDED]
    return settled


def path_below(scope: Scope) -> str:
    """The path of a settled request as the application itself names it; it begins with `/`."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path[len(root) :] or "/" if root and _is_below(path, root) else path


def _is_below(path: str, root: str) -> bool:
    return not root or path == root or path.startswith(f"{root}/")


def _forwarded(scope: Scope) -> str:
    given = next((value for name, value in scope["headers"] if name == FORWARDED), b"").decode("latin-1").rstrip("/")
    return given if len(given) <= LONGEST and _PREFIX.fullmatch(given) else ""
