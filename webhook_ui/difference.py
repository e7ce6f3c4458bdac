"""What differs between two attempts: URL, headers, fields of the body by path, answer. Pure, and bounded in time."""

import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from webhook_ui.languages import tr, trn

MOST_BYTES = 256 * 1024
MOST_LISTED = 100
LONGEST_VALUE = 160
CONTEXT = 20  # characters shown before the first that differs
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,60}")

# what says something else each time, and nothing of why
_EACH_TIME_SENT = frozenset({"webhook-id", "webhook-timestamp", "webhook-signature"})
_EACH_TIME_ANSWERED = frozenset(
    {"date", "content-length", "age", "etag", "expires", "last-modified", "set-cookie", "cf-ray", "x-request-id",
     "x-amzn-requestid", "x-amz-cf-id", "x-amzn-trace-id", "x-runtime", "x-response-time", "server-timing", "via",
     "report-to", "nel", "traceparent", "x-trace-id", "x-correlation-id", "x-cloud-trace-context"}
)  # fmt: skip

Part = Literal["URL", "Request header", "Body", "Answer", "Response header"]


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of the two attempts; `answer` is its status, or its error, in words."""

    url: str
    request_headers: Sequence[Sequence[str]]
    body: str
    answer: str
    response_headers: Sequence[Sequence[str]]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One thing that differs; None where it is not there."""

    part: Part
    path: str
    good: str | None
    this: str | None


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What differs, at most `MOST_LISTED` of `total`; `not_compared` says what was left out for its size."""

    differences: Sequence[Difference]
    total: int
    not_compared: str = ""


class _Number(str):
    """A number as it was written: no digit is lost."""

    __slots__ = ()


_ABSENT = object()


def compare(good: Side, this: Side) -> Comparison:
    """What is different in `this`."""
    found: list[Difference] = []
    if good.url != this.url:
        found.append(Difference(part="URL", path="", good=_cut(good.url), this=_cut(this.url)))
    found += _headers("Request header", good.request_headers, this.request_headers, _EACH_TIME_SENT)
    bodies, not_compared = _bodies(good.body, this.body)
    total = len(bodies)
    found += bodies[:MOST_LISTED]
    if good.answer != this.answer:
        found.append(Difference(part="Answer", path="", good=_cut(good.answer), this=_cut(this.answer)))
    found += _headers("Response header", good.response_headers, this.response_headers, _EACH_TIME_ANSWERED)
    total += len(found) - min(total, MOST_LISTED)
    return Comparison(differences=found, total=total, not_compared=not_compared)


def _headers(
    part: Part, good: Sequence[Sequence[str]], this: Sequence[Sequence[str]], each_time: frozenset[str]
) -> list[Difference]:
    before, after = _by_name(good), _by_name(this)
    return [
        Difference(part=part, path=name, good=_cut(before.get(name)), this=_cut(after.get(name)))
        for name in sorted(before.keys() | after.keys())
        if name not in each_time and before.get(name) != after.get(name)
    ][:MOST_LISTED]


def _by_name(headers: Sequence[Sequence[str]]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for name, value in headers:
        key = name.lower()
        found[key] = f"{found[key]}, {value}" if key in found else value
    return found


def _bodies(good: str, this: str) -> tuple[list[Difference], str]:
    if good == this:
        return [], ""
    if max(len(good), len(this)) > MOST_BYTES:
        return (
            [],
            tr(
                "The bodies differ and are not compared field by field: one is larger than {size} KiB.",
                size=MOST_BYTES // 1024,
            ),
        )
    before, after = _read(good), _read(this)
    if not isinstance(before, dict) or not isinstance(after, dict):
        one, other = _cut_alike(good, this)
        return [Difference(part="Body", path="", good=one, this=other)], ""
    # when it happened is another each time
    fields = [one for one in _walk("", before, after) if one.path != "timestamp"]
    return fields, ""


def _read(body: str) -> Any:
    try:
        return json.loads(body, parse_int=_Number, parse_float=_Number, parse_constant=_Number)
    except (ValueError, RecursionError):
        return None


def _walk(path: str, good: Any, this: Any) -> Iterator[Difference]:
    if isinstance(good, dict) and isinstance(this, dict):
        for key in [*good, *(key for key in this if key not in good)]:
            yield from _walk(_join(path, key), good.get(key, _ABSENT), this.get(key, _ABSENT))
    elif isinstance(good, list) and isinstance(this, list):
        pairs = itertools.zip_longest(good, this, fillvalue=_ABSENT)
        for place, (before, after) in enumerate(pairs):
            yield from _walk(f"{path}[{place}]", before, after)
    elif type(good) is not type(this) or good != this:
        before, after = _cut_alike(_written(good), _written(this))
        yield Difference(part="Body", path=path, good=before, this=after)


def _join(path: str, key: str) -> str:
    if _PLAIN_KEY.fullmatch(key):
        return f"{path}.{key}" if path else key
    return f"{path}[{json.dumps(key[:60], ensure_ascii=False)}]"


def _written(value: Any) -> str | None:
    if value is _ABSENT:
        return None
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, dict):
        return trn("an object with {n} field", "an object with {n} fields", len(value))
    if isinstance(value, list):
        return tr("a list of {count}", count=len(value))
    return json.dumps(value, ensure_ascii=False)


def _cut_alike(good: str | None, this: str | None) -> tuple[str | None, str | None]:
    """Both cut to where they begin to differ, if they are long."""
    if good is None or this is None or max(len(good), len(this)) <= LONGEST_VALUE:
        return _cut(good), _cut(this)
    alike = next((place for place, (one, other) in enumerate(zip(good, this, strict=False)) if one != other), 0)
    start = max(alike - CONTEXT, 0)
    lead = "…" if start else ""
    return _cut(f"{lead}{good[start:]}"), _cut(f"{lead}{this[start:]}")


def _cut(text: str | None) -> str | None:
    return text if text is None or len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"
