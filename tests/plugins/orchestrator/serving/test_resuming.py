"""What was begun and has no end is never repeated; what was not begun is, if somebody waits."""

from typing import Any

import pytest

from plugins.orchestrator.serving.resuming import fate_of, interrupted_attempts
from tests.plugins.orchestrator.records import attempt, workflow

CASES: dict[str, tuple[dict[str, Any], str]] = {
    "begun attempt": ({"attempts": (attempt(state="begun"),), "idempotency": "k"}, "interrupted"),
    "unknown attempt": (
        {"attempts": (attempt(state="unknown"),), "status": "queued", "expires": 9e9},
        "interrupted",
    ),
    "failed attempt, key": (
        {"attempts": (attempt(state="failed"),), "idempotency": "k"},
        "go on",
    ),
    "nothing sent, key": ({"idempotency": "k"}, "go on"),
    "nothing sent, nobody waits": ({}, "interrupted"),
    "queued": ({"status": "queued", "expires": 3000.0}, "go on"),
    "queued for too long": ({"status": "queued", "expires": 2000.0}, "expired"),
}


@pytest.mark.parametrize("case", CASES)
def test_each_unfinished_workflow_has_one_fate(case: str) -> None:
    fields, fate = CASES[case]
    assert fate_of(workflow(**fields), 2000.0) == fate


def test_of_the_attempts_only_what_had_begun_becomes_unknown() -> None:
    ended = (attempt(1, state="failed"), attempt(2, state="begun", begun=1500.0, seconds=0.0))
    found = interrupted_attempts(workflow(attempts=ended), 2000.0)
    assert [(one.state, one.seconds) for one in found] == [("failed", 0.5), ("unknown", 500.0)]
