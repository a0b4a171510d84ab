"""A crossing of `slow` is watched, then confirmed or forgiven; what was forgiven is paid for."""

from collections.abc import Mapping
from math import log
from typing import Any

import pytest

from plugins.auto_rollback import AutoRollback
from plugins.auto_rollback.watching import FORGOTTEN_SECONDS, Crossings
from proxy.api import Evidence, Observed, Scope, Seen, Settings, Verdict
from tests.plugins.auto_rollback.asking import (
    EVERYBODY,
    WORSE,
    evidence,
    question,
    seen,
)
from tests.plugins.auto_rollback.test_scopes import together

NOW = 1_750_000_000.0
ORDERS, CARTS = Scope("orders"), Scope("carts")


def slow(
    legacy: int,
    new: int,
    requests: int = 1000,
    *,
    active: tuple[int, int] = (3800, 200),
    of: int = 0,
) -> Observed:
    """So many keys were slow; `of` is how many of new's requests were."""
    return seen(
        evidence(active[0], slow=legacy),
        evidence(active[1], slow=new),
        segment=(Seen(19 * requests), Seen(requests, slow=of)),
    )


CALM, STALLED = slow(0, 0), slow(0, 16)


class Asked:
    """A judge that is asked second by second."""

    def __init__(self) -> None:
        self.judge = AutoRollback(Settings())
        self.now = NOW

    def at(
        self, second: float, observed: Observed | Mapping[Scope, Observed], **more: Any
    ) -> Verdict:
        """Its verdict at a second."""
        asked = question(observed, **more)
        said = self.judge.judge(asked.__class__(**{**_fields(asked), "now": NOW + second}))
        assert said is not None
        return said


def _fields(asked: Any) -> dict[str, Any]:
    return {name: getattr(asked, name) for name in asked.__dataclass_fields__}


def later(observed: Observed, requests: int = 1000) -> Observed:
    """The same, with so many more requests on new, none of them slow."""
    legacy, new = observed.segment
    more = Seen(legacy.requests + 19 * requests), Seen(new.requests + requests, slow=new.slow)
    return seen(*observed.evidence, segment=more)


def test_one_stall_of_new_sends_nobody_back() -> None:
    asked = Asked()
    said = asked.at(0, STALLED)
    assert said.kind == "hold"
    assert said.why.startswith("slow: 16 of 200 keys on new (8.0%), 0 of 3800 on legacy (0.0%)")
    assert said.why.endswith("crossed; watching whether it goes on")
    kinds = [asked.at(second, later(STALLED, 20 * second)).kind for second in range(1, 120)]
    assert kinds == ["hold"] * 59 + ["pass"] * 60


def test_no_gate_opens_while_a_crossing_is_watched() -> None:
    asked, wide = Asked(), {"margin": 10}
    assert asked.at(0, STALLED, kind="gate", settings=wide).kind == "pass"
    asked.at(1, STALLED, settings=wide)
    said = asked.at(1, STALLED, kind="gate", settings=wide)
    assert (said.kind, "watching whether it goes on" in said.why) == ("hold", True)
    assert asked.at(1, STALLED, kind="gate", settings=wide, segment=2).kind == "pass"
    assert asked.at(61, later(STALLED), settings=wide).kind == "pass"
    assert asked.at(61, later(STALLED), kind="gate", settings=wide).kind == "pass"


def test_keys_that_meet_it_afterwards_confirm_it_with_both_figures_in_the_evidence() -> None:
    asked = Asked()
    asked.at(0, STALLED)
    assert asked.at(5, slow(2, 17)).kind == "hold"
    said = asked.at(9, slow(4, 20))
    assert (said.kind, said.scope) == ("fail", EVERYBODY)
    assert "new is worse: slow: 20 of 200 keys on new" in said.why
    assert "it goes on, since it crossed slow: 4 of 184 keys on new" in said.why
    assert said.evidence["slow"]["keys"] == {"legacy": 4, "new": 20}
    assert said.evidence["slow"]["fresh"]["keys"] == {"legacy": 4, "new": 4}
    assert said.evidence["slow"]["fresh"]["bound"] == 2.996


def test_what_another_replica_tells_of_the_same_stall_does_not_confirm_it() -> None:
    asked = Asked()
    asked.at(0, STALLED)
    assert asked.at(1, slow(0, 24)).kind == "hold"
    assert asked.at(2, slow(0, 32)).kind == "hold"
    assert asked.at(30, slow(0, 32)).kind == "hold"
    assert asked.at(31, slow(0, 36)).kind == "fail"


def test_new_that_stays_slow_goes_back_even_if_all_its_keys_have_met_it_at_once() -> None:
    asked = Asked()
    everyone = (380, 20)
    asked.at(0, slow(0, 20, 100, active=everyone, of=80))
    assert asked.at(9, slow(0, 20, 1000, active=everyone, of=900)).kind == "hold"
    assert asked.at(10, slow(0, 20, 1100, active=everyone, of=1000)).kind == "fail"


def test_where_few_requests_come_a_minute_is_not_enough_to_forgive() -> None:
    asked = Asked()
    asked.at(0, STALLED)
    assert asked.at(50, slow(0, 17, 1010)).kind == "hold"
    assert asked.at(100, slow(0, 18, 1020)).kind == "fail"


def test_what_is_forgiven_is_taken_out_and_paid_for_as_one_more_stretch() -> None:
    asked = Asked()
    assert asked.at(-1, CALM).evidence["slow"]["bound"] == pytest.approx(6.489, abs=0.001)
    assert asked.at(0, STALLED).kind == "hold"
    assert asked.at(60, later(STALLED)).kind == "pass"
    found = asked.at(61, later(STALLED, 1100)).evidence["slow"]
    assert found["keys"] == {"legacy": 0, "new": 0}
    second = Asked().at(0, CALM, segment=2).evidence["slow"]["bound"]
    assert found["bound"] == second
    assert asked.at(62, later(slow(0, 32), 1200)).kind == "hold"
    assert asked.at(122, later(slow(0, 32), 2400)).kind == "pass"
    third = Asked().at(0, CALM, segment=3).evidence["slow"]["bound"]
    assert asked.at(123, later(slow(0, 32), 2500)).evidence["slow"]["bound"] == third


def test_the_next_stretch_of_a_run_comes_after_those_that_were_forgiven() -> None:
    asked = Asked()
    asked.at(0, STALLED)
    asked.at(60, later(STALLED))

    def bound(second: int, segment: int) -> float:
        return float(asked.at(second, CALM, segment=segment).evidence["slow"]["bound"])

    paid = bound(61, 2)
    assert bound(62, 0) < paid
    assert bound(63, 3) > paid
    assert paid == Asked().at(0, CALM, segment=3).evidence["slow"]["bound"]
    assert bound(64, 0) < bound(65, 3) == bound(67, 3)
    assert bound(68, 0) < bound(69, 3)
    bound(70, 0)
    assert bound(71, 1) == Asked().at(0, CALM).evidence["slow"]["bound"]


AFTER = later(STALLED)
OTHERWISE: dict[str, tuple[float, Observed, dict[str, Any]]] = {
    "a stretch has begun": (61, AFTER, {"segment": 2}),
    "the share is another": (61, AFTER, {"share": 0.04}),
    "there are fewer requests than there were": (61, STALLED, {}),
    "nobody has asked for a while": (130, AFTER, {}),
}


@pytest.mark.parametrize("name", OTHERWISE)
def test_what_was_forgiven_counts_again_when(name: str) -> None:
    second, observed, more = OTHERWISE[name]
    asked = Asked()
    asked.at(0, STALLED)
    assert asked.at(60, AFTER).kind == "pass"
    said = asked.at(second, observed, **more)
    assert (said.kind, said.evidence["slow"]["keys"]["new"]) == ("hold", 16)


def test_errors_need_no_confirmation_and_neither_does_an_absolute_bound() -> None:
    assert Asked().at(0, WORSE).kind == "fail"
    bound = {"absolute": {"p95": "1s", "rolls_back": True}}
    stalled = seen(*STALLED.evidence, window=(Seen(1000), Seen(100, p95=2.0)))
    asked = Asked()
    asked.at(0, STALLED)
    said = asked.at(1, stalled, settings=bound)
    assert (said.kind, said.why[:12]) == ("fail", "absolute.p95")
    paused = asked.at(2, stalled, settings={"absolute": {"p95": "1s"}})
    assert paused.kind == "pause"


def test_a_crossing_that_goes_on_while_legacy_is_sick_sends_nobody_there() -> None:
    asked = Asked()
    asked.at(0, STALLED)
    sick = seen(*slow(4, 20).evidence, recent=(Seen(380, 190), Seen(20)))
    assert asked.at(9, sick).kind == "freeze"
    assert asked.at(10, slow(4, 20)).kind == "fail"


def test_only_the_part_that_stays_slow_goes_back() -> None:
    asked = Asked()
    asked.at(0, together({ORDERS: slow(0, 30), CARTS: CALM}))
    said = asked.at(9, together({ORDERS: slow(1, 40), CARTS: slow(19, 1)}))
    assert (said.kind, said.scope) == ("fail", ORDERS)
    assert said.evidence["slow"]["fresh"]["keys"] == {"legacy": 1, "new": 10}
    held = asked.at(10, together({ORDERS: slow(1, 40), CARTS: slow(19, 1)}), held=(ORDERS,))
    assert held.kind == "pass"


def test_a_part_that_crosses_alone_is_watched_alone() -> None:
    crowd = seen(evidence(38_000, slow=1900), evidence(2000, slow=100))
    asked = Asked()
    said = asked.at(0, together({ORDERS: STALLED, CARTS: crowd}))
    assert (said.kind, said.scope) == ("hold", ORDERS)
    before = said.evidence["slow"]["bound"]
    assert asked.at(60, together({ORDERS: later(STALLED), CARTS: crowd})).kind == "pass"
    again = asked.at(61, together({ORDERS: later(slow(0, 40), 1100), CARTS: crowd}))
    assert (again.kind, again.evidence["slow"]["keys"]["new"]) == ("hold", 24)
    assert again.evidence["slow"]["bound"] == pytest.approx(before + log(4), abs=0.002)
    gone = asked.at(62, together({Scope("new"): later(STALLED, 1200), CARTS: crowd}))
    assert gone.kind == "hold"


def test_who_it_was_may_turn_out_while_it_is_watched() -> None:
    asked = Asked()
    assert asked.at(0, together({ORDERS: slow(0, 4), CARTS: slow(0, 4)})).scope == EVERYBODY
    said = asked.at(9, together({ORDERS: slow(0, 30), CARTS: slow(80, 4)}))
    assert (said.kind, said.scope) == ("fail", ORDERS)


def test_what_goes_on_counts_more_than_what_is_still_watched() -> None:
    asked = Asked()
    assert asked.at(0, together({ORDERS: STALLED, CARTS: slow(500, 26)})).scope == ORDERS
    assert asked.at(5, together({ORDERS: STALLED, CARTS: slow(500, 90)})).kind == "hold"
    said = asked.at(9, together({ORDERS: STALLED, CARTS: slow(500, 110)}))
    assert (said.kind, said.scope) == ("fail", EVERYBODY)


def test_a_part_whose_legacy_is_sick_is_only_watched() -> None:
    def cells(part: Observed) -> dict[Scope, Observed]:
        return together({ORDERS: part, CARTS: seen(recent=(Seen(9000), Seen(480)))})

    asked = Asked()
    asked.at(0, cells(STALLED))
    worse = slow(2, 20)
    assert asked.at(9, cells(seen(*worse.evidence, recent=(Seen(30, 15), Seen(20))))).kind == "hold"
    assert asked.at(10, cells(worse)).scope == ORDERS


def test_a_crossing_of_everybody_that_is_forgiven_is_so_for_each_part() -> None:
    asked = Asked()
    asked.at(0, together({ORDERS: STALLED, CARTS: STALLED}))
    for second in (60, 61):
        calm = together({ORDERS: later(STALLED, 20 * second), CARTS: later(STALLED, 20 * second)})
        assert asked.at(second, calm).kind == "pass"


def test_a_clock_that_is_put_back_prolongs_the_watch_and_no_more() -> None:
    asked = Asked()
    asked.at(0, STALLED)
    assert asked.at(-30, later(STALLED)).kind == "hold"
    assert asked.at(29, later(STALLED, 1500)).kind == "hold"
    assert asked.at(30, later(STALLED, 2000)).kind == "pass"


def test_rollouts_do_not_share_what_is_remembered_and_are_forgotten_when_nobody_asks() -> None:
    judge = AutoRollback(Settings())
    for i in range(100):
        asked = _fields(question(STALLED)) | {"rollout": f"r{i}"}
        said = judge.judge(type(question())(**asked | {"now": NOW + i * FORGOTTEN_SECONDS / 10}))
        assert said is not None
        assert said.kind == "hold"
    assert len(judge._crossings) == 11


def test_where_keys_are_too_many_to_tell_apart_no_crossing_is_left() -> None:
    asked = Asked()
    asked.at(0, STALLED)
    full = Evidence(30_000, {"errors": 0, "client_errors": 0})
    assert asked.at(1, seen(full, full)).kind == "pass"
    assert Crossings().look(question(seen(full, full))) is None
