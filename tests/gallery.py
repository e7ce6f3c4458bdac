"""All parts of the dashboard's visual system in all their states, without data: `python tests/gallery.py PORT`."""

import sys
from datetime import timedelta

from gallery_parts import ARABIC, GOOD, HOSTILE, LONG, NONE, URL, ZONE, actions, detail, parts_page
from nicegui import PageArguments, context, ui

from webhook_ui.times import utcnow
from webhook_ui.ui import icons, reader, theme, toasts
from webhook_ui.ui.account_menu import AccountActions, Person
from webhook_ui.ui.cards import CardFace, WebhookCard, cards
from webhook_ui.ui.charts import Figure, FigureStrip, sparkline
from webhook_ui.ui.controls import (
    Choices,
    SortMenu,
    button,
    code_block,
    command,
    more_menu,
    view_toggle,
)
from webhook_ui.ui.dates import from_field, till_field
from webhook_ui.ui.fields import (
    area_field,
    choice_field,
    filter_field,
    search_field,
    show_problems,
    switch,
    text_field,
)
from webhook_ui.ui.frames import DialogFrame
from webhook_ui.ui.parts import (
    box,
    foreign,
    link,
    mono,
    page_header,
    status_pill,
    text,
    time_text,
)
from webhook_ui.ui.shell import ENTRIES, Shell
from webhook_ui.ui.states import Step, empty_state, notice, skeleton_card
from webhook_ui.ui.tables import HOOKS, TRIGGERS, Table
from webhook_ui.ui.trigger_field import Group, Offer, trigger_field
from webhook_ui.ui.written import Written


def faces() -> list[CardFace]:
    now = utcnow()
    old = now - timedelta(days=260)

    def face(title: str, **more: object) -> CardFace:
        values: dict[str, object] = {
            "title": title, "url": "https://crm.acme.example/hooks/users", "path": "/webhooks/1", "state": "enabled",
            "triggers": ["user.created", "user.updated", "user.deleted"], "created_at": old, "sent": GOOD,
            "errors": [0] * 9 + [1] + [0] * 14, "result": "sent", "result_text": "200 in 84 ms",
            "when": ("", now - timedelta(seconds=12)),
        }  # fmt: skip
        return CardFace(**{**values, **more})

    return [
        face("Billing ledger", url=URL, sent=[*GOOD[:18], 0, 0, 0, 0, 0, 0], errors=[0] * 17 + [2, 9, 9, 9, 9, 9, 9],
             result="error", result_text="503 Service Unavailable", when=("next probe ", now + timedelta(seconds=38))),
        face("Partner: Nordic Freight AB", sent=NONE, errors=[8, 9] * 12, result="error",
             result_text="Certificate expired on 22 Nov", when=("retry ", now + timedelta(minutes=4, seconds=20))),
        face("CRM contact sync"),
        face("🚀 Welcome e-mails", errors=NONE),
        face(LONG, url=URL, result="error", result_text="An answer that goes on, far beyond the card"),
        face(ARABIC, result="pending", result_text="429, wait 60 s", when=("retry ", now - timedelta(seconds=9))),
        face("Fraud scoring", state="paused", errors=NONE, sent=[*GOOD[:22], 0, 0], when=None,
             when_text="318 held since 12:31"),
        face("Old partner API", state="disabled", sent=NONE, errors=NONE, result="error", when=("", old),
             result_text="410 Gone: receiver asked to stop"),
        face(HOSTILE, created_at=now, sent=NONE, errors=NONE, result="none", result_text="", when=None),
    ]  # fmt: skip


def home(args: PageArguments) -> None:
    if args.query_parameters.get("empty"):
        with page_header("Webhooks"):
            button("Add webhook", icon=icons.ADD, kind="primary").classes("w-lead")
        first_steps()
        return
    view = args.query_parameters.get("view", "card")
    form = add_dialog()
    with page_header("Webhooks"):
        SortMenu("updated", "desc", lambda sort, order: toasts.done(f"{sort} {order}"))
        view_toggle("list" if view == "list" else "card", lambda key: ui.navigate.to(f"/?view={key}"))
        button("Add webhook", form.open, icon=icons.ADD, kind="primary").classes("w-lead")
    strip()
    filters()
    with box("div", "w-results") as line:
        line.props["role"] = "status"
        text("12 webhooks", tag="strong")
        text("created 1 Aug 2025 – 23 Nov 2026 · failing first, then update date, newest on top", "w-wide")
    if view == "list":
        hooks_table()
    else:
        with cards():
            for face in faces():
                WebhookCard(face, zone=ZONE, actions=actions())
            skeleton_card()


def strip() -> None:
    FigureStrip(
        [
            Figure(title="Sent, 24 h", value="196,051"),
            Figure(title="Errors, 24 h", value="1,378", note="0.7 %", path="/?view=list"),
            Figure(title="Waiting", value="359"),
            Figure(title="Oldest due", value="5 h 20 min"),
            Figure(title="Now", value="12.4 / s"),
            Figure(title="Failing webhooks", value="2", trouble=True),
        ]
    )


def filters() -> None:
    with box("div", "w-filters") as row:
        row.props["role"] = "search"
        search_field("Search title or URL", "", lambda words: toasts.done(f"Searched: {words}"))
        first = from_field(None, lambda day: till.show_error(None) if day is None else None)
        till = till_field(
            None,
            lambda day: till.show_error(
                f"To lies before From ({first.value})." if day and first.value and day < first.value else None
            ),
        )
        filter_field("State", {"": "All", "on": "Enabled", "off": "Disabled"}, "", lambda _: None)
        filter_field("Trigger", {"": "All", "user.created": "user.created"}, "user.created", lambda _: None)
        filter_field("Last result", {"": "All", "sent": "Sent", "error": "Error"}, "", lambda _: None)


def add_dialog() -> DialogFrame:
    def save() -> None:
        title.error = None if title.value else "Give it a title, so that you find it again in the list."
        if "127.0.0.1" in url.value or not url.value:
            url.error = (
                "127.0.0.1 is this server itself, and deliveries to it are blocked. To try it with `listen`, start "
                "with `--allow-loopback`."
            )
        triggers.error = (
            None if triggers.value else "Choose at least one trigger; without one nothing would ever be sent."
        )
        show_problems(frame.summary, [title, url, triggers])
        if not any(field.error for field in (title, url, triggers)):
            frame.close()
            toasts.done("“Billing ledger” added.", lambda: toasts.failed("Not undone", "It is `gone` for good."))

    note = "A signing secret is made when you save."
    frame = DialogFrame("Add webhook", primary="Save", on_primary=save, note=note)
    with frame.body:
        title = text_field("Title")
        url = text_field("URL", code=True, placeholder="https://", hint="Where events are sent")
        triggers = trigger_field(
            [
                Group(
                    heading="Orders · orders.py",
                    offers=[
                        Offer(name="order.paid", title="Order paid"),
                        Offer(name="order.refunded", title="Order refunded"),
                        Offer(name="order.*", title="All of orders, new ones too"),
                    ],
                ),
                Group(heading="Users · user_creation.py", offers=[Offer(name="user.created", title="User creation")]),
            ],
            ["order.paid"],
        )
        switch("Enabled", True, detail="New events are sent as soon as you save")
    return frame


def hooks_table() -> None:
    now = utcnow()
    table = Table("Webhooks", HOOKS, "hooks")
    for number, face in enumerate(faces()):
        row = table.row(chosen=number == 1)
        with row.cell("title"), box("div", "w-two-lines"):
            with link("", face.path, "w-row-title w-cut"):
                foreign(face.title, cut=False)
            mono(face.url, "w-muted", cut=True)
        with row.cell("state"):
            status_pill(face.state)
        with row.cell("result"), box("div", "w-two-lines"):
            with box("div", "w-row"):
                status_pill(face.result)
                if face.when:
                    with box("span", "w-meta"):
                        time_text(face.when[1], ZONE, now=now)
            if face.result_text:
                text(face.result_text, "w-line-small w-cut w-error-ink" if face.result == "error" else "w-line-small")
        with row.cell("spark"):
            Written("span", sparkline(face.sent, face.errors, small=True))
        with row.cell("rate"):
            text("99.9 %", "w-medium")
        with row.cell("triggers"):
            text("order.paid +2", "w-muted")
        with row.cell("created"):
            time_text(face.created_at, ZONE, shown="2 Mar 2026, 09:14").classes("w-muted")
        with row.cell("actions"):
            more_menu(actions())


def triggers_page() -> None:
    with page_header("Triggers", note="6 from 3 plugins"):
        search_field("Search triggers", "", lambda _: None)
    with notice(
        "plugins/shop_events.py is not loaded, its triggers are missing",
        "Line 14: `register_trigger` is no hook. Did you mean `register_triggers`? Rename it and restart.",
        role="alert",
    ) as body:
        copied = "13  @hookimpl\n14  def register_trigger():\n15      return [Trigger('cart.abandoned')]"
        with body:
            code_block(copied, name="Report", copy=False)
        button("Copy report", icon=icons.COPY, small=True).props["data-copy"] = copied
    table = Table("Triggers", TRIGGERS, "triggers")
    dialog = fire_dialog()
    for title, note in (("Users", "user_creation.py · plugins/"), (ARABIC, "acme-orders 2.3.1 · entry point")):
        with table.group(title, note):
            for label, name in (("User creation", "user.created"), (LONG, "user." + "long_" * 20)):
                row = table.row()
                with row.cell("title"):
                    foreign(label, "w-medium")
                with row.cell("name"):
                    mono(name, "w-second", cut=True)
                with row.cell("listeners"):
                    link("10 webhooks", "/")
                with row.cell("fired"):
                    time_text(utcnow() - timedelta(seconds=48), ZONE).classes("w-muted")
                with row.cell("count"):
                    text("1,340")
                with row.cell("action"):
                    button("Fire", dialog.open, icon=icons.FIRE, small=True)


def fire_dialog() -> DialogFrame:
    frame = DialogFrame(
        "Fire “User creation”", primary="Fire", on_primary=lambda: None, icon=icons.FIRE, wide=True,
        code="user.created", note="Stored as an event like any other",
    )  # fmt: skip
    with frame.body:
        with box("div", "w-row"):
            Choices("Payload as", [("form", "Form", None), ("json", "JSON", None)], "form", lambda _: None)
            button("Back to the example", icon=icons.UNDO, kind="quiet", small=True).classes("w-end")
        with box("div", "w-two"):
            text_field("id", value="7", note="integer")
            text_field("name", value="Zoë Ångström", note="text")
            text_field("email", value="zoe@example.org", note="e-mail")
            choice_field("plan", {"team": "team", "free": "free"}, "team", note="one of 3")
        area_field("Payload", value='{\n  "id": 7\n}', code=True, rows=4)
    return frame


def first_steps() -> None:
    empty_state(
        "Tell another system when something happens",
        "A webhook sends each event of the triggers you choose to one URL, signs it, and tries again until it arrives.",
        [
            Step(
                title="Start a receiver to try with",
                detail="It prints and verifies whatever arrives. Have a URL already? Skip this.",
                build=lambda: command("webhook-ui listen --port 9000"),
            ),
            Step(
                title="Add the webhook",
                detail="Give it a title, the URL and at least one trigger.",
                build=lambda: button("Add webhook", icon=icons.ADD, kind="primary"),
            ),
            Step(
                title="Fire the trigger",
                detail="“User creation” comes with an example, so one click sends the first event.",
                build=lambda: button("Open triggers", icon=icons.TRIGGERS),
            ),
        ],
        "1 plugin loaded: user_creation.py with the trigger `user.created`.",
    )


def root() -> None:
    reader.prepare(context.client)
    theme.dress()
    account = AccountActions(on_sign_out=lambda: toasts.done("Signed out."))
    shell = Shell(ENTRIES, Person(name="Dana Keller", role="Admin"), account)
    shell.set_count("/", 12)
    with shell.content:
        routes = {"/": home, "/triggers": triggers_page, "/webhooks/{number}": detail, "/parts": parts_page}
        ui.sub_pages(routes)


if __name__ in {"__main__", "__mp_main__"}:
    theme.setup()
    ui.run(
        root, host="127.0.0.1", port=int(sys.argv[1]), reload=False, show=False, show_welcome_message=False,
        **theme.RUN_OPTIONS,
    )  # fmt: skip
