"""Mail: what plugins share that write e-mail. No plugin by itself, as its name begins with _."""

import smtplib
import ssl
from email.message import EmailMessage
from pathlib import Path
from socket import gethostname
from typing import Literal, Self

from pydantic import BaseModel, Field, SecretStr, model_validator

SECONDS = 15.0  # that the server has for each answer


class MailServer(BaseModel):
    """Settings: who takes mails."""

    host: str = "localhost"
    port: int = Field(587, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    ca_file: Path | None = None
    """Certificates to trust in place of the system's."""
    user: str | None = None
    password: SecretStr | None = None

    @model_validator(mode="after")
    def check(self) -> Self:
        if self.password is not None and self.security == "none":
            raise ValueError("a password is never sent in the clear: set security to starttls or tls")
        return self


def send(to: MailServer, mail: EmailMessage) -> list[str]:
    """Hands a mail over, and answers the addresses that were refused. Raises ConnectionError. Blocks."""
    try:
        with _connect(to) as server:
            if to.user is not None and to.password is not None:
                server.login(to.user, to.password.get_secret_value())
            return sorted(server.send_message(mail))
    except OSError as error:  # of which smtplib's errors are some
        raise ConnectionError(f"the mail server {to.host}, port {to.port}, took no mail: {error}") from error


def _connect(to: MailServer) -> smtplib.SMTP:
    context, where = ssl.create_default_context(cafile=to.ca_file), (to.host, to.port, gethostname())
    if to.security == "tls":
        return smtplib.SMTP_SSL(*where, timeout=SECONDS, context=context)
    server = smtplib.SMTP(*where, timeout=SECONDS)
    if to.security == "starttls":
        server.starttls(context=context)
    return server


def line(text: str, most: int = 300) -> str:
    """A foreign text as one line that can do no harm."""
    shown = "".join(sign if sign.isprintable() else " " for sign in text)
    return shown if len(shown) <= most else f"{shown[:most]}…"
