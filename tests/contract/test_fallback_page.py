"""The page about failing providers says what the fallback matrix and the chain do."""

import re
from pathlib import Path

import pytest

from plugins.orchestrator.asking import running
from plugins.orchestrator.deciding import chain, health, scores
from plugins.orchestrator.deciding.calls import FailureClass
from plugins.orchestrator.deciding.matrix import as_markdown
from plugins.orchestrator.settings import HedgeSettings, RetrySettings
from proxy.api.resilience import backoff

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "topics" / "fallback.md").read_text("utf-8")
WORDS = re.sub(r"\s+", " ", PAGE)


def test_the_table_is_the_matrix() -> None:
    assert f"\n{as_markdown()}" in PAGE


@pytest.mark.parametrize("kind", FailureClass)
def test_each_way_of_failing_is_explained(kind: FailureClass) -> None:
    assert f"- **{kind.value}**" in PAGE


@pytest.mark.parametrize(
    ("promise", "is_kept"),
    [
        ("what is left of the deadline less 50 ms", chain.MARGIN == 0.05),
        ("3 at most over the whole chain", RetrySettings().attempts == 3),
        ("left alone for 5 minutes", health.LEFT_ALONE_SECONDS == 300),
        ("forced open for 5 minutes", health.LEFT_ALONE_SECONDS == 300),
        (
            "left alone for up to a second",
            backoff(health.THROTTLED_BY, 1.0) == 1.0,
        ),
        (
            "up to 0.25 s, doubled with each failure",
            (backoff(0, 1.0), backoff(1, 1.0)) == (0.25, 0.5),
        ),
        ("unless `retry.replay` is `allow`", RetrySettings().replay == "safe"),
        ("With `hedge.enabled`", not HedgeSettings().enabled),
        ("the requests of a minute", running.HEDGE_WINDOW == 60),
        ("fewer than 20, there is none", scores.LEAST == 20),
        ("the deployment's last 100 answers", scores.KEPT == 100),
    ],
)
def test_each_number_on_the_page_is_that_of_the_code(promise: str, is_kept: bool) -> None:
    assert promise in WORDS
    assert is_kept
