"""Rows that are written as markup: whatever others said is text in them, whoever puts it where."""

from datetime import UTC, datetime
from html.parser import HTMLParser
from zoneinfo import ZoneInfo

import pytest

from webhook_ui.ui import icons, markup
from webhook_ui.ui.cards import test_button as send_test_button
from webhook_ui.ui.markup import Markup, element, foreign, joined, mono, press, sentence, words

HOSTILE = [
    "<img src=x onerror=alert(1)>",
    '"><script>alert(1)</script>',
    "' onmouseover='alert(1)",
    '" autofocus onfocus="alert(1)',
    "</span></td><td>",
    "&lt;b&gt; &amp; &#x3C;script&#x3E;",
    "{{ 7*7 }} ${7} `x`",
    "\u202eabc\u0000\u2028",
    "<!-- --><![CDATA[x]]>",
]


class Read(HTMLParser):
    """What a browser finds: elements with their attributes, and the text."""

    def __init__(self, content: Markup) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(content)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")


@pytest.mark.parametrize("said", HOSTILE)
def test_what_others_say_is_text_and_a_value_and_nothing_else(said: str) -> None:
    pieces = {
        "bdi": foreign(said, "w-muted"),
        "span": mono(said),
        "b": element("b", said, title=said, aria_label=said),
        "button": press("x", said, classes="y", aria_label=said),
        "i": element("i", words(said, title=said)),
    }
    for tag, piece in pieces.items():
        found = Read(piece)
        assert [name for name, _ in found.elements] == ([tag, "span"] if tag == "i" else [tag])
        assert found.text == said
        for _, attributes in found.elements:
            assert not any(name.startswith("on") or name == "autofocus" for name in attributes)
            assert attributes.get("title", said) == attributes.get("aria-label", said) == said
    assert Read(send_test_button(said)).elements[0][1]["aria-label"] == f"Send test to {said}"
    assert Read(joined(pieces.values())).text == said * len(pieces)


def test_a_piece_is_escaped_once_and_text_that_looks_like_markup_stays_text() -> None:
    inner = element("b", "1 < 2 & 3")
    assert inner == "<b>1 &lt; 2 &amp; 3</b>"
    assert element("p", inner, str(inner)) == f"<p>{inner}&lt;b&gt;1 &amp;lt; 2 &amp;amp; 3&lt;/b&gt;</p>"
    assert not isinstance(inner + "<i>", Markup), "what is put together by hand is text again"


def test_links_lead_to_the_dashboard_only() -> None:
    for path in ("javascript:alert(1)", "//evil.example/", "https://evil.example/", ""):
        with pytest.raises(ValueError, match="not a path of the dashboard"):
            markup.link(path, "here")


def test_a_moment_says_what_the_browser_counts_on_with() -> None:
    at = datetime(2026, 3, 2, 8, 14, 5, tzinfo=UTC)
    now = datetime(2026, 3, 2, 8, 14, 0, tzinfo=UTC)
    found = Read(markup.moment(at, ZoneInfo("Europe/Berlin"), now=now, prefix="retry ", past="retry due"))
    ((tag, attributes),) = found.elements
    assert (tag, found.text) == ("time", "retry in 5 s")
    assert attributes["data-at"] == str(int(at.timestamp() * 1000))
    assert (attributes["data-prefix"], attributes["data-past"]) == ("retry ", "retry due")
    assert attributes["title"] == "2 Mar 2026, 09:14:05 Europe/Berlin, 08:14:05 UTC"


def test_a_sentence_keeps_the_order_of_its_language() -> None:
    piece = markup.symbol(icons.SENT)
    assert sentence("Erstellt {when}.", when=piece) == f"<span>Erstellt </span>{piece}<span>.</span>"
