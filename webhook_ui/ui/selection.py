"""Which webhooks are selected: some, or all that the filters leave. Pure: knows no element and reads nothing."""

from collections.abc import Iterable, Sequence


class Selection:
    """`everything` stands for all that the filters leave, on whatever page; else `ids` are those."""

    def __init__(self) -> None:
        self.ids: set[int] = set()
        self.everything = False
        self._anchor: int | None = None

    def __bool__(self) -> bool:
        return self.everything or bool(self.ids)

    def __contains__(self, webhook_id: int) -> bool:
        return self.everything or webhook_id in self.ids

    def tick(self, webhook_id: int, chosen: bool, shift: bool, shown: Sequence[int]) -> None:
        """One of `shown`; with Shift, all from the one that was ticked before up to it."""
        span = [webhook_id]
        if shift and self._anchor in shown and webhook_id in shown:
            ends = sorted((shown.index(self._anchor), shown.index(webhook_id)))
            span = list(shown[ends[0] : ends[1] + 1])
        self.choose(span, chosen, shown)
        self._anchor = webhook_id

    def choose(self, webhook_ids: Iterable[int], chosen: bool, shown: Sequence[int]) -> None:
        """Adds them or takes them away; of `everything`, what is `shown` stays then."""
        if self.everything and not chosen:
            self.everything, self.ids = False, set(shown)
        if chosen:
            self.ids.update(webhook_ids)
        else:
            self.ids.difference_update(webhook_ids)

    def choose_everything(self) -> None:
        self.everything = True
        self.ids.clear()

    def clear(self) -> None:
        self.everything = False
        self.ids.clear()
        self._anchor = None

    def count(self, total: int) -> int:
        """How many, where the filters leave `total`."""
        return total if self.everything else len(self.ids)
