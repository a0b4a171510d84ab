"""A ramp loop over real rollouts, a real store and real windows; the test is clock and traffic."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from hashlib import blake2b
from typing import Any

from proxy.api.events import Alert, Move
from proxy.api.judging import Question, Verdict
from proxy.config.models import Config
from proxy.controlplane.rollouts.authority import Actor, Effects, Rollouts
from proxy.controlplane.rollouts.loop import RampLoop
from proxy.controlplane.rollouts.observing import Watch
from proxy.controlplane.rollouts.report import RolloutReport
from proxy.controlplane.rollouts.surroundings import Surroundings
from proxy.core.commands import Command, Start
from proxy.core.rollout_state import RolloutState
from proxy.core.sketch import TAG_BITS
from proxy.core.window import Kind
from proxy.stores.memory import MemoryStore
from proxy.stores.opening import fleet_of
from proxy.stores.rollouts import AuditEntry, RolloutStore
from tests.kit.inside import configuration

NAME = "hybrid"
BEGIN = 1_700_000_000.0
OPERATOR = Actor("ops", "operator")
ADMIN = Actor("root", "admin")
RAMP: dict[str, Any] = {
    "steps": [5, 25, 50, 100],
    "settle": "3s",
    "bake": "12s",
    "min_requests": 20,
    "soak": "15s",
}


def declared(**rollout: Any) -> Config:
    """A configuration with the rollout `hybrid`, which has a short ramp unless told otherwise."""
    arms = {"legacy": {"upstream": "legacy"}, "new": {"upstream": "legacy"}}
    return configuration(
        identity={"key": ["cookie:sid"]},
        rollouts={NAME: {"ramp": RAMP} | rollout},
        routes=[{"name": "all", "match": {"path": "/**"}, "rollout": NAME, "arms": arms}],
    )


def tag(key: int) -> int:
    """The tag of a key: as good as random."""
    return int.from_bytes(blake2b(b"%d" % key, digest_size=TAG_BITS // 8).digest())


class Judge:
    """Answers as the test says; keeps what it was asked."""

    def __init__(self) -> None:
        self.brake: list[Verdict] = [Verdict("pass", "all is well")]
        self.gate: list[Verdict] = [Verdict("pass", "not inferior")]
        self.asked: list[Question] = []

    def __call__(self, question: Question) -> list[Verdict]:
        self.asked.append(question)
        return self.brake if question.kind == "brake" else self.gate


class Clock:
    """Unix time as the test says; several replicas may share one."""

    def __init__(self, now: float = BEGIN) -> None:
        self.now = now


class Looped:
    """One replica: its rollouts, its windows, its loop."""

    def __init__(
        self,
        store: RolloutStore,
        clock: Clock,
        config: Config,
        *,
        replica: str = "a",
        judge: Callable[[Question], list[Verdict]] | None = None,
        env: dict[str, str] | None = None,
    ) -> None:
        self.clock = clock
        self.config = config
        self.judge = Judge()
        self.alerts: list[Alert] = []
        self.moves: list[Move] = []
        self.legacy_up = True
        self.callers = (0, 0)
        self.watch = Watch()
        self.watch.serve(config)
        effects = Effects(lambda _: None, self.moves.append, self.alerts.append)
        self.rollouts = Rollouts(store, effects, env or {}, lambda: clock.now)
        surroundings = Surroundings(
            rollouts=self.rollouts,
            fleet=fleet_of(store),
            watch=self.watch,
            judge=judge or self.judge,
            config=lambda: self.config,
            legacy_up=lambda _: self.legacy_up,
            callers=lambda _: self.callers,
            alert=self.alerts.append,
        )
        self.loop = RampLoop(surroundings, replica, lambda: clock.now, interval=0.001)
        self.legacy = self.new = (10, 0)
        """Requests in each second, and how many of them fail."""
        self.people = 400
        """How many keys each arm's callers have."""
        self._keys = 0

    @property
    def state(self) -> RolloutState:
        return self.rollouts.state(NAME)

    @property
    def report(self) -> RolloutReport:
        return self.loop.report(NAME)

    def told(self) -> list[str]:
        """The names of the alerts so far."""
        return [alert.name for alert in self.alerts]

    async def ask(self, command: Command, **options: Any) -> RolloutState:
        """Give a command as an operator."""
        return await self.rollouts.change(NAME, command, OPERATOR, "the test wants it", **options)

    async def start(self) -> None:
        await self.ask(Start())

    def observe(self) -> None:
        """One second of traffic, to the arms that have a share."""
        share = self.state.share
        for new, (requests, failing) in ((False, self.legacy), (True, self.new)):
            if share == (0 if new else 100):
                continue
            for number in range(requests):
                self._keys += 1
                status = 500 if number < failing else 200
                key = 2 * (self._keys % self.people) + new
                self.watch.windows[NAME].observe(
                    "all", "", new, tag(key), Kind.ANSWERED, status, 0.01, self.clock.now
                )

    async def look(self) -> None:
        """One look, without traffic and without time going by."""
        await self.rollouts.refresh()
        await self.loop.tick(self.clock.now)

    async def run(self, seconds: int) -> None:
        """So many seconds of traffic and looks."""
        for _ in range(seconds):
            self.clock.now += 1
            self.observe()
            await self.loop.tick(self.clock.now)

    async def run_until(self, reached: Callable[[RolloutState], bool], most: int = 400) -> int:
        """Run until the state is as it shall be; how many seconds that took."""
        for second in range(most):
            if reached(self.state):
                return second
            await self.run(1)
        raise AssertionError(f"{self.state} after {most} s, waits for {self.report.waiting_for}")

    async def audit(self) -> list[AuditEntry]:
        """What was done by automation, the oldest first."""
        entries = await self.rollouts.audit(rollout=NAME, limit=1000)
        return [one for one in reversed(entries) if one.role == "automation"]

    async def close(self) -> None:
        await self.loop.close()
        await self.rollouts.close()


@asynccontextmanager
async def looped(
    config: Config | None = None, *, store: RolloutStore | None = None, **options: Any
) -> AsyncIterator[Looped]:
    """A replica that is alone, with a store in memory, unless told otherwise."""
    clock = options.pop("clock", None) or Clock()
    store = store or MemoryStore(lambda: clock.now)
    made = Looped(store, clock, config or declared(), **options)
    await made.rollouts.open(made.config)
    try:
        yield made
    finally:
        await made.close()
