"""Where the dashboard stands, as the browser at hand sees it: pages name paths below it, links need the whole."""

from nicegui import context


def root() -> str:
    """The path of the dashboard's own `/` without that slash; empty unless it is mounted or behind a prefix."""
    request = context.client.request
    found: str = request.scope.get("root_path", "") if request else ""
    return found


def whole(path: str) -> str:
    """A path of the dashboard as the browser names it."""
    return root() + path
