"""The dispatcher's board of lanes: who is called is looked at, nobody is lost, nobody waits for ever."""

from datetime import datetime, timedelta

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.stored import NOW, at
from webhook_ui.board import LOOKED_AT, Board


def test_who_is_called_is_due_at_once_and_stands_in_line_once() -> None:
    board = Board()
    board.call([1, 2])
    board.call([2, 3])
    assert board.due(NOW) == [1, 2, 3]
    assert len(board) == 3


def test_who_is_called_together_stands_in_the_order_they_are_stored_in() -> None:
    board = Board()
    board.call([7, 5])
    board.call([3, 9, 1])
    assert board.due(NOW) == [5, 7, 1, 3, 9]


def test_a_lane_is_due_when_its_moment_has_come() -> None:
    board = Board()
    board.look(1, at(5))
    assert (board.due(at(4)), board.next_look()) == ([], at(5))
    assert (board.due(at(5)), board.next_look()) == ([1], None)


def test_the_sooner_moment_counts() -> None:
    board = Board()
    board.look(1, at(5))
    board.look(1, at(9))
    assert board.next_look() == at(5)
    board.look(1, at(2))
    assert board.next_look() == at(2)
    assert board.due(at(2)) == [1]
    board.take([1])
    assert board.due(at(9)) == [], "the later moments are void"


def test_a_call_while_the_lane_is_being_looked_at_is_not_lost() -> None:
    board = Board()
    board.call([1])
    board.take([1])
    assert board.due(NOW) == []
    board.call([1])  # an event, after the claim was made
    board.look(1, at(60))  # what that claim saw
    assert board.due(NOW) == [1]


def test_a_look_through_everything_keeps_who_was_called_meanwhile() -> None:
    board = Board()
    board.call([1])
    board.look(2, at(60))
    board.replace({3: at(5)})
    assert board.due(at(5)) == [1, 3]
    assert board.due(at(60)) == [1, 3], "nothing is open in 2"


def test_more_lanes_than_a_turn_considers_take_turns() -> None:
    board, everybody = Board(), set(range(2 * LOOKED_AT + 7))
    board.call(everybody)
    seen: set[int] = set()
    for _ in range(3):
        seen.update(board.due(NOW))
    assert seen == everybody


class BoardWalk(RuleBasedStateMachine):
    """Whatever happens, the board knows of each lane the soonest moment it was told since it was taken."""

    def __init__(self) -> None:
        super().__init__()
        self.board = Board()
        self.now: datetime = NOW
        self.expected: dict[int, datetime] = {}

    @rule(lane=st.integers(0, 5))
    def call(self, lane: int) -> None:
        self.board.call([lane])
        self.expected[lane] = min(self.now, self.expected.get(lane, self.now))

    @rule(lane=st.integers(0, 5), seconds=st.integers(-2, 20))
    def look(self, lane: int, seconds: int) -> None:
        moment = self.now + timedelta(seconds=seconds)
        self.board.look(lane, moment)
        self.expected[lane] = min(moment, self.expected.get(lane, moment))

    @rule()
    def take(self) -> None:
        due = self.board.due(self.now)
        self.board.take(due)
        for lane in due:
            del self.expected[lane]

    @rule(seconds=st.integers(0, 10))
    def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @invariant()
    def who_is_due_is_known(self) -> None:
        assert set(self.board.due(self.now)) == {lane for lane, moment in self.expected.items() if moment <= self.now}
        later = [moment for moment in self.expected.values() if moment > self.now]
        assert self.board.next_look() == min(later, default=None)
        assert len(self.board) == len(self.expected)


TestBoardWalk = BoardWalk.TestCase
