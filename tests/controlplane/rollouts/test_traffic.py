"""What the ramp loop learns of the traffic beside the windows."""

from typing import Any

import pytest

from proxy.controlplane.rollouts.traffic import callers, legacy_up
from proxy.core.reason import Reason
from proxy.dataplane.accounting import Accounting
from proxy.dataplane.generation import Generation
from tests.kit.inside import configuration, generation

ARMS = {"legacy": {"upstream": "legacy"}, "new": {"upstream": "new"}}


def sections(**upstreams: Any) -> dict[str, Any]:
    other = {"legacy": {"upstream": "other"}, "new": {"upstream": "new"}}
    named = {
        name: {"endpoints": [f"http://127.0.0.1:{port}" for port in ports]}
        for name, ports in {"legacy": (1, 2), "other": (3,), "new": (4,)}.items()
    }
    return {
        "identity": {"key": ["cookie:sid"]},
        "upstreams": named,
        "rollouts": {"r": {}, "another": {}},
        "routes": [
            {"name": "a", "match": {"path": "/a"}, "rollout": "r", "arms": ARMS},
            {"name": "b", "match": {"path": "/b"}, "rollout": "r", "arms": other},
            {"name": "c", "match": {"path": "/c"}, "rollout": "another", "arms": ARMS},
            {"name": "d", "match": {"path": "/**"}, "upstream": "legacy"},
        ],
    }


def test_callers_are_counted_by_whether_they_had_a_key_where_one_was_asked() -> None:
    accounting, config = Accounting(), configuration(**sections())
    for route, reason, count in (
        ("a", Reason.PERCENTAGE, 3),
        ("b", Reason.REMAINDER, 4),
        ("a", Reason.MISSING_KEY, 2),
        ("b", Reason.WHITELIST, 9),
        ("a", Reason.UPSTREAM_REFUSED, 9),
        ("c", Reason.MISSING_KEY, 9),
        ("d", Reason.ROUTE, 9),
    ):
        for _ in range(count):
            accounting.started()
            accounting.finished(route, "new", 200, reason, 0.1, 0, 0)
    assert callers(accounting, config, "r") == (7, 2)
    assert callers(accounting, config, "another") == (0, 9)
    assert callers(accounting, config, "unknown") == (0, 0)


def down(made: Generation, *places: tuple[str, int]) -> None:
    for name, number in places:
        made.upstreams[name].endpoints[number].health.up = False


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ([], (True, True)),
        ([("legacy", 0)], (True, True)),
        ([("legacy", 0), ("legacy", 1)], (False, False)),
        ([("other", 0)], (False, True)),
        ([("new", 0)], (True, True)),
    ],
)
async def test_legacy_is_up_while_each_of_its_upstreams_has_an_endpoint_that_serves(
    places: list[tuple[str, int]], expected: tuple[bool, bool]
) -> None:
    made = generation(**sections())
    down(made, *places)
    assert (legacy_up(made, "r", 0.0), legacy_up(made, "another", 0.0)) == expected
