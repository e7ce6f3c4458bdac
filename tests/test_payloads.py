"""Payloads: what is accepted comes out character for character; what is refused says why."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, EmailStr, field_validator

from webhook_ui import payloads
from webhook_ui.errors import Invalid
from webhook_ui.plugin_api import Trigger

MAX = 1024 * 1024

PIECES = [
    *'{}[]:,1-\\"\x00\ufeff é\n',
    *('"a":', "{}", "[]", '""', "null", "1e400", "NaN", "Infinity", "\\ud800", "\\udc00", "\\u00", "\\u0000"),
]

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def accept(raw: bytes | str) -> str:
    return payloads.accept(raw.encode() if isinstance(raw, str) else raw, max_bytes=MAX)


def refusal(raw: bytes | str) -> str:
    with pytest.raises(Invalid) as caught:
        accept(raw)
    assert list(caught.value.fields) == ["payload"]
    return caught.value.fields["payload"]


def nested(levels: int) -> str:
    return '{"a":' * levels + "1" + "}" * levels


@settings(deadline=None)
@given(st.dictionaries(st.text(), values), st.booleans(), st.sampled_from([None, 1, "\t"]))
def test_every_json_object_comes_out_as_it_went_in(value: dict[str, Any], ascii_only: bool, indent: Any) -> None:
    raw = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    assert accept(raw) == raw
    assert accept(f" \r\n\t{raw}\n ") == raw


@settings(deadline=None)
@given(
    st.binary(max_size=60) | st.lists(st.sampled_from(PIECES), max_size=14).map(lambda pieces: "".join(pieces).encode())
)
@example(b'{"a":-Infinity}')
@example(b"[" * 100_000)
@example(b'{"a":' * 100_000)
def test_anything_else_is_refused_and_nothing_but_invalid_is_raised(raw: bytes) -> None:
    try:
        text = accept(raw)
    except Invalid:
        return
    assert isinstance(json.loads(text), dict)
    json.loads(text, parse_constant=pytest.fail)
    assert json.dumps(json.loads(text), ensure_ascii=False).encode()  # no lone surrogate
    assert text.encode() == raw.strip(b" \t\r\n")


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["\\ud83d", "\\uDE00", "\\u0041", "\\\\", "\\n", '\\"', "ud83d", "x", "é"]), max_size=8)
)
def test_half_characters_are_refused_and_whole_ones_kept(parts: list[str]) -> None:
    raw = '{"a":"' + "".join(parts) + '"}'
    try:
        json.loads(raw)["a"].encode()
    except UnicodeEncodeError:
        assert "lone surrogate" in refusal(raw)
    else:
        assert accept(raw) == raw


@pytest.mark.parametrize(
    "raw",
    [
        '{"id":18446744073709551616}',
        '{"id":' + "9" * 6000 + "}",
        '{"n":1e400,"m":-0,"k":1.0}',
        '{"b":1,"a":2,"b":3}',
        '{"nul":"\\u0000","pair":"\\ud83d\\ude00","é":"\\u00e9"}',
        '{"a" :\t[ ]\r\n,"b":{}}',
    ],
)
def test_what_other_readers_change_survives(raw: str) -> None:
    assert accept(raw) == raw


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        ('{"a":1}'.encode("utf-16"), "not UTF-8"),
        (b'{"a":"\xff"}', "not UTF-8 (byte 7)"),
        (b'{"a":"\xed\xa0\x80"}', "not UTF-8"),
        (b"[1]", "this is an array"),
        (b'"x"', "this is text"),
        (b"12", "this is a number"),
        (b"null", "this is null"),
        (b'{"a":NaN}', "NaN is no JSON number"),
        (b'{"a":-Infinity}', "-Infinity is no JSON number"),
        (b'{"a":1', "ends too early"),
        ('{\n "é": 01}'.encode(), "line 2, column 8"),
        (b'{"a":1,}', "trailing comma"),
        (b'{"a":1} {}', "trailing characters"),
        (b"{'a':1}", "not JSON"),
    ],
)
def test_a_refusal_says_what_is_wrong(raw: bytes, reason: str) -> None:
    assert reason in refusal(raw)


def test_depth_counts_objects_and_arrays_but_not_brackets_in_text() -> None:
    assert accept(nested(64)) == nested(64)
    assert "64 levels" in refusal(nested(65))
    assert "64 levels" in refusal('{"a":' + "[" * 64 + "]" * 64 + "}")
    assert "64 levels" in refusal(nested(100_000))
    wide = '{"a":[' + ",".join(["[]", "{}"] * 5000) + '],"b":"' + '[\\"{' * 500 + '"}'
    assert accept(wide) == wide


def test_size_counts_bytes() -> None:
    raw = '{"a":"é"}'.encode()
    assert payloads.accept(raw, max_bytes=len(raw))
    with pytest.raises(Invalid, match="10 bytes; at most 9"):
        payloads.accept(raw, max_bytes=len(raw) - 1)


def test_digest_differs_with_every_character() -> None:
    assert payloads.digest('{"a":1}') == payloads.digest('{"a":1}')
    laid_out = '{\n  "a": [ 1.0, 1e400, 9007199254740993000001 ],\t"b": "x  \\u0000 \\" y", "a": { } }'
    assert payloads.compact(laid_out) == '{"a":[1.0,1e400,9007199254740993000001],"b":"x  \\u0000 \\" y","a":{}}'
    assert len({payloads.digest(text) for text in ('{"a":1}', '{"a": 1}', '{"a":1.0}')}) == 3


class Address(BaseModel):
    city: str


class Signup(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: int
    name: str = ""
    total: Decimal = Decimal(0)
    email: EmailStr | None = None
    address: Address | None = None
    tags: list[str] = []

    @field_validator("name")
    @classmethod
    def _no_robots(cls, value: str) -> str:
        if value == "robot":
            raise ValueError("robots cannot sign up")
        if value == "bug":
            raise ZeroDivisionError("division by zero")
        return value


SIGNUP = Trigger("user.signup", "Sign-up", "", {"id": 1}, Signup)


def faults(text: str) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        payloads.check_model(SIGNUP, accept(text))
    return caught.value.fields


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", {"payload.id": "This field is required."}),
        ('{"id":"7"}', {"payload.id": "Must be a whole number."}),
        ('{"id":true}', {"payload.id": "Must be a whole number."}),
        ('{"id":1e400}', {"payload.id": "Must be a whole number."}),
        ('{"id":1,"name":null}', {"payload.name": "Must be text."}),
        ('{"id":1,"name":"robot"}', {"payload.name": "Robots cannot sign up."}),
        ('{"id":1,"address":{"city":3}}', {"payload.address.city": "Must be text."}),
        ('{"id":1,"tags":["a",2]}', {"payload.tags.1": "Must be text."}),
        ('{"id":1,"more":2}', {"payload.more": "The trigger knows no such field. Remove it or correct its name."}),
    ],
)
def test_each_field_that_does_not_fit_is_named(text: str, expected: dict[str, str]) -> None:
    assert faults(text) == expected


def test_what_fits_passes_and_the_model_changes_nothing() -> None:
    payloads.check_model(SIGNUP, '{"id":18446744073709551616,"total":"1.10","email":"zoe@example.com"}')
    payloads.check_model(Trigger("a.b", "Any", "", {}), '{"whatever":1}')


def test_an_email_address_is_explained() -> None:
    assert faults('{"id":1,"email":"zoe"}')["payload.email"].startswith("Value is not a valid email address")


def test_numbers_too_big_for_the_model_are_refused() -> None:
    assert "cannot hold" in faults('{"id":' + "9" * 5000 + "}")["payload"]
    assert faults('{"id":1,"total":1e99999999999999999999}')


def test_a_broken_validator_is_named_not_raised() -> None:
    assert (
        "user.signup broke on this payload (ZeroDivisionError: division by zero)"
        in faults('{"id":1,"name":"bug"}')["payload"]
    )


def test_many_faults_stay_a_short_answer() -> None:
    some = faults('{"id":1,"tags":[' + ",".join(["1"] * 100) + "]}")
    assert len(some) == 21
    assert some["payload"] == "80 more fields do not fit either."
    assert faults('{"id":1,"tags":[' + ",".join(["1"] * 2000) + "]}")["payload"].startswith("2,000 values do not fit")
    assert all(len(name) <= 300 for name in faults('{"id":1,"' + "x" * 5000 + '":1}'))
