"""The one family of errors. Each message tells a person what is wrong and what to do."""

from collections.abc import Mapping


class WebhookUIError(Exception):
    """Base of everything this package raises on purpose. `str(error)` is for people."""


class UsageError(WebhookUIError):
    """A command, a setting or the machine's state does not let the program go on; commands exit with 2."""


class Invalid(WebhookUIError):  # noqa: N818 - reads as what it says: the input is invalid
    """Input that is refused before anything is stored.

    `fields` maps the name of each field to what is wrong with it; the empty name stands for the whole input.
    """

    def __init__(self, fields: Mapping[str, str]) -> None:
        self.fields = dict(fields)
        super().__init__(" ".join(f"{name}: {message}" if name else message for name, message in self.fields.items()))


class NotFound(WebhookUIError):  # noqa: N818
    """What was asked for is not there, or is not there any more."""


class Conflict(WebhookUIError):  # noqa: N818
    """The request is right in itself but does not fit the present state."""


class Forbidden(WebhookUIError):  # noqa: N818
    """The actor's role does not allow this."""


class Throttled(WebhookUIError):  # noqa: N818
    """Too many attempts; `retry_after` says in how many seconds the next one is heard."""

    def __init__(self, message: str, retry_after: float) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class Unavailable(WebhookUIError):  # noqa: N818
    """The database cannot be reached or cannot store; nothing was changed, try again."""


class PluginFault(WebhookUIError):  # noqa: N818 - the glossary's word, as with the other errors
    """A plugin's code raised, took too long, or is switched off; the message names the plugin."""
