"""Whether a crossing goes on: by fresh keys, or by requests where no keys are left."""

from dataclasses import replace

import pytest

from plugins.auto_rollback.patience import (
    CONFIRMED,
    NOTHING,
    PATIENCE_SECONDS,
    Counts,
    counted,
    fresh,
    outlook,
    since,
)
from proxy.api import Evidence, Observed, Seen
from tests.plugins.auto_rollback.asking import evidence, question, seen

PAIR = tuple[float, float]


def later(
    keys: tuple[int, int],
    active: PAIR = (3800, 180),
    requests: PAIR = (1900, 100),
    slow: PAIR = (0, 0),
) -> Observed:
    """What came since a crossing; pairs are (legacy, new)."""
    first, second = (
        Seen(requests=int(n), slow=int(of)) for n, of in zip(requests, slow, strict=True)
    )
    legacy, new = (
        Evidence(at_risk, {"slow": met}) for at_risk, met in zip(active, keys, strict=True)
    )
    return seen(legacy, new, segment=(first, second))


FEW, HALF, ALL = (95.0, 5.0), (0.0, 50.0), (0.0, 100.0)
OUTLOOKS: dict[str, tuple[Observed, float, str]] = {
    "nobody met it since": (later((0, 0)), 5, "open"),
    "nobody met it for a minute": (later((0, 0)), PATIENCE_SECONDS, "over"),
    "nobody came for a minute": (later((0, 0), requests=FEW), PATIENCE_SECONDS, "open"),
    "many more on new met it": (later((9, 9)), 5, "goes on"),
    "as many on both as there should be": (later((38, 2)), 5, "open"),
    "the same for a minute": (later((38, 2)), PATIENCE_SECONDS, "over"),
    "an effect for a minute, by too few": (later((38, 5)), PATIENCE_SECONDS, "open"),
    "many met it on legacy alone": (later((400, 0)), 5, "over"),
    "proof of too small an effect": (later((600, 60), active=(3800, 300)), 5, "open"),
    "nobody is left, and it goes on": (later((0, 0), (3800, 0), slow=ALL), 10, "goes on"),
    "half of it goes on": (later((0, 0), (3800, 1), slow=HALF), 10, "goes on"),
    "too early to tell by requests": (later((0, 0), (3800, 0), slow=ALL), 9, "open"),
    "too few requests to tell": (later((0, 0), (3800, 0), FEW, FEW), 10, "open"),
    "nobody is left, and legacy met it": (later((400, 0), (3800, 0)), 5, "open"),
    "nobody is left, and it is over": (
        later((0, 0), (3800, 0), slow=(0, 20)),
        PATIENCE_SECONDS,
        "over",
    ),
    "nobody is left, legacy is as slow": (
        later((0, 0), (3800, 0), slow=(1000, 70)),
        PATIENCE_SECONDS,
        "over",
    ),
    "keys are left, requests do not count": (later((0, 0), slow=ALL), 30, "open"),
}


@pytest.mark.parametrize("name", OUTLOOKS)
def test_the_outlook_is_right_when(name: str) -> None:
    observed, seconds, expected = OUTLOOKS[name]
    asked = question(observed)
    found = fresh(asked, observed)
    assert found is not None
    assert found.bound == CONFIRMED
    assert outlook(found, observed, asked, seconds) == expected


def test_since_then_is_what_came_on_top_and_who_met_it_before_is_no_longer_asked() -> None:
    before = seen(
        evidence(3800, slow=30),
        evidence(200, slow=60),
        segment=(Seen(1000, slow=50), Seen(100, slow=70)),
    )
    after = replace(
        before,
        evidence=(evidence(3900, slow=33), evidence(210, slow=64)),
        segment=(Seen(1500, slow=55), Seen(130, slow=75)),
    )
    found = since(after, counted(before))
    assert found.evidence == (Evidence(3870, {"slow": 3}), Evidence(150, {"slow": 4}))
    assert found.segment == (Seen(500, slow=5), Seen(30, slow=5))
    assert (found.recent, found.window) == (after.recent, after.window)


def test_counts_that_fell_are_nothing_and_nothing_before_is_everything() -> None:
    fell = since(seen(), Counts((9, 9), (99_000, 99_000), (9, 9)))
    assert fell.evidence[1].keys == {"slow": 0}
    assert fell.segment == (Seen(), Seen())
    assert since(seen(), NOTHING) == seen()


def test_where_keys_are_too_many_to_tell_apart_nothing_is_said() -> None:
    full = seen(Evidence(30_000, {"errors": 1}), Evidence(30_000, {"errors": 1}))
    asked = question(full)
    assert counted(full).keys == (0, 0)
    assert fresh(asked, since(full, Counts((1, 1), (1, 1), (1, 1)))) is None
