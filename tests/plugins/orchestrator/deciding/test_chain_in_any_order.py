"""Whatever fails in whatever order: a chain keeps its bounds, and it ends."""

from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from plugins.orchestrator.deciding.calls import Failure, FailureClass
from plugins.orchestrator.deciding.chain import MARGIN, Stop, Try, Wait
from plugins.orchestrator.deciding.matrix import MATRIX, Again, Elsewhere, Models
from plugins.orchestrator.settings import OrchestratorSettings
from proxy.api.resilience import RetryBudget
from tests.kit.properties import examples
from tests.plugins.orchestrator.deployed import settings
from tests.plugins.orchestrator.walking import Walk

DEPLOYMENT = st.fixed_dictionaries(
    {
        "provider": st.sampled_from(["openai", "azure", "second"]),
        "model": st.sampled_from(["a", "a", "b"]),
        "zone": st.sampled_from(["global", "global", "eu"]),
    }
)
FINAL = [
    kind
    for kind, row in MATRIX.items()
    if (row.again, row.elsewhere, row.models) == (Again.NO, Elsewhere.NO, Models.NO)
]
REPEATED = [FailureClass.RATE_LIMITED, FailureClass.SERVER, FailureClass.CONFLICT]
SELDOM = st.integers(0, 3).map(lambda number: number == 3)
FAILURE = st.builds(
    Failure,
    st.sampled_from(REPEATED) | st.sampled_from([*FailureClass, *[FailureClass.TIMEOUT] * 5]),
    st.just("said so"),
    retry_after=st.none() | st.integers(0, 50).map(lambda number: number / 2),
    may_retry=SELDOM.map(lambda seldom: not seldom),
    uncertain=SELDOM,
)


class Turn(NamedTuple):
    """How one attempt ends."""

    failure: Failure
    seconds: float
    random: float
    hedged: bool


TENTHS = st.integers(0, 30).map(lambda number: number / 10)
TURN = st.builds(Turn, FAILURE, TENTHS, st.floats(0, 0.99), SELDOM)


class Check:
    """Looks at each step of a chain, and at what came before it."""

    def __init__(self, walk: Walk, deadline: float) -> None:
        self.walk = walk
        self.deadline = walk.now + deadline
        self.failed: list[tuple[str, Failure]] = []

    def wait(self, step: Wait) -> None:
        assert self.walk.now < step.until <= self.deadline - MARGIN
        assert step.until - self.walk.now <= self.walk.settings.retry.wait_most

    def attempt(self, step: Try) -> None:
        walk, one = self.walk, step.deployment
        assert len(walk.tries) < walk.settings.retry.attempts
        assert step.timeout > 0
        assert walk.now + step.timeout <= self.deadline - MARGIN + 1e-6
        assert one in walk.choice.order
        assert walk.now >= walk.health.throttled_until(one.name)
        assert walk.choice.order[0].settings.zone in ("global", one.settings.zone)
        for name, failure in self.failed:
            assert failure.kind not in FINAL
            if name == one.name:
                assert not failure.uncertain
                assert failure.may_retry
                assert MATRIX[failure.kind].again is not Again.NO
        replays = sum(
            failure.uncertain or MATRIX[failure.kind].elsewhere is Elsewhere.REPLAY
            for _, failure in self.failed
        )
        assert replays <= (walk.settings.retry.replay == "allow")
        walk.tries.append(step)

    def stop(self, step: Stop) -> None:
        assert step.failure.says
        if self.failed:
            assert step.failure == self.failed[-1][1]
        assert step.code == MATRIX[step.failure.kind].code
        assert step.retry_after is None or step.retry_after >= 0


def run(walk: Walk, check: Check, turns: list[Turn]) -> Stop | None:
    """Walk until it stops, or until the script is over: then it was answered."""
    left = list(turns)
    for _ in range(12):
        step = walk.chain.next(walk.now)
        if isinstance(step, Stop):
            check.stop(step)
            return step
        if isinstance(step, Wait):
            check.wait(step)
            walk.now = step.until
            continue
        check.attempt(step)
        under_way = [step]
        if left and left[0].hedged and (hedge := walk.chain.hedge(walk.now)):
            assert hedge.deployment is not step.deployment
            check.attempt(hedge)
            under_way.append(hedge)
        while under_way:
            one = under_way.pop(0)
            if not left:
                walk.health.answered(one.deployment.name, one.permit, 0.1, walk.now, 0.5)
                for loser in under_way:
                    walk.health.ignored(loser.deployment.name, loser.permit)
                return None
            turn = left.pop(0)
            walk.fail(one, turn.failure, after=turn.seconds, random=turn.random)
            check.failed.append((one.deployment.name, turn.failure))
    raise AssertionError(f"it does not end: {walk.tries}")


def made(
    deployments: list[dict[str, Any]], kinds: list[str], attempts: int, replay: str
) -> OrchestratorSettings:
    return settings(
        {f"d{number}": one for number, one in enumerate(deployments)},
        rules=[{"providers": kinds}],
        retry={"attempts": attempts, "replay": replay},
        breaker={"connect_failures": 1, "probes": 1},
    )


@given(
    deployments=st.lists(DEPLOYMENT, min_size=1, max_size=5),
    kinds=st.sampled_from([[], [], ["openai"], ["azure", "openai"]]),
    attempts=st.sampled_from([3, 3, 2, 1]),
    replay=st.sampled_from(["allow", "allow", "safe"]),
    deadline=st.integers(1, 60).map(lambda number: number / 2),
    forced=st.none() | st.integers(0, 3),
    turns=st.lists(TURN, max_size=5),
)
@examples(300)
def test_a_chain_keeps_its_bounds_and_ends_whatever_fails_in_whatever_order(
    deployments: list[dict[str, Any]],
    kinds: list[str],
    attempts: int,
    replay: str,
    deadline: float,
    forced: int | None,
    turns: list[Turn],
) -> None:
    walk = Walk(made(deployments, kinds, attempts, replay), deadline=deadline)
    if forced is not None and forced < len(deployments):
        walk.health.force(f"d{forced}", "forced_open", walk.now)
    run(walk, Check(walk, deadline), turns)
    assert walk.chain.attempts == len(walk.tries)


@given(
    deployments=st.lists(DEPLOYMENT, min_size=1, max_size=3),
    turns=st.lists(TURN, max_size=5),
    retries=st.sampled_from([0, 1, 9]),
)
@examples(100)
def test_whatever_happens_no_place_at_a_probe_is_lost(
    deployments: list[dict[str, Any]], turns: list[Turn], retries: int
) -> None:
    walk = Walk(made(deployments, [], 3, "allow"), budget=RetryBudget(0.0, retries / 10))
    names = [one.name for one in walk.choice.order]
    for name in names:
        permit = walk.health.permit(name, names, walk.now)
        assert permit is not None
        one = next(one for one in walk.choice.order if one.name == name)
        walk.health.failed(one, permit, Failure(FailureClass.CONNECT, "no"), walk.now, 0.5)
    walk.now += 20.0
    run(walk, Check(walk, 10.0), turns)
    for name in names:
        assert "0 slots taken" in repr(walk.health.learned.breakers[name])
