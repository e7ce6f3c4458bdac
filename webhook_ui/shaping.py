"""A webhook's template: in which shape its bodies go out. The ready shapes, and what they make of an event. Pure.

Most ready shapes are one expression, so that an operator can start from it. Texts of payloads go where the far side
takes them literally: a payload must not be able to mention everybody in a chat.
"""

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from webhook_ui import expressions
from webhook_ui.explain import said
from webhook_ui.expressions import ROOTS, Document, Evaluation, Fault, Unevaluable
from webhook_ui.languages import tr

JSON = "application/json"
SOURCE = "/webhook-ui"  # who CloudEvents say they come from
MOST_BYTES = 1024 * 1024  # of a body, and twice the payload
CUSTOM = "custom"

Template = Mapping[str, str]  # `shape`, and `expression` where it is not the ready one


class Unshapeable(ValueError):  # noqa: N818
    """A template gave no body; the message names it."""


@dataclass(frozen=True, kw_only=True)
class Ready:
    """A shape to choose: `expression` gives the body, None where it is none; `own` whether it can be changed."""

    title: str
    expression: str | None = None
    content_type: str = JSON
    own: bool = True


@dataclass(frozen=True, kw_only=True)
class Shaped:
    """What goes out instead of the event's own body, and the headers that belong to it."""

    body: bytes
    headers: Sequence[tuple[str, str]] = ()


_SLACK = """{
  text: type,
  blocks: [
    {type: 'header', text: {type: 'plain_text', text: cut(type, `150`), emoji: `false`}},
    {type: 'rich_text', elements: [{
      type: 'rich_text_preformatted',
      elements: [{type: 'text', text: cut(pretty(data), `2900`)}]
    }]},
    {type: 'context', elements: [
      {type: 'plain_text', text: join(' · ', [timestamp, id]), emoji: `false`}
    ]}
  ]
}"""
_DISCORD = """{
  embeds: [{
    title: cut(type, `256`),
    description: join(`"\\n"`, ['```json', cut(pretty(data), `4000`), '```']),
    timestamp: timestamp,
    footer: {text: id}
  }],
  allowed_mentions: {parse: `[]`}
}"""
_TEAMS = """{
  type: 'message',
  attachments: [{
    contentType: 'application/vnd.microsoft.card.adaptive',
    contentUrl: `null`,
    content: {
      "$schema": 'http://adaptivecards.io/schemas/adaptive-card.json',
      type: 'AdaptiveCard',
      version: '1.4',
      body: [
        {type: 'TextBlock', text: type, size: 'Medium', weight: 'Bolder', wrap: `true`},
        {type: 'RichTextBlock', inlines: [
          {type: 'TextRun', text: cut(pretty(data), `10000`), fontType: 'Monospace'}
        ]},
        {type: 'TextBlock', text: join(' · ', [timestamp, id]), isSubtle: `true`, size: 'Small', wrap: `true`}
      ]
    }
  }]
}"""
_CLOUDEVENTS = f"""{{
  specversion: '1.0',
  id: id,
  source: '{SOURCE}',
  type: type,
  time: timestamp,
  datacontenttype: '{JSON}',
  data: data
}}"""
_START = """{
  event: type,
  at: timestamp,
  payload: data
}"""

SHAPES: Mapping[str, Ready] = {
    "slack": Ready(title="Slack", expression=_SLACK),
    "discord": Ready(title="Discord", expression=_DISCORD),
    "teams": Ready(title="Microsoft Teams", expression=_TEAMS),
    "cloudevents": Ready(
        title="CloudEvents 1.0, structured", expression=_CLOUDEVENTS, content_type="application/cloudevents+json"
    ),
    "cloudevents-binary": Ready(title="CloudEvents 1.0, binary", own=False),
    CUSTOM: Ready(title="Custom", expression=_START),
}


def check(value: Any) -> dict[str, str] | None:
    """A template as it is to be stored; None for the event as it is. Raises ValueError."""
    if value is None:
        return None
    if not isinstance(value, Mapping) or not all(isinstance(one, str) for one in value.values()):
        raise ValueError(tr('This must be null or an object of texts, for example {"shape": "slack"}.'))
    for name in value:
        if name not in ("shape", "expression"):
            raise ValueError(
                tr(
                    "A template has no {name}. It has shape, and expression where that is its own.",
                    name=repr(str(name)[:50]),
                )
            )
    shape, expression = value.get("shape"), value.get("expression")
    ready = SHAPES.get(shape or "")
    if shape is None or ready is None:
        near = difflib.get_close_matches(shape or "", SHAPES, n=1)
        hint = tr("Did you mean {names}?", names=near[0]) if near else ""
        words = tr("The shape must be one of {names}.", names=", ".join(SHAPES))
        raise ValueError(f"{words} {hint}".rstrip())
    if expression is None:
        if shape == CUSTOM:
            raise ValueError(tr("A custom shape needs an expression that gives the body."))
        return {"shape": shape}
    if not ready.own:
        raise ValueError(tr("The shape {shape} takes no expression: its body is the payload as it came.", shape=shape))
    try:
        expressions.parse(expression, ROOTS)
    except Fault as fault:
        raise ValueError(tr("In the expression: {fault}", fault=said(str(fault)))) from None
    unchanged = shape != CUSTOM and expression.split() == (ready.expression or "").split()
    return {"shape": shape} if unchanged else {"shape": shape, "expression": expression}


def content_type(template: Template | None) -> str:
    """Of the bodies it gives."""
    ready = SHAPES.get(template["shape"]) if template else None
    return ready.content_type if ready else JSON


def shape(template: Template, document: Document, *, taken: Sequence[str] = ()) -> Shaped:
    """The body for one event. Headers in `taken` are the webhook's own and left alone. Raises Unshapeable."""
    name, own = template["shape"], template.get("expression")
    if name not in SHAPES:  # stored by another version
        raise Unshapeable(f"The template ({name}) gave no body: there is no such shape")
    if name == "cloudevents-binary":
        headers = _binary_headers(document)
        lower = {one.lower() for one in taken}
        return Shaped(body=document.payload.encode(), headers=[one for one in headers if one[0] not in lower])
    if name == "cloudevents" and own is None:  # the payload byte for byte: an expression reads its numbers
        return Shaped(body=_structured(document))
    try:
        expression = expressions.parse(own or SHAPES[name].expression or "", ROOTS)
        evaluation = Evaluation(document.value, size=document.size)
        return Shaped(body=evaluation.text(expression, most=MOST_BYTES + 2 * document.size).encode())
    except (Fault, Unevaluable) as error:
        raise Unshapeable(f"The template ({SHAPES[name].title}) gave no body: {error}") from None


def _attributes(document: Document) -> dict[str, str]:
    return {
        "specversion": "1.0",
        "id": document.event_id,
        "source": SOURCE,
        "type": document.trigger,
        "time": document.timestamp,
    }


def _structured(document: Document) -> bytes:
    head = json.dumps(_attributes(document) | {"datacontenttype": JSON}, separators=(",", ":"))
    return f'{head[:-1]},"data":{document.payload}}}'.encode()


def _binary_headers(document: Document) -> list[tuple[str, str]]:
    printable = "".join(map(chr, range(0x21, 0x7F))).replace('"', "").replace("%", "")
    return [(f"ce-{name}", quote(value, safe=printable)) for name, value in _attributes(document).items()]
