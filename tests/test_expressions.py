"""Expressions: what is said of mistakes, which operand said no, and that nothing an expression can do is unbounded."""

import json
import re
from typing import Any

import jmespath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.processes import ROOT
from webhook_ui import expressions, filters, shaping
from webhook_ui.explain import said
from webhook_ui.expressions import ROOTS, Document, Evaluation, Fault, Unevaluable, evaluating
from webhook_ui.languages import spoken

DATA = {
    "plan": "pro",
    "amount": 12.5,
    "count": 3,
    "active": True,
    "gone": None,
    "tags": ["a", "b"],
    "name": "Zoë",
    "big": 2**70,
    "items": [{"k": str(number), "price": number} for number in range(300)],
}


def document(data: Any = DATA) -> Document:
    return Document(
        event_id="evt_1", trigger="user.created", timestamp="2026-11-23T09:00:00Z", payload=json.dumps(data)
    )


def value(text: str, data: Any = DATA) -> Any:
    made = document(data)
    return Evaluation(made.value, size=made.size).value(expressions.parse(text, ROOTS))


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("data.plan = 'pro'", 1, 11, "write =="),
        ('data.plan == "pro"', 1, 14, "single quotes: 'pro'"),
        ("plan == 'pro'", 1, 1, "Did you mean data.plan?"),
        ("data.a == 'x' ||\n  foo == 'y'", 2, 3, "data.foo"),
        ("@.plan", 1, 3, "data.plan"),
        ("data.amount > 100", 1, 15, "`100`"),
        ("data.active == true", 1, 16, "`true` stands between backticks"),
        ("data.a &&", 1, 10, "ends too early"),
        ("data.a & data.b", 1, 8, "write &&"),
        ("&data.a", 1, 1, "write &&"),
        ("data.a b", 1, 8, "operator"),
        ("(data.a", 1, 8, "ends too early"),
        ("data.a)", 1, 7, "never opened"),
        ("{a data}", 1, 4, "Expected :"),
        ("data..a", 1, 6, "Expected a name"),
        ("data.a # b", 1, 8, "means nothing"),
        ("'abc", 1, 1, "never closed"),
        ("data.`x", 1, 6, "never closed"),
        ("`NaN`", 1, 1, "no JSON number"),
        ('`"\\ud800"`', 1, 1, "half a character"),
        ("lenth(data)", 1, 1, "length()"),
        ("length(data, data)", 1, 1, "takes one value"),
        ("join('x')", 1, 1, "takes 2 values"),
        ("merge()", 1, 1, "at least one value"),
        ("data.tags[::0]", 1, 10, "step"),
        ("(" * 30, 1, 25, "nested"),
        ("!" * 1000 + "data", 1, 1, "nested"),
        ("data" + "[*]" * 1000, 1, 1, "nested"),
        ("`" + "[" * 65 + "]" * 65 + "`", 1, 1, "64 deep"),
        ('`{"a":' + "[" * 64 + "]" * 64 + "}`", 1, 1, "64 deep"),
        ("`" + "[" * 1900 + "]" * 1900 + "`", 1, 1, "JSON"),
        ("data.a" + " || data.a" * 70, 1, 1, "64 deep"),
        ("data." * 900 + "a", 1, 4001, "4,000"),
        ("  ", 1, 1, "no expression"),
    ],
)
def test_a_mistake_is_told_at_its_place(text: str, line: int, column: int, words: str) -> None:
    with pytest.raises(Fault) as caught:
        expressions.parse(text, ROOTS)
    assert (caught.value.line, caught.value.column) == (line, column), str(caught.value)
    assert words in caught.value.message
    assert str(caught.value).startswith(f"Line {line}, column {column} (at ")
    check_spanish(str(caught.value), f"Línea {line}, columna {column} (")


def check_spanish(message: str, begins: str = "") -> None:
    """All of it is said to who reads Spanish, but for what stands in the expression."""
    with spoken("es"):
        told = said(message)
    assert told.startswith(begins)
    words = told.rpartition("): ")[2]
    assert words not in message
    assert not re.search(r"\b(?:Expected|There|the|this|text|number|takes|got|it|Did|too)\b", words), told


@pytest.mark.parametrize(
    ("text", "operands"),
    [
        ("data.a && (data.b && !data.c) && (data.d || data.e)", ["data.a", "data.b", "!data.c", "data.d || data.e"]),
        ("((data.a\n && data.b))", ["data.a", "data.b"]),
        ("(data.a) && (data.b)", ["data.a", "data.b"]),
        ("data[?x && y] && data.b", ["data[?x && y]", "data.b"]),
        ("data.a && data.b || data.c", ["data.a && data.b || data.c"]),
        ("data | a && b", ["data | a && b"]),
        ("length('a && b') && data.c", ["length('a && b')", "data.c"]),
        ("!(data.a && data.b)", ["!(data.a && data.b)"]),
    ],
)
def test_a_chain_of_ands_is_cut_into_its_operands(text: str, operands: list[str]) -> None:
    assert expressions.conjuncts(text) == operands


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("data.plan == 'pro'", True),
        ("data.amount > `12` && data.count <= `3`", True),
        ("data.count == `3` && type == 'user.created' && starts_with(id, 'evt_')", True),
        ("data.active == `1`", False),
        ("`[1]` == `[true]`", False),
        ("contains(`[1, 0]`, `true`)", False),
        ("data.plan > `3`", None),
        ("data.plan > 'abc'", True),
        ("contains(data.tags, 'a') && contains(data.name, 'oë')", True),
        ("contains(data.plan, `3`)", False),
        ("data.items[?price > `297`].k", ["298", "299"]),
        ("sort_by(data.items, &price)[-1].k", "299"),
        ("max_by(data.items, &price).k", "299"),
        ("to_string(data.tags)", '["a","b"]'),
        ("to_string(data.name)", "Zoë"),
        ("to_number('12')", 12),
        ("to_number('1_2')", None),
        ("to_number('nan')", None),
        ("to_number(data.active)", None),
        ("cut('abcdef', `4`)", "abc…"),
        ("cut('abcd', `4`)", "abcd"),
        ('pretty(`{"a": [1]}`)', '{\n  "a": [\n    1\n  ]\n}'),
        ("data.big", 2**70),
        ("data.missing.deeper[0]", None),
        ("data.tags[] | length(@)", 2),
    ],
)
def test_what_expressions_give(text: str, expected: Any) -> None:
    found = value(text)
    assert (type(found), found) == (type(expected), expected)


DOUBLED = "[@,@]" + " | [@,@]" * 50


@pytest.mark.parametrize(
    "text",
    [
        f"{DOUBLED} | to_string(@)",
        f"{DOUBLED} | pretty(@)",
        f"{DOUBLED} | [0] == [1]",
        f"{DOUBLED} | contains(@, [0])",
        "[@,@]" + " | [@,@]" * 14 + " | [][]" * 12,
        "data.items[*].k | join('', @)" + " | join('', [@,@,@,@,@,@,@,@])" * 12,
        "data.items[]" + ".[@,@,@,@][]" * 20,
        "data.items[?contains(to_string($), 'x')]".replace("$", "[@,@,@,@,@,@,@,@,@,@]"),
        "map(&map(&to_string(@), `[1,2,3,4,5,6,7,8,9]`), [data.items, data.items, data.items][][][])",
        "data.items | [[@,@,@,@,@,@,@,@][], @][] | [@,@,@,@,@,@,@,@][] | [@,@,@,@,@,@,@,@][] | sort_by(@, &k)",
        "to_string(data) | [@,@,@,@,@,@,@,@,@,@] | [@,@,@,@,@,@,@,@,@,@][] | [@,@,@,@,@,@,@,@,@,@][] | sort(@)",
    ],
)
def test_what_would_never_end_ends_with_its_budget(text: str) -> None:
    """Not by the clock: whatever it does is counted, and there is an end to it before it is done."""
    made = document()
    evaluation = Evaluation(made.value, size=made.size, steps=filters.STEPS)
    with pytest.raises(Unevaluable, match=r"too many steps|too much data"):
        evaluation.value(expressions.parse(text))
    assert evaluation._budget.steps >= -1
    assert filters.judge(text, made).fault


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("join(',', data.items)", r"join\(\) takes an array of texts there, and got an object"),
        ("abs(data.plan)", r"abs\(\) takes a number there, and got text"),
        ("sort_by(data.items, &missing)", "got null"),
    ],
)
def test_what_fails_is_told_without_the_payload(text: str, words: str) -> None:
    with pytest.raises(Unevaluable, match=words) as caught:
        value(text)
    check_spanish(str(caught.value))


@pytest.mark.parametrize("payload", ['{"a":1e400}', '{"a":-1e999}', f'{{"a":{"9" * 5000}}}'])
def test_numbers_that_cannot_be_reckoned_with_lose_nothing(payload: str) -> None:
    made = Document(event_id="e", trigger="t", timestamp="x", payload=payload)
    verdict = filters.judge("data.a == `1`", made)
    assert verdict.passed
    assert "too large" in str(verdict.fault)


def test_the_first_operand_that_is_not_true_is_named() -> None:
    made = document()
    text = "data.plan == 'pro' && (data.count > `1` &&\n  data.amount   > `100`) && abs(data.plan) > `1`"
    verdict = filters.judge(text, made)
    assert (verdict.passed, verdict.clause, verdict.fault) == (False, "data.amount > `100`", None)
    assert filters.judge("data.gone || data.tags[?@ == 'z']", made).clause == "data.gone || data.tags[?@ == 'z']"
    assert filters.judge("data.tags", made) == filters.Verdict(passed=True)
    long = filters.judge(f"data.plan == '{'x' * 1000}'", made).clause
    assert long is not None
    assert (len(long), long[-1]) == (filters.SHOWN, "…")


def test_a_filter_that_is_no_expression_any_more_lets_everything_pass() -> None:
    verdict = filters.judge("renamed(data)", document())
    assert verdict.passed
    assert "renamed" in str(verdict.fault)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("ab", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abk"), inner, max_size=3),
    max_leaves=8,
)
FUNCTIONS = sorted({*expressions.FUNCTIONS} - {"join", "map", "contains", "sort_by", "max_by", "min_by", "cut"})
ATOMS = st.sampled_from(["data", "data.a", "data.k[0]", "@", "`1`", "`[1,[2]]`", "'a'", "`true`", "`null`", "id"])
EXPRESSIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["&&", "||", "==", "!=", "<", ">=", "|"]), inner).map(" ".join),
        inner.map(lambda one: f"!({one})"),
        st.tuples(inner, st.sampled_from(["[]", "[*]", ".*", "[0]", "[::-1]", "[?@ == `1`]", ".a", ".{k: @}"])).map(
            "".join
        ),
        st.tuples(inner, inner).map(lambda two: f"[{two[0]}, {two[1]}]"),
        st.tuples(
            st.sampled_from(FUNCTIONS),
            inner,
        ).map(lambda two: f"{two[0]}({two[1]})"),
        st.tuples(st.sampled_from(["sort_by", "max_by", "min_by"]), inner).map(lambda two: f"{two[0]}({two[1]}, &a)"),
        inner.map(lambda one: f"map(&to_string(@), {one})"),
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(text=EXPRESSIONS, data=JSON)
def test_whatever_is_written_gives_a_verdict(text: str, data: Any) -> None:
    try:
        filters.check(text)
    except Fault:
        return
    made = document(data)
    verdict = filters.judge(text, made)
    assert verdict.passed == (verdict.clause is None)
    if verdict.fault is None:  # cut into operands it says what the whole says
        whole = Evaluation(made.value, size=made.size).value(expressions.parse(text, ROOTS))
        assert verdict.passed == expressions.is_true(whole)


def test_what_the_readme_says_of_expressions_holds() -> None:
    readme = (ROOT / "README.md").read_text()
    (block,) = re.findall(r"```jmespath\n(.*?)```", readme, re.DOTALL)
    for line in block.splitlines():
        filters.check(line)
    (body,) = re.findall(r"```json\n(\{\"filter.*?)```", readme, re.DOTALL)
    given = json.loads(body)
    filters.check(given["filter"])
    assert shaping.check(given["template"]) == given["template"]
    own = {*expressions.FUNCTIONS} - {*jmespath.functions.Functions.FUNCTION_TABLE}
    assert own == {"cut", "pretty"}
    for number in (expressions.LONGEST, filters.STEPS, evaluating.STEPS):
        assert f"{number:,}" in readme
