"""Trying a filter and a template on events that are there, before they are saved. Nothing is stored or sent."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session

from webhook_ui import filters, shaping, wire
from webhook_ui.expressions import Document, Fault
from webhook_ui.filters import Verdict
from webhook_ui.history import samples
from webhook_ui.shaping import Shaped, Template

TRIED = 100  # recent events that a filter is tried on


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What is being written: a filter (None for none), a shape (None for none), its expression where there is one."""

    filter: str | None
    shape: str | None
    expression: str | None


@dataclass(frozen=True, kw_only=True)
class Given:
    """The event that it is tried on, and what plugins make of its payload for this webhook, or why they do not."""

    document: Document
    payload: str
    changed: bool = False
    failure: str | None = None


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """What came of it. `verdict` and `shaped` are of the chosen event, `passed` of `tried` are recent ones.

    A fault is what is written wrong; `failure` why the template gave no body.
    """

    filter_fault: Fault | None = None
    verdict: Verdict | None = None
    passed: int = 0
    tried: int = 0
    failed: int = 0
    template_fault: Fault | None = None
    shaped: Shaped | None = None
    failure: str | None = None


def find(session: Session, chosen: int | Document | None) -> Document | None:
    """The chosen event, by its id, or an example as it is."""
    return next(samples.documents(session, [chosen]), None) if isinstance(chosen, int) else chosen


def rehearse(session: Session, draft: Draft, given: Given | None, recent: Sequence[int]) -> Rehearsal:
    """Tries a draft on an event, and its filter on the `recent` ones too: the filter on the event as it is stored, the
    shape on what plugins make of it.
    """
    document = given.document if given else None
    filter_fault, template_fault = _fault(draft.filter), _fault(draft.expression)
    verdict, passed, tried, failed = None, 0, 0, 0
    if draft.filter and not filter_fault:
        verdict = filters.judge(draft.filter, document) if document else None
        for one in samples.documents(session, recent[:TRIED]):
            found = filters.judge(draft.filter, one)
            tried, passed, failed = tried + 1, passed + found.passed, failed + (found.fault is not None)
    shaped, failure = _shape(draft, given) if given and not template_fault else (None, None)
    return Rehearsal(
        filter_fault=filter_fault,
        verdict=verdict,
        passed=passed,
        tried=tried,
        failed=failed,
        template_fault=template_fault,
        shaped=shaped,
        failure=failure,
    )


def _fault(text: str | None) -> Fault | None:
    if text is None:
        return None
    try:
        filters.check(text)
    except Fault as fault:
        return fault
    return None


def _shape(draft: Draft, given: Given) -> tuple[Shaped | None, str | None]:
    if given.failure:
        return None, given.failure
    document = Document(
        event_id=given.document.event_id,
        trigger=given.document.trigger,
        timestamp=given.document.timestamp,
        payload=given.payload,
    )
    if draft.shape is None:
        return Shaped(body=wire.envelope_at(document.trigger, document.timestamp, document.payload)), None
    template: Template = {"shape": draft.shape}
    if draft.expression is not None:
        template = {"shape": draft.shape, "expression": draft.expression}
    try:
        return shaping.shape(template, document), None
    except shaping.Unshapeable as error:
        return None, str(error)
