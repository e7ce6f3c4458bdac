"""What stands on the pages has room: at every width, in the language with the longer words, whatever is chosen."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser import Enter, Receiver, Site, check_width
from webhook_ui import ids

pytest_plugins = ["tests.browser"]

browser_test = pytest.mark.browser
SPANISH = "es-ES"
FILTERED = ("/", "/deliveries", "/webhooks/{id}", "/events")
# fields above a list whose words are cut: the value chosen, or what stands there while there is none
CUT = """() => {
    const pen = document.createElement("canvas").getContext("2d")
    const isCut = one => {
        if (!one.placeholder) return one.scrollWidth > one.clientWidth
        const style = getComputedStyle(one)
        pen.font = style.font
        pen.letterSpacing = style.letterSpacing
        return pen.measureText(one.value || one.placeholder).width > one.clientWidth
    }
    return [...document.querySelectorAll(".w-filters .q-field__native:is(input), .w-filters .q-field__native > span")]
        .filter(one => one.checkVisibility() && isCut(one))
        .map(one => one.closest("[aria-label]")?.ariaLabel + ": " + (one.value || one.placeholder || one.textContent))
}"""
PLACES = """() => [...document.querySelectorAll(".w-filters .q-field")].filter(one => one.checkVisibility())
    .map(one => { const { x, y, width } = one.getBoundingClientRect(); return [x, y, width].map(Math.round) })"""
LINES = """all => new Set(
    all.filter(one => one.checkVisibility()).map(one => Math.round(one.offsetTop + one.offsetHeight / 2))).size"""


@pytest.fixture
def failing(site: Site, receiver: Receiver) -> int:
    """A webhook that has failed since long ago; its id."""
    site.clear()
    receiver.status = 503
    webhook = site.add("Billing", url=receiver.url + "/hook", now=datetime(2026, 11, 1, tzinfo=UTC))
    site.emit()
    receiver.wait_for("/hook")
    return int(webhook.id or 0)


def see_filters(page: Page) -> None:
    """They are there, with their fonts."""
    expect(page.locator(".w-filters .q-field").first).to_be_visible()
    page.evaluate("document.fonts.ready")


def at_widths(page: Page, *widths: int) -> Iterator[int]:
    """The page, once it is drawn at each width."""
    for width in widths:
        page.set_viewport_size({"width": width, "height": 900})
        page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        yield width


@browser_test
def test_the_words_of_filters_are_not_cut(failing: int, enter: Enter) -> None:
    visitor = enter(None, locale=SPANISH)
    for path in FILTERED:
        page = visitor.open(path.format(id=failing))
        see_filters(page)
        for width in at_widths(page, 1024, 1280, 1440, 1600):
            assert page.evaluate(CUT) == [], (path, width)
            check_width(page)


@browser_test
def test_no_filter_moves_when_one_is_chosen(failing: int, enter: Enter) -> None:
    visitor = enter(None, locale=SPANISH)
    for path, chosen in (
        ("/", "/?state=disabled&trigger=webhook.recovered&last=none"),
        ("/deliveries", "/deliveries?status=error&trigger=webhook.recovered"),
        ("/events", "/events?trigger=webhook.recovered"),
    ):
        places: list[Any] = []
        for shown in (path, chosen):
            page = visitor.open(shown)
            see_filters(page)
            places.append({width: page.evaluate(PLACES) for width in at_widths(page, 1024, 1280, 1600)})
        assert places[0] == places[1], path


@browser_test
@pytest.mark.parametrize("locale", ["en-GB", SPANISH])
def test_the_head_of_a_log_takes_two_lines_on_a_telephone(failing: int, enter: Enter, locale: str) -> None:
    page = enter("/deliveries", width=400, locale=locale).page
    expect(page.locator(".w-hist-key").last).to_be_visible()
    assert page.locator(".w-hist-head > :not(.hidden)").evaluate_all(LINES) == 2


@browser_test
@pytest.mark.parametrize("width", [1024, 1280])
def test_the_period_of_health_stands_beside_its_figures(failing: int, enter: Enter, width: int) -> None:
    page = enter(f"/webhooks/{failing}?tab=health", width=width).page
    period, figures = page.locator(".w-health-head > .w-seg"), page.locator(".w-health-figures")
    expect(period).to_be_visible()
    # as long as figures become: they go on in a second line, and the period stays
    page.locator(".w-health-figures .w-figure").evaluate_all(
        "all => all.forEach(one => { one.firstChild.textContent = '1,234,567 ms / 2' })"
    )
    of_period, of_figures = (one.bounding_box() or {} for one in (period, figures))
    assert of_period["y"] == of_figures["y"]
    assert of_period["x"] >= of_figures["x"] + of_figures["width"]


@browser_test
def test_a_page_about_a_failure_speaks_one_language(site: Site, receiver: Receiver, enter: Enter) -> None:
    site.clear()
    receiver.statuses = {"/gone": 410, "/lost": 404}
    gone, lost = (site.add(path, url=receiver.url + path) for path in ("/gone", "/lost"))
    event = site.emit()
    visitor = enter(f"/webhooks/{gone.id}", locale=SPANISH)
    page = visitor.page
    # once it is stored: a notice that comes while the page is open says less
    expect(page.get_by_role("cell", name="410 Gone: el receptor no quiere más entregas")).to_be_visible()
    visitor.open(f"/webhooks/{gone.id}")
    expect(page.get_by_text("Su receptor respondió 410 Gone: no quiere más eventos.")).to_be_visible()
    visitor.open(f"/webhooks/{gone.id}?tab=history")
    expect(page.locator(".w-change-fields").first).to_contain_text("no quiere más eventos")
    visitor.open(f"/webhooks/{lost.id}")
    expect(page.get_by_role("alert").or_(page.locator(".w-note"))).to_contain_text("Revisa la ruta de la URL.")
    page.get_by_role("button", name="Enviar prueba").click()
    expect(page.get_by_role("region", name="Prueba")).to_contain_text("revisa la ruta de la URL")
    visitor.open(f"/webhooks/{lost.id}?tab=health")
    expect(page.locator(".w-shares").first).to_contain_text("revisa la ruta de la URL")
    visitor.open(f"/events/{ids.event_text(event.event_id)}")
    expect(page.get_by_text("línea de comandos", exact=True)).to_be_visible()
    visitor.open("/")
    for webhook, words in ((gone, "410 Gone: el receptor no quiere más entregas"), (lost, "revisa la ruta de la URL")):
        expect(page.get_by_role("article").filter(has_text=webhook.url)).to_contain_text(words)
    site.clear()
