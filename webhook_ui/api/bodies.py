"""Request bodies: read within their limit, and taken apart strictly. What stands in a payload is not touched here."""

import asyncio
import difflib
import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, NoReturn, TypeVar

import msgspec
from msgspec import Meta
from starlette.requests import Request

from webhook_ui.api.parameters import moment
from webhook_ui.api.problems import Refused
from webhook_ui.errors import Invalid
from webhook_ui.host import LARGE, MAX_BATCH, MAX_KEY, Emission

MAX_BODY_BYTES = 256 * 1024
MAX_BATCH_BYTES = 32 * 1024 * 1024
MAX_FIELDS = 50
AROUND_PAYLOAD = 64 * 1024  # what an event's other fields may take

Moment = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
T = TypeVar("T")


class EventBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """An event to be stored and delivered."""

    trigger: Annotated[str, Meta(description="Name of the trigger; GET /triggers lists them.")]
    payload: Annotated[
        msgspec.Raw,
        Meta(
            description="A JSON object; receivers get exactly these bytes.",
            extra_json_schema={"type": "object"},
        ),
    ]
    idempotency_key: Annotated[
        Annotated[str, Meta(min_length=1, max_length=MAX_KEY)] | None,
        Meta(description="The same trigger and key within 24 hours answer the first event again."),
    ] = None
    tenant: Annotated[
        Annotated[str, Meta(max_length=200)] | None,
        Meta(description="Goes to this tenant's webhooks and to those without a tenant."),
    ] = None
    occurred_at: Annotated[Moment | None, Meta(description="When it happened; default: now.")] = None
    deliver_at: Annotated[Moment | None, Meta(description="When it is sent first; default: now.")] = None


class BatchBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Events that are stored together or not at all."""

    events: Annotated[
        msgspec.Raw,
        Meta(
            extra_json_schema={
                "type": "array",
                "items": {"$ref": "#/components/schemas/EventBody"},
                "minItems": 1,
                "maxItems": MAX_BATCH,
            }
        ),
    ]


class _PlainBatch(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A batch in one go: quick, but what is wrong with it is not to be learnt."""

    events: list[EventBody]


_event, _batch = msgspec.json.Decoder(EventBody), msgspec.json.Decoder(BatchBody)
_plain = msgspec.json.Decoder(_PlainBatch)
_elements = msgspec.json.Decoder(list[msgspec.Raw])


async def read(request: Request, limit: int) -> bytes:
    """The body's bytes. Raises Refused for another media type, an encoding, or more than `limit` bytes."""
    _check_head(request, limit)
    return await _content(request, limit)


async def read_if_any(request: Request, limit: int) -> bytes:
    """`read` for a call whose fields may all be left out, and the body with them: that is `{}`."""
    body = await _content(request, limit)
    if body:
        _check_head(request, limit)
    return body or b"{}"


async def read_nothing(request: Request) -> None:
    """Raises Invalid unless the body is empty or `{}`: this call takes no fields."""
    if fields := parse_object(await read_if_any(request, MAX_BODY_BYTES)):
        raise Invalid(dict.fromkeys(fields, "There is no such field; this call takes none."))


async def _content(request: Request, limit: int) -> bytes:
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        chunks.append(chunk)
    return b"".join(chunks)


async def parsed(parse: Callable[[bytes], T], body: bytes) -> T:
    """`parse(body)`, on a thread when the body is large."""
    return await asyncio.to_thread(parse, body) if len(body) > LARGE else parse(body)


def parse_object(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`. Raises Invalid for what is no JSON, holds a field twice, or is no object."""
    text = _text(body)
    try:
        found = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        raise Invalid({"": f"The body is not valid JSON: {error.msg} at character {error.pos}."}) from None
    except (ValueError, RecursionError):
        raise Invalid({"": "The body holds a number that is too long, or is nested too deep."}) from None
    if not isinstance(found, dict):
        raise Invalid({"": "The body must be a JSON object."})
    if len(found) > MAX_FIELDS:
        raise Invalid({"": f"The body has {len(found)} fields; no call takes so many."})
    return found


def parse_order(decoder: "msgspec.json.Decoder[T]", body: bytes) -> T:
    """The fields in `body`, by the shape of `decoder`. Raises Invalid naming the field."""
    parse_object(body)  # decoding keeps the last of fields given twice
    return _decode(decoder, body)


def parse_event(body: bytes) -> Emission:
    """The event in `body`, its payload as it came. Raises Invalid naming the field."""
    _text(body)
    return _event_in(body)


def parse_batch(body: bytes) -> list[Emission]:
    """The events in `body`. Raises Invalid, each mistake as `events[index].field`."""
    _text(body)
    emissions = _plain_batch(body)
    if emissions is not None:
        return emissions
    events = bytes(_decode(_batch, body).events)
    if not events.startswith(b"["):
        raise Invalid({"events": "This must be a list of events."})
    if not _has_quotes(body, events, 2):
        _check_once(body, events)
    elements = _elements.decode(events)
    if len(elements) > MAX_BATCH:
        raise Invalid({"events": f"A batch holds at most {MAX_BATCH} events; send the rest in another one."})
    emissions = []
    problems: dict[str, str] = {}
    for index, element in enumerate(elements):
        try:
            emissions.append(_event_in(bytes(element)))
        except Invalid as error:
            problems |= {f"events[{index}]{name and '.'}{name}": text for name, text in error.fields.items()}
    if problems:
        raise Invalid(problems)
    return emissions


def _plain_batch(body: bytes) -> list[Emission] | None:
    """The events in a body that is in order, and has nothing escaped outside its payloads; None for all others."""
    try:
        found = _plain.decode(body).events
        emissions = [_emission(event, bytes(event.payload)) for event in found]
    except (msgspec.MsgspecError, RecursionError, Invalid):
        return None
    payloads = [emission.payload for emission in emissions]
    quotes = 2 + sum(map(_quotes, found)) + sum([payload.count(b'"') for payload in payloads])
    is_plain = body.count(b'"') == quotes and body.count(b"\\") == sum([one.count(b"\\") for one in payloads])
    return emissions if is_plain and len(emissions) <= MAX_BATCH else None


def _event_in(body: bytes) -> Emission:
    found = _decode(_event, body)
    payload = bytes(found.payload)
    # all but objects is refused by whoever judges payloads
    if payload.startswith(b"{") and not _has_quotes(body, payload, _quotes(found)):
        _check_once(body, payload)
    return _emission(found, payload)


def _quotes(found: EventBody) -> int:
    """How many quotes stand around the payload of an event with these fields."""
    optional = (found.idempotency_key, found.tenant, found.occurred_at, found.deliver_at)
    return 6 + 4 * (len(optional) - optional.count(None))


def _emission(found: EventBody, payload: bytes) -> Emission:
    return Emission(
        trigger=found.trigger,
        payload=payload,
        idempotency_key=found.idempotency_key,
        tenant=found.tenant,
        occurred_at=read_moment("occurred_at", found.occurred_at),
        deliver_at=read_moment("deliver_at", found.deliver_at),
    )


def _has_quotes(body: bytes, inner: bytes, quotes: int) -> bool:
    """Whether around `inner` stand so many quotes and nothing escaped.

    Each name and each text has two: more than those of the fields that were found means that one is given twice.
    """
    return body.count(b'"') - inner.count(b'"') == quotes and body.count(b"\\") == inner.count(b"\\")


def _check_head(request: Request, limit: int) -> None:
    media_type, _, rest = request.headers.get("content-type", "").partition(";")
    if media_type.strip().lower() != "application/json":
        raise Refused(415, "The body must be JSON, with the header Content-Type: application/json.")
    charset = re.search(r"charset=\s*\"?([^\s\";]+)", rest, re.IGNORECASE)
    if charset and charset[1].lower() not in ("utf-8", "utf8"):
        raise Refused(415, "The body must be UTF-8.")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Refused(415, "The body must not be compressed; send it without Content-Encoding.")
    length = request.headers.get("content-length", "")
    if length.isascii() and length.isdigit() and (len(length) > 15 or int(length) > limit):
        raise _too_large(limit)


def _too_large(limit: int) -> Refused:
    # what is still under way is not read, so the connection is of no further use
    return Refused(413, f"The body may have {limit} bytes at the most; send less at once.", {"connection": "close"})


def _text(body: bytes) -> str:
    if body.startswith(b"\xef\xbb\xbf"):
        raise Invalid({"": "The body starts with a byte order mark; send UTF-8 without one."})
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise Invalid({"": f"The body is not UTF-8: byte {error.start} cannot be read."}) from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise Invalid({name: "This field is given twice; give it once."})
        found[name] = value
    return found


def _no_number(_: str) -> NoReturn:
    raise Invalid({"": "NaN and Infinity are no JSON numbers."})


def _check_once(body: bytes, inner: bytes) -> None:
    # decoding keeps the last of fields given twice, so what stands around the one large value is looked through again
    parse_object(body.replace(inner, b"0", 1))


def read_moment(name: str, text: str | None) -> datetime | None:
    """The moment in a field's text. Raises Invalid naming the field."""
    if text is None:
        return None
    try:
        return moment(text)
    except ValueError as error:
        raise Invalid({name: str(error)}) from None


_PLACE = re.compile(r"(?P<what>.*) - at `\$\.?(?P<field>[^`]*)`", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(?P<field>[^`]*)`")
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<field>.*)`", re.DOTALL)
_KINDS = {
    "str": "text",
    "object": "a JSON object",
    "array": "a list",
    "str | null": "text",
    "float | null": "a number",
    "bool": "true or false",
}
_EXPECTED = re.compile(r"Expected `(?P<kind>[^`]*)`(?: of length (?P<bound>[<>])= (?P<count>\d+))?")
_BOUNDS = {"<": "at most", ">": "at least"}


def _decode(decoder: "msgspec.json.Decoder[T]", body: bytes) -> T:
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise Invalid(_explain(str(error), list(decoder.type.__struct_fields__))) from None  # type: ignore[attr-defined]
    except msgspec.DecodeError:
        raise Invalid(_explain_text(body)) from None
    except RecursionError:
        raise Invalid({"": "The body is nested too deep."}) from None


def _explain_text(body: bytes) -> dict[str, str]:
    found = parse_object(body)  # says better what is wrong; all it lets pass is half a character
    for name, value in found.items():
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            return {name: "This holds half a character (a lone surrogate such as \\ud83d); send whole characters."}
    return {"": "The body holds half a character (a lone surrogate such as \\ud83d); send whole characters."}


def _explain(message: str, known: list[str]) -> dict[str, str]:
    if match := _MISSING.match(message):
        return {match["field"]: "This field is missing."}
    if match := _UNKNOWN.match(message):
        near = difflib.get_close_matches(match["field"], known, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"The fields are {', '.join(known)}."
        return {match["field"][:100]: f"There is no such field. {hint}"}
    place = _PLACE.match(message)
    expected = _EXPECTED.match(message)
    kind = expected["kind"] if expected else ""
    what = f"This must be {_KINDS.get(kind, kind)}." if kind else f"{place['what'] if place else message}."
    if expected and expected["bound"]:
        what = f"This must have {_BOUNDS[expected['bound']]} {expected['count']} characters."
    return {place["field"] if place else "": what if place else "The body must be a JSON object."}
