"""Alerts: writes an e-mail when a webhook begins to fail, is up again, is disabled, or gives up on deliveries.

Set WEBHOOK_UI_ALERTS_TO to a JSON list of addresses and …_HOST to the mail server; …_PORT (587), …_SECURITY (starttls,
tls, none), …_USER, …_PASSWORD and …_CA_FILE say how to speak to it, …_SENDER who writes. With WEBHOOK_UI_PUBLIC_URL a
mail says where the webhook stands. To try it, fire webhook.failing on the page Triggers.

What came up together is one mail. That a webhook gives up on deliveries is said once, and anew when it was up again, or
a day after the last one. A mail server that is away is tried until it takes the mail; a restart repeats nothing.
"""

import asyncio
import json
from collections.abc import Sequence
from email.message import EmailMessage
from email.utils import format_datetime

from pydantic import EmailStr, Field

from webhook_ui import Host, Notice, hookimpl, needs_settings

from ._mail import MailServer, line, send

DAY = 86_400.0
HEADLINES = {
    "webhook.failing": "is failing",
    "webhook.recovered": "is up again",
    "webhook.disabled": "is disabled",
    "delivery.exhausted": "has given up on deliveries",
}


class Settings(MailServer):
    """Without an address nothing is written. What the mail server needs stands in `_mail.MailServer`."""

    to: list[EmailStr] = Field(default_factory=list)
    sender: EmailStr | None = None
    """Default: the first of those that are written to."""


@hookimpl
def register_settings() -> type[Settings]:
    return Settings


@hookimpl
@needs_settings("to")
async def notified(host: Host, notices: Sequence[Notice]) -> None:
    setting: Settings = host.setting
    given_up: dict[str, float] = json.loads(await host.checkpoint() or "{}")  # by webhook, when that was said last
    news = [notice for notice in notices if is_news(notice, given_up)]
    if news and (refused := await asyncio.to_thread(send, setting, letter(setting, notices, news))):
        host.log.warning("alerts.refused", addresses=refused)
    now = notices[-1].at.timestamp()
    await host.emit_many([], checkpoint=json.dumps({uid: at for uid, at in given_up.items() if at > now - DAY}))


def is_news(notice: Notice, given_up: dict[str, float]) -> bool:
    """Whether to write of it; notes in `given_up` what is said once."""
    uid, at = notice.payload["webhook"]["uid"], notice.at.timestamp()
    if notice.trigger == "delivery.exhausted":
        before, given_up[uid] = given_up.get(uid, 0), at
        return at - before > DAY
    if notice.trigger == "webhook.recovered":
        given_up.pop(uid, None)
    return True


def letter(setting: Settings, notices: Sequence[Notice], news: Sequence[Notice]) -> EmailMessage:
    """One mail about all of it; what is given up is counted in `notices`."""
    made, title = EmailMessage(), headline(news[0])
    made["Subject"] = title if len(news) == 1 else f"{title}, and {len(news) - 1} more"
    made["From"], made["To"] = setting.sender or setting.to[0], ", ".join(setting.to)
    made["Date"] = format_datetime(notices[-1].at)
    made["Message-ID"] = f"<{notices[-1].event_id}@webhook-ui>"  # the same, should it be sent twice
    made.set_content("\n\n".join(paragraph(notice, notices) for notice in news) + "\n")
    return made


def paragraph(notice: Notice, notices: Sequence[Notice]) -> str:
    """What one notice says: which webhook, why, how often, since when, and where to look."""
    said, before = notice.payload, "Before: " if notice.trigger == "webhook.recovered" else ""
    rows = [f"{headline(notice)} ({notice.at:%Y-%m-%d %H:%M} UTC)"]
    if notice.trigger == "delivery.exhausted":
        count = [one.payload["webhook"] for one in notices if one.trigger == notice.trigger].count(said["webhook"])
        cause = (said.get("error") or {}).get("message", "unknown")
        rows.append(f"{count} used up all {said['tries']} tries, such as {said['delivery_id']}: {line(cause)}")
    rows += [before + line(said["reason"])] if said.get("reason") else []
    rows += [f"{before}Failing since {said['failing_since']}"] if said.get("failing_since") else []
    return "\n".join([*rows, f"To: {line(said['webhook']['url'])}", notice.link or "See the dashboard."])


def headline(notice: Notice) -> str:
    return f"{line(notice.payload['webhook']['title'], 80)} {HEADLINES[notice.trigger]}"
