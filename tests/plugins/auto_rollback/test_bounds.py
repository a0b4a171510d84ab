"""What needs no statistics: collapse, a sick legacy, absolute bounds."""

from typing import Any

import pytest

from plugins.auto_rollback.bounds import broken, collapse, legacy_is_sick
from proxy.api import Evidence, Seen
from tests.plugins.auto_rollback.asking import evidence, question, seen

COLLAPSES: dict[str, tuple[tuple[Seen, Seen], dict[str, Any], bool]] = {
    "half of twenty": ((Seen(380, 4), Seen(20, 10)), {}, True),
    "less than half": ((Seen(380, 4), Seen(20, 9)), {}, False),
    "too few requests": ((Seen(380, 4), Seen(19, 19)), {}, False),
    "legacy fails too": ((Seen(380, 38), Seen(20, 20)), {}, False),
    "legacy fails just below the bound": ((Seen(380, 37), Seen(20, 20)), {}, True),
    "legacy may not fail more, whatever counts as sick": (
        (Seen(380, 38), Seen(20, 20)),
        {"settings": {"legacy_sick": 100}},
        False,
    ),
    "a lower bound counts": (
        (Seen(380, 8), Seen(20, 20)),
        {"settings": {"legacy_sick": 2}},
        False,
    ),
    "legacy is not asked any more": ((Seen(), Seen(20, 20)), {"share": 1.0}, True),
    "legacy is down": ((Seen(), Seen(20, 20)), {"share": 1.0, "legacy_up": False}, False),
}


@pytest.mark.parametrize("name", COLLAPSES)
def test_new_has_collapsed_when_half_of_it_fails_and_legacy_is_well(name: str) -> None:
    recent, asked, collapsed = COLLAPSES[name]
    observed = seen(new=evidence(200, 30), recent=recent)
    assert bool(collapse(observed, question(observed, **asked))) is collapsed


CALLERS = {
    "one mad caller of six": (evidence(6, 1), False),
    "two of six": (evidence(6, 2), False),
    "three of six": (evidence(6, 3), True),
    "the only two": (evidence(2, 2), True),
    "nobody knows which, right after a step": (Evidence(), True),
    "so many that they are not told apart": (Evidence(30_000.0, {"slow": 0}), True),
}


@pytest.mark.parametrize("name", CALLERS)
def test_a_collapse_is_met_by_several_callers_or_by_all(name: str) -> None:
    met, collapsed = CALLERS[name]
    observed = seen(new=met, recent=(Seen(380, 4), Seen(40, 30)))
    assert bool(collapse(observed, question(observed))) is collapsed


SICK = {
    "a tenth of twenty": (Seen(20, 2), True, True),
    "less than a tenth": (Seen(380, 37), True, False),
    "too few requests to say": (Seen(19, 19), True, False),
    "nothing to do": (Seen(), True, False),
    "no endpoint is up": (Seen(), False, True),
}


@pytest.mark.parametrize("name", SICK)
def test_legacy_is_sick_when_a_tenth_of_it_fails_or_it_is_down(name: str) -> None:
    legacy, up, sick = SICK[name]
    observed = seen(recent=(legacy, Seen(20)))
    assert bool(legacy_is_sick(observed, question(observed, legacy_up=up))) is sick


BOUNDS: dict[str, tuple[Seen, str]] = {
    "too many errors": (Seen(100, 6), "absolute.error_rate: 6 of 100 requests failed"),
    "as many as may be": (Seen(100, 5), ""),
    "too few requests": (Seen(49, 49), ""),
    "too slow": (Seen(100, p95=2.5), "absolute.p95: new took 2.500 s"),
    "as slow as may be": (Seen(100, p95=2.0), ""),
}


@pytest.mark.parametrize("name", BOUNDS)
def test_an_absolute_bound_is_broken_by_what_new_alone_did_in_its_window(name: str) -> None:
    new, said = BOUNDS[name]
    settings = question(settings={"absolute": {"error_rate": 5, "p95": "2s"}}).settings
    assert broken(seen(window=(Seen(), new)), settings)[: len(said) or None] == said


def test_only_the_absolute_bounds_that_are_set_can_be_broken() -> None:
    bad = seen(window=(Seen(), Seen(100, 100, p95=60.0)))
    assert broken(bad, question().settings) == ""
    assert "p95" in broken(bad, question(settings={"absolute": {"p95": "2s"}}).settings)
    rate = question(settings={"absolute": {"error_rate": 100}}).settings
    assert broken(bad, rate) == ""
