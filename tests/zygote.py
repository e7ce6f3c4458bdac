"""Commands of the product as real processes that start in hundredths of a second.

`python -m webhook_ui …` imports for nearly two seconds before it does anything, and tests start some hundred of them.
So each process of pytest keeps one that has imported all of it and does nothing but fork: a child gets the arguments,
folder, environment and standard streams of its own, and runs the module as `python -m` does. It is a process like any
other: it has a number, takes signals, and kill -9 ends it.

What a fork cannot show is the start itself (the time it takes, what is imported, the interpreter's own options, how the
command is found), what a password costs, and that each answer has a nonce of its own (test_shell asks for that). The
tests of the start start the real thing (`Installation.run(..., really=True)` in test_cli and test_demo, `python` and
`pytest` in test_readme and test_guide, the wheel in test_cli, the workers that `serve` starts itself).

    python -m tests.zygote FD    # as the tests start it: requests arrive at a socket, one after the other
"""

import atexit
import functools
import gc
import importlib
import json
import os
import random
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

from tests.passwords import hash_cheaply

ROOT = Path(__file__).parent.parent
Stream = IO[Any] | int
OURS = ("WEBHOOK_UI_", "NICEGUI_", "PYTEST_", "PYTHON")  # what may be read at import and is a child's own business


class Child:
    """A forked command, with as much of `subprocess.Popen` as tests use."""

    def __init__(self, command: Sequence[str], pid: int, keeper: socket.socket) -> None:
        self.args, self.pid, self.returncode = command, pid, None
        self._keeper, self._lock = keeper, threading.Lock()

    returncode: int | None

    def poll(self) -> int | None:
        """How it ended, a signal as a negative number; None: it runs."""
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        """Waits until it has ended; raises `subprocess.TimeoutExpired`."""
        code = self._look(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        """Harmless when it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _look(self, timeout: float | None) -> int | None:
        with self._lock:
            if self.returncode is None:
                self._keeper.settimeout(timeout)
                try:
                    self.returncode = int(self._keeper.recv(16))
                except (TimeoutError, BlockingIOError):
                    return None
                self._keeper.close()
            return self.returncode


def start(
    command: Sequence[str], *, cwd: Path, env: Mapping[str, str], stdin: Stream, stdout: Stream, stderr: Stream
) -> Child:
    """Starts `[sys.executable, "-m", module, …]`, or with `-c` and a text, as `subprocess.Popen` does."""
    python, *arguments = command
    assert python == sys.executable, f"a fork is this interpreter: {command}"
    assert arguments[0] in {"-m", "-c"}, f"no module of ours: {command}"
    request = json.dumps([list(map(str, arguments)), str(cwd), dict(env)]).encode()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs, Path(os.devnull).open("r+b", buffering=0) as nothing:
        streams = (stdin, stdout, stdout if stderr == subprocess.STDOUT else stderr)
        assert all(stream == subprocess.DEVNULL for stream in streams if isinstance(stream, int)), "no pipes here"
        numbers = [(nothing if isinstance(stream, int) else stream).fileno() for stream in streams]
        socket.send_fds(zygote(), [request], [theirs.fileno(), *numbers])
    return Child(command, int(ours.recv(16)), ours)


def run(
    command: Sequence[str], *, cwd: Path, env: Mapping[str, str], input: str = "", timeout: float
) -> "subprocess.CompletedProcess[str]":
    """As `subprocess.run` does, with captured text."""
    with ExitStack() as stack:
        files = [stack.enter_context(tempfile.TemporaryFile("w+", encoding="utf-8")) for _ in range(3)]
        files[0].write(input)
        files[0].seek(0)
        child = start(command, cwd=cwd, env=env, stdin=files[0], stdout=files[1], stderr=files[2])
        try:
            code = child.wait(timeout)
        finally:
            child.kill()
        for file in files:
            file.seek(0)
        return subprocess.CompletedProcess(command, code, files[1].read(), files[2].read())


@functools.cache
def zygote() -> socket.socket:
    """The one of this process; it ends with the process, as its socket is closed then. A message is a request."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    command = [sys.executable, "-u", "-m", "tests.zygote", str(theirs.fileno())]
    with theirs:
        process = subprocess.Popen(command, cwd=ROOT, env=clean, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def _serve(requests: socket.socket) -> Callable[[], object] | None:
    """Forks for every request. Returns in a child, with what it has to run; None: nobody asks any more."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # keepers come and go
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is pytest's
    gc.collect()
    gc.freeze()
    while True:
        request, streams, _, _ = socket.recv_fds(requests, 1 << 20, 4)
        if not request:
            return None
        if os.fork() == 0:
            requests.close()
            return _keep(request, *streams)
        for stream in streams:
            os.close(stream)


def _keep(request: bytes, asker: int, *streams: int) -> Callable[[], object] | None:
    """Stands between zygote and child, to see how the child ends. It ends the child when nobody is left to be told."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid == 0:
        return functools.partial(_become, request, streams)
    for stream in streams:
        os.close(stream)
    os.write(asker, str(pid).encode())
    child = os.pidfd_open(pid)
    ended, _, _ = select.select([child, asker], [], [])
    if child not in ended:
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    try:
        os.write(asker, str(os.waitstatus_to_exitcode(status)).encode())
    finally:
        os._exit(0)


def _become(request: bytes, streams: Sequence[int]) -> None:
    """Turns this process into what `python -m` would have started, and runs it."""
    (option, what, *arguments), folder, environment = json.loads(request)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.closerange(3, 256)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    time.tzset()
    random.seed()
    given = environment.get("PYTHONPATH", "")
    sys.path[:1] = [folder, *(given.split(os.pathsep) if given else [])]
    sys.argv = [option, *arguments]
    if option == "-c":
        exec(compile(what, "<string>", "exec"), {"__name__": "__main__"})
    else:
        runpy.run_module(what, run_name="__main__", alter_sys=True)


def _import_all() -> None:
    for name in ("psycopg", "uvicorn", "webhook_ui.serving", "webhook_ui.cli"):
        importlib.import_module(name)
    hash_cheaply()
    # a browser takes a script for one that it has compiled before only if it comes with the same nonce
    importlib.import_module("webhook_ui.security_headers").new_nonce = lambda: "one-for-all-tests"


if __name__ == "__main__":
    _import_all()
    job = _serve(socket.socket(fileno=int(sys.argv[1])))
    if job is not None:
        job()
