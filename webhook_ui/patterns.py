"""Patterns: a webhook listens to a trigger by its name, or by a group such as `user.*`."""

import re

PATTERN = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)*\.(\*|[a-z0-9_]+)")


def patterns(trigger: str) -> list[str]:
    """What a webhook may have chosen to hear of `trigger`: its name, and `a.b.*`, `a.*` above it."""
    parts = trigger.split(".")
    return [trigger, *(".".join([*parts[:depth], "*"]) for depth in range(len(parts) - 1, 0, -1))]


def matches(pattern: str, trigger: str) -> bool:
    """Whether a webhook that chose `pattern` hears of `trigger`."""
    return pattern == trigger or (pattern.endswith(".*") and trigger.startswith(pattern[:-1]))
