"""The page about failing services says what breakers, delays and budgets do."""

import re
from inspect import signature
from pathlib import Path

import pytest

from proxy.core.breaker import JITTER, WINDOW, BreakerRules
from proxy.core.breaker_table import State, as_markdown, words_of
from proxy.core.retry_budget import RetryBudget
from proxy.core.retrying import LONGEST_WAIT, backoff

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "topics" / "resilience.md").read_text("utf-8")
WORDS = re.sub(r"\s+", " ", PAGE)
RULES = BreakerRules()


def test_the_table_is_that_of_the_breaker() -> None:
    assert f"\n{as_markdown()}" in PAGE


@pytest.mark.parametrize("state", State)
def test_each_state_is_explained(state: State) -> None:
    assert f"**{words_of(state)}**" in PAGE


@pytest.mark.parametrize(
    ("promise", "is_kept"),
    [
        ("calls of the last 30 seconds are counted", WINDOW == 30),
        (
            "when there were 10 calls and half of them",
            (RULES.min_calls, RULES.failure_rate) == (10, 0.5),
        ),
        ("four of five were slow", RULES.slow_rate == 0.8),
        ("5 connections failed in a row", RULES.connect_failures == 5),
        ("10 failures in a row within that time", RULES.failures == 10),
        ("15 seconds the first time", RULES.open == 15),
        ("300 at most, give or take a tenth", (RULES.open_most, JITTER) == (300, 0.1)),
        ("3 calls at a time are permitted as probes. 3 successes close", RULES.probes == 3),
        ("not told within 60 seconds", RULES.probe_lasts == 60),
        ("nothing to 0.25 s x 2^k, 8 s at most", (backoff(1, 1.0), backoff(9, 1.0)) == (0.5, 8)),
        ("More than an hour counts as an hour", LONGEST_WAIT == 3600),
        ("of the last 10 seconds", signature(RetryBudget).parameters["window"].default == 10),
    ],
)
def test_each_number_on_the_page_is_that_of_the_code(promise: str, is_kept: bool) -> None:
    assert promise in WORDS
    assert is_kept
