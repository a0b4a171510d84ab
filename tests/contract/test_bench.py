"""The benchmark's own arithmetic, and that its pages and budgets fit together."""

import pytest

from scripts.benchmarks import report
from scripts.benchmarks.plugins import difference
from scripts.benchmarks.requests import Sample, middle, ratios
from scripts.benchmarks.servers import ANSWER, ANSWER_BYTES
from scripts.benchmarks.websocket import ECHO, FRAME, MASK, MESSAGE

WITHIN: report.Results = {
    "http": {"cpu_ratio_to": {"nginx": {"crossfade": 3.5}, "naive": {"crossfade": 0.2}}},
    "memory": {"idle": {"growth_mib": 60}, "body_growth_mib": {"down": 1.5, "up": 16}},
}


def test_a_number_on_its_budget_is_within_it_and_one_above_is_not() -> None:
    assert report.over_budget(WITHIN) == []
    WITHIN["memory"]["idle"]["growth_mib"] = 60.01
    assert report.over_budget(WITHIN) == ["1,000 idle connections, MiB: 60.01, at most 60"]


def test_what_was_not_measured_breaks_no_budget() -> None:
    assert report.over_budget({"http": {"cpu_ratio_to": {}}}) == []


def test_a_result_is_the_median_of_its_rounds_and_a_ratio_that_of_medians() -> None:
    rounds = [Sample(cpu_us=cpu, rps=1, p50_ms=1, p99_ms=1) for cpu in (30.0, 90.0, 40.0)]
    numbers = {"nginx": middle([Sample(20, 1, 1, 1)]), "crossfade": middle(rounds)}
    assert numbers["crossfade"]["cpu_us"] == 40.0
    assert ratios(numbers) == {"nginx": {"nginx": 1.0, "crossfade": 2.0}}


def test_what_plugins_cost_is_the_mean_of_the_middle_differences_within_the_rounds() -> None:
    assert difference([31.0, 52.0, 33.0, 99.0], [30.0, 50.0, 32.0, 9.0]) == 1.5


def test_the_origin_answers_814_bytes() -> None:
    assert len(ANSWER.encode()) == ANSWER_BYTES == 814


def test_the_echo_is_the_unmasked_frame() -> None:
    payload = bytes(byte ^ MASK[place % 4] for place, byte in enumerate(FRAME[6:]))
    assert payload == MESSAGE == ECHO[2:]


def test_the_performance_page_has_the_markers_and_states_each_budget() -> None:
    page = report.PAGE.read_text(encoding="utf-8")
    assert page.count(report.BEGIN) == page.count(report.END) == 1
    for most in {f"{budget.most:g}" for budget in report.BUDGETS}:
        assert most in page


@pytest.mark.parametrize("part", ["http", "plugins", "memory", "websocket"])
def test_a_part_that_was_not_measured_has_no_table(part: str) -> None:
    machine = {"cpus": 2, "system": "Linux", "python": "3.11"}
    text = report.markdown({"date": "2026-01-01", "version": "1", "machine": machine})
    assert "###" not in text, part
