"""Times to the first byte: a mean that forgets, a p95 that waits until it knows enough."""

import pytest

from plugins.orchestrator.deciding.scores import FRESH, LEAST, FirstBytes


def test_the_mean_follows_what_is_measured() -> None:
    times = FirstBytes()
    for _ in range(50):
        times.observe(1.0, 0.0)
    assert times.mean(0.0) == pytest.approx(1.0)
    for _ in range(50):
        times.observe(3.0, 1.0)
    assert times.mean(1.0) == pytest.approx(3.0, rel=0.001)


def test_a_single_outlier_moves_the_mean_by_a_fifth() -> None:
    times = FirstBytes()
    times.observe(1.0, 0.0)
    times.observe(6.0, 1.0)
    assert times.mean(1.0) == pytest.approx(2.0)


def test_what_was_measured_a_minute_ago_is_not_known_any_more() -> None:
    times = FirstBytes()
    times.observe(9.0, 100.0)
    assert times.mean(100.0 + FRESH) == 9.0
    assert times.mean(100.1 + FRESH) is None
    times.observe(1.0, 200.0)
    assert times.mean(200.0) == 1.0


def test_there_is_no_p95_of_a_few_and_then_it_is_that_of_the_last_hundred() -> None:
    times = FirstBytes()
    assert times.mean(0.0) is None
    for number in range(LEAST - 1):
        times.observe(float(number), 0.0)
    assert times.p95() is None
    for number in range(1000):
        times.observe(number / 1000, 0.0)
    assert times.p95() == pytest.approx(0.995)
