"""The list of webhooks: filters, sorting, cards or rows."""

from nicegui import PageArguments, ui

from webhook_ui.ui.context import Tab


async def show(tab: Tab, arguments: PageArguments) -> None:
    """Builds the page for one address."""
    ui.page_title("Webhooks · Webhook UI")
