"""What rows come to."""

from functools import reduce

from plugins.cost_meter.row import Sums, plus, sums_of
from proxy.api.spending import NanoUSD
from tests.plugins.cost_meter.rowed import row

COST = NanoUSD(39_500)


def test_an_answer_counts_for_its_money_and_its_tokens() -> None:
    assert sums_of(row()) == Sums(
        attempts=1,
        requests=1,
        answered=1,
        nano_usd=COST,
        input_tokens=120,
        cached_tokens=20,
        output_tokens=35,
        reasoning_tokens=5,
        milliseconds=1500,
        square_micro_usd=39**2,
    )


def test_a_hedge_is_money_apart_and_no_further_request() -> None:
    hedge, retry = sums_of(row(again="hedge")), sums_of(row(again="retry"))
    assert (hedge.hedges, hedge.hedge_nano_usd, hedge.requests) == (1, COST, 0)
    assert (retry.hedges, retry.hedge_nano_usd, retry.requests) == (0, 0, 0)


def test_what_brought_no_answer_is_money_lost() -> None:
    lost = [sums_of(row(outcome=outcome)) for outcome in ("failed", "unknown")]
    assert [one.failed_nano_usd for one in lost] == [COST, COST]
    assert [(one.failed, one.unknown, one.answered) for one in lost] == [(1, 0, 0), (0, 1, 0)]


def test_an_estimate_is_told_apart() -> None:
    guessed = sums_of(row(estimated=True))
    assert (guessed.estimated, guessed.estimated_nano_usd) == (1, COST)


def test_a_correction_is_money_and_nothing_else() -> None:
    taken_back = sums_of(row(kind="adjust", nano_usd=NanoUSD(-500)))
    assert taken_back == Sums(nano_usd=-500, adjusted_nano_usd=-500)
    both = reduce(plus, (taken_back, sums_of(row())))
    assert (both.attempts, both.nano_usd) == (1, COST - 500)
