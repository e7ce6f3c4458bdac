"""Dispatcher processes beside the web process: kept alive, told to stop, and never left behind."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType

import structlog

from webhook_ui.settings import PREFIX, Settings

STOP_GRACE = 10.0  # seconds that attempts in flight get when a process is asked to stop
RECORD_GRACE = 5.0  # seconds more to record what came of them; then it is ended
FIRST_WAIT, LONGEST_WAIT = 1.0, 30.0  # seconds before a worker that died is started again
STEADY = 60.0  # seconds after which a worker counts as having started well

log = structlog.get_logger()

_last_deeds: list[Callable[[], object]] = []
_told = threading.Event()


def on_stop(stop: Callable[[], object]) -> None:
    """Calls `stop` at the first SIGINT or SIGTERM, or now if that has come. The second ends the process at once.

    That loses no more than a crash does: what is in flight is claimed again after its lease. Main thread only.
    """

    def first(_number: int, _frame: FrameType | None) -> None:
        _told.set()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, leave)
        stop()

    if _told.is_set():
        stop()
        return
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, first)


def is_told_to_stop() -> bool:
    """Whether the first signal has come. What `stop` raises is lost where a finalizer is being run just then."""
    return _told.is_set()


def before_leaving(do: Callable[[], object]) -> None:
    """Has `do` done also where the process is ended at once; it must be quick, and raise nothing."""
    _last_deeds.append(do)


def leave(_number: int = 0, _frame: FrameType | None = None) -> None:
    """Ends the process at once."""
    for do in _last_deeds:
        do()
    os._exit(1)


def follow_parent() -> None:
    """Stops this process as SIGTERM does once its standard input ends: whoever started it is gone then."""

    def watch() -> None:
        while os.read(sys.stdin.fileno(), 1024):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(STOP_GRACE + RECORD_GRACE)
        leave()

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


@contextmanager
def beside(settings: Settings, count: int, options: Sequence[str] = ()) -> Iterator[None]:
    """`count` dispatcher processes with the same settings (and `options`); one that dies is started again."""
    networks = ",".join(str(network) for network in settings.allowed_networks)
    environment = {**os.environ, f"{PREFIX}ALLOWED_NETWORKS": networks}
    workers = [_Worker(environment, options) for _ in range(count)]
    try:
        yield
    finally:
        for worker in workers:
            worker.tell()
        deadline = time.monotonic() + STOP_GRACE + RECORD_GRACE
        for worker in workers:
            worker.end(deadline - time.monotonic())


class _Worker:
    """One place for a worker, and a thread that fills it again when its process has died."""

    def __init__(self, environment: Mapping[str, str], options: Sequence[str]) -> None:
        self._environment, self._options = environment, options
        self._process: subprocess.Popen[bytes] | None = None
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="worker-keeper", daemon=True)
        self._keeper.start()

    def tell(self) -> None:
        """Asks it to stop."""
        with self._lock:
            self._stop.set()
            if self._process is not None:
                self._process.terminate()

    def end(self, patience: float) -> None:
        """Waits until it has stopped, and ends it when that takes longer than `patience` seconds."""
        self._keeper.join(max(patience, 0))
        if self._keeper.is_alive() and self._process is not None:
            log.warning("worker.ended", pid=self._process.pid, reason="It did not stop in time.")
            self._process.kill()
            self._keeper.join()

    def _keep(self) -> None:
        wait = FIRST_WAIT
        while not self._stop.is_set():
            try:
                process = self._start()
            except OSError as error:  # no memory or no process to be had at this moment
                log.warning("worker.not_started", reason=str(error), again_in_seconds=wait)
                self._stop.wait(wait)
                wait = min(wait * 2, LONGEST_WAIT)
                continue
            if process is None:
                return
            began = time.monotonic()
            code = process.wait()
            if self._stop.is_set():
                return
            if time.monotonic() - began > STEADY:
                wait = FIRST_WAIT
            log.warning("worker.died", exit_code=code, again_in_seconds=wait)
            self._stop.wait(wait)
            wait = min(wait * 2, LONGEST_WAIT)

    def _start(self) -> subprocess.Popen[bytes] | None:
        with self._lock:
            if self._stop.is_set():
                return None
            # its input is a pipe that ends with us, and Ctrl+C reaches it by us alone
            self._process = subprocess.Popen(  # noqa: S603 - our own words
                [sys.executable, "-m", "webhook_ui", "worker", "--attached", *self._options],
                env=self._environment,
                stdin=subprocess.PIPE,
                start_new_session=True,
            )
            return self._process
