"""A webhook's filter and template in a few words, and the small sign that says there are any. Pure."""

from collections.abc import Mapping

from webhook_ui import filters, shaping
from webhook_ui.languages import tr
from webhook_ui.ui import icons
from webhook_ui.ui.markup import NOTHING, Markup, element, symbol

AS_IT_IS = ""


def shape_titles() -> dict[str, str]:
    """What can be chosen, by name."""
    own_words = {
        AS_IT_IS: tr("The event as it is"),
        "cloudevents": tr("CloudEvents 1.0, structured"),
        "cloudevents-binary": tr("CloudEvents 1.0, binary"),
        shaping.CUSTOM: tr("Custom"),
    }
    return {name: own_words.get(name) or shaping.SHAPES[name].title for name in (AS_IT_IS, *shaping.SHAPES)}


def shape_words(template: Mapping[str, str] | None) -> str:
    """'Slack', 'Slack, with an expression of its own'."""
    if template is None:
        return shape_titles()[AS_IT_IS]
    name = template["shape"]
    title = shape_titles().get(name, name)
    changed = "expression" in template and name != shaping.CUSTOM
    return tr("{shape}, with an expression of its own", shape=title) if changed else title


def sign_words(text: str) -> str:
    """What the sign says of a filter."""
    return tr("Only events with {filter}", filter=filters.shown(text))


def filter_sign(text: str | None) -> Markup:
    """A small sign with the filter's text; nothing where there is none."""
    if text is None:
        return NOTHING
    words = sign_words(text)
    return element("span", symbol(icons.FILTER), classes="w-sign", role="img", aria_label=words, title=words)
