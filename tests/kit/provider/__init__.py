"""A stand-in for OpenAI and Azure OpenAI on loopback: real HTTP, scripted answers and faults.

    async with provider() as there:
        there.script("gpt-4o-mini", status(429, retry_after_ms=200), times=2)
        ...  # ask there.url_openai or there.url_azure
        assert [entry.ended for entry in there.calls] == ["429", "429", "answered"]

What it has executed is on its bill, whoever has seen the answer:

    async with provider(prices={"*": {"input": "2.50", "output": "10"}}) as there:
        ...
        assert there.bill.total_nano_usd == 25_000

`python -m tests.kit.provider --help` runs it as a process of its own; `process.ProviderProcess`
starts one.
"""

from tests.kit.provider.bill import Bill, Charge, PriceList
from tests.kit.provider.record import Entry
from tests.kit.provider.serving import Provider, provider
from tests.kit.provider.steps import (
    ANSWERS,
    Step,
    Tokens,
    answer,
    at_random,
    bad_json,
    close_before_head,
    content_filter,
    context_length_exceeded,
    cut_after,
    empty_choices,
    end_after,
    error_in_stream,
    filtered,
    forbidden,
    hang_after,
    hang_after_head,
    hang_before_head,
    insufficient_quota,
    invalid_request,
    not_found,
    slow_first_byte,
    status,
    truncated,
    unauthorized,
    wrong_content,
)

__all__ = [
    "ANSWERS",
    "Bill",
    "Charge",
    "Entry",
    "PriceList",
    "Provider",
    "Step",
    "Tokens",
    "answer",
    "at_random",
    "bad_json",
    "close_before_head",
    "content_filter",
    "context_length_exceeded",
    "cut_after",
    "empty_choices",
    "end_after",
    "error_in_stream",
    "filtered",
    "forbidden",
    "hang_after",
    "hang_after_head",
    "hang_before_head",
    "insufficient_quota",
    "invalid_request",
    "not_found",
    "provider",
    "slow_first_byte",
    "status",
    "truncated",
    "unauthorized",
    "wrong_content",
]
