"""A test send from where one stands, and what came of it, in place: on a webhook's page and in a delivery's panel."""

from webhook_ui import ids
from webhook_ui.errors import WebhookUIError
from webhook_ui.languages import tr
from webhook_ui.tester import Tested
from webhook_ui.ui import delivery_words, formats, icons
from webhook_ui.ui.context import Tab, tell
from webhook_ui.ui.controls import icon_button
from webhook_ui.ui.parts import box, foreign, link, sentence, status_pill, text


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
        """The link opens the attempt."""
        attempt = tested.attempt
        delivery = ids.delivery_text(attempt.webhook_id, attempt.event_id)
        sent, took = attempt.status == "sent", formats.duration(attempt.duration_ms)
        self.element.clear()
        with self.element, box("section", "w-box w-tested", label=tr("Test")):
            status_pill("sent" if sent else "error")
            if sent:
                status = delivery_words.status_line(attempt.response_status)
                text(tr("Test sent: {status} in {duration}", status=status, duration=took), "w-break")
            else:
                reason = attempt.error_message or tr("no reason is known")
                with box("span", "w-break"):
                    sentence(
                        tr("Test failed after {duration}: {reason}", duration=took, reason="{reason}"),
                        reason=lambda: foreign(reason, cut=False),
                    )
            link(tr("Show test"), f"/webhooks/{attempt.webhook_id}?delivery={delivery}", "w-medium w-nowrap")
            icon_button(icons.CLOSE, tr("Close the test's result"), self.clear)
