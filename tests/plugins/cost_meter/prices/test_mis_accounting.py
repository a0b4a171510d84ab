"""What others have billed wrongly, reckoned by hand: US dollars per million are micro-dollars each.

A line of a comment is tokens, times US dollars per million, which is micro-USD; nano-USD are a
thousand of them.
"""

from pathlib import Path
from typing import Any, NamedTuple

import pytest

from proxy.api.spending import NanoUSD, PriceKey, Usage
from tests.plugins.cost_meter.prices.priced import book

OPUS = {
    "model": "opus",
    "input": "5",
    "cached_input": "0.50",
    "cache_write": "6.25",
    "output": "25",
}
SONNET = {
    "model": "sonnet",
    "input": "3",
    "cached_input": "0.30",
    "cache_write": "3.75",
    "output": "15",
    "search": "0.01",
}
GEMINI = {"model": "gemini", "input": "1.25", "cached_input": "0.625", "output": "10"}
ODD = {"model": "odd", "input": "200", "cached_input": "0.00001", "output": "0.00001"}
GLM = {"model": "glm", "input": "1.4", "cached_input": "0.26", "output": "4.4"}
NANO = {"model": "nano", "input": "0.05", "cached_input": "0.005", "output": "0.4"}
GROK = {
    "model": "grok",
    "input": "2",
    "cached_input": "0.5",
    "image_input": "4",
    "output": "10",
}
REGIONAL = {
    "provider": "azure",
    "model": "gpt-4o",
    "zone": "regional",
    "input": "2.75",
    "cached_input": "1.375",
    "output": "11",
}
DATA_ZONE = {"provider": "azure", "zone": "eu", "multiply": "1.1"}


class Case(NamedTuple):
    key: PriceKey
    usage: Usage
    nano_usd: int
    overlay: tuple[dict[str, Any], ...] = ()


def openai(model: str, **more: Any) -> PriceKey:
    return PriceKey("openai", model, **more)


CASES = {
    # 2006 prompt tokens, 1920 of them cached, so 86 at the full price:
    # 86 x 2.50 = 215; 1920 x 1.25 = 2400; 300 x 10 = 3000; together 5615
    "cached tokens are part of the prompt and are not charged at both prices": Case(
        openai("gpt-4o"), Usage(86, 1920, 300), 5_615_000
    ),
    # 262,960 - 257,955 = 5005; 5005 x 1.25 = 6256.25; 257,955 x 0.625 = 161,221.875;
    # 1744 x 10 = 17,440; together 184,918.125
    "a prompt that is nearly all cached costs 0.185 dollars and not 0.764": Case(
        openai("gemini"), Usage(5005, 257_955, 1744), 184_918_125, (GEMINI,)
    ),
    # 2693 - 2585 = 108; 108 x 200 = 21,600; 2585 x 0.00001 = 0.02585; 5 x 0.00001 = 0.00005;
    # together 21,600.0259 micro-USD, which is 21,600,025.9 nano-USD
    "cached tokens at next to nothing do not cost what the others cost": Case(
        openai("odd"), Usage(108, 2585, 5), 21_600_026, (ODD,)
    ),
    # 98,805 - 66,360 read - 32,435 written = 10; 10 x 5 = 50; 66,360 x 0.5 = 33,180;
    # 32,435 x 6.25 = 202,718.75; 5120 x 25 = 128,000 (1710 of them reasoning);
    # together 363,948.75
    "tokens written to the cache cost more than others and not less": Case(
        openai("opus"),
        Usage(10, 66_360, 3410, 1710, input_cache_write=32_435),
        363_948_750,
        (OPUS,),
    ),
    # 27,147 - 27,146 = 1; 1 x 1.4 = 1.4; 27,146 x 0.26 = 7057.96; 351 x 4.4 = 1544.4;
    # together 8603.76
    "a prompt of which all but one token is cached": Case(
        openai("glm"), Usage(1, 27_146, 351), 8_603_760, (GLM,)
    ),
    # 2461 in the prompt, 1142 of them an image; 2432 are cached, the image among them:
    # 29 x 2 = 58; 2432 x 0.5 = 1216; 303 x 10 = 3030; together 4304
    "a cached image is charged as cached and not as an image besides": Case(
        openai("grok"), Usage(29, 2432, 303), 4_304_000, (GROK,)
    ),
    # 977 in the answer, 768 of them reasoning, so 209 text; 100 x 0.05 = 5;
    # 209 x 0.4 = 83.6; 768 x 0.4 = 307.2; together 395.8
    "reasoning does not take the place of the rest of the answer": Case(
        openai("nano"), Usage(100, 0, 209, 768), 395_800, (NANO,)
    ),
    # 10,000 - 6400 = 3600; 3600 x 0.15 = 540; 6400 x 0.075 = 480; 500 x 0.6 = 300;
    # together 1320, where 1800 would be the price without the cache
    "reads of the cache are not counted as tokens at the full price": Case(
        openai("gpt-4o-mini"), Usage(3600, 6400, 500), 1_320_000
    ),
    # 5000 x 3 = 15,000; 20,000 x 3.75 = 75,000; 300 x 15 = 4500; together 94,500
    "what a tool has written to the cache is not free": Case(
        openai("sonnet"), Usage(5000, 0, 300, input_cache_write=20_000), 94_500_000, (SONNET,)
    ),
    # 1000 x 3 = 3000; 2 searches of 0.01 dollars = 20,000 micro-USD; together 23,000
    "searches are paid for one by one": Case(
        openai("sonnet"), Usage(1000, searches=2), 23_000_000, (SONNET,)
    ),
    # 1000 x 2.75 = 2750; 500 x 11 = 5500; together 8250
    "a regional deployment does not cost what a global one costs": Case(
        PriceKey("azure", "gpt-4o", zone="regional"), Usage(1000, 0, 500), 8_250_000, (REGIONAL,)
    ),
    # 1000 x 2.50 = 2500; 500 x 10 = 5000; together 7500
    "a global deployment does not cost what a regional one costs": Case(
        PriceKey("azure", "gpt-4o"), Usage(1000, 0, 500), 7_500_000, (REGIONAL,)
    ),
    # 1000 x 2.50 x 1.1 = 2750; 100 x 1.25 x 1.1 = 137.5; 1000 x 10 x 1.1 = 11,000;
    # together 13,887.5
    "a zone at ten percent more costs that in all its parts": Case(
        PriceKey("azure", "gpt-4o", zone="eu"), Usage(1000, 100, 1000), 13_887_500, (DATA_ZONE,)
    ),
    # A stream without usage: what was delivered is counted as it was guessed.
    # 420 x 0.15 = 63; 181 x 0.6 = 108.6; together 171.6
    "a stream that ends without its usage is priced by what was delivered": Case(
        openai("gpt-4o-mini"), Usage(420, 0, 181), 171_600
    ),
    # A client that leaves after 20 of 1000 tokens: the provider bills all that it has made.
    # 420 x 0.15 = 63; 1000 x 0.6 = 600; together 663
    "a client that leaves does not make the rest of the answer free": Case(
        openai("gpt-4o-mini"), Usage(420, 0, 1000), 663_000
    ),
    # 1000 x 4.25 = 4250; 100 x 2.125 = 212.5; 200 x 17 = 3400; together 7862.5
    "the tier priority has prices of its own": Case(
        openai("gpt-4o", tier="priority"), Usage(1000, 100, 200), 7_862_500
    ),
    # 1000 x 0.625 = 625; 100 x 0.0625 = 6.25; 200 x 5 = 1000; together 1631.25
    "the tier flex has prices of its own": Case(
        openai("gpt-5", tier="flex"), Usage(1000, 100, 200), 1_631_250
    ),
    # 1000 x 1.25 = 1250; 200 x 5 = 1000; together 2250
    "a batch costs half": Case(openai("gpt-4o", batch=True), Usage(1000, 0, 200), 2_250_000),
    # the same as above
    "a batch costs half when the answer calls it a tier": Case(
        openai("gpt-4o", tier="batch"), Usage(1000, 0, 200), 2_250_000
    ),
    # o3 of Azure has no price for batches, OpenAI's has: 1000 x 1 = 1000; 500 x 4 = 2000
    "a batch costs half where only the model's maker says so": Case(
        PriceKey("azure", "o3", batch=True), Usage(1000, 0, 500), 3_000_000
    ),
    # 272,000 x 2.50 = 680,000; 100 x 15 = 1500; together 681,500
    "a prompt that just reaches a step costs what shorter ones cost": Case(
        openai("gpt-5.4"), Usage(272_000, 0, 100), 681_500_000
    ),
    # 271,001 + 1000 = 272,001 tokens, so all of it at the step: 271,001 x 5 = 1,355,005;
    # 1000 x 0.5 = 500; 100 x 22.5 = 2250; together 1,357,755
    "a prompt beyond a step costs more in all its parts, cached tokens counted": Case(
        openai("gpt-5.4"), Usage(271_001, 1000, 100), 1_357_755_000
    ),
    # 10 x 2.50 = 25; 100 x 32 = 3200; 20 x 5 = 100; 30 x 10 = 300; 50 x 64 = 3200;
    # 8 x 3.125 = 25; one call of 0.002 dollars = 2000; together 8850
    "audio, images, writes and calls have prices of their own": Case(
        openai("gpt-audio"),
        Usage(10, 0, 30, 0, 8, 100, 20, 50, requests=1),
        8_850_000,
    ),
    # The dearest of gpt-4o and gpt-4o-mini: 1000 x 2.50 = 2500; 500 x 10 = 5000
    "a model that nobody knows costs as the dearest of its family": Case(
        openai("gpt-4o-super"), Usage(1000, 0, 500), 7_500_000
    ),
    # The dearest of all: 1000 x 5 = 5000 (a step of gpt-5.4); 500 x 22.5 = 11,250
    "a model without a family costs as the dearest of its provider": Case(
        openai("mystery"), Usage(1000, 0, 500), 16_250_000
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_usage_costs_what_can_be_reckoned_by_hand(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    quote = book(tmp_path, overlay=list(case.overlay)).quote(case.key, case.usage)
    assert quote is not None
    assert quote.nano_usd == NanoUSD(case.nano_usd)


def test_what_costs_nothing_does_so_because_nothing_was_used(tmp_path: Path) -> None:
    quote = book(tmp_path).quote(openai("gpt-4o"), Usage())
    assert quote is not None
    assert (quote.nano_usd, quote.confidence) == (0, "exact")
