"""The metrics of plugins on a real registry."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from proxy.pluginhost.metrics import MOST_SERIES, CounterHandle, GaugeHandle, PluginMetrics


class Metrics:
    """Plugin metrics and the registry that they are on."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.metrics = PluginMetrics(self.registry)

    def counter(self, name: str, *labels: str, plugin: str = "statsd") -> CounterHandle:
        return CounterHandle(self.metrics.take(plugin, "counter", name, "Says.", labels))

    def gauge(self, name: str, *labels: str) -> GaugeHandle:
        return GaugeHandle(self.metrics.take("statsd", "gauge", name, "Says.", labels))

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)


def test_a_counter_and_a_gauge_are_exposed_under_the_plugins_name() -> None:
    metrics = Metrics()
    metrics.counter("sent", "kind").add(3, kind="timer")
    metrics.gauge("queue").set(7)
    page = generate_latest(metrics.registry).decode()
    assert 'crossfade_statsd_sent_total{kind="timer"} 3.0' in page
    assert "# TYPE crossfade_statsd_queue gauge\ncrossfade_statsd_queue 7.0" in page


def test_a_gauge_may_be_asked_when_it_is_read_and_one_that_fails_hides_no_other() -> None:
    metrics = Metrics()
    gauge, held = metrics.gauge("held", "whose"), [1, 2]
    gauge.set(9, whose="mine")
    gauge.set_function(lambda: sum(held), whose="mine")
    gauge.set_function(lambda: 1 / 0, whose="yours")
    held.append(3)
    assert metrics.value("crossfade_statsd_held", whose="mine") == 6
    assert str(metrics.value("crossfade_statsd_held", whose="yours")) == "nan"
    gauge.set(4, whose="mine")
    assert metrics.value("crossfade_statsd_held", whose="mine") == 4


def test_a_counter_without_labels_is_there_before_it_counts() -> None:
    metrics = Metrics()
    metrics.counter("lost")
    assert metrics.value("crossfade_statsd_lost_total") == 0


def test_a_new_holder_goes_on_counting_and_the_last_one_takes_it_away() -> None:
    metrics = Metrics()
    first = metrics.metrics.take("statsd", "counter", "sent", "Says.", ())
    CounterHandle(first).add(2)
    second = metrics.metrics.take("statsd", "counter", "sent", "Says.", ())
    metrics.metrics.give_back(first)
    CounterHandle(second).add(1)
    assert metrics.value("crossfade_statsd_sent_total") == 3
    metrics.metrics.give_back(second)
    assert metrics.value("crossfade_statsd_sent_total") is None
    metrics.counter("sent")
    assert metrics.value("crossfade_statsd_sent_total") == 0


def test_a_new_version_may_have_other_labels_while_the_old_one_lasts() -> None:
    metrics = Metrics()
    old = metrics.metrics.take("statsd", "gauge", "queue", "Says.", ())
    GaugeHandle(old).set(1)
    metrics.gauge("queue", "kind").set(2, kind="timer")
    assert metrics.value("crossfade_statsd_queue") == 1
    metrics.metrics.give_back(old)
    assert metrics.value("crossfade_statsd_queue") is None
    assert metrics.value("crossfade_statsd_queue", kind="timer") == 2


WRONG = [{}, {"kind": "x", "more": "y"}, {"other": "x"}, {"kind": 5}, {"kind": None}]


@pytest.mark.parametrize("labels", WRONG)
def test_wrong_labels_are_refused_and_count_nothing(labels: dict[str, str]) -> None:
    metrics = Metrics()
    counter, gauge = metrics.counter("sent", "kind"), metrics.gauge("queue", "kind")
    with pytest.raises(ValueError, match="the metric's labels are kind"):
        counter.add(1, **labels)
    with pytest.raises(ValueError, match="the metric's labels are kind"):
        gauge.set(1, **labels)
    assert "{" not in generate_latest(metrics.registry).decode()


@pytest.mark.parametrize("amount", [-1, float("nan"), float("inf")])
def test_a_counter_only_grows_by_numbers(amount: float) -> None:
    with pytest.raises(ValueError, match="grows by"):
        Metrics().counter("sent").add(amount)


NAMES = ["", "Sent", "1st", "sent-out", "sent_total", "sent_created", "x" * 65]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_prometheus_would_not_take_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is no name for a counter"):
        Metrics().counter(name)


LABELS = [("Kind",), ("__kind",), ("a", "a"), tuple(f"l{n}" for n in range(9)), ("x" * 33,)]


@pytest.mark.parametrize("labels", LABELS)
def test_label_names_that_cannot_be_are_refused(labels: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="label"):
        Metrics().counter("sent", *labels)


def test_a_name_that_is_taken_is_refused() -> None:
    metrics = Metrics()
    Gauge("crossfade_statsd_queue", "The proxy's own.", registry=metrics.registry)
    with pytest.raises(ValueError, match="there is a metric crossfade_statsd_queue already"):
        metrics.gauge("queue")
    metrics.counter("sent")
    with pytest.raises(ValueError, match="is a counter of plugin statsd already"):
        metrics.gauge("sent")
    with pytest.raises(ValueError, match="is a counter of plugin statsd already"):
        metrics.counter("sent", plugin="Statsd")


def test_label_values_beyond_the_bound_are_counted_as_other() -> None:
    metrics = Metrics()
    counter = metrics.counter("sent", "user")
    for number in range(MOST_SERIES + 25):
        counter.add(user=f"u{number}")
    counter.add(user="u0")
    counter.add(user="x" * 1000)
    assert metrics.value("crossfade_statsd_sent_total", user="u0") == 2
    assert metrics.value("crossfade_statsd_sent_total", user="other") == 26
    page = generate_latest(metrics.registry).decode()
    assert page.count("crossfade_statsd_sent_total{") == MOST_SERIES + 1


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 1000))))
def test_every_amount_is_counted_once(added: list[tuple[str, int]]) -> None:
    metrics = Metrics()
    counter = metrics.counter("sent", "kind")
    expected: Counter[str] = Counter()
    for kind, amount in added:
        counter.add(amount, kind=kind)
        expected[kind] += amount
    for kind in {kind for kind, _ in added}:
        assert metrics.value("crossfade_statsd_sent_total", kind=kind) == expected[kind]
