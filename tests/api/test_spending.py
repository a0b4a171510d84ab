"""What attempts cost: exact, and rounded once."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from proxy.api.spending import ALLOWED, Rates, SpendAnswer, Usage, cost_of, worst

TOKENS = st.integers(0, 10**9)
RATES = st.integers(0, 10**12)


def vectors(numbers: st.SearchStrategy[int]) -> st.SearchStrategy[tuple[int, ...]]:
    return st.tuples(*[numbers] * len(Usage._fields))


def test_each_part_of_a_usage_has_its_rate() -> None:
    assert Usage._fields == Rates._fields


def test_tokens_of_prompt_and_answer_are_the_sums_of_their_parts() -> None:
    usage = Usage(1, 2, 4, 8, 16, 32, 64, 128, requests=1000, searches=1000)
    assert (usage.prompt, usage.completion, usage.total) == (115, 140, 255)


def test_half_a_nano_dollar_goes_to_the_even_one() -> None:
    # 1 token at 500,000 nano-USD a million is half a nano-USD, 3 are one and a half.
    rates = Rates(input_uncached=500_000)
    assert [cost_of(Usage(tokens), rates) for tokens in (1, 2, 3, 5)] == [0, 1, 2, 2]


def test_what_a_small_request_costs_is_not_rounded_away() -> None:
    # 12 in at 0.15 USD and 3 out at 0.60 USD a million: 1.8 + 1.8 micro-USD.
    rates = Rates(input_uncached=150_000_000, output_text=600_000_000)
    assert cost_of(Usage(input_uncached=12, output_text=3), rates) == 3600


@given(vectors(TOKENS), vectors(RATES))
def test_a_cost_is_the_exact_sum_rounded_half_to_even(
    used: tuple[int, ...], rates: tuple[int, ...]
) -> None:
    exact = sum(Fraction(one * rate, 10**6) for one, rate in zip(used, rates, strict=True))
    assert cost_of(Usage(*used), Rates(*rates)) == round(exact)


def test_the_first_refusal_counts_and_an_allowance_has_all_warnings() -> None:
    warned = SpendAnswer(warnings=("one",))
    refused = SpendAnswer(False, budget="month")
    assert worst((warned, ALLOWED, SpendAnswer(warnings=("two",)))).warnings == ("one", "two")
    assert worst((warned, refused, SpendAnswer(False, budget="day"))) is refused
    assert worst(()) == ALLOWED
