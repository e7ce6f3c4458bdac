"""Evaluating expressions within a budget of steps and of data handled, so that each ends within milliseconds."""

import json
from typing import Any

from jmespath import exceptions, visitor

from webhook_ui.expressions.functions import NODE, BoundedFunctions, Budget, TooMuch, equal
from webhook_ui.expressions.parsing import Expression, Node

STEPS = 20_000
VOLUME = 64 * 1024  # and SHARE for each character of the document
SHARE = 16

FUNCTIONS: dict[str, Any] = BoundedFunctions.FUNCTION_TABLE
_ORDERS = {"lt": lambda x, y: x < y, "lte": lambda x, y: x <= y, "gt": lambda x, y: x > y, "gte": lambda x, y: x >= y}
_KINDS = {
    "string": "text",
    "number": "a number",
    "boolean": "true or false",
    "array": "an array",
    "object": "an object",
    "null": "null",
    "expref": "an expression",
    "array-number": "an array of numbers",
    "array-string": "an array of texts",
}
_WRITTEN = {"str": "text", "int": "a number", "float": "a number", "bool": "true or false", "list": "an array"}
_WRITTEN |= {"dict": "an object", "NoneType": "null", "_Expression": "an expression"}


class Unevaluable(ValueError):  # noqa: N818
    """Why an expression has no value for a document; `position` is where in it, if that is known."""

    def __init__(self, message: str, position: int | None = None) -> None:
        super().__init__(message)
        self.position = position


class Evaluation:
    """Evaluates expressions over one document, all of them out of one budget.

    `size` is the length of the document as text: what may be handled grows with it.
    """

    def __init__(self, document: Any, *, size: int, steps: int = STEPS) -> None:
        self._document = document
        self._budget = Budget(steps, VOLUME + SHARE * size)
        self._interpreter = _Interpreter(self._budget)

    def value(self, expression: Expression) -> Any:
        """The expression's value. Raises Unevaluable."""
        interpreter = self._interpreter
        interpreter.place = None
        try:
            return interpreter.visit(expression.tree, self._document)
        except TooMuch as error:
            raise Unevaluable(f"{error} for one event", interpreter.place) from None
        except exceptions.JMESPathTypeError as error:
            raise Unevaluable(_type_message(error), interpreter.place) from None
        except RecursionError:
            raise Unevaluable("it nests what it makes too deep", interpreter.place) from None
        except (ValueError, TypeError, ArithmeticError, LookupError, AttributeError) as error:
            raise Unevaluable(f"it cannot be evaluated ({type(error).__name__})", interpreter.place) from None

    def text(self, expression: Expression, *, most: int) -> str:
        """The expression's value as JSON, of at most `most` bytes. Raises Unevaluable."""
        value = self.value(expression)
        try:
            self._budget.spend_on(value)
            written = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        except TooMuch:
            raise Unevaluable("it gives too much data for one event") from None
        except TypeError:
            raise Unevaluable("it gives an expression and no JSON; `&` belongs into a function's parentheses") from None
        except (ValueError, RecursionError):
            raise Unevaluable("it gives what JSON cannot hold") from None
        if value is None:
            raise Unevaluable("it gives null")
        if len(written.encode()) > most:
            raise Unevaluable(f"it gives more than {most:,} bytes")
        return written


def is_true(value: Any) -> bool:
    """As JMESPath sees it: false, null and what is empty are not."""
    return not (value is None or value is False or (isinstance(value, str | list | dict) and not value))


class _Interpreter(visitor.TreeInterpreter):
    """The library's interpreter, which pays for what it does; `place` is the latest function's place in the text."""

    def __init__(self, budget: Budget) -> None:
        super().__init__()
        self._bounded = BoundedFunctions(budget)
        self.place: int | None = None
        self._budget = budget

    def visit(self, node: Node, *args: Any, **kwargs: Any) -> Any:
        self._budget.step()
        return super().visit(node, *args, **kwargs)

    def visit_function_expression(self, node: Node, value: Any) -> Any:
        arguments = [self.visit(child, value) for child in node["children"]]
        before, self.place = self.place, node.get("start")
        found = self._bounded.call_function(node["value"], arguments)
        self.place = before  # it stays where it was when something was raised
        return found

    def visit_comparator(self, node: Node, value: Any) -> bool | None:
        left, right = (self.visit(child, value) for child in node["children"])
        if node["value"] in _ORDERS:
            return _in_order(node["value"], left, right)
        if isinstance(left, list | dict | str) and type(left) is type(right):
            self._budget.spend_on(left)
            self._budget.spend_on(right)
        return equal(left, right) is (node["value"] == "eq")

    def visit_flatten(self, node: Node, value: Any) -> list[Any] | None:
        base = self.visit(node["children"][0], value)
        if not isinstance(base, list):
            return None
        self._budget.spend(NODE * sum(len(one) if isinstance(one, list) else 1 for one in base))
        flat: list[Any] = []
        for element in base:
            flat.extend(element if isinstance(element, list) else [element])
        return flat

    def visit_slice(self, node: Node, value: Any) -> Any:
        self._budget.spend_flat(value)
        return super().visit_slice(node, value)


def _in_order(operator: str, left: Any, right: Any) -> bool | None:
    """Numbers are compared with numbers and texts with texts; anything else is null, as the specification says."""
    numbers = all(isinstance(one, int | float) and not isinstance(one, bool) for one in (left, right))
    if numbers or (isinstance(left, str) and isinstance(right, str)):
        return bool(_ORDERS[operator](left, right))
    return None


def _type_message(error: exceptions.JMESPathTypeError) -> str:
    expected = " or ".join(_KINDS.get(kind, kind) for kind in error.expected_types)
    got = _WRITTEN.get(error.actual_type) or _KINDS.get(error.actual_type, error.actual_type)
    return f"{error.function_name}() takes {expected} there, and got {got}"
