"""The stand-in's bill: what it has executed is charged, once, whoever has seen the answer."""

import csv
import io
import json
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kit.properties import examples
from tests.kit.provider import Tokens, answer, at_random, hang_before_head, provider, status
from tests.kit.provider.bill import COLUMNS, cost_of
from tests.kit.provider.process import ProviderProcess
from tests.kit.provider.steps import drawn

PRICES = {
    "m": {"input": "2.50", "cached": "1.25", "output": "10"},
    "m@flex": {"input": "1.25", "output": "5", "request": "0.01"},
}
HEADERS = {"Authorization": "Bearer k", "X-Client-Request-Id": "a-1"}


async def asked(url: str, seconds: float = 5.0) -> Any:
    timeout = aiohttp.ClientTimeout(total=seconds)
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.post(f"{url}/chat/completions", json={"model": "m"}, headers=HEADERS) as response,
    ):
        return await response.json()


async def test_a_call_is_charged_by_the_parts_that_it_has_used() -> None:
    async with provider(prices=PRICES) as there:
        there.script("m", answer("Hi.", tokens=Tokens(1000, 400, 50, 20)))
        said = await asked(there.url_openai)
        (charge,) = there.bill.of("a-1")
    assert said["usage"]["prompt_tokens"] == charge.input == 1000
    assert (charge.cached, charge.output, charge.reasoning, charge.tier) == (400, 50, 20, "default")
    assert charge.cost_nano_usd == 600 * 2500 + 400 * 1250 + 50 * 10_000
    assert there.bill.total_nano_usd == charge.cost_nano_usd


async def test_a_tier_has_its_own_price_and_a_call_may_have_one() -> None:
    async with provider(prices=PRICES) as there:
        there.script("m", answer("Hi.", tokens=Tokens(1000, 400, 50, 20), tier="flex"))
        assert (await asked(there.url_openai))["service_tier"] == "flex"
    assert there.bill.total_nano_usd == 1000 * 1250 + 50 * 5000 + 10_000_000


async def test_who_leaves_pays_and_who_is_refused_does_not() -> None:
    async with provider(prices=PRICES) as there:
        there.script(
            "m", hang_before_head(), status(429), answer(usage=False), answer(billed=False)
        )
        with pytest.raises(TimeoutError):
            await asked(there.url_openai, seconds=0.1)
        await asked(there.url_openai)
        assert "usage" not in await asked(there.url_openai)
        await asked(there.url_openai)
        assert [one.number for one in there.bill.charges] == [1, 3]


def test_what_is_drawn_fits_and_is_always_the_same() -> None:
    for number in range(200):
        tokens, _, _ = drawn(7, number)
        inside = tokens.cached + tokens.cache_write + tokens.audio_input + tokens.image_input
        assert inside <= tokens.prompt
        assert tokens.reasoning + tokens.audio_output <= tokens.completion
        assert drawn(7, number).tokens == tokens
    assert len({drawn(7, number).tokens for number in range(200)}) == 200


@given(
    tokens=st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)),
    prices=st.tuples(*[st.decimals("0", "1000", places=9)] * 2),
)
@examples(100)
def test_a_cost_is_rounded_once_half_to_even(
    tokens: tuple[int, int], prices: tuple[Decimal, Decimal]
) -> None:
    used = Tokens(prompt=tokens[0], completion=tokens[1])
    exact = (tokens[0] * prices[0] + tokens[1] * prices[1]) * 1000
    rounded = int(exact.quantize(Decimal(1), rounding=ROUND_HALF_EVEN))
    assert cost_of(used, {"input": str(prices[0]), "output": str(prices[1])}) == rounded


async def test_a_price_list_that_is_none_is_refused() -> None:
    async with provider() as there:
        with pytest.raises(ValueError, match="no such part: outptu"):
            there.bill.price({"m": {"input": "1", "outptu": "2"}})
        with pytest.raises(ValueError, match="input and output are missing"):
            there.bill.price({"m": {"input": "1"}})
        await asked(there.url_openai)
        assert there.bill.charges[0].cost_nano_usd is None


async def test_the_bill_of_a_process_is_in_its_file_and_exported(tmp_path: Path) -> None:
    file = tmp_path / "bill"
    with ProviderProcess(bill=file) as there:
        there.price(PRICES)
        there.stand("m", at_random(3))
        for _ in range(5):
            await asked(there.url_openai)
        charges = there.charges()
        rows = list(csv.DictReader(io.StringIO(there.export())))
    assert [json.loads(line) for line in file.read_text().splitlines()] == [
        one._asdict() for one in charges
    ]
    assert tuple(rows[0]) == COLUMNS
    assert [row["cost_nano_usd"] for row in rows] == [str(one.cost_nano_usd) for one in charges]
    assert {row["attempt_id"] for row in rows} == {"a-1"}
    assert all(row["time"].endswith("Z") for row in rows)
