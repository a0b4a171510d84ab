"""Rows that correct."""

from plugins.cost_meter.reconciling.comparing import Attempt, Differing, Drift, Side
from plugins.cost_meter.reconciling.posting import corrections
from plugins.cost_meter.row import Row, sums_of
from proxy.api.spending import NanoUSD, Usage
from tests.plugins.cost_meter.reconciling.billed import line
from tests.plugins.cost_meter.rowed import NOON, row

DAY = 1_763_942_400


def made(
    *, one: Differing | None = None, drift: Drift | None = None, now: float = NOON
) -> list[Row]:
    return list(
        corrections(
            () if one is None else (one,),
            () if drift is None else (drift,),
            now=now,
            replica="r9",
            note="ops: bill of November",
        )
    )


def differing(billed: int, corrected: int = 0, times: int = 0) -> Differing:
    attempt = Attempt(row("a", nano_usd=NanoUSD(1000)), corrected, times)
    return Differing("a", attempt, line("a", billed), billed, 1)


def test_a_correction_counts_where_its_attempt_counts_and_for_money_alone() -> None:
    found = made(one=differing(700))
    assert len(found) == 1
    one, attempt = found[0], row("a")
    assert (one.kind, one.ref, one.nano_usd, one.at) == ("adjust", "a", -300, attempt.at)
    same = ("user", "route", "arm", "provider", "model", "intent", "workflow_id", "request_id")
    assert [getattr(one, name) for name in same] == [getattr(attempt, name) for name in same]
    assert (one.usage, one.seconds, one.price_source) == (Usage(), 0, "bill")
    assert (one.replica, one.note, one.settled) == ("r9", "ops: bill of November", NOON)
    sums = sums_of(one)
    assert (sums.nano_usd, sums.adjusted_nano_usd, sums.attempts) == (-300, -300, 0)


def test_the_same_correction_is_the_same_row_whenever_it_is_made() -> None:
    assert made(one=differing(700))[0].id == made(one=differing(700), now=NOON + 99)[0].id


def test_another_correction_is_another_row() -> None:
    others = [differing(700), differing(800), differing(700, -300, 1), differing(700, 0, 2)]
    ids = [found.id for one in others for found in made(one=one)]
    assert len(set(ids)) == len(ids) == 3  # the third has nothing left to correct


def test_what_agrees_is_not_corrected() -> None:
    assert made(one=differing(1000)) == []
    assert made(drift=Drift(DAY, "openai", "m", Side(1, None, 5), Side(1, None, 5))) == []


def test_what_was_billed_and_never_booked_is_booked_when_it_was_billed() -> None:
    found = made(one=Differing("lost", None, line("lost", 7, at=NOON + 5), 7, 1))
    assert [(one.ref, one.nano_usd, one.at, one.model, one.user) for one in found] == [
        ("lost", 7, NOON + 5, "gpt-4o-mini", "")
    ]


def test_a_day_is_corrected_at_its_beginning_by_its_model() -> None:
    found = made(drift=Drift(DAY, "openai", "m", Side(2, None, 100), Side(2, None, 130)))
    assert [(one.ref, one.at, one.provider, one.model, one.nano_usd) for one in found] == [
        ("", DAY, "openai", "m", 30)
    ]
    other = made(drift=Drift(DAY, "openai", "n", Side(2, None, 100), Side(2, None, 130)))
    assert found[0].id != other[0].id
