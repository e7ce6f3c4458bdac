"""What stands where no page can: at an address that is none, and after an error nobody expected. Inside the frame."""

import secrets
from collections.abc import Callable, Iterable, Mapping

import structlog
from nicegui import context, ui
from nicegui.page_arguments import RouteMatch

from webhook_ui.languages import tr
from webhook_ui.ui import icons, reader
from webhook_ui.ui.controls import button, command
from webhook_ui.ui.parts import box, link, mono, page_header, prose, sentence
from webhook_ui.ui.states import notice

log = structlog.get_logger()


class Pages(ui.sub_pages):
    """The pages by their addresses; an address that is none gets a page of ours, which NiceGUI answers with 404."""

    def exchange(self, gone: Iterable[str], come: Mapping[str, Callable[..., object]]) -> None:
        """From the next look at an address on, these are its pages."""
        for path in gone:
            self._routes.pop(path, None)
        self._routes.update(come)

    def _set_match(self, match: RouteMatch | None) -> None:
        if match is None:  # after the page above was begun: it would be built beside ours
            self._cancel_active_tasks()
        super()._set_match(match)

    def _render_404(self) -> None:
        show_missing(context.client.sub_pages_router.current_path)

    def _render_error(self, error: Exception) -> None:
        show_failure(error)


def answer_missing() -> None:
    """What was asked for is not there: says so to programs, too, if the page is the answer to a request."""
    context.client.status_code = 404


def show_missing(address: str) -> None:
    """The way back from an address that is no page."""
    ui.page_title(tr("No such page · Webhook UI"))
    with box("div", "w-page"):
        with page_header(tr("There is no such page")):
            pass
        with box("section", "w-box w-part"):
            with box("p", "w-second"):
                sentence(
                    tr("Nothing stands at {address}. The address may be mistyped, or from another version."),
                    address=lambda: mono(address.partition("?")[0], "w-break"),
                )
            with box("div", "w-row w-wrap"):
                link(tr("Webhooks"), "/", "w-medium")
                opener = button(tr("Go to…"), icon=icons.SEARCH, kind="plain")
                opener.props["data-open"] = "palette"


def show_failure(error: Exception) -> str:
    """Says that a page could not be built, with a reference by which the log says why; the reference."""
    reference = secrets.token_hex(4)
    address = context.client.sub_pages_router.current_path.partition("?")[0]
    if not context.client.head_html.count(reader.WORDS_ID):  # nothing of ours was built before
        reader.prepare(context.client)
    log.error("page.failed", reference=reference, address=address, exc_info=error)
    ui.page_title(tr("Error · Webhook UI"))
    with box("div", "w-page"):
        with page_header(tr("This page cannot be shown")):
            pass
        with notice(tr("Something here went wrong, and not by what you did"), role="alert") as body:
            button(tr("Try again"), ui.navigate.reload)
        with body:
            prose(tr("The server's log says why, under this reference. Sending goes on."))
            command(reference)
    return reference


def show_waiting() -> ui.element:
    """The geometry of a page while it is built; seen after 200 ms only, and until the page itself is there."""
    with box("div", "w-page w-late w-waiting") as waiting:
        waiting.props["aria-busy"] = "true"
        box("span", "w-sk w-sk-head")
        with box("div", "w-box w-sk-rows"):
            for _ in range(8):
                box("span", "w-sk")
    return waiting
