"""The gate: published intervals, and who is let through."""

from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.auto_rollback.noninferiority import upper_bound, wilson
from proxy.api import Evidence, Seen
from tests.plugins.auto_rollback.asking import HARDLY_SEEN, evidence, judged, seen

Z95 = 1.959964


def test_the_score_interval_is_the_published_one() -> None:
    assert wilson(81, 263, Z95) == pytest.approx((0.2553, 0.3662), abs=0.0001)
    assert wilson(0, 20, Z95) == pytest.approx((0.0, 0.1611), abs=0.0001)


PUBLISHED = [
    # Newcombe 1998, Statistics in Medicine 17, 873-890, table II, method 10
    ((56, 70), (48, 80), 0.3339),
    ((9, 10), (3, 10), 0.8090),
    ((10, 10), (0, 10), 1.0000),
]


@pytest.mark.parametrize(("new", "legacy", "upper"), PUBLISHED)
def test_the_upper_bound_of_a_difference_is_the_published_one(
    new: tuple[int, int], legacy: tuple[int, int], upper: float
) -> None:
    assert upper_bound(new, legacy, 0.025) == pytest.approx(upper, abs=0.0001)


def chances(n: int, p: float) -> dict[int, float]:
    terms = {k: comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)}
    return {k: chance for k, chance in terms.items() if chance > 1e-5}


def test_what_is_worse_by_the_margin_passes_about_as_seldom_as_it_should() -> None:
    passed = sum(
        new_chance * legacy_chance
        for new, new_chance in chances(200, 0.06).items()
        for legacy, legacy_chance in chances(600, 0.02).items()
        if upper_bound((new, 200), (legacy, 600), 0.01) < 0.04
    )
    assert 0.002 < passed < 0.015


@given(
    new=st.integers(0, 500),
    new_of=st.integers(0, 500),
    legacy=st.integers(0, 500),
    legacy_of=st.integers(0, 500),
)
def test_the_bound_is_a_difference_of_proportions_and_not_below_what_was_seen(
    new: int, new_of: int, legacy: int, legacy_of: int
) -> None:
    new, legacy = min(new, new_of), min(legacy, legacy_of)
    bound = upper_bound((new, new_of), (legacy, legacy_of), 0.01)
    difference = new / max(new_of, 1) - legacy / max(legacy_of, 1)
    assert difference <= bound <= 1
    if not (new_of and legacy_of):
        assert bound == 1


ENOUGH = seen(evidence(28_500, 285), evidence(1500, 15))


def test_the_gate_opens_when_so_many_keys_were_seen_that_new_cannot_be_much_worse() -> None:
    verdict = judged(ENOUGH, "gate")
    assert verdict.kind == "pass"
    assert verdict.evidence["errors"]["active"] == {"legacy": 28_500, "new": 1500}


def test_the_gate_stays_shut_while_nothing_bad_is_proven_but_nothing_good_either() -> None:
    few = seen(evidence(1900, 19), evidence(100, 2))
    verdict = judged(few, "gate")
    assert judged(few).kind == "pass"
    assert verdict.kind == "hold"
    assert "new may be worse by 4.9 points, the margin is 3" in verdict.why
    assert "keys on new would show it" in verdict.why
    assert verdict.evidence["errors"]["keys"] == {"legacy": 19, "new": 2}


def test_a_wider_margin_asks_for_less() -> None:
    few = seen(evidence(1900, 19), evidence(100, 2))
    assert judged(few, "gate", settings={"margin": 6}).kind == "pass"


SHUT = {
    "errors are more frequent by the margin": seen(evidence(28_500, 285), evidence(1500, 60)),
    "client errors are": seen(evidence(28_500, 285), evidence(1500, 15, client_errors=60)),
    "errors are too many to be told apart": seen(
        Evidence(1e5, {"client_errors": 0}), Evidence(1e5, {"client_errors": 0})
    ),
    "new was hardly asked": HARDLY_SEEN,
}


@pytest.mark.parametrize("name", SHUT)
def test_the_gate_stays_shut_when(name: str) -> None:
    assert judged(SHUT[name], "gate").kind == "hold"


def test_the_gate_says_what_is_missing() -> None:
    unasked = seen(evidence(0), segment=(Seen(), Seen(1000)))
    assert judged(unasked, "gate").why == "nothing was seen of legacy to compare new with"
    verdict = judged(ENOUGH, "gate", settings={"min_requests": 2000})
    assert (verdict.kind, verdict.why) == ("hold", "1000 of 2000 requests on new")


def test_errors_are_looked_at_even_where_they_are_no_metric() -> None:
    worse = SHUT["errors are more frequent by the margin"]
    slow_only = {"metrics": ["slow"]}
    assert judged(worse, "gate", settings=slow_only).kind == "hold"
    assert judged(ENOUGH, "gate", settings=slow_only).kind == "pass"


def test_client_errors_do_not_shut_the_gate_where_they_are_no_metric() -> None:
    worse = SHUT["client errors are"]
    assert judged(worse, "gate", settings={"metrics": ["errors", "slow"]}).kind == "pass"


@pytest.mark.parametrize(("errors", "kind"), [(99, "pass"), (100, "hold")])
def test_at_a_hundred_per_cent_new_alone_is_looked_at_and_the_gate_says_so(
    errors: int, kind: str
) -> None:
    alone = seen(evidence(0), segment=(Seen(), Seen(1000, errors)))
    verdict = judged(alone, "gate", share=1.0)
    assert verdict.kind == kind
    assert "no legacy arm to compare with" in verdict.why
