"""A webhook's filter: an expression that says which of its triggers' events it wants. Pure."""

from dataclasses import dataclass
from functools import lru_cache

from webhook_ui import expressions
from webhook_ui.expressions import ROOTS, Document, Evaluation, Expression, Fault, Unevaluable

STEPS = 5_000  # of an evaluation, which holds up a transaction: some milliseconds at the worst
SHOWN = 200  # characters of a clause that are kept


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether an event passes. If not, `clause` is the operand of the filter that said no.

    A filter that could not be evaluated lets the event pass, so that nothing is lost; `fault` then says why.
    """

    passed: bool
    clause: str | None = None
    fault: str | None = None


def check(text: str) -> None:
    """Raises Fault for what is no filter."""
    expressions.parse(text, ROOTS)


def judge(text: str, document: Document) -> Verdict:
    """What the filter `text` makes of an event."""
    try:
        evaluation = Evaluation(document.value, size=document.size, steps=STEPS)
        for clause in _clauses(text):
            if not expressions.is_true(evaluation.value(clause)):
                return Verdict(passed=False, clause=shown(clause.text))
    except (Fault, Unevaluable) as error:  # one that was stored by another version may be no expression any more
        return Verdict(passed=True, fault=str(error))
    return Verdict(passed=True)


def shown(text: str) -> str:
    """An expression in one line, cut if it is long."""
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else f"{line[: SHOWN - 1]}…"


@lru_cache(2048)
def _clauses(text: str) -> tuple[Expression, ...]:
    """What all has to be true: the operands of `a && b`, so that the one that is not can be named."""
    check(text)
    return tuple(expressions.parse(clause, ROOTS) for clause in expressions.conjuncts(text))
