"""From a text to an expression, or to what is wrong with it and where. What is parsed is small, flat and known."""

import difflib
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from jmespath import exceptions, lexer, parser

from webhook_ui.expressions.functions import BoundedFunctions

LONGEST = 4_000  # characters
DEEPEST = 64  # levels of the tree
NESTED = 24  # brackets in brackets
SHOWN = 24  # characters of the place where it is wrong

Node = Any  # the library's: a dict with type, children and perhaps value, and start where a name stands
Token = Any  # likewise: type, value, start

_OPENING = frozenset({"lparen", "lbracket", "lbrace", "filter"})
_CLOSING = frozenset({"rparen", "rbracket", "rbrace"})
_SEVERAL_ROOTS = frozenset({"comparator", "or_expression", "and_expression", "not_expression", "multi_select_list"})
_SEVERAL_ROOTS |= {"multi_select_dict", "key_val_pair", "function_expression"}
_CHAINS = frozenset({"subexpression", "index_expression", "pipe"})
_NAMES = {
    "rparen": ")",
    "rbracket": "]",
    "rbrace": "}",
    "colon": ":",
    "comma": ",",
    "star": "*",
    "lparen": "(",
    "lbracket": "[",
    "lbrace": "{",
    "eof": "the end",
    "unquoted_identifier": "a name",
    "quoted_identifier": "a name",
}
ENDS_EARLY = "The expression ends too early: something is missing here."
_LITERALS = ("true", "false", "null")


class Fault(ValueError):  # noqa: N818
    """What is wrong with an expression, for people; `position` counts its characters from 0."""

    def __init__(self, message: str, text: str, position: int) -> None:
        self.message, self.text, self.position = message, text, min(max(position, 0), len(text))
        before = text[: self.position]
        self.line = before.count("\n") + 1
        self.column = self.position - (before.rfind("\n") + 1) + 1
        rest = text[self.position :].split("\n", 1)[0]
        shown = rest if len(rest) <= SHOWN else f"{rest[: SHOWN - 1]}…"
        at = f"at “{shown}”" if shown.strip() else "at the end"
        super().__init__(f"Line {self.line}, column {self.column} ({at}): {message}")


@dataclass(frozen=True, eq=False)
class Expression:
    """An expression that was judged; `tree` is the library's."""

    text: str
    tree: Node


@lru_cache(2048)
def parse(text: str, roots: tuple[str, ...] = ()) -> Expression:
    """The expression in `text`. Raises Fault.

    With `roots`, what it looks up in the document must be one of these names: anything else would always be null.
    """
    if len(text) > LONGEST:
        raise Fault(f"An expression has at most {LONGEST:,} characters; this one has {len(text):,}.", text, LONGEST)
    if not text.strip():
        raise Fault("There is no expression.", text, 0)
    _check_nesting(text, _tokens(text))
    tree = _parsed(text)
    _check_tree(text, tree)
    if roots:
        _check_roots(text, tree, roots)
    return Expression(text, tree)


def conjuncts(text: str) -> list[str]:
    """The operands of `a && b && c`, with parentheses around them taken off; one where it is no such chain."""
    tokens = _tokens(text)[:-1]
    while len(tokens) > 2 and tokens[0]["type"] == "lparen" and _closes(tokens) == len(tokens) - 1:
        text = text[tokens[0]["start"] + 1 : tokens[-1]["start"]]
        tokens = _tokens(text)[:-1]
    level, cuts = 0, [0]
    for token in tokens:
        level += (token["type"] in _OPENING) - (token["type"] in _CLOSING)
        if level == 0 and token["type"] in ("pipe", "or", "expref"):
            return [text.strip()]
        if level == 0 and token["type"] == "and":
            cuts += [token["start"], token["start"] + 2]
    cuts.append(len(text))
    parts = [text[cuts[at] : cuts[at + 1]] for at in range(0, len(cuts), 2)]
    return [text.strip()] if len(parts) == 1 else [one for part in parts for one in conjuncts(part)]


def _closes(tokens: Sequence[Token]) -> int:
    """Where the bracket that opens first is closed."""
    level = 0
    for place, token in enumerate(tokens):
        level += (token["type"] in _OPENING) - (token["type"] in _CLOSING)
        if level == 0:
            return place
    return len(tokens)


def _tokens(text: str) -> list[Token]:
    try:
        return list(lexer.Lexer().tokenize(text))
    except exceptions.LexerError as error:
        raise _lexer_fault(text, error) from None
    except (ValueError, RecursionError):
        raise Fault("What stands between backticks must be JSON.", text, max(text.find("`"), 0)) from None


def _lexer_fault(text: str, error: exceptions.LexerError) -> Fault:
    place = error.lexer_position
    if error.lexer_value == "=":
        return Fault("A single = means nothing here; to compare, write ==.", text, text.find("=", max(place - 1, 0)))
    if error.message.startswith("Unclosed"):
        return Fault(f"The {text[place]} that opens here is never closed.", text, place)
    if text[place : place + 1] == "`":
        return Fault('What stands between backticks must be JSON, such as `42`, `true` or `"text"`.', text, place)
    return Fault("This sign means nothing here.", text, place)


def _check_nesting(text: str, tokens: Sequence[Token]) -> None:
    level = 0
    for token in tokens:
        level += (token["type"] in _OPENING) - (token["type"] in _CLOSING)
        if level > NESTED:
            raise Fault(f"Brackets are nested more than {NESTED} deep.", text, token["start"])


def _parsed(text: str) -> Node:
    try:
        return _Parser().tree(text)
    except exceptions.IncompleteExpressionError:
        raise Fault(ENDS_EARLY, text, len(text.rstrip())) from None
    except exceptions.ParseError as error:
        raise _parse_fault(text, error) from None
    except (RecursionError, IndexError):
        raise Fault("This is nested too deep.", text, 0) from None


def _parse_fault(text: str, error: exceptions.ParseError) -> Fault:
    place, kind = error.lex_position or 0, (error.token_type or "").lower()
    expected = re.match(r"Expecting: (.+), got:", error.msg)
    message = "Expected a name, a value between quotes or backticks, or a bracket here."
    if kind == "eof":
        message, place = ENDS_EARLY, len(text.rstrip())
    elif kind == "number":
        message = f"A number stands between backticks: `{error.token_value}`."
    elif error.msg.startswith("Quoted identifier"):
        message, place = "A function's name stands without quotes.", text.find('"')
    elif error.msg.startswith("Invalid function name"):
        message = "Only a function's name can stand before parentheses."
    elif expected:
        names = [_NAMES.get(one, one) for one in re.findall(r"[a-z_]+", expected[1])]
        message = f"Expected {' or '.join(dict.fromkeys(names))} here."
    elif kind in ("unquoted_identifier", "quoted_identifier", "literal", "current"):
        message = "Expected an operator before this, such as ==, && or a comma."
    elif kind in _CLOSING:
        message = f"Expected something before this {error.token_value}, or it was never opened."
    elif kind == "expref":
        message = "A single & gives an expression to a function; for “and” write &&."
    return Fault(message, text, place)


def _check_tree(text: str, tree: Node) -> None:
    """Raises Fault for a tree that is too deep, and for what would fail whatever the document is."""
    waiting: list[tuple[Node, int, str]] = [(tree, 1, "")]
    while waiting:
        node, depth, above = waiting.pop()
        kind = node["type"]
        if depth > DEEPEST:
            raise Fault(f"This is nested or chained more than {DEEPEST} deep; write it shorter.", text, 0)
        if kind == "function_expression":
            _check_call(text, node)
        elif kind == "literal":
            _check_literal(text, node["value"])
        elif kind == "expref" and above != "function_expression":
            place = text.find("&")
            raise Fault("A single & gives an expression to a function; for “and” write &&.", text, place)
        elif kind == "slice" and node["children"][2] == 0:
            raise Fault("The step of a slice cannot be 0.", text, text.find("["))
        if kind != "slice":
            waiting.extend((child, depth + 1, kind) for child in node["children"])


def _check_call(text: str, node: Node) -> None:
    known, name, given = BoundedFunctions.FUNCTION_TABLE, node["value"], len(node["children"])
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"Did you mean {near[0]}()?" if near else f"There are {', '.join(sorted(known))}."
        raise Fault(f"There is no function {name[:60]}(). {hint}", text, node["start"])
    signature = known[name]["signature"]
    wanted = len(signature)
    variadic = signature[-1].get("variadic")
    if given < wanted or (given > wanted and not variadic):
        least = "at least " if variadic else ""
        values = "one value" if wanted == 1 else f"{wanted} values"
        raise Fault(f"{name}() takes {least}{values}, and is given {given or 'none'}.", text, node["start"])


def _check_literal(text: str, value: Any) -> None:
    waiting = [(value, 0)]
    while waiting:
        one, depth = waiting.pop()
        if isinstance(one, list | dict):
            if depth == DEEPEST:  # how deep the reader itself can go differs from Python to Python
                message = f"The JSON between backticks is nested more than {DEEPEST} deep; make it flatter."
                raise Fault(message, text, text.find("`"))
            waiting.extend((inner, depth + 1) for inner in (one if isinstance(one, list) else [*one, *one.values()]))
        elif isinstance(one, float) and not math.isfinite(one):
            raise Fault("What stands between backticks is no JSON number.", text, text.find("`"))
        elif isinstance(one, str) and any("\ud800" <= character <= "\udfff" for character in one):
            raise Fault("This holds half a character (a lone surrogate).", text, text.find("`"))


def _check_roots(text: str, tree: Node, roots: Sequence[str]) -> None:
    for node in _root_fields(tree):
        name = node["value"]
        if name in roots:
            continue
        seen = f"An event has {', '.join(roots[:-1])} and {roots[-1]}"
        if text[node["start"]] == '"':
            message = f"Between double quotes stands a field's name. A text stands in single quotes: '{name[:60]}'."
        elif name in _LITERALS:
            message = f"`{name}` stands between backticks; without them it names a field."
        else:
            message = f"{seen}; what was emitted stands in data. Did you mean data.{name[:60]}?"
        raise Fault(message, text, node["start"])


def _root_fields(tree: Node) -> Iterator[Node]:
    """The fields that are looked up in the document itself, in their order."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        kind, children = node["type"], node["children"]
        if kind == "field":
            yield node
        elif kind in _SEVERAL_ROOTS:
            waiting.extend(reversed([child for child in children if child["type"] != "expref"]))
        elif kind not in ("slice", "literal", "expref"):
            # what follows is looked up in what came before it, unless that is the document again
            waiting.extend(reversed(children[: 2 if kind in _CHAINS and children[0]["type"] == "current" else 1]))


class _Parser(parser.Parser):
    """The library's parser, which notes where names stand."""

    def tree(self, text: str) -> Node:
        return self._do_parse(text).parsed  # type: ignore[attr-defined]  # not in the stubs, as what follows

    def _token_nud_unquoted_identifier(self, token: Token) -> Node:
        node = super()._token_nud_unquoted_identifier(token)  # type: ignore[misc]
        return {**node, "start": token["start"]}

    def _token_nud_quoted_identifier(self, token: Token) -> Node:
        node = super()._token_nud_quoted_identifier(token)  # type: ignore[misc]
        return {**node, "start": token["start"]}

    def _token_led_lparen(self, left: Node) -> Node:
        call = super()._token_led_lparen(left)  # type: ignore[misc]
        return {**call, "start": left["start"]}
