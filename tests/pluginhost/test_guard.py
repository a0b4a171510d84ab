"""The watch over a use: what is counted, what is told, when it is too much."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.pluginhost.guard import QUARANTINE_FAULTS, QUARANTINE_SECONDS, Guard, Quarantine


class Told:
    """Implements `Faults` by writing everything down."""

    def __init__(self) -> None:
        self.faults: list[tuple[str, bool]] = []
        self.quarantines: list[str] = []
        self.slow_hooks: list[tuple[str, tuple[Guard, ...], float]] = []

    def fault(self, guard: Guard, hook: str, error: BaseException, *, told: bool) -> None:
        self.faults.append((f"{guard.plugin} {hook} {type(error).__name__}", told))

    def quarantined(self, guard: Guard) -> None:
        self.quarantines.append(guard.quarantined)

    def slow(self, hook: str, guards: tuple[Guard, ...], seconds: float) -> None:
        self.slow_hooks.append((hook, guards, seconds))


class Watched:
    """A guard with a clock that the test sets."""

    def __init__(self) -> None:
        self.now = 100.0
        self.told = Told()
        self.guard = Guard("hello", "campaigns", "", self.told, lambda: self.now)

    def called(self, *, well: int = 0, badly: int = 0) -> None:
        """So many calls go well, then so many fail."""
        self.guard.calls += well
        for _ in range(badly):
            self.guard.calls += 1
            self.guard.fault("admit", KeyError("x"))


def test_a_fault_is_counted_and_named_by_its_hook_and_type() -> None:
    watched = Watched()
    watched.called(badly=1)
    assert (watched.guard.count, watched.guard.last) == (1, "admit: KeyError")
    assert watched.told.faults == [("hello admit KeyError", True)]
    assert watched.guard.quarantined == ""


def test_faults_on_every_call_end_in_quarantine_once() -> None:
    watched = Watched()
    watched.called(badly=QUARANTINE_FAULTS + 5)
    assert watched.told.quarantines == [
        "10 faults in 10 calls within 10 s, the last in admit: KeyError"
    ]
    assert watched.guard.count == QUARANTINE_FAULTS + 5


def test_few_faults_among_many_calls_are_no_quarantine() -> None:
    watched = Watched()
    for _ in range(10 * QUARANTINE_FAULTS):
        watched.called(well=2, badly=1)
    assert watched.told.quarantines == []


def test_half_of_the_calls_are_too_many() -> None:
    watched = Watched()
    for _ in range(2 * QUARANTINE_FAULTS):
        watched.called(well=1, badly=1)
    assert len(watched.told.quarantines) == 1


def test_faults_that_lie_far_apart_are_no_quarantine() -> None:
    watched = Watched()
    for _ in range(10 * QUARANTINE_FAULTS):
        watched.called(badly=1)
        watched.now += QUARANTINE_SECONDS / (QUARANTINE_FAULTS - 2)
    assert watched.told.quarantines == []


def test_a_flood_of_faults_is_told_a_few_times_only() -> None:
    watched = Watched()
    watched.called(badly=100)
    assert sum(told for _, told in watched.told.faults) == 5
    assert len(watched.told.faults) == 100


def test_after_a_while_a_fault_is_told_again() -> None:
    watched = Watched()
    watched.called(well=1000, badly=9)
    watched.now += QUARANTINE_SECONDS + 1
    watched.called(badly=2)
    assert [told for _, told in watched.told.faults[9:]] == [False, True]


def test_a_refusal_because_of_quarantine_is_no_fault() -> None:
    watched = Watched()
    watched.guard.fault("admit", Quarantine("quarantined"))
    assert (watched.guard.count, watched.told.faults) == (0, [])


def test_a_released_use_keeps_its_count_and_gets_a_new_chance() -> None:
    watched = Watched()
    watched.called(badly=QUARANTINE_FAULTS)
    watched.guard.release()
    watched.called(badly=QUARANTINE_FAULTS - 1)
    assert (watched.guard.quarantined, watched.guard.count) == ("", 2 * QUARANTINE_FAULTS - 1)
    watched.called(badly=1)
    assert len(watched.told.quarantines) == 2


def test_slow_hooks_are_handed_on_with_all_that_took_part() -> None:
    watched = Watched()
    watched.guard.held_up("finished", (watched.guard,), 0.2)
    assert watched.told.slow_hooks == [("finished", (watched.guard,), 0.2)]


CALLS = st.lists(st.tuples(st.booleans(), st.floats(0, 5)), max_size=200)


@given(CALLS)
def test_a_quarantine_needs_enough_faults_and_half_of_the_calls(
    calls: list[tuple[bool, float]],
) -> None:
    watched = Watched()
    happened: list[tuple[float, bool]] = []
    for fails, later in calls:
        watched.now += later
        happened.append((watched.now, fails))
        watched.called(well=not fails, badly=fails)
        if watched.guard.quarantined:
            break
    recent = [bad for at, bad in happened if watched.now - at <= QUARANTINE_SECONDS]
    if watched.guard.quarantined:
        assert sum(recent) >= QUARANTINE_FAULTS
    else:
        assert not all(bad for _, bad in happened) or len(recent) < 2 * QUARANTINE_FAULTS


def test_what_was_refused_in_quarantine_is_neither_a_call_nor_a_fault() -> None:
    watched = Watched()
    watched.called(badly=QUARANTINE_FAULTS)
    watched.guard.calls += 1
    watched.guard.fault("admit", Quarantine("quarantined"))
    assert (watched.guard.calls, watched.guard.count) == (QUARANTINE_FAULTS, QUARANTINE_FAULTS)


def test_a_hook_is_measured_by_its_own_calls_among_those_of_its_use() -> None:
    told = Told()
    guard = Guard("hello", "campaigns", "", told, lambda: 0.0, hooks=3)
    for _ in range(QUARANTINE_FAULTS):
        guard.calls += 3
        guard.fault("edit_request", KeyError("x"))
    assert len(told.quarantines) == 1
