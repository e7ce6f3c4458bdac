"""Which headers operators may give a webhook, and which a signer may add. Pure."""

import re
from collections.abc import Mapping

from webhook_ui.errors import Invalid
from webhook_ui.guard import shown
from webhook_ui.languages import tr

HEADERS, NAME_BYTES, VALUE_BYTES, HEADER_BYTES = 50, 128, 4096, 8192

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"(?:[!-~](?:[ \t!-~]*[!-~])?)?")
_FORBIDDEN = frozenset({"accept-encoding", "connection", "cookie", "expect", "host", "http2-settings", "keep-alive"})
_FORBIDDEN |= {"te", "trailer", "trailers", "transfer-encoding", "upgrade", "user-agent"}
_FORBIDDEN_STARTS = ("webhook-", "content-", "proxy-")


def check_headers(headers: Mapping[str, str]) -> None:
    """Checks an operator's own delivery headers. Raises Invalid with the field `headers`."""
    if len(headers) > HEADERS:
        raise Invalid(
            {"headers": tr("There are {count} headers; at most {most} are allowed.", count=len(headers), most=HEADERS)}
        )
    seen: set[str] = set()
    for name, value in headers.items():
        if reason := _judge_header(name, value) or (tr("is given twice") if name.lower() in seen else None):
            raise Invalid(
                {
                    "headers": tr(
                        "The header {name} {reason}.", name=shown(name) or tr("(without a name)"), reason=reason
                    )
                }
            )
        seen.add(name.lower())
    if (size := sum(len(name) + len(value) for name, value in headers.items())) > HEADER_BYTES:
        raise Invalid(
            {
                "headers": tr(
                    "The headers have {count} bytes together; at most {most} are allowed.",
                    count=size,
                    most=HEADER_BYTES,
                )
            }
        )


def is_header(name: str, value: str) -> bool:
    """Whether a signer may add this header: HTTP can carry it, and it does not say how the body is carried."""
    return (
        len(name) <= NAME_BYTES
        and len(value) <= VALUE_BYTES
        and name.lower() not in _FORBIDDEN
        and bool(_TOKEN.fullmatch(name) and _VALUE.fullmatch(value))
    )


def _judge_header(name: str, value: str) -> str | None:
    if len(name) > NAME_BYTES:
        return tr("has a name of more than {count} characters", count=NAME_BYTES)
    if not _TOKEN.fullmatch(name):
        return tr("has a name that HTTP does not allow: use letters, digits and hyphens")
    if name.lower() in _FORBIDDEN or name.lower().startswith(_FORBIDDEN_STARTS):
        return tr("is set by the delivery itself and cannot be changed")
    if len(value) > VALUE_BYTES:
        return tr("has a value of more than {count} characters", count=VALUE_BYTES)
    if not _VALUE.fullmatch(value):
        return tr("has a value that HTTP does not allow: use printable ASCII without blanks around it")
    return None
