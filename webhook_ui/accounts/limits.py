"""What holds in this process only: how often somebody may try to sign in, and the code for the first account.

Time is passed in, in seconds of a clock that only goes forward.
"""

import ipaddress
import math
import secrets
from collections import OrderedDict, deque
from dataclasses import dataclass

from webhook_ui.errors import Throttled
from webhook_ui.languages import tr, trn

WINDOW = 60.0
PER_ACCOUNT = 5
PER_ADDRESS = 20
REMEMBERED = 20_000  # keys of each sort; the one that was tried longest ago is forgotten first
CODE_LIFETIME = 15 * 60.0


@dataclass(frozen=True, kw_only=True)
class Tries:
    """How many more tries are heard now, and in how many seconds there will be one more."""

    left: int
    wait: float


class _Window:
    """At most `limit` tries of one key within any minute."""

    def __init__(self, limit: int, remembered: int) -> None:
        self.limit = limit
        self._remembered = remembered
        self._tries: OrderedDict[str, deque[float]] = OrderedDict()

    def look(self, key: str, now: float) -> Tries:
        tries = self._tries.get(key, deque())
        while tries and tries[0] <= now - WINDOW:
            tries.popleft()
        return Tries(left=self.limit - len(tries), wait=tries[0] + WINDOW - now if tries else 0.0)

    def add(self, key: str, now: float) -> None:
        self._tries.setdefault(key, deque()).append(now)
        self._tries.move_to_end(key)
        while len(self._tries) > self._remembered:
            self._tries.popitem(last=False)

    def forget(self, key: str) -> None:
        self._tries.pop(key, None)


class SignInLimiter:
    """5 tries a minute per account and 20 per address; nobody else's tries count."""

    def __init__(self, *, remembered: int = REMEMBERED) -> None:
        self._accounts = _Window(PER_ACCOUNT, remembered)
        self._addresses = _Window(PER_ADDRESS, remembered)

    def attempt(self, email: str, address: str, now: float) -> Tries:
        """Counts a try and says what is left. Raises Throttled, and counts nothing, when there is none left."""
        windows = ((self._accounts, _account_key(email)), (self._addresses, _address_key(address)))
        waits = [tries.wait for tries in (window.look(key, now) for window, key in windows) if tries.left <= 0]
        if waits:
            seconds = math.ceil(max(waits))
            raise Throttled(
                tr("Too many tries to sign in. Wait {seconds}, then try again.", seconds=_seconds(seconds)), seconds
            )
        for window, key in windows:
            window.add(key, now)
        return min((window.look(key, now) for window, key in windows), key=lambda tries: tries.left)

    def succeed(self, email: str) -> None:
        """The password was right: the account's tries are forgotten, the address's are not."""
        self._accounts.forget(_account_key(email))


class SetupCode:
    """The code in the link that the server prints while no account exists: for 15 minutes, once."""

    def __init__(self, now: float) -> None:
        self.text = secrets.token_urlsafe(32)
        self._until = now + CODE_LIFETIME
        self._spent = False

    def fits(self, text: str, now: float) -> bool:
        """Whether `text` opens the form for the first account."""
        right = secrets.compare_digest(text.encode(errors="replace"), self.text.encode())
        return right and not self._spent and now < self._until

    def spend(self) -> None:
        """The first account is there: the code never fits again."""
        self._spent = True


def _account_key(email: str) -> str:
    return email.strip().lower()[:320]


def _address_key(address: str) -> str:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    # one subscriber of IPv6 owns at least a /64
    return str(ip.ipv4_mapped or ipaddress.IPv6Network((int(ip) >> 64 << 64, 64)))


def _seconds(number: int) -> str:
    return trn("{n} second", "{n} seconds", number)
