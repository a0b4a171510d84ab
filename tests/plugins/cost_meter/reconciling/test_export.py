"""Exports of providers, line by line."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.cost_meter.reconciling import export as exports
from plugins.cost_meter.reconciling.columns import layout_of
from plugins.cost_meter.reconciling.export import Export, Problem, Tokens, read_export
from tests.plugins.cost_meter.reconciling.test_columns import OPENAI_COSTS

DAY = 1_790_553_600.0  # 2026-09-28, 00:00 UTC

COSTS = (
    ",".join(OPENAI_COSTS)
    + "\n1790467200,1790553600,2026-09-27T00:00:00+00:00,2026-09-28T00:00:00+00:00,,,,,,,,,,,,,\n"
    + "1790553600,1790640000,2026-09-28T00:00:00,2026-09-29T00:00:00,"
    + '0.003835980000000000000000000001,usd,1000,tokens,"gpt-5-nano, cached input"'
    + ",,key_1,proj_a,org,Proj A,Org,someone@example.com,\n"
)
AZURE = (
    "Date,MeterCategory,MeterName,UnitOfMeasure,Quantity,CostInBillingCurrency,BillingCurrency\n"
    "09/28/2026,Cognitive Services,gpt 4o 1120 Inp glbl Tokens,1K,12.5,0.03125,USD\n"
    "09/28/2026,Virtual Machines,D2s v3,1 Hour,24,2.30,USD\n"
    "09/28/2026,Foundry Models,gpt 4o 1120 Outp glbl Tokens,1K,2,0.02,USD\n"
)


def read(text: str, preset: str = "crossfade", columns: str = "") -> Export:
    return read_export(text, layout_of(preset, columns))


def test_a_line_of_costs_has_all_its_digits() -> None:
    found = read(COSTS, "openai-costs")
    assert (len(found.lines), found.skipped, found.problems) == (1, 1, ())
    one = found.lines[0]
    assert (one.line, one.at, one.model) == (3, DAY, "gpt-5-nano, cached input")
    assert one.nano_usd == Fraction("3835980.000000000000000000001")
    assert one.tokens == Tokens(input=1000, cached=1000)


def test_lines_of_other_services_are_not_about_us() -> None:
    found = read(AZURE, "azure")
    assert [one.tokens for one in found.lines] == [Tokens(12_500), Tokens(output=2000)]
    assert [one.nano_usd for one in found.lines] == [31_250_000, 20_000_000]
    assert (found.skipped, found.problems) == (1, ())


def test_usage_without_costs_is_read_as_it_is() -> None:
    text = (
        "start_time_iso,model,input_tokens,output_tokens,input_cached_tokens,num_model_requests\n"
        "2026-09-28T00:00:00Z,gpt-4o,1000,200,50,5\n"
    )
    one = read(text, "openai").lines[0]
    assert (one.tokens, one.requests, one.nano_usd) == (Tokens(1000, 50, 200), 5, None)


@pytest.mark.parametrize(
    "text",
    [
        "2026-09-28",
        "2026-09-28T00:00:00Z",
        "2026-09-28T02:00:00+02:00",
        "2026-09-28 00:00:00",
        "9/28/2026",
        "1790553600",
        "1790553600.0",
    ],
)
def test_times_are_read_in_all_their_forms(text: str) -> None:
    found = read(f"time,id,cost_nano_usd\n{text},a,1\n")
    assert found.lines[0].at == DAY


WRONG = {
    "no time": ("yesterday,a,1", "time is 'yesterday'; wanted a date"),
    "a time that cannot be": ("2026-02-30,a,1", "time is '2026-02-30'"),
    "a time of nobody": ("0001-01-01,a,1", "time is '0001-01-01'"),
    "a cost in words": ("2026-09-28,a,much", "cost_nano_usd is 'much'; wanted a number"),
    "no finite cost": ("2026-09-28,a,NaN", "cost_nano_usd is 'NaN'"),
    "an exponent beyond all": ("2026-09-28,a,1e999", "cost_nano_usd is '1e999'"),
    "too large": ("2026-09-28,a,9000000000000001", "more than 9,000,000 US dollars"),
    "a cell too few": ("2026-09-28,a", "2 cells, and 3 columns are named in line 1"),
    "an id too long": (f"2026-09-28,{'x' * 201},1", "more than 200 characters"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_bad_line_is_told_with_its_number_and_the_rest_is_read(name: str) -> None:
    bad, says = WRONG[name]
    found = read(f"time,id,cost_nano_usd\n2026-09-28,a,1\n{bad}\n2026-09-28,b,2\n")
    assert [one.id for one in found.lines] == ["a", "b"]
    assert [problem.line for problem in found.problems] == [3]
    assert says in found.problems[0].says


def test_a_line_without_a_model_says_what_to_do() -> None:
    text = "time,line_item,amount_value\n2026-09-28,,0.5\n"
    found = read(text, "openai-costs", "time=time")
    assert found.problems == (Problem(2, "no model; group the export by model or line item"),)


def test_a_cost_in_another_currency_is_none() -> None:
    found = read(AZURE.replace("USD", "EUR"), "azure")
    assert found.lines == ()
    assert found.problems[0].says.startswith("a cost in EUR; wanted USD")


def test_tokens_are_whole_and_not_below_zero() -> None:
    text = "time,id,input\n2026-09-28,a,1.5\n2026-09-28,a,-1\n"
    says = [problem.says for problem in read(text).problems]
    assert says == [
        "input is '1.5'; wanted a whole number of at least 0",
        "input is '-1'; wanted a whole number of at least 0",
    ]


def test_what_is_no_table_at_all_is_told() -> None:
    with pytest.raises(ValueError, match="the export is empty"):
        read("")
    with pytest.raises(ValueError, match="line 1: no column for time"):
        read("some words\n")


def test_a_quote_that_does_not_end_is_told_where_it_begins_to_matter() -> None:
    found = read('time,id,cost_nano_usd\n2026-09-28,a,1\n2026-09-28,"b,2\n')
    assert [one.id for one in found.lines] == ["a"]
    assert found.problems[0].says.startswith("no CSV")


def test_an_export_has_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "time,id,cost_nano_usd\n" + "2026-09-28,a,x\n" * 10
    monkeypatch.setattr(exports, "MOST_PROBLEMS", 4)
    assert len(read(text).problems) == 4
    monkeypatch.setattr(exports, "MOST_LINES", 5)
    with pytest.raises(ValueError, match="more than 5 lines: bring it by months"):
        read(text)
    monkeypatch.setattr(exports, "MOST_BYTES", 50)
    with pytest.raises(ValueError, match="has more than 0 MiB"):
        read(text)


def test_a_mark_at_the_beginning_is_no_part_of_a_name() -> None:
    assert read("\ufefftime,id,cost_nano_usd\n2026-09-28,a,1\n").lines[0].id == "a"


@given(st.text(st.characters(codec="utf-8"), max_size=300))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    try:
        found = read("time,id,cost_nano_usd\n" + text)
    except ValueError as error:
        assert str(error)  # noqa: PT017 (either is right)
    else:
        told = [one.line for one in found.lines] + [one.line for one in found.problems]
        assert all(number >= 2 for number in told)
