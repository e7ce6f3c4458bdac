"""Parameters of queries and paths: what each takes, how it is described, how it is read. Strict: nothing is guessed."""

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import msgspec
from starlette.requests import Request

from webhook_ui import ids, times
from webhook_ui.errors import Invalid, NotFound
from webhook_ui.history import paging
from webhook_ui.webhook_fields import clean_text

Schema = Mapping[str, Any]

DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
NUMBER = re.compile(r"[1-9][0-9]{0,17}")
LONGEST = 200
MOST_FIELDS = 5  # of a payload that one call asks for


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One parameter; `parse` raises ValueError with what to do, `place` is query or path.

    A `repeatable` one may be given several times; its value is the list of all.
    """

    name: str
    description: str
    schema: Schema
    example: Any
    parse: Callable[[str], Any]
    place: str = "query"
    repeatable: bool = False


def read(request: Request, parameters: Sequence[Parameter]) -> dict[str, Any]:
    """The query's values by name. Raises Invalid for unknown, repeated or wrong ones."""
    known = {parameter.name: parameter for parameter in parameters}
    values: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for name, text in request.query_params.multi_items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"This call takes {', '.join(known) or 'none'}."
            problems[name[:100]] = f"There is no such parameter. {hint}"
        elif name in values and not known[name].repeatable:
            problems[name] = "This is given twice; give it once."
        else:
            try:
                value = known[name].parse(text)
                values[name] = [*values.get(name, ()), value] if known[name].repeatable else value
            except Invalid as error:
                problems |= error.fields
            except ValueError as error:
                problems[name] = str(error)
    for first, last in (("from", "to"), ("attempted_from", "attempted_to")):
        if values.get(first) and values.get(last) and values[first] >= values[last]:
            problems[last] = f"This must lie after {first}; swap the two."
    if problems:
        raise Invalid(problems)
    return values


def read_path(name: str, text: str) -> Any:
    """The id that stands in the path. Raises NotFound for what can be no id."""
    parameter = PATH[name]
    try:
        return parameter.parse(text)
    except ValueError:
        what = name.removesuffix("_id")
        raise NotFound(f"There is no such {what}. Its id looks like {parameter.example}.") from None


def moment(text: str) -> datetime:
    """An RFC 3339 moment in UTC. Raises ValueError."""
    try:
        found = msgspec.convert(text, datetime)
    except msgspec.ValidationError:
        found = None
    if found is None or found.tzinfo is None:
        raise ValueError("This must be a time with its zone, for example 2026-11-23T09:00:00Z.")
    return times.check(found)


def since(text: str) -> datetime:
    """The first moment of what starts at `text`; a bare date starts at midnight in UTC. Raises ValueError."""
    return _midnight(text) if DATE.fullmatch(text) else moment(text)


def until(text: str) -> datetime:
    """The first moment after what ends with `text`; a bare date ends at the next midnight. Raises ValueError."""
    return _midnight(text) + timedelta(days=1) if DATE.fullmatch(text) else moment(text)


def _midnight(text: str) -> datetime:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ValueError("There is no such day.") from None
    return times.check(datetime.combine(day, time(), tzinfo=UTC))


def _limit(text: str) -> int:
    if not NUMBER.fullmatch(text) or int(text) > paging.MAX_LIMIT:
        raise ValueError(f"This must be a number from 1 to {paging.MAX_LIMIT}.")
    return int(text)


def _switch(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("This must be true or false.")
    return text == "true"


def _number(text: str) -> int:
    if not NUMBER.fullmatch(text):
        raise ValueError("This must be the number of a webhook, for example 14.")
    return int(text)


def _plan_number(text: str) -> int:
    if not NUMBER.fullmatch(text):
        raise ValueError("This must be the number of a redelivery, for example 3.")
    return int(text)


def _response_status(text: str) -> int:
    if not NUMBER.fullmatch(text) or not 100 <= int(text) <= 599:
        raise ValueError("This must be an HTTP status, a number from 100 to 599.")
    return int(text)


def _event_number(text: str) -> int:
    try:
        return ids.event_number(text)
    except ValueError:
        raise ValueError(f"An event's id looks like {EVENT_EXAMPLE}.") from None


def _delivery_numbers(text: str) -> tuple[int, int]:
    webhook_id, event_id = ids.delivery_numbers(text)
    if ids.delivery_text(webhook_id, event_id) != text:
        raise ValueError("a delivery has one id only")
    return webhook_id, event_id


def _field(text: str) -> tuple[str, str]:
    path, colon, value = clean_text(text, 2 * LONGEST + 1).partition(":")
    if not colon or not path or not value:
        raise ValueError("This must be a field and its value, for example customer.id:42.")
    return path, value


def _text(text: str) -> str | None:
    return clean_text(text, LONGEST) or None


def choice(name: str, description: str, options: Sequence[str], *, default: str | None = None) -> Parameter:
    """A parameter that is one of a few words."""

    def parse(text: str) -> str:
        if text not in options:
            raise ValueError(f"This must be one of: {', '.join(options)}.")
        return text

    schema: dict[str, Any] = {"type": "string", "enum": list(options)}
    if default is not None:
        schema["default"] = default
    return Parameter(name=name, description=description, schema=schema, example=default or options[-1], parse=parse)


def cursor(*example: int) -> Parameter:
    """Where a list goes on; `example` are the sort values of its cursors."""
    return Parameter(
        name="cursor",
        description="Where the list goes on: `next_cursor` of the page before, as it came.",
        schema={"type": "string"},
        example=paging.encode(example),
        parse=lambda text: text,  # the list itself knows its cursors
    )


def span(what: str, prefix: str = "") -> tuple[Parameter, Parameter]:
    """`from` and `to`, behind a prefix, for the time that `what` names."""
    schema = {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}]}
    return (
        Parameter(
            name=f"{prefix}from",
            description=f"Earliest {what}, inclusive: RFC 3339, or a date for that whole day in UTC.",
            schema=schema,
            example="2026-11-01",
            parse=since,
        ),
        Parameter(
            name=f"{prefix}to",
            description=f"Latest {what}, exclusive: RFC 3339, or a date for that whole day in UTC.",
            schema=schema,
            example="2026-11-23T09:00:00Z",
            parse=until,
        ),
    )


EVENT_EXAMPLE = "evt_01KB4N8Q5Z7M2"

LIMIT = Parameter(
    name="limit",
    description="How many items a page holds at the most.",
    schema={"type": "integer", "minimum": 1, "maximum": paging.MAX_LIMIT, "default": paging.DEFAULT_LIMIT},
    example=20,
    parse=_limit,
)
TRIGGER = Parameter(
    name="trigger",
    description="Only what belongs to this trigger.",
    schema={"type": "string", "maxLength": LONGEST},
    example="user.created",
    parse=_text,
)
TENANT = Parameter(
    name="tenant",
    description="Only events of this tenant.",
    schema={"type": "string", "maxLength": LONGEST},
    example="acme",
    parse=_text,
)
FIELD = Parameter(
    name="field",
    description="Only events whose payload has this value there: `customer.id:42`. The field must be one of the "
    "setting `WEBHOOK_UI_INDEXED_FIELDS`, and events stored before it was named there are not found. May be given "
    "several times; all must fit.",
    schema={
        "type": "array",
        "maxItems": MOST_FIELDS,
        "items": {"type": "string", "pattern": "^[^:]+:.+$", "maxLength": 2 * LONGEST + 1},
    },
    example=["customer.id:42"],
    parse=_field,
    repeatable=True,
)
Q = Parameter(
    name="q",
    description="Only webhooks with this in title or URL.",
    schema={"type": "string", "maxLength": LONGEST},
    example="crm",
    parse=_text,
)
ENABLED = Parameter(
    name="enabled",
    description="Only webhooks that are enabled, or only those that are not.",
    schema={"type": "boolean"},
    example=True,
    parse=_switch,
)
WEBHOOK = Parameter(
    name="webhook_id",
    description="Only deliveries to this webhook.",
    schema={"type": "integer", "minimum": 1, "maximum": 10**18 - 1},
    example=14,
    parse=_number,
)
EVENT = Parameter(
    name="event_id",
    description="Only deliveries of this event.",
    schema={"type": "string", "pattern": "^evt_[0-7][0-9A-HJKMNP-TV-Z]{12}$"},
    example=EVENT_EXAMPLE,
    parse=_event_number,
)
RESPONSE_STATUS = Parameter(
    name="response_status",
    description="Only deliveries whose latest attempt was answered with this HTTP status: sent ones for a 2xx, else "
    "those in error.",
    schema={"type": "integer", "minimum": 100, "maximum": 599},
    example=503,
    parse=_response_status,
)
REDELIVERY = Parameter(
    name="redelivery_id",
    description="Only deliveries that this redelivery was the last to have sent again.",
    schema={"type": "integer", "minimum": 1, "maximum": 10**18 - 1},
    example=3,
    parse=_plan_number,
)

PATH = {
    "webhook_id": Parameter(
        name="webhook_id",
        description="The webhook's id.",
        schema={"type": "integer", "minimum": 1, "maximum": 10**18 - 1},
        example=14,
        parse=_number,
        place="path",
    ),
    "event_id": Parameter(
        name="event_id",
        description="The event's id.",
        schema={"type": "string"},
        example=EVENT_EXAMPLE,
        parse=_event_number,
        place="path",
    ),
    "redelivery_id": Parameter(
        name="redelivery_id",
        description="The plan's id.",
        schema={"type": "integer", "minimum": 1, "maximum": 10**18 - 1},
        example=3,
        parse=_plan_number,
        place="path",
    ),
    "delivery_id": Parameter(
        name="delivery_id",
        description="The delivery's id.",
        schema={"type": "string"},
        example="dlv_01KB4N8Q5Z7M2_14",
        parse=_delivery_numbers,
        place="path",
    ),
}
