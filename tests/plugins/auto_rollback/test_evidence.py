"""The always-valid test: exact sums and walks show that it is one."""

from fractions import Fraction
from itertools import product
from math import comb, exp, isfinite, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.auto_rollback.evidence import (
    Finding,
    find,
    log_e,
    metric_weight,
    scope_weight,
    segment_weight,
    several,
)
from proxy.api import Evidence
from tests.plugins.auto_rollback.asking import evidence, question, seen

SHARES = st.floats(0.001, 0.999)
COUNTS = st.integers(0, 20_000)


@given(n=st.integers(0, 60), share=SHARES)
def test_its_expectation_is_one_where_the_arm_makes_no_difference(n: int, share: float) -> None:
    expected = sum(
        comb(n, k) * share**k * (1 - share) ** (n - k) * exp(log_e(k, n - k, share))
        for k in range(n + 1)
    )
    assert expected == pytest.approx(1)


@pytest.mark.parametrize(("share", "alpha"), [(0.05, 0.01), (0.5, 0.05), (0.25, 0.3)])
def test_looking_after_each_key_it_ever_reaches_its_bound_with_a_chance_of_alpha_at_most(
    share: float, alpha: float
) -> None:
    at = {0: 1.0}  # keys on new -> the probability to be there without having crossed
    crossed = 0.0
    for n in range(1, 401):
        after: dict[int, float] = {}
        for (k, p), (step, chance) in product(at.items(), ((0, 1 - share), (1, share))):
            after[k + step] = after.get(k + step, 0.0) + p * chance
        over = [k for k in after if log_e(k, n - k, share) >= -log(alpha)]
        crossed += sum(after.pop(k) for k in over)
        at = after
    assert alpha / 10 < crossed <= alpha


@pytest.mark.parametrize(("new", "legacy", "share"), [(3, 4, "1/4"), (0, 9, "1/20"), (6, 0, "1/2")])
def test_it_is_the_likelihood_of_a_mixture_of_odds_over_that_of_no_difference(
    new: int, legacy: int, share: str
) -> None:
    p = Fraction(share)
    mixture = Fraction(0)
    for ratio, weight in (("3/2", 5), (2, 10), (3, 25), (5, 30), (8, 15), (15, 10), (50, 5)):
        odds = Fraction(ratio) * p / (1 - p)
        q = odds / (1 + odds)
        mixture += Fraction(weight, 100) * q**new * (1 - q) ** legacy
    expected = log(mixture / (p**new * (1 - p) ** legacy))
    assert log_e(new, legacy, float(p)) == pytest.approx(expected)


@given(new=COUNTS, legacy=COUNTS, share=SHARES)
def test_a_key_on_new_speaks_against_new_and_one_on_legacy_for_it(
    new: int, legacy: int, share: float
) -> None:
    here = log_e(new, legacy, share)
    assert isfinite(here)
    assert log_e(new + 1, legacy, share) > here
    assert log_e(new, legacy + 1, share) < here


@given(new=COUNTS, legacy=COUNTS)
def test_there_is_no_evidence_without_keys_or_with_one_arm_alone(new: int, legacy: int) -> None:
    assert log_e(0, 0, 0.05) == pytest.approx(0)
    assert log_e(new, legacy, 1.0) == 0
    assert log_e(new, legacy, 0.0) == 0


@given(st.sets(st.sampled_from(["errors", "slow", "client_errors"]), min_size=1))
def test_metrics_share_the_budget_and_errors_have_half_of_it(metrics: set[str]) -> None:
    told = sorted(metrics)
    assert sum(metric_weight(metric, told) for metric in told) == pytest.approx(1)
    if "errors" in metrics and len(metrics) > 1:
        assert metric_weight("errors", told) == 0.5


def test_segments_share_the_budget_however_many_follow() -> None:
    assert 0.999 < sum(segment_weight(segment) for segment in range(1, 5000)) <= 1
    assert segment_weight(0) == segment_weight(1) == pytest.approx(0.6079, abs=0.001)


def test_scopes_share_the_budget_however_many_appear() -> None:
    # Each takes what it ever gets at most: what it has when it appears.
    most = [scope_weight(others, everybody=False) for others in range(1, 5000)]
    assert 0.2 < sum(most) + scope_weight(5000, everybody=True) <= 1
    assert scope_weight(0, everybody=True) == 1
    assert most == sorted(most, reverse=True)


def test_a_finding_tells_keys_and_active_keys_of_each_arm_as_json() -> None:
    found = find(question(), seen(evidence(3800.4, 38), evidence(200, 9)), 1.0)["errors"]
    assert found.told() == {
        "log_e": pytest.approx(log_e(9, 38, 0.05), abs=0.001),
        "bound": pytest.approx(5.796, abs=0.001),
        "keys": {"legacy": 38, "new": 9},
        "active": {"legacy": 3800, "new": 200},
    }
    assert str(found).startswith("errors: 9 of 200 keys on new (4.5%), 38 of 3800 on legacy (1.0%)")


def test_the_bound_grows_with_the_segment_and_with_the_scopes() -> None:
    def bound(part: float, segment: int = 1) -> float:
        return find(question(segment=segment), seen(), part)["errors"].bound

    assert bound(1.0) < bound(1.0, segment=2) < bound(1.0, segment=3)
    assert bound(0.5) == pytest.approx(bound(1.0) + log(2))


def test_a_metric_whose_keys_are_too_many_to_tell_apart_says_nothing() -> None:
    full = Evidence(30_000.0, {"slow": 3, "client_errors": 4})
    assert list(find(question(), seen(full, full), 1.0)) == ["slow", "client_errors"]


def test_an_estimate_of_active_keys_that_lies_too_low_is_corrected() -> None:
    found = find(question(), seen(evidence(37.5, 38), evidence(8.5, 9)), 1.0)["errors"]
    assert found.active == (38, 9)
    assert found.shares == (1.0, 1.0)


EFFECTS = {
    "one and a half times and half a point": ((3800, 38), (1000, 15), True),
    "less than one and a half times": ((3800, 380), (1000, 149), False),
    "less than half a point": ((3800, 4), (1000, 5), False),
    "legacy without any": ((3800, 0), (1000, 5), True),
    "two of fifty callers": ((3800, 38), (50, 2), False),
    "three of fifty callers": ((3800, 38), (50, 3), True),
    "two of two callers": ((3800, 38), (2, 2), True),
    "nobody seen": ((0, 0), (0, 0), False),
}


@pytest.mark.parametrize("name", EFFECTS)
def test_an_effect_matters_only_from_a_size_on_and_if_several_callers_meet_it(name: str) -> None:
    (legacy_active, legacy), (new_active, new), matters = EFFECTS[name]
    found = Finding("errors", 9.0, 5.0, (legacy, new), (legacy_active, new_active))
    assert found.matters(min_ratio=1.5, min_points=0.5) is matters


def test_one_caller_of_a_hundred_is_enough_where_there_are_a_hundred() -> None:
    assert several(1, 100)
    assert not several(1, 99)
