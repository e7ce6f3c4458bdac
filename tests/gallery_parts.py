"""The gallery's second half: one webhook with its log, and every part in every state. Values only, no data."""

import asyncio
from datetime import timedelta
from zoneinfo import ZoneInfo

from nicegui import ui

from webhook_ui.times import utcnow
from webhook_ui.ui import icons, toasts
from webhook_ui.ui.charts import Moment, sparkline, time_line
from webhook_ui.ui.controls import Action, button, code_block, icon_button, more_menu
from webhook_ui.ui.fields import password_field, switch, text_field
from webhook_ui.ui.frames import PanelFrame, confirm
from webhook_ui.ui.parts import (
    box,
    foreign,
    key_values,
    mono,
    page_header,
    status_pill,
    symbol,
    tag,
    text,
    time_text,
)
from webhook_ui.ui.states import nothing_found, notice
from webhook_ui.ui.tables import LOG, Pager, Table
from webhook_ui.ui.written import Written

ZONE = ZoneInfo("Europe/Berlin")
LONG = "Data warehouse loader (all events, long-term retention, EU region only) " * 2
ARABIC = "مزامنة عملاء المتجر"
URL = "https://ingest.eu-central-1.warehouse.example.com/v1/tenants/" + "0b1f6c1e7f1b4f0a9a37" * 12
HOSTILE = "<img src=x onerror=alert(1)>{{ 7*7 }}${1}\u202eabc"
GOOD = [9, 11, 8, 10, 9, 7, 6, 9, 8, 8, 12, 9, 12, 10, 12, 9, 13, 14, 12, 14, 13, 10, 13, 12]
NONE = [0] * 24


def actions() -> list[Action]:
    return [
        Action(label="Edit", icon=icons.EDIT, on_click=lambda: toasts.done("Edited.")),
        Action(label="Delete", icon=icons.DELETE, on_click=lambda: toasts.done("Deleted.", lambda: None), danger=True),
    ]


def detail(number: str) -> None:
    panel = delivery_panel()
    with page_header(LONG if number == "2" else "Billing ledger", own=False, crumb=("Webhooks", "/")) as heading:
        switch("Enabled", True)
        button("Pause", icon=icons.PAUSE)
        button("Send test", icon=icons.SEND)
        button("Edit", icon=icons.EDIT).classes("w-lead")
        more_menu(actions(), small=False)
    with heading.parent_slot.parent:
        status_pill("failing")
    with notice("Failing since 09:12 today: 503 Service Unavailable", "Its proxy answers, the application does not."):
        button("Redeliver 806 failed", icon=icons.REDELIVER)
    with ui.tabs().props("no-caps align=left") as tabs:
        for name in ("Activity", "Health", "Settings"):
            ui.tab(name)
    tabs.value = "Activity"
    table = Table("Deliveries", LOG, "log")
    for status, result in (("pending", "Waits for the probe"), ("error", "503 " + LONG), ("sent", "200 OK")):
        row = table.row(chosen=status == "error", on_click=panel.open)
        with row.cell("status"):
            status_pill(status)
        with row.cell("time"):
            time_text(utcnow(), ZONE, shown="14:32:06")
        with row.cell("result"):
            text(result, "w-cut w-error-ink" if status == "error" else "w-cut")
        with row.cell("trigger"):
            mono("order.paid", cut=True)
        with row.cell("event"):
            mono("evt_01KB4N8Q", cut=True)
        with row.cell("attempt"):
            text("4 of 10", "w-muted")
        with row.cell("duration"):
            text("0.64 s", "w-muted")
        with row.cell("next"):
            time_text(utcnow() + timedelta(hours=2, minutes=16, seconds=30), ZONE).classes("w-muted")
        with row.cell("action"):
            if status == "error":
                button("Redeliver", icon=icons.REDELIVER, kind="quiet", small=True)
    with table.element:
        Pager(lambda: None, lambda: None).show(1, 50, 847, back=False, more=True)


def delivery_panel() -> PanelFrame:
    panel = PanelFrame("Delivery")
    with panel.head:
        with box("div", "w-row"):
            status_pill("error")
            mono("order.paid")
            text("to", "w-muted")
            foreign("Billing ledger")
        text("Event evt_01KB4DPW5Z7M2 · fired 09:12:03 · 5 of 10 attempts", "w-meta")
    with panel.tools:
        icon_button(icons.UP, "Newer delivery")
        icon_button(icons.DOWN, "Older delivery")
    with panel.body:
        with box("div", "w-row w-wrap"):
            button("Redeliver", icon=icons.REDELIVER, kind="primary")
            button("Copy as curl", icon=icons.CURL)
        with notice("The receiver's proxy is up, the application behind it is not", "nginx answered 503."):
            pass
        with box("div", "w-split"):
            with box("div"):
                text("Attempts", tag="h3")
                moments()
            with box("div"):
                key_values([("dns", "4 ms"), ("connect", "18 ms"), ("wait", "587 ms")])
                text("Response", tag="h3")
                code_block(f"503 Service Unavailable\nserver: nginx\n\n{HOSTILE} {LONG}", name="Response")
    return panel


def moments() -> None:
    time_line(
        [
            Moment(state="error", time="09:12:04", title="", number=1, result="503", note="0.64 s"),
            Moment(state="error", time="09:12:09", title="", number=2, result="timeout", note="15.0 s", chosen=True),
            Moment(state="sent", time="09:17:14", title="", number=3, result="200", note="84 ms"),
            Moment(state="pending", time="09:47:19", title="", number=4, note="under way"),
            Moment(state="planned", time="16:48 today", title="", number=5, note="planned, in 2 h 16 min"),
            Moment(state="planned", time="Tue 02:48", title="", number=6, note="last one, then given up"),
        ],
        lambda number: toasts.done(f"Attempt {number}"),
    )


async def delete() -> None:
    await asyncio.sleep(0.3)  # longer than the dialog takes to go
    toasts.done("“Billing ledger” deleted.", restore)


async def restore() -> None:
    await asyncio.sleep(0.01)
    toasts.done("Restored.")


def parts_page() -> None:
    with page_header("Components and their states"):
        pass
    with box("div", "w-two"):
        with box("section", "w-stack"):
            text("Status pills", tag="h2")
            with box("div", "w-row w-wrap"):
                for status in ("sent", "error", "pending", "enabled", "disabled", "paused", "failing", "held", "none"):
                    status_pill(status)
            text("Fields", tag="h2")
            text_field("Title", value="Billing ledger")
            wrong = text_field("URL", value=URL, code=True)
            wrong.error = "127.0.0.1 is this server itself. To try it with `listen`, start with `--allow-loopback`."
            read_only = text_field("Description", value="Read only for viewers", note="optional")
            read_only.control.disable()
            password_field()
            with notice("Failing since 09:12 today: 503 Service Unavailable", "Cause, then what happens next."):
                pass
            with notice("Paused by Dana Keller at 12:31", "318 deliveries are held.", kind="pending"):
                pass
            with notice("All times are in Europe/Berlin", kind="info"):
                pass
        with box("section", "w-stack"):
            text("Buttons, toggles, tags", tag="h2")
            with box("div", "w-row w-wrap"):
                button("Add webhook", icon=icons.ADD, kind="primary")
                button("Send test", icon=icons.SEND)
                button("Edit", icon=icons.EDIT, kind="quiet")
                button("Delete", lambda: confirm(
                    "Delete “Billing ledger”?", "It can be restored for 30 days.", action="Delete",
                    on_confirm=delete,
                ), icon=icons.DELETE, kind="danger")  # fmt: skip
                button("Save", kind="primary").disable()
                button("Saving", kind="primary").props("loading")
                tag("order.paid")
                switch("Enabled", False)
                button("Fail", lambda: toasts.failed("Not saved: someone changed it meanwhile.", "Your text is kept."))
            Written("span", sparkline(GOOD, NONE))
            Written("span", sparkline(NONE, NONE))
            nothing_found("No webhook matches “ledgr”, state Paused", "12 webhooks are there.", lambda: None)
            moments()
            key_values([("Title", ARABIC), ("URL", URL)])
            with box("p", "w-row"):
                symbol(icons.FILTER)
                text("An icon beside words")
