"""What is flushed adds up to what was observed, whatever is lost and sent again on the way."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from proxy.controlplane.rollouts.flushing import KEYS_AT_ONCE, Flushing
from proxy.core.observations import name
from proxy.core.reason import Arm
from proxy.core.window import Export, Kind, Window
from proxy.stores.rollouts import Flush
from tests.kit.properties import examples

NOW = 1_700_000_000.0
REQUESTS = name("", "", Arm.NEW, "requests")
ERRORS = name("", "", Arm.NEW, "errors")


class Sum:
    """What a store makes of flushes: each sequence counts once."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[int, str]] = Counter()
        self.slices: Counter[tuple[int, str]] = Counter()
        self.keys: dict[tuple[int, str], set[int]] = {}
        self.last = -1

    def add(self, flush: Flush) -> None:
        if flush.sequence <= self.last:
            return
        self.last = flush.sequence
        self.counts.update({(flush.segment, what): n for what, n in flush.counts.items()})
        for number, counts in flush.slices.items():
            self.slices.update({(number, what): n for what, n in counts.items()})
        for what, tags in flush.keys.items():
            self.keys.setdefault((flush.segment, what), set()).update(tags)


def fail(window: Window, tag: int, now: float) -> None:
    window.observe("r", "", True, tag, Kind.ANSWERED, 500, 0.1, now)


def test_a_flush_that_is_not_acknowledged_is_sent_again_as_it_was() -> None:
    window, flushing = Window(), Flushing("hybrid", 7)
    window.begin(1)
    fail(window, 1, NOW)
    first = flushing.next(window.export(), 50)
    assert first is not None
    assert (first.sequence, first.segment, first.counts[ERRORS]) == (7, 50, 1)
    fail(window, 2, NOW)
    assert flushing.next(window.export(), 50) is first
    flushing.acknowledged()
    second = flushing.next(window.export(), 50)
    assert second is not None
    assert (second.sequence, second.counts[ERRORS]) == (8, 1)
    assert second.keys == {ERRORS: frozenset([2])}
    flushing.acknowledged()
    assert flushing.next(window.export(), 50) is None


def test_while_a_step_settles_only_slices_are_sent() -> None:
    window, flushing = Window(), Flushing("hybrid", 0)
    fail(window, 1, NOW)
    flush = flushing.next(window.export(), 0)
    assert flush is not None
    assert (flush.counts, flush.keys, flush.sketches) == ({}, {}, {})
    assert flush.slices[int(NOW) // 10][ERRORS] == 1


def test_a_segment_begins_from_nothing_and_its_slices_are_not_sent_twice() -> None:
    window, flushing = Window(), Flushing("hybrid", 0)
    window.begin(1)
    fail(window, 1, NOW)
    flushing.next(window.export(), 50)
    flushing.acknowledged()
    window.begin(2)
    fail(window, 1, NOW)
    flush = flushing.next(window.export(), 60)
    assert flush is not None
    assert (flush.counts[ERRORS], flush.keys) == (1, {ERRORS: frozenset([1])})
    assert flush.slices[int(NOW) // 10][ERRORS] == 1


def test_another_window_begins_from_nothing_but_goes_on_counting_flushes() -> None:
    flushing = Flushing("hybrid", 0)
    for expected in (0, 1):
        window = Window()
        window.begin(1)
        fail(window, 1, NOW)
        flush = flushing.next(window.export(), 50)
        assert flush is not None
        assert (flush.sequence, flush.counts[ERRORS]) == (expected, 1)
        flushing.restart()


def test_many_keys_are_sent_in_parts() -> None:
    flushing = Flushing("hybrid", 0)
    tags = frozenset(range(2 * KEYS_AT_ONCE + 10))
    export = Export({}, {}, {ERRORS: tags}, {})
    sent: list[frozenset[int]] = []
    while (flush := flushing.next(export, 50)) is not None:
        sent.append(flush.keys[ERRORS])
        flushing.acknowledged()
    assert [len(part) for part in sent] == [KEYS_AT_ONCE, KEYS_AT_ONCE, 10]
    assert frozenset().union(*sent) == tags


def test_after_an_outage_slices_are_sent_from_the_last_that_was_acknowledged() -> None:
    window, flushing = Window(), Flushing("hybrid", 0)
    fail(window, 1, NOW)
    flushing.next(window.export(flushing.since(NOW)), 0)
    flushing.acknowledged()
    later = NOW + 300
    for second in range(0, 300, 10):
        fail(window, 1, NOW + second)
    flush = flushing.next(window.export(flushing.since(later)), 0)
    assert flush is not None
    assert sum(counts[REQUESTS] for counts in flush.slices.values()) == 30


def test_a_window_whose_clock_is_slow_is_flushed_as_well() -> None:
    window, flushing = Window(), Flushing("hybrid", 0)
    for second in range(100):
        fail(window, second, NOW + second - 45)
        flush = flushing.next(window.export(flushing.since(NOW + second)), 0)
        assert flush is not None
        flushing.acknowledged()


STEPS = st.lists(st.sampled_from(["request", "second", "flush", "lost", "segment"]), max_size=60)


@given(steps=STEPS)
@examples(80)
def test_flushes_add_up_to_what_was_observed(steps: list[str]) -> None:
    window, flushing, total = Window(), Flushing("hybrid", 0), Sum()
    now, segment, tag = NOW, 1, 0
    seen: Counter[tuple[int, str]] = Counter()

    def flush(*, arrives: bool = True, acknowledged: bool = True) -> None:
        told = flushing.next(window.export(flushing.since(now)), segment)
        if told is not None and arrives:
            total.add(told)
            if acknowledged:
                flushing.acknowledged()

    window.begin(1)
    for step in steps:
        if step == "request":
            tag += 1
            fail(window, tag, now)
            seen[int(now) // 10, REQUESTS] += 1
        elif step == "second":
            now += 1
        elif step == "flush":
            flush()
        elif step == "lost":
            flush(acknowledged=False)
        else:
            flush()
            flush()
            segment += 1
            window.begin(segment)
    flush()
    flush()
    in_slices = {key: n for key, n in total.slices.items() if key[1] == REQUESTS}
    assert in_slices == dict(seen)
    assert sum(n for (_, what), n in total.counts.items() if what == REQUESTS) == tag
    assert set().union(*(tags for (_, what), tags in total.keys.items() if what == ERRORS)) == set(
        range(1, tag + 1)
    )
