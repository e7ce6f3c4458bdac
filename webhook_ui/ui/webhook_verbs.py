"""What the palette offers to do with a webhook that was found, and how words such as "pause billing" are read."""

from collections.abc import Sequence
from functools import partial

from webhook_ui.history.finding import FoundWebhook
from webhook_ui.languages import mark, tr
from webhook_ui.ui import icons, webhook_actions, webhook_form
from webhook_ui.ui.context import Tab
from webhook_ui.ui.palette import Command
from webhook_ui.ui.redeliveries_address import order_address

VERBS = {
    "test": (mark("Send test"), mark("send test"), icons.SEND),
    "pause": (mark("Pause"), mark("pause"), icons.PAUSE),
    "resume": (mark("Resume"), mark("resume"), icons.RESUME),
    "enable": (mark("Enable"), mark("enable"), icons.ENABLED),
    "disable": (mark("Disable"), mark("disable"), icons.DISABLED),
    "edit": (mark("Edit"), mark("edit"), icons.EDIT),
    "redeliver": (mark("Redeliver failed"), mark("redeliver failed"), icons.REDELIVER),
}


def take_apart(words: str) -> tuple[str, str]:
    """The verb that what was typed begins with, and the rest: "pause bill" is pause and bill. Else no verb."""
    for verb, (_, said, _) in VERBS.items():
        for begin in (tr(said), tr(said).split()[0]):
            if words.lower().startswith(f"{begin} "):
                return verb, words[len(begin) :].strip()
    return "", words


def verbs_of(tab: Tab, webhook: FoundWebhook, only: str = "") -> Sequence[Command]:
    """What can be done with it as it is now; nothing for who may only look. `only` one of `VERBS`."""
    if not tab.may_write:
        return []
    number = webhook.id
    runs = {
        "test": partial(webhook_actions.send_test, tab, number),
        "resume" if webhook.paused else "pause": partial(webhook_actions.set_paused, tab, number, not webhook.paused),
        "disable" if webhook.enabled else "enable": partial(
            webhook_actions.set_enabled, tab, number, not webhook.enabled, _nothing_more
        ),
        "edit": partial(webhook_form.edit_webhook, tab, number),
        "redeliver": None,
    }
    return [
        Command(
            group=webhook.title,
            title=tr(VERBS[verb][0]),
            icon=VERBS[verb][2],
            run=run,
            path="" if run else order_address("redeliver", webhook_id=number, status="error"),
            note=webhook.title if only else "",
        )
        for verb, run in runs.items()
        if only in ("", verb)
    ]


async def _nothing_more() -> None:
    """Pages hear of the change by themselves."""
