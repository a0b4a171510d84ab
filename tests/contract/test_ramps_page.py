"""The page about ramps says what the state machine and the loop do."""

import re
from pathlib import Path

import pytest

from proxy.controlplane.rollouts import braking, ramping, webhook
from proxy.core import gates
from proxy.core.ramp_table import as_markdown
from proxy.core.rollout_state import Phase, Standing

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "topics" / "ramps.md").read_text("utf-8")
WORDS = re.sub(r"\s+", " ", PAGE)


def test_the_table_is_that_of_the_state_machine() -> None:
    assert f"\n{as_markdown()}" in PAGE


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase is not Phase.DRAFT])
def test_each_phase_of_a_ramp_is_explained(phase: Phase) -> None:
    assert f"- **{phase.value}**: " in PAGE


@pytest.mark.parametrize("standing", [one for one in Standing if one.value not in list(Phase)])
def test_each_mark_that_stops_a_rollout_is_named(standing: Standing) -> None:
    assert f"`{standing.value}`" in PAGE


@pytest.mark.parametrize(
    ("promise", "is_kept"),
    [
        ("has been well for 30 seconds", braking.WELL_SECONDS == 30),
        ("is stored every ten seconds", ramping.SAVE_EVERY == 10),
        (
            "20 times in a bake or soak of less than 200 (once a second at most)",
            [ramping.save_every(lasts) for lasts in (5, 100, 200, 201)] == [1, 5, 10, 10],
        ),
        ("at most every ten seconds", webhook.ASK_EVERY == 10),
        ("when 1,000 keys were seen", gates.LEAST_KEYS == 1000),
        (
            "more than 5 % of 100 requests or more have no key",
            [gates.missing_keys(*one) == "" for one in ((94, 6), (95, 5), (0, 99))]
            == [False, True, True],
        ),
    ],
)
def test_each_number_on_the_page_is_that_of_the_code(promise: str, is_kept: bool) -> None:
    assert promise in WORDS
    assert is_kept
