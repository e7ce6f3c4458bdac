"""Deliveries whose claims were lost again and again: they go apart, then alone, and end as crashed."""

from tests.stored import (
    FAILED,
    LEASE,
    PENDING,
    Worker,
    add_webhook,
    answer,
    at,
    attempts,
    change,
    emit,
    events,
    order,
    settlement,
    state,
)
from webhook_ui.database import Database
from webhook_ui.outbox.suspects import COMPANY


def test_a_lost_claim_is_no_try_and_who_loses_again_goes_with_suspects_then_alone_then_ends(database: Database) -> None:
    webhook_id, other = add_webhook(database), add_webhook(database)
    event_id = emit(database)
    worker, minute = Worker(database), LEASE.total_seconds()

    def known() -> tuple[int, int]:
        found = state(database, webhook_id, event_id)
        return found["tries"], found["losses"]

    assert len(worker.claim(at(0)).deliveries) == 2
    assert known() == (0, 0)
    assert len(worker.claim(at(minute)).deliveries) == 2
    assert known() == (0, 1)
    claims = worker.claim(at(2 * minute))
    assert (claims.deliveries, set(claims.suspects)) == ([], {webhook_id, other})

    (apart,) = worker.claim_suspects([webhook_id], at(2 * minute)).deliveries
    assert (apart.webhook_id, apart.event_id) == (webhook_id, event_id)
    assert known() == (0, 2)
    assert set(worker.claim(at(2 * minute)).suspects) == {other}
    assert worker.claim_suspects([webhook_id], at(2 * minute + 1)).deliveries == [], "it is in flight"
    for times in (3, 4):
        assert len(worker.claim_suspects([webhook_id], at(times * minute)).deliveries) == 1
        assert known() == (0, times)
    assert worker.claim_suspects([webhook_id], at(5 * minute)).deliveries == []
    assert state(database, webhook_id, event_id) == PENDING | {
        "status": "error",
        "due_at": None,
        "losses": 4,
        "closed": "crashed",
    }
    (attempt,) = attempts(database, webhook_id, event_id)
    assert (attempt.status, attempt.error_class) == ("error", "crash")
    assert "ended 5 times without a result" in attempt.error_message
    assert worker.deliver(200, at(5 * minute)) == 0
    assert set(worker.claim(at(5 * minute)).suspects) == {other}


def test_an_answer_forgives_all_losses(database: Database) -> None:
    webhook_id = add_webhook(database)
    event_id = emit(database)
    worker = Worker(database)
    worker.claim(at(0))
    worker.claim(at(60))
    (alone,) = worker.claim_suspects([webhook_id], at(120)).deliveries
    worker.settle(settlement(alone, answer(500), now=at(121)), now=at(121))
    assert state(database, webhook_id, event_id) == FAILED | {"due_at": at(126)}
    assert events(worker.claim(at(126))) == [event_id], "in company again"


def test_a_suspect_does_not_hold_up_its_wide_lane(database: Database) -> None:
    webhook_id = add_webhook(database)
    poison = emit(database)
    worker = Worker(database)
    worker.claim(at(0))
    worker.claim(at(60))
    innocents = [emit(database, now=at(100)) for _ in range(3)]
    claims = worker.claim(at(120), seats=2)
    assert events(claims) == innocents[:2]
    assert list(claims.suspects) == [webhook_id]
    (alone,) = worker.claim_suspects(claims.suspects, at(120)).deliveries
    assert alone.event_id == poison


def test_suspects_keep_to_their_lanes_rate(database: Database) -> None:
    webhook_id = add_webhook(database)
    suspects = [emit(database), emit(database)]
    worker = Worker(database)
    worker.claim(at(0))
    worker.claim(at(60))
    change(database, webhook_id, rate_limit=0.1)
    assert events(worker.claim_suspects([webhook_id], at(120))) == suspects[:1], "there is room for one"
    newer = emit(database, now=at(121))
    assert worker.claim_suspects([webhook_id], at(121)).deliveries == worker.claim(at(121)).deliveries == []
    assert events(worker.claim_suspects([webhook_id], at(131))) == suspects[1:]
    assert events(worker.claim(at(142))) == [newer]


def test_a_suspect_at_the_head_holds_its_ordered_lane_until_it_was_alone(database: Database) -> None:
    webhook_id = add_webhook(database, ordered=True)
    head, follower = emit(database), emit(database)
    worker = Worker(database)
    worker.claim(at(0))
    worker.claim(at(60))
    claims = worker.claim(at(120))
    assert (claims.deliveries, list(claims.suspects)) == ([], [webhook_id])
    assert events(worker.claim_suspects([webhook_id], at(120))) == [head]
    assert events(worker.claim_suspects([webhook_id], at(180))) == [head]
    assert events(worker.claim_suspects([webhook_id], at(240))) == [head]
    assert worker.claim_suspects([webhook_id], at(300)).deliveries == []
    assert state(database, webhook_id, head)["closed"] == "crashed"
    assert events(worker.claim(at(300))) == [follower], "and then makes way"


def test_a_suspect_that_is_not_the_head_waits_for_its_turn(database: Database) -> None:
    """An earlier delivery that was redelivered is the head again, and may be in flight."""
    webhook_id = add_webhook(database, ordered=True)
    first = emit(database)
    worker = Worker(database)
    worker.deliver(200)
    suspect = emit(database)
    worker.claim(at(0))
    worker.claim(at(60))
    order(database, "redeliver", webhook_id, first, now=at(120))
    assert worker.claim_suspects([webhook_id], at(121)).deliveries == []
    assert events(worker.claim(at(121))) == [first]
    assert worker.claim_suspects([webhook_id], at(122)).deliveries == [], "one is in flight"
    assert state(database, webhook_id, suspect)["losses"] == 1


def test_a_suspect_respects_what_holds_its_lane(database: Database) -> None:
    webhook_id = add_webhook(database)
    emit(database)
    worker = Worker(database)
    worker.claim(at(0))
    worker.claim(at(60))
    other = emit(database, now=at(119))
    (claimed,) = worker.claim(at(119)).deliveries
    assert claimed.event_id == other
    worker.settle(settlement(claimed, answer(503, retry_after=600), now=at(120)), now=at(120))
    assert worker.claim_suspects([webhook_id], at(121)).deliveries == [], "its receiver asked to wait"
    change(database, webhook_id, paused=True)
    assert worker.claim_suspects([webhook_id], at(9999)).deliveries == []
    change(database, webhook_id, paused=False)
    assert len(worker.claim_suspects([webhook_id], at(9999)).deliveries) == 1


def test_suspects_go_together_until_they_are_lost_once_more(database: Database) -> None:
    """A kill leaves many claims behind, most of which have done nothing: one at a time they would hold up all else."""
    ids = [add_webhook(database), add_webhook(database), add_webhook(database, ordered=True)]
    event_id, follower = emit(database), emit(database)
    worker = Worker(database)
    worker.claim(at(0))
    worker.claim(at(60))
    together = worker.claim_suspects(ids, at(120)).deliveries
    wide = {(webhook_id, one) for webhook_id in ids[:2] for one in (event_id, follower)}
    assert {(one.webhook_id, one.event_id) for one in together} == wide | {(ids[2], event_id)}
    for _ in together:
        assert len(worker.claim_suspects(ids, at(180)).deliveries) == 1
    assert worker.claim_suspects(ids, at(180)).deliveries == []


def test_not_more_suspects_are_taken_than_may_keep_company(database: Database) -> None:
    webhook_id = add_webhook(database)
    for _ in range(COMPANY + 1):
        emit(database)
    worker = Worker(database)
    worker.claim(at(0), seats=64, seats_per_webhook=64)
    worker.claim(at(60), seats=64, seats_per_webhook=64)
    assert len(worker.claim_suspects([webhook_id], at(120)).deliveries) == COMPANY
    assert len(worker.claim_suspects([webhook_id], at(120)).deliveries) == 1
