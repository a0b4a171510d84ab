"""Faults are counted for ever and told with measure."""

from typing import Any

from proxy.pluginhost.faults import FaultKey, FaultLog, SlowKey
from proxy.pluginhost.guard import APPLICATION, Guard
from tests.pluginhost.hosting import log_lines


class Log:
    """A fault log with a clock that the test sets."""

    def __init__(self) -> None:
        self.now = 5.0
        self.ended: list[Guard] = []
        self.faults = FaultLog(self.ended.append, lambda: self.now)

    def guard(self, route: str = "campaigns", plugin: str = "hello") -> Guard:
        return Guard(plugin, route, "", self.faults, lambda: self.now)


def raised(text: str) -> Exception:
    try:
        raise ValueError(text)
    except ValueError as error:
        return error


def test_a_fault_is_counted_under_plugin_route_and_hook() -> None:
    log = Log()
    for route in ("campaigns", "campaigns", "other"):
        log.guard(route).fault("admit", raised("x"))
    assert log.faults.counts() == {
        FaultKey("hello", "campaigns", "admit"): 2,
        FaultKey("hello", "other", "admit"): 1,
    }


def test_a_told_fault_shows_the_traceback_and_nothing_of_the_request() -> None:
    log = Log()
    with log_lines() as lines:
        log.faults.fault(log.guard(), "admit", raised("token=4711"), told=True)
        log.faults.fault(log.guard(), "admit", raised("token=4711"), told=False)
    [line] = lines
    assert (line["event"], line["log_level"], line["hook"]) == ("plugin_fault", "warning", "admit")
    assert "raise ValueError(text)" in line["exception"]
    assert "4711" not in str(line)


def test_a_quarantine_is_told_with_its_reason_and_what_to_do() -> None:
    log = Log()
    guard = log.guard()
    with log_lines() as lines:
        for _ in range(10):
            guard.calls += 1
            guard.fault("admit", raised("x"))
    line = lines[-1]
    assert (line["event"], line["log_level"]) == ("plugin_quarantined", "error")
    assert line["reason"] == guard.quarantined
    assert "crossfade plugins release hello" in line["hint"]
    assert log.ended == [guard]


def slow_lines(lines: list[dict[str, Any]]) -> list[tuple[str, list[str]]]:
    return [(line["hook"], line["plugins"]) for line in lines if line["event"] == "plugin_slow"]


def test_slow_hooks_are_counted_always_and_told_now_and_then() -> None:
    log = Log()
    guards = (log.guard(), log.guard(APPLICATION, "statsd"))
    with log_lines() as lines:
        for _ in range(5):
            guards[0].held_up("finished", guards, 0.2)
        log.now += 10
        guards[0].held_up("finished", guards, 0.2)
        guards[1].held_up("finished", guards[1:], 0.2)
    assert slow_lines(lines) == [
        ("finished", ["hello", "statsd"]),
        ("finished", ["hello", "statsd"]),
        ("finished", ["statsd"]),
    ]
    assert log.faults.slow_counts() == {
        SlowKey("campaigns", "finished"): 6,
        SlowKey("", "finished"): 1,
    }


def test_very_many_names_are_counted_together() -> None:
    log = Log()
    for number in range(10_100):
        log.faults.fault(log.guard(f"route-{number}"), "admit", raised("x"), told=False)
    assert len(log.faults.counts()) == 10_001
    assert log.faults.counts()[FaultKey("other", "other", "other")] == 100
