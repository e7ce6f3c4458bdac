"""Passwords: argon2id. Slow on purpose, so never called on the event loop or inside a transaction."""

import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from webhook_ui.errors import Invalid
from webhook_ui.languages import tr

SHORTEST = 10
LONGEST = 1024

TIME_COST, MEMORY_COST, PARALLELISM = 3, 65536, 4  # RFC 9106, the profile for little memory: 64 MiB

_hasher = PasswordHasher(time_cost=TIME_COST, memory_cost=MEMORY_COST, parallelism=PARALLELISM)
# no password leads to it, and verifying against it takes as long as against a real one
NOBODY = f"$argon2id$v=19$m={MEMORY_COST},t={TIME_COST},p={PARALLELISM}${'A' * 22}${'A' * 43}"


def hash_password(password: str) -> str:
    """The hash to store. Raises Invalid for a password that is too short or too long."""
    password = _normal(password)
    if len(password) < SHORTEST:
        raise Invalid({"password": tr("Use at least {count} characters.", count=SHORTEST)})
    if len(password) > LONGEST:
        raise Invalid({"password": tr("Use at most {count} characters.", count=LONGEST)})
    try:
        return _hasher.hash(password)
    except UnicodeEncodeError:
        raise Invalid({"password": tr("Use characters that can be written as UTF-8.")}) from None


def verify_password(password_hash: str | None, password: str) -> bool:
    """Whether the password is right. None stands for an account that does not exist; it takes as long."""
    password = _normal(password)[: LONGEST + 1]
    try:
        return _hasher.verify(password_hash or NOBODY, password)
    except (VerificationError, InvalidHashError, UnicodeEncodeError):
        return False


def _normal(password: str) -> str:
    # one keyboard sends "é" as one character, another as two
    return unicodedata.normalize("NFKC", password)
