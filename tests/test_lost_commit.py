"""A commit whose answer was lost: the same answers are settled again, and nothing counts twice. On both databases."""

import pytest
import sqlalchemy as sa
from sqlmodel import Session

from tests.stored import NOW, Worker, add_webhook, answer, at, attempts, delivery, emit, state
from webhook_ui.database import Database
from webhook_ui.models import Statistics, table
from webhook_ui.outbox import Claimed
from webhook_ui.settings import Settings
from webhook_ui.steady import SteadyClock
from webhook_ui.turn import Plan, Sent, Turns

_statistics = table(Statistics)


def counted(session: Session) -> tuple[int, int]:
    """How many were sent, and how many were errors."""
    sums = sa.select(sa.func.sum(_statistics.c.sent), sa.func.sum(_statistics.c.error))
    sent, error = session.execute(sums).one()
    return int(sent or 0), int(error or 0)


def sent(claimed: Claimed, status: int) -> Sent:
    return Sent(claimed=claimed, answer=answer(status), headers=())


@pytest.mark.parametrize(("status", "expected"), [(200, ("sent", 1, 0)), (500, ("error", 0, 1))])
def test_answers_that_are_settled_twice_leave_one_attempt_each(
    database: Database, status: int, expected: tuple[str, int, int]
) -> None:
    webhook_id = add_webhook(database)
    events = [emit(database) for _ in range(3)]
    plan = Plan(answers=[sent(claimed, status) for claimed in Worker(database).claim().deliveries])
    turns = Turns("a", Settings(), SteadyClock(), {})
    first = database.write_now(turns.settle, plan, at(1))
    stood = [state(database, webhook_id, event) for event in events]
    second = database.write_now(turns.settle, plan, at(2))
    assert (len(first.counted), len(second.counted)) == (3, 0)
    for event in events:
        (kept,) = attempts(database, webhook_id, event)
        assert (kept.status, kept.late) == (expected[0], False)
        assert delivery(database, webhook_id, event).tries == 1
    assert [state(database, webhook_id, event) for event in events] == stood
    assert database.read_now(counted) == (3 * expected[1], 3 * expected[2])


def test_what_is_partly_stored_already_is_completed(database: Database) -> None:
    webhook_id = add_webhook(database)
    events = [emit(database) for _ in range(2)]
    first, second = (sent(claimed, 200) for claimed in Worker(database).claim().deliveries)
    turns = Turns("a", Settings(), SteadyClock(), {})
    database.write_now(turns.settle, Plan(answers=[first]), NOW)
    settled = database.write_now(turns.settle, Plan(answers=[first, second]), NOW)
    assert [one.attempt_id for one in settled.counted] == [second.attempt_id]
    assert [len(attempts(database, webhook_id, event)) for event in events] == [1, 1]
    assert database.read_now(counted) == (2, 0)
