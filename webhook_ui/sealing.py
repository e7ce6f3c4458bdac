"""The secret key: seals what must not lie readable in the database, and digests what need only be recognised."""

import base64
import hashlib
import os
import secrets
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from webhook_ui.errors import UsageError


class FernetSealer:
    """Encrypts texts with a key derived from the secret key."""

    def __init__(self, key: str) -> None:
        derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"webhook-ui sealed columns").derive(key.encode())
        self._fernet = Fernet(base64.urlsafe_b64encode(derived))

    def seal(self, text: str) -> str:
        """`text`, encrypted; another result each time."""
        return self._fernet.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """The text behind `seal`. Raises UsageError when it was sealed with another key."""
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise UsageError(
                "The secret key does not fit this database: it was sealed with another one. "
                "Put the right key into WEBHOOK_UI_SECRET_KEY or data/secret.key."
            ) from None


def load_key(data_dir: Path, setting: str | None) -> str:
    """The secret key: the setting, else the file in `data_dir`, which is made if it is missing. Raises UsageError."""
    if setting is not None:
        return setting
    path = data_dir / "secret.key"
    try:
        return _read_or_make(path)
    except OSError as error:
        raise UsageError(
            f"The secret key {path.absolute()} cannot be read or made ({error.strerror}). "
            "Correct the folder's rights, or set WEBHOOK_UI_SECRET_KEY."
        ) from None


def _read_or_make(path: Path) -> str:
    # the file appears whole or not at all, also when two processes start at once
    if not path.exists():
        draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    key = path.read_text(errors="replace").strip()
    if not key or "\ufffd" in key:
        fault = "holds no text" if key else "is empty"
        raise UsageError(f"The secret key file {path.absolute()} {fault}. Put the key back, or delete the file.")
    return key


def digest(text: str) -> str:
    """SHA-256 in hex, for secrets long and random enough to need no salt (session cookies, API tokens)."""
    return hashlib.sha256(text.encode()).hexdigest()
