"""An attempt as a command that sends the same bytes again, for any POSIX shell. Pure."""

import re
import shlex
from collections.abc import Sequence
from datetime import datetime, timedelta

from webhook_ui import guard
from webhook_ui.errors import Invalid
from webhook_ui.languages import tr
from webhook_ui.letters import MASK

SHORT_BODY = 100_000  # Linux takes no argument of 128 KiB
EXPECT_FROM = 1024  # some versions of curl ask before they send more, which deliveries never do
TOLERANCE = timedelta(minutes=5)
_ANYWHERE = guard.Policy(allowed_networks=guard.parse_networks("0.0.0.0/0,::/0"))
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
_SPEAKING = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def command(url: str, headers: Sequence[Sequence[str]], body: str) -> str:
    """The command. Values that the log masks stay masked; what `notes` says belongs to it."""
    lines = ["curl -i -g --path-as-is --http1.1", shlex.quote(_target(url))]
    given = {name.lower() for name, _ in headers}
    # what the sender adds itself and curl would not
    own = [("accept-encoding", "identity")] if "accept-encoding" not in given else []
    if len(body.encode()) > EXPECT_FROM:
        own.append(("expect", ""))
    lines += [f"-H {shlex.quote(f'{name}: {value}' if value else f'{name};')}" for name, value in headers]
    lines += [f"-H {shlex.quote(f'{name}: {value}'.rstrip())}" for name, value in own]
    if len(body) <= SHORT_BODY and not _CONTROLS.search(body.replace("\n", "")):
        return _joined([*lines, f"--data-raw {shlex.quote(body)}"])
    # a long argument is refused by the system, a pasted tab or carriage return is changed by the terminal
    return f"printf -- {shlex.quote(_escape(body))} | {_joined([*lines, '--data-binary @-'])}"


def notes(headers: Sequence[Sequence[str]], at: datetime, now: datetime) -> list[str]:
    """What whoever runs the command has to know, as sentences."""
    told: list[str] = []
    hidden = [name for name, value in headers if value == MASK]
    if hidden:
        told.append(
            tr("Put in the value of {names} for {mask}: the log does not keep it.", names=_listed(hidden), mask=MASK)
        )
    if any(name.lower() == "webhook-timestamp" for name, _ in headers):
        if now - at > TOLERANCE:
            told.append(tr("Its timestamp is older than 5 minutes, so who checks the signature refuses it."))
        else:
            told.append(tr("Its timestamp ages: who checks the signature refuses it after 5 minutes."))
    return told


def _target(url: str) -> str:
    """The URL as it is sent, or as it was written where it cannot be sent."""
    try:
        target = guard.check_url(url, _ANYWHERE)
    except Invalid:
        return url
    default = {"http": 80, "https": 443}[target.scheme]
    host = f"[{target.host}]" if ":" in target.host else target.host
    return f"{target.scheme}://{host if target.port == default else target.place}{target.resource}"


def _joined(lines: Sequence[str]) -> str:
    return " \\\n  ".join(lines)


def _escape(body: str) -> str:
    """`body` as a format of `printf`, in one line."""
    plain = body.replace("\\", "\\\\").replace("%", "%%")
    return _CONTROLS.sub(lambda found: _SPEAKING.get(found[0]) or f"\\{ord(found[0]):03o}", plain)


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else tr("{names} and {last}", names=", ".join(names[:-1]), last=names[-1])
