"""What a plugin is handed at its start, and what becomes of it at its end."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest
from prometheus_client import CollectorRegistry

from proxy.api import Alert, Change, ChangeRefusedError, Services
from proxy.pluginhost.faults import FaultKey, FaultLog
from proxy.pluginhost.guard import APPLICATION, Guard
from proxy.pluginhost.metrics import PluginMetrics
from proxy.pluginhost.services import PluginServices, Surroundings
from tests.kit.transport import turns
from tests.pluginhost.hosting import log_lines

CHANGE = Change(("expose",), False)
UNDO = (Change(("expose",), None, False),)


class Store:
    """A store that says how it was closed, and may never be."""

    def __init__(self, asked: str) -> None:
        self.asked = asked
        self.closes: Callable[[], Awaitable[None]] | None = None
        self.closed = 0

    async def close(self) -> None:
        self.closed += 1
        if self.closes is not None:
            await self.closes()


class Given:
    """The services of a plugin that is called statsd."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.alerts: list[Alert] = []
        self.faults = FaultLog(lambda guard: None, lambda: 5.0)
        self.guard = Guard("statsd", APPLICATION, "", self.faults, lambda: 5.0)
        metrics = PluginMetrics(self.registry)
        self.opened: list[Store] = []
        self.around = Surroundings(
            metrics,
            self.alerts.append,
            lambda: 5.0,
            lambda: 1700.0,
            self,  # type: ignore[arg-type]
        )
        self.services = PluginServices(self.guard, self.around)

    def redis(self, plugin: str, url: str) -> "Store":
        self.opened.append(Store(f"{plugin} {url}"))
        return self.opened[-1]

    def value(self, name: str) -> float | None:
        return self.registry.get_sample_value(name)


def test_services_are_what_plugins_are_promised() -> None:
    services: Services = Given().services
    assert (services.clock(), services.now()) == (5.0, 1700.0)


def test_every_log_line_names_the_plugin() -> None:
    with log_lines() as lines:
        Given().services.log.info("connected", host="localhost")
    assert lines == [
        {"event": "connected", "log_level": "info", "host": "localhost", "plugin": "statsd"}
    ]


def test_an_alert_is_handed_on() -> None:
    given, alert = Given(), Alert("lost", "statsd", "nobody listens")
    given.services.alert(alert)
    assert given.alerts == [alert]


async def test_background_work_runs_until_the_plugin_ends() -> None:
    given = Given()
    seen: list[str] = []

    async def work() -> None:
        try:
            seen.append("begun")
            await given.services.sleep(1000)
        finally:
            seen.append("ended")

    given.services.spawn(work(), "work")
    await turns()
    assert (seen, given.services.running) == (["begun"], 1)
    await given.services.end(1)
    assert (seen, given.services.running) == (["begun", "ended"], 0)
    assert given.faults.counts() == {}


async def test_work_that_never_began_is_ended_without_a_complaint() -> None:
    given = Given()

    async def work() -> None:
        raise AssertionError("it began")

    given.services.spawn(work(), "work")
    await given.services.end(1)
    assert given.services.running == 0


async def test_what_background_work_raises_is_a_fault_of_the_plugin() -> None:
    given, user = Given(), "user-4711"

    async def work() -> None:
        raise OSError(user)

    with log_lines() as lines:
        given.services.spawn(work(), "flush")
        await turns()
    assert given.faults.counts() == {FaultKey("statsd", APPLICATION, "background"): 1}
    [line] = lines
    assert "in the background task 'flush'" in line["exception"]
    assert user not in str(line)


async def test_background_work_that_fails_again_and_again_is_quarantined() -> None:
    given = Given()

    async def work() -> None:
        raise SystemExit(3)

    for _ in range(10):
        given.services.spawn(work(), "flush")
    await turns()
    assert given.guard.quarantined.startswith("10 faults in 10 calls")


async def test_work_that_swallows_its_cancellation_does_not_hold_up_the_end() -> None:
    given = Given()
    stop = asyncio.Event()

    async def work() -> None:
        while not stop.is_set():
            try:
                await stop.wait()
            except asyncio.CancelledError:
                continue

    given.services.spawn(work(), "stubborn")
    await turns()
    await given.services.end(0.001)
    assert given.services.running == 1
    stop.set()
    await turns()


async def test_nothing_is_begun_after_the_end() -> None:
    given = Given()
    await given.services.end(1)

    async def work() -> None:
        raise AssertionError("it began")

    with pytest.raises(RuntimeError, match="plugin statsd has ended: 'late' cannot begin"):
        given.services.spawn(work(), "late")
    assert given.services.running == 0


async def test_metrics_last_as_long_as_the_plugin() -> None:
    given = Given()
    given.services.counter("sent", "Packets.").add(2)
    given.services.counter("sent", "Packets.").add(1)
    given.services.gauge("queue", "Waiting.").set(4)
    assert given.value("crossfade_statsd_sent_total") == 3
    assert given.value("crossfade_statsd_queue") == 4
    await given.services.end(1)
    assert given.value("crossfade_statsd_sent_total") is None


def test_one_plugin_cannot_have_a_metric_with_two_kinds_of_labels() -> None:
    services = Given().services
    services.counter("sent", "Packets.")
    with pytest.raises(ValueError, match="was made with the labels"):
        services.counter("sent", "Packets.", ("kind",))


async def test_stores_are_closed_when_the_plugin_ends_however_that_goes() -> None:
    given = Given()
    for name in ("good", "broken", "slow"):
        given.services.redis(name)
    good, broken, slow = given.opened
    assert good.asked == "statsd good"

    async def fail() -> None:
        raise OSError("no")

    broken.closes, slow.closes = fail, asyncio.Event().wait  # type: ignore[assignment]
    with log_lines() as lines:
        await given.services.end(0.01)
        await given.services.end(0.01)
    assert [store.closed for store in given.opened] == [1, 1, 1]
    assert [line["event"] for line in lines] == ["store_not_closed"]


async def test_nothing_is_opened_or_offered_after_the_end() -> None:
    given = Given()
    await given.services.end(1)
    with pytest.raises(RuntimeError, match="plugin statsd has ended"):
        given.services.redis("redis://localhost")
    with pytest.raises(RuntimeError, match="plugin statsd has ended"):
        given.services.share(Given, given)
    assert given.services.shared(Given) is None


async def test_a_change_of_the_configuration_goes_to_whoever_makes_it() -> None:
    given, asked = Given(), []

    async def change(changes: Sequence[Change], by: str, why: str) -> tuple[Change, ...]:
        asked.append((changes, by, why))
        return UNDO

    given.around.reconfigure = change
    assert await given.services.reconfigure([CHANGE], "ada", "cheaper") == UNDO
    assert asked == [((CHANGE,), "ada", "cheaper")]


async def test_where_no_configuration_serves_none_is_changed() -> None:
    with pytest.raises(ChangeRefusedError, match="no configuration serves here"):
        await Given().services.reconfigure([CHANGE], "ada", "cheaper")
