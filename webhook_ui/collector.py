"""The garbage collector, kept from looking through again and again what stays: meanwhile everything stands still.

A full round over a hundred open pages takes half a second. What is let go is freed without it, as a rule; it is there
for what refers to itself.
"""

import gc
import sys

SWITCH_SECONDS = 0.001
PAGES = 300  # built between two full rounds: what is closed leaves up to a megabyte to the next one

_built: list[int] = []  # how many since the last full round; empty in a process that is not ours


def settle_in() -> None:
    """What a process has built up to now stays to its end: the garbage collector need not look through it again.

    That, and looking less often, saves a tenth of a dispatcher's time. What is young is looked through in small
    portions. And whoever waits for the interpreter gets it after a millisecond, not five: the writing thread has to ask
    for it again after each statement.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 3, 30)
    _built[:] = [0]


def page_built() -> None:
    """A page stays for minutes or hours: it is left out of the rounds, in a process that has settled in."""
    if not _built:
        return
    _built[0] += 1
    if _built[0] >= PAGES:
        gc.unfreeze()
        gc.collect()
        _built[0] = 0
    gc.freeze()
