"""The judge of messages: each that was acknowledged was sent once, or a person is asked."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

ENDED = frozenset(("sent", "uncertain"))


class Log(NamedTuple):
    """What everybody knows in the end."""

    acknowledged: Mapping[str, set[str]]
    """What clients were told: the ids of messages, by the key that each request was sent with."""
    states: Mapping[str, str]
    """How each message stands, by its id."""
    executed: Counter[str]
    """How often the platform has sent it on, by the message's id."""
    listed: frozenset[str]
    """What operators are shown as uncertain."""


def judged(log: Log, *, repeats: bool) -> list[str]:
    """Return what is wrong. `repeats`: the platform executes once, so nothing may be uncertain."""
    wrong = [
        f"key {key} was answered with {len(ids)} messages"
        for key, ids in log.acknowledged.items()
        if len(ids) > 1
    ]
    keys = Counter(one for ids in log.acknowledged.values() for one in ids)
    wrong += [f"{one} was answered to {many} keys" for one, many in keys.items() if many > 1]
    known = keys.keys()
    wrong += [said for one in sorted(known) for said in _wrong_with(one, log, repeats)]
    wrong += [
        f"{one} was executed, and nobody was told of it" for one in log.executed.keys() - known
    ]
    wrong += [
        f"{one} is listed as uncertain, and nobody was told of it" for one in log.listed - known
    ]
    return wrong


def _wrong_with(one: str, log: Log, repeats: bool) -> Iterator[str]:
    state, times = log.states.get(one, "gone"), log.executed[one]
    if state not in ENDED:
        yield f"{one} was acknowledged and is {state}"
    if times > 1:
        yield f"{one} was executed {times} times"
    if state == "sent" and not times:
        yield f"{one} is sent, and was never executed"
    if state == "uncertain" and repeats:
        yield f"{one} is uncertain, though it could have been repeated"
    if (state == "uncertain") is not (one in log.listed):
        yield f"{one} is {state}, and operators are shown something else"


def spread(values: Iterable[float]) -> str:
    """Return the median and the 99th percentile in words."""
    ordered = sorted(values)
    if not ordered:
        return "none"
    last = len(ordered) - 1
    return f"{ordered[last // 2]:.2f}, {ordered[round(last * 0.99)]:.2f}"
