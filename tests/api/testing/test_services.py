"""The services of a plugin in a test: what was done with them can be read, as strict as real."""

import asyncio
from pathlib import Path

import pytest

from proxy.api import Alert, Change, ChangeRefusedError
from proxy.api.testing import FakeServices, JumpingClock


def test_counters_and_gauges_are_read_by_name_and_labels() -> None:
    services = FakeServices()
    seen = services.counter("seen", "Requests.", ("route",))
    seen.add(route="a")
    seen.add(2.5, route="a")
    seen.add(route="b")
    services.gauge("depth", "How deep.").set(-4)
    assert services.value("seen", route="a") == 3.5
    assert services.value("seen", route="b") == 1
    assert services.value("seen", route="never") == 0
    assert services.value("depth") == -4


def test_a_metric_that_is_made_again_goes_on_counting() -> None:
    services = FakeServices()
    services.counter("seen", "Requests.").add()
    services.counter("seen", "Requests.").add()
    assert services.value("seen") == 2


def test_a_metric_that_nobody_made_is_told_with_those_that_were() -> None:
    services = FakeServices()
    services.counter("seen", "Requests.")
    with pytest.raises(KeyError, match="made no metric 'sean'; it made: seen"):
        services.value("sean")


def test_a_metric_with_other_labels_or_of_another_kind_is_refused() -> None:
    services = FakeServices()
    seen = services.counter("seen", "Requests.", ("route",))
    with pytest.raises(ValueError, match="the labels of the counter seen are route"):
        seen.add()
    with pytest.raises(ValueError, match="given were route, arm"):
        seen.add(route="a", arm="b")
    with pytest.raises(ValueError, match="all of them text"):
        seen.add(route=1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="made before, as a counter"):
        services.counter("seen", "Requests.")
    with pytest.raises(ValueError, match="made before, as a counter"):
        services.gauge("seen", "Requests.", ("route",))


@pytest.mark.parametrize("amount", [-1, float("nan"), float("inf")])
def test_a_counter_only_grows_by_finite_amounts(amount: float) -> None:
    with pytest.raises(ValueError, match="a counter grows by a finite amount of at least 0"):
        FakeServices().counter("seen", "Requests.").add(amount)


@pytest.mark.parametrize(
    "name", ["", "Seen", "se-en", "seen_total", "seen_created", "1a", "a" * 65]
)
def test_a_name_that_the_metrics_of_the_proxy_cannot_have_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is no name for a counter"):
        FakeServices().counter(name, "Requests.")


@pytest.mark.parametrize("labels", [("A",), ("a", "a"), ("__a",), tuple("abcdefghi")])
def test_labels_that_the_metrics_of_the_proxy_cannot_have_are_refused(
    labels: tuple[str, ...],
) -> None:
    with pytest.raises(ValueError, match="at most 8 labels, each once"):
        FakeServices().gauge("depth", "How deep.", labels)


def test_what_is_logged_is_kept_with_its_level_and_the_plugins_name() -> None:
    services = FakeServices(plugin="hello")
    services.log.info("begun", port=1)
    services.log.bind(user=2).warning("lost")
    assert services.lines == [
        {"plugin": "hello", "event": "begun", "port": 1, "level": "info"},
        {"plugin": "hello", "event": "lost", "user": 2, "level": "warning"},
    ]
    assert services.logged("lost")[0]["user"] == 2
    assert services.logged("never") == []


def test_alerts_are_kept_in_order() -> None:
    services = FakeServices()
    alerts = [Alert("a", "b", "c"), Alert("d", "e", "f")]
    for alert in alerts:
        services.alert(alert)
    assert services.alerts == alerts


async def test_a_background_task_runs_on_the_jumping_clock_and_ends_with_the_plugin() -> None:
    clock = JumpingClock()
    services = FakeServices(clock)
    ticks: list[float] = []

    async def ticking() -> None:
        while True:
            await services.sleep(10)
            ticks.append(services.clock())

    services.spawn(ticking(), "ticking")
    assert list(services.tasks) == ["ticking"]
    await clock.jump(25)
    assert ticks == [1010.0, 1020.0]
    assert services.now() == clock.now()
    await services.close()
    assert not services.tasks
    assert services.faults == []


async def test_what_a_background_task_raises_is_kept_as_a_fault() -> None:
    services = FakeServices()

    async def failing() -> None:
        raise ValueError("broken")

    services.spawn(failing(), "failing")
    await services.jumping.jump(0)
    assert [str(fault) for fault in services.faults] == ["broken"]
    assert not services.tasks


async def test_nothing_begins_after_the_plugin_has_ended() -> None:
    services = FakeServices()
    await services.close()
    with pytest.raises(RuntimeError, match="the plugin has ended: 'late' cannot begin"):
        services.spawn(asyncio.sleep(0), "late")


def is_there(url: str) -> bool:
    return Path(url.removeprefix("sqlite://")).exists()


async def test_stores_are_real_and_end_with_the_services() -> None:
    services = FakeServices(plugin="queue")
    file = services.sqlite(Path("queue.db"), ["CREATE TABLE t (x)"])
    await file.write(lambda connection: connection.execute("INSERT INTO t VALUES (1)").rowcount)
    again = services.sqlite(Path("queue.db"), ["CREATE TABLE t (x)"])
    assert await again.ask(lambda c: c.execute("SELECT x FROM t").fetchall()) == [(1,)]
    assert services.redis("redis://127.0.0.1:1").key("a") == "crossfade:{plugin:queue}:a"
    assert services.dynamodb("t", "eu-west-1", "http://127.0.0.1:1").name == "t"
    assert is_there(file.url)
    await services.close()
    assert not is_there(file.url)
    with pytest.raises(RuntimeError, match="the plugin has ended"):
        services.sqlite(Path("queue.db"), [])


async def test_what_is_offered_last_is_found_until_the_end() -> None:
    services = FakeServices()
    assert services.shared(str) is None
    services.share(str, "a")
    services.share(str, "b")
    services.share(bytes, b"c")
    assert services.shared(str) == "b"
    await services.close()
    assert services.shared(str) is None


async def test_changes_of_the_configuration_are_kept_and_can_be_refused() -> None:
    services = FakeServices()
    changes = (Change(("a",), 2, 1), Change(("b", 0), "x"))
    undo = await services.reconfigure(changes, "ada", "cheaper")
    assert services.changed == [(changes, "ada", "cheaper")]
    assert undo == (Change(("b", 0), None, "x"), Change(("a",), 1, 2))
    services.refuse_changes = ("no such key",)
    with pytest.raises(ChangeRefusedError, match="no such key"):
        await services.reconfigure(changes, "ada", "cheaper")
    assert len(services.changed) == 1
