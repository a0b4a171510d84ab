"""Numbers of windows become what judges are shown, and windows outlive configurations."""

from typing import Any

import pytest

from proxy.api.judging import Observed, Scope
from proxy.controlplane.rollouts.observing import Watch, observed, totals_of
from proxy.core.window import KEYS_MOST, Kind, Window
from tests.kit.inside import configuration

NOW = 10_000.0


def declared(**rollout: Any) -> Any:
    return configuration(identity={"key": ["cookie:sid"]}, rollouts={"r": rollout})


def filled(*, by_route: bool = False) -> Window:
    """Ten keys of each arm on two routes; those of new on route b fail."""
    window = Window(by_route=by_route)
    window.begin(1)
    for tag in range(10):
        for route in ("a", "b"):
            window.observe(route, "", False, tag, Kind.ANSWERED, 200, 0.1, NOW - 400)
            status = 500 if route == "b" else 404
            window.observe(route, "", True, 100 + tag, Kind.ANSWERED, status, 0.1, NOW)
    return window


def told(window: Window) -> dict[Scope, Observed]:
    return observed(totals_of(window.export()), NOW, 300)


def test_a_rollout_that_is_not_parted_is_everybody() -> None:
    found = told(filled())
    assert set(found) == {Scope()}
    legacy, new = found[Scope()].segment
    assert (legacy.requests, legacy.errors, legacy.failing) == (20, 0, 0.0)
    assert (new.requests, new.errors, new.client_errors, new.failing) == (20, 10, 10, 0.5)


def test_each_part_is_told_and_everybody_is_their_sum() -> None:
    found = told(filled(by_route=True))
    assert set(found) == {Scope(), Scope("a"), Scope("b")}
    for i, arm in enumerate(("legacy", "new")):
        parts = [found[Scope(route)].segment[i].requests for route in "ab"]
        assert sum(parts) == found[Scope()].segment[i].requests, arm
    assert found[Scope("b")].evidence[1].keys["errors"] == 10
    assert found[Scope("a")].evidence[1].keys["errors"] == 0


def test_a_key_on_two_routes_is_one_key_of_everybody() -> None:
    evidence = told(filled(by_route=True))[Scope()].evidence
    assert [one.active for one in evidence] == [10.0, 10.0]
    assert dict(evidence[1].keys) == {"errors": 10, "slow": 0, "client_errors": 10}


def test_recent_is_the_last_seconds_and_the_window_as_far_back_as_is_asked() -> None:
    window = filled()
    found = told(window)[Scope()]
    assert [seen.requests for seen in found.recent] == [0, 20]
    assert [seen.requests for seen in found.window] == [0, 20]
    longer = observed(totals_of(window.export()), NOW, 600)[Scope()]
    assert [seen.requests for seen in longer.window] == [20, 20]


def test_quantiles_are_those_of_the_answers() -> None:
    found = told(filled())[Scope()].recent
    assert found[1].p50 == found[1].p95 == pytest.approx(0.1, rel=0.13)
    assert found[0].p50 is None


def test_without_observations_everybody_is_told_with_nothing() -> None:
    assert told(Window()) == {Scope(): Observed(evidence=told(Window())[Scope()].evidence)}
    assert told(Window())[Scope()].evidence[0].active == 0


def test_a_metric_that_is_full_is_no_evidence_any_more() -> None:
    window = Window()
    window.begin(1)
    for tag in range(KEYS_MOST):
        window.observe("r", "", tag % 2 == 0, tag, Kind.FAILED, 0, 0.1, NOW)
    evidence = told(window)[Scope()].evidence
    assert "errors" not in evidence[0].keys
    assert "slow" in evidence[1].keys


def test_a_configuration_that_is_refused_takes_nothing_from_the_one_that_serves() -> None:
    watch = Watch()
    serving = watch.observers(declared())
    watch.serve(declared())
    assert watch.windows["r"] is serving.windows["r"]
    refused = watch.observers(declared(rollback={"scope": "route"}))
    assert refused.windows["r"] is not serving.windows["r"]
    assert watch.windows["r"] is serving.windows["r"]


def test_what_stays_as_it_was_declared_goes_on_counting() -> None:
    watch = Watch()
    watch.serve(declared(write_affinity="10s"))
    before = watch.observers(declared(write_affinity="10s"))
    after = watch.observers(declared(percentage=50, write_affinity="10s"))
    watch.serve(declared(percentage=50, write_affinity="10s"))
    assert after.windows["r"] is before.windows["r"] is watch.windows["r"]
    assert after.affinities["r"] is before.affinities["r"]
    assert watch.observers(declared()).affinities == {}


def test_another_floor_takes_effect_without_forgetting_anything() -> None:
    watch = Watch()
    watch.serve(declared())
    window = watch.windows["r"]
    assert window.slow_floor == 0.05
    watch.serve(declared(rollback={"slow_floor": "2s"}))
    assert (watch.windows["r"], window.slow_floor) == (window, 2.0)


def test_what_serves_no_longer_is_forgotten() -> None:
    watch = Watch()
    watch.serve(declared())
    first = watch.windows["r"]
    watch.serve(declared(rollback={"scope": "route"}))
    watch.serve(declared())
    assert watch.windows["r"] is not first


def test_what_was_counted_before_a_clock_was_put_back_is_not_recent() -> None:
    window = filled()
    found = observed(totals_of(window.export()), NOW - 300, 60)[Scope()]
    assert [seen.requests for seen in (*found.recent, *found.window)] == [0, 0, 0, 0]
    a_little_fast = observed(totals_of(window.export()), NOW - 9, 60)[Scope()]
    assert a_little_fast.recent[1].requests == 20
