"""`webhook-ui` as a shell finds it in tests: a fork (tests/zygote.py) in place of an interpreter that imports it all.

    python -S tests/typed.py FD ARGUMENT…    # FD leads to the zygote

The fork has this process's arguments, folder, environment and standard streams, is sent on its signals, and ends with
it; this process ends as the fork does.
"""

import json
import os
import signal
import socket
import sys
from pathlib import Path
from types import FrameType


def run(zygote: socket.socket, arguments: list[str]) -> int:
    """How the fork ended; a signal is negative."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    request = json.dumps([["-m", "webhook_ui", *arguments], str(Path.cwd()), dict(os.environ)]).encode()
    with theirs:
        socket.send_fds(zygote, [request], [theirs.fileno(), 0, 1, 2])
    pid = int(ours.recv(16))

    def send_on(number: int, _: FrameType | None) -> None:
        os.kill(pid, number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, send_on)
    return int(ours.recv(16))


if __name__ == "__main__":
    code = run(socket.socket(fileno=int(sys.argv[1])), sys.argv[2:])
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    sys.exit(code)
