"""A test send from where one stands, and what came of it: in place on a webhook's page and in a delivery's panel."""

from webhook_ui import ids
from webhook_ui.errors import WebhookUIError
from webhook_ui.explain import said
from webhook_ui.languages import tr
from webhook_ui.tester import Tested
from webhook_ui.ui import delivery_words, formats, icons
from webhook_ui.ui.context import Tab, tell
from webhook_ui.ui.controls import icon_button
from webhook_ui.ui.parts import box, foreign, link, status_pill


class TestedBox:
    """Empty until a test is sent; its result stays until it is closed, or the next test."""

    def __init__(self, tab: Tab) -> None:
        self._tab = tab
        self.element = box("div", "w-holder")
        self.element.props["aria-live"] = "polite"

    async def send(self, webhook_id: int) -> None:
        """Sends one to this webhook and shows what came of it; says so where it cannot be sent."""
        tab = self._tab
        with tab.client:
            try:
                tested = await tab.services.tester.send(webhook_id, actor=await tab.current_actor())
            except WebhookUIError as error:
                tell(error)
                return
        if not self.element.is_deleted:
            self._show(tested)

    def clear(self) -> None:
        """Takes the result away."""
        self.element.clear()

    def _show(self, tested: Tested) -> None:
        self.element.clear()
        with self.element, box("section", "w-box w-tested", label=tr("Test")):
            status_pill("sent" if tested.attempt.status == "sent" else "error")
            foreign(words_of(tested), cut=False)
            link(*way_to(tested), "w-medium w-nowrap")
            icon_button(icons.CLOSE, tr("Close the test's result"), self.clear)


def words_of(tested: Tested) -> str:
    """'Test sent: 200 OK in 12 ms'."""
    attempt = tested.attempt
    took = formats.duration(attempt.duration_ms)
    if attempt.status == "sent":
        return tr(
            "Test sent: {status} in {duration}",
            status=delivery_words.status_line(attempt.response_status),
            duration=took,
        )
    reason = said(attempt.error_message or "") or tr("no reason is known")
    return tr("Test failed after {duration}: {reason}", duration=took, reason=reason)


def way_to(tested: Tested) -> tuple[str, str]:
    """The link to the attempt: its words and path."""
    delivery = ids.delivery_text(tested.attempt.webhook_id, tested.attempt.event_id)
    return tr("Show test"), f"/webhooks/{tested.attempt.webhook_id}?delivery={delivery}"
