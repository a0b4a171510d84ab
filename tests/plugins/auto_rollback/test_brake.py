"""The brake as a whole: which of its proofs comes first, and what it says."""

import json
from typing import Any

import pytest

from plugins.auto_rollback import NAME, AutoRollback
from proxy.api import Evidence, Observed, Seen, Settings
from proxy.api.testing import isolated
from tests.plugins.auto_rollback.asking import (
    COLLAPSED,
    HARDLY_SEEN,
    WELL,
    WORSE,
    evidence,
    judged,
    question,
    seen,
)

SICK_LEGACY = seen(new=evidence(200, 100), recent=(Seen(380, 190), Seen(20, 20)))
SLOW = seen(new=evidence(200, 10, slow=60))
WRONG = seen(new=evidence(200, 10, client_errors=60))
SLOW_AND_WRONG = seen(new=evidence(200, 40, slow=60))
BROKEN = seen(window=(Seen(1000), Seen(100, 50)))
ABSOLUTE = {"absolute": {"error_rate": 5}}
ROLLS_BACK = {"absolute": {"error_rate": 5, "rolls_back": True}}
ALONE = seen(
    evidence(0), evidence(4000, 900), segment=(Seen(), Seen(9000)), recent=(Seen(), Seen(400))
)

VERDICTS: dict[str, tuple[Observed, dict[str, Any], str]] = {
    "nothing is wrong": (WELL, {}, "pass"),
    "new is worse": (WORSE, {}, "fail"),
    "new is slower, for the first time": (SLOW, {}, "hold"),
    "more callers err on new": (WRONG, {}, "fail"),
    "new is slower, and worse": (SLOW_AND_WRONG, {}, "fail"),
    "slower does not count": (SLOW, {"settings": {"metrics": ["errors"]}}, "pass"),
    "new has collapsed": (COLLAPSED, {}, "fail"),
    "the fast path is off": (COLLAPSED, {"settings": {"fast_path": False}}, "fail"),
    "legacy is sick, whatever new does": (SICK_LEGACY, {}, "freeze"),
    "legacy is down, whatever new does": (WORSE, {"legacy_up": False}, "freeze"),
    "hardly anybody was there": (HARDLY_SEEN, {}, "hold"),
    "nobody was there": (Observed(), {}, "hold"),
    "an effect too small to matter": (WORSE, {"settings": {"min_ratio": 5}}, "pass"),
    "the budget is smaller": (WORSE, {"settings": {"alpha": 0.0001}}, "fail"),
    "too few requests, not few keys": (WORSE, {"settings": {"min_requests": 1001}}, "hold"),
    "an absolute bound is broken": (BROKEN, {"settings": ABSOLUTE}, "pause"),
    "and rolls back": (BROKEN, {"settings": ROLLS_BACK}, "fail"),
    "but never to a sick legacy": (BROKEN, {"settings": ROLLS_BACK, "legacy_up": False}, "freeze"),
    "there is no other arm to compare with": (ALONE, {"share": 1.0}, "pass"),
    "the store is lost, nothing is wrong": (WELL, {"local": True}, "hold"),
    "the store is lost, new is worse": (WORSE, {"local": True}, "hold"),
    "the store is lost, a bound is broken": (BROKEN, {"local": True, "settings": ABSOLUTE}, "hold"),
    "the store is lost, new has collapsed": (COLLAPSED, {"local": True}, "fail"),
    "the store is lost, both fail": (SICK_LEGACY, {"local": True}, "hold"),
    "the store is lost, the fast path is off": (
        COLLAPSED,
        {"local": True, "settings": {"fast_path": False}},
        "hold",
    ),
}


@pytest.mark.parametrize("name", VERDICTS)
def test_the_verdict_is_right_when(name: str) -> None:
    observed, asked, kind = VERDICTS[name]
    assert judged(observed, **asked).kind == kind


def test_an_hour_later_the_same_evidence_has_to_be_stronger() -> None:
    nearly = seen(evidence(3800, 38), evidence(200, 10))
    assert judged(nearly, segment=1).kind == "fail"
    assert judged(nearly, segment=24).kind == "pass"


def test_a_verdict_says_what_it_is_founded_on_in_words_and_as_plain_json() -> None:
    verdict = judged(WORSE)
    assert verdict.why.startswith(
        "new is worse: errors: 40 of 200 keys on new (20.0%), 190 of 3800"
    )
    assert set(verdict.evidence) == {"errors", "slow", "client_errors"}
    assert json.loads(json.dumps(verdict.evidence)) == verdict.evidence
    assert set(verdict.evidence["slow"]) == {"log_e", "bound", "keys", "active"}
    assert verdict.evidence["errors"]["log_e"] > verdict.evidence["errors"]["bound"]


def test_a_collapse_says_how_much_has_failed() -> None:
    said = judged(COLLAPSED).why
    assert said == "new fails: 10 of 20 recent requests (50%), legacy 4 of 380"


def test_a_metric_that_is_not_counted_any_more_does_not_stop_the_others() -> None:
    wrong = Evidence(200.0, {"slow": 0, "client_errors": 60})
    legacy = Evidence(3800.0, {"slow": 0, "client_errors": 190})
    verdict = judged(seen(legacy, wrong))
    assert (verdict.kind, set(verdict.evidence)) == ("fail", {"slow", "client_errors"})


@pytest.mark.parametrize("settings", [{"enabled": False}, {"judge": "another"}])
@pytest.mark.parametrize("kind", ["brake", "gate"])
def test_it_has_no_opinion_where_it_is_switched_off_or_another_judges(
    settings: dict[str, Any], kind: str
) -> None:
    asked = question(COLLAPSED, kind, settings=settings)
    assert AutoRollback(Settings()).judge(asked) is None


async def test_it_runs_as_a_plugin_and_is_named_as_the_default_judge() -> None:
    async with isolated(application=AutoRollback) as alone:
        assert alone.application.judge(question(COLLAPSED)).kind == "fail"
    assert question().settings.judge == NAME
