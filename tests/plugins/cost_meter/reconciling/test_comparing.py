"""What was booked beside what was billed."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from plugins.cost_meter.reconciling.comparing import (
    Drift,
    Side,
    attempts_of,
    by_attempt,
    by_day,
    in_our_words,
    totals_of,
)
from plugins.cost_meter.reconciling.export import Tokens
from plugins.cost_meter.reconciling.items import Naming
from plugins.cost_meter.row import Row, Sums, Total, sums_of
from proxy.api.spending import NanoUSD, Usage
from tests.plugins.cost_meter.reconciling.billed import line
from tests.plugins.cost_meter.rowed import NOON, row

DAY = 86400
MIDNIGHT = int(NOON // DAY) * DAY
ALL = {"since": NOON - DAY, "until": NOON + DAY}
NO_NAMES = Naming((), {})


def adjust(ref: str, nano_usd: int, number: int = 0) -> Row:
    return row(
        f"adjust-{ref}-{number}", kind="adjust", ref=ref, nano_usd=NanoUSD(nano_usd), usage=Usage()
    )


def test_what_agrees_does_not_differ() -> None:
    attempts = attempts_of([row("a", nano_usd=NanoUSD(1000))])
    assert by_attempt(attempts, [line("a", 1000)], **ALL) == ()


def test_an_attempt_differs_by_what_has_to_be_added() -> None:
    attempts = attempts_of([row("a", nano_usd=NanoUSD(1000)), row("b", nano_usd=NanoUSD(5))])
    found = by_attempt(attempts, [line("a", 700), line("b", 5)], **ALL)
    assert [(one.id, one.nano_usd) for one in found] == [("a", -300)]


def test_corrections_count_for_their_attempt() -> None:
    attempts = attempts_of(
        [adjust("a", -200, 0), row("a", nano_usd=NanoUSD(1000)), adjust("a", -100, 1)]
    )
    assert (attempts["a"].nano_usd, attempts["a"].corrections) == (700, 2)
    assert by_attempt(attempts, [line("a", 700)], **ALL) == ()


def test_an_attempt_that_nobody_billed_is_taken_back() -> None:
    rows = [row("a", nano_usd=NanoUSD(9)), row("free", nano_usd=NanoUSD(0)), row("b", at=NOON + 5)]
    found = by_attempt(attempts_of(rows), [], since=NOON, until=NOON + 5)
    assert [(one.id, one.line, one.nano_usd) for one in found] == [("a", None, -9)]


def test_a_bill_without_an_attempt_is_added() -> None:
    found = by_attempt({}, [line("lost", 7), line("other", 7, at=NOON + DAY)], **ALL)
    assert [(one.id, one.attempt, one.nano_usd) for one in found] == [("lost", None, 7)]
    again = by_attempt(attempts_of([adjust("lost", 7)]), [line("lost", 7)], **ALL)
    assert [one.nano_usd for one in again] == []


def test_several_lines_about_one_attempt_are_one_cost_and_are_told() -> None:
    attempts = attempts_of([row("a", nano_usd=NanoUSD(1000))])
    found = by_attempt(attempts, [line("a", 400), line("a", 600)], **ALL)
    assert [(one.lines, one.nano_usd) for one in found] == [(2, 0)]


def test_other_tokens_at_the_same_cost_are_told() -> None:
    attempts = attempts_of([row("a", usage=Usage(100, 20, 30, 5), nano_usd=NanoUSD(1000))])
    same, other = Tokens(120, 20, 35, 5), Tokens(120, 30, 35, 5)
    assert by_attempt(attempts, [line("a", 1000, tokens=same)], **ALL) == ()
    found = by_attempt(attempts, [line("a", 1000, tokens=other)], **ALL)
    assert [(one.id, one.nano_usd) for one in found] == [("a", 0)]


def test_a_line_without_a_cost_changes_nothing() -> None:
    found = by_attempt(attempts_of([row("a")]), [line("a", None)], **ALL)
    assert found == ()


def test_lines_are_found_by_the_providers_own_id() -> None:
    attempts = attempts_of([row("a", provider_id="chatcmpl-7", at=NOON + 1, model="mine")])
    found = list(in_our_words(attempts, [line("chatcmpl-7", 5), line("who", 5)]))
    assert [(one.id, one.model, one.at) for one in found] == [
        ("a", "mine", NOON + 1),
        ("who", "gpt-4o-mini", NOON),
    ]


def test_attempts_are_totals_with_their_corrections() -> None:
    rows = [row("a", nano_usd=NanoUSD(1000)), adjust("a", -1), row("b", at=NOON + DAY)]
    totals = list(totals_of(attempts_of(rows), since=NOON, until=NOON + 1))
    assert [one.sums.nano_usd for one in totals] == [999]
    assert totals[0].sums.adjusted_nano_usd == -1


def total(model: str = "gpt-4o-mini", day: int = MIDNIGHT, **sums: int) -> Total:
    return Total(day, {"provider": "openai", "model": model}, Sums(**sums))


def test_days_and_models_stand_side_by_side() -> None:
    totals = [total(attempts=3, nano_usd=900), total("o3", nano_usd=5)]
    lines = [line("", 1000, requests=2), line("", 100, requests=1), line("", 7, model="gpt-5")]
    found = by_day(totals, lines, NO_NAMES)
    assert [(one.model, one.nano_usd) for one in found] == [
        ("gpt-4o-mini", 200),
        ("gpt-5", 7),
        ("o3", -5),
    ]
    assert found[0].billed == Side(3, None, 1100)
    assert (found[1].booked, found[2].billed) == (None, None)


def test_fractions_of_a_nano_dollar_are_rounded_once_for_a_day_and_model() -> None:
    thirds = [line("", Fraction(1, 3)) for _ in range(3)]
    assert by_day([], thirds, NO_NAMES)[0].nano_usd == 1


def test_what_some_lines_do_not_say_the_day_does_not_say() -> None:
    lines = [line("", 5, tokens=Tokens(1)), line("", None)]
    drift = by_day([total(input_tokens=5)], lines, NO_NAMES)[0]
    assert (drift.nano_usd, drift.tokens) == (None, None)


def test_tokens_drift_as_costs_do() -> None:
    booked = total(input_tokens=10, cached_tokens=2, output_tokens=3, reasoning_tokens=1)
    lines = [line("", 0, tokens=Tokens(8, 2, 5, 1))]
    assert by_day([booked], lines, NO_NAMES)[0].tokens == Tokens(-2, 0, 2, 0)
    assert Drift(MIDNIGHT, "", "m", Side(1, Tokens(3), 0), None).tokens == Tokens(-3)


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 10**12)), max_size=12),
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 10**12)), max_size=12),
)
def test_what_has_to_be_added_makes_the_sums_equal(
    booked: list[tuple[int, int]], billed: list[tuple[int, int]]
) -> None:
    rows = [row(f"r{n}", model=f"m{m}", nano_usd=NanoUSD(c)) for n, (m, c) in enumerate(booked)]
    lines = [line(f"r{n}", cost, model=f"m{m}") for n, (m, cost) in enumerate(billed)]
    attempts = attempts_of(rows)
    ledger, bill = sum(cost for _, cost in booked), sum(cost for _, cost in billed)
    found = by_attempt(attempts, lines, **ALL)
    assert ledger + sum(one.nano_usd for one in found) == bill
    days = by_day(list(totals_of(attempts, **ALL)), in_our_words(attempts, lines), NO_NAMES)
    assert ledger + sum(one.nano_usd or 0 for one in days) == bill


def test_rows_and_totals_are_of_one_arithmetic() -> None:
    one = row("a")
    assert next(totals_of(attempts_of([one]), **ALL)).sums == sums_of(one)
