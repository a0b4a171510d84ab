"""Ids sort by time and never come twice."""

import subprocess
import sys

from plugins.orchestrator.identifiers import (
    attempt_id,
    digests,
    owner_of_process,
    workflow_id,
)


def test_ids_of_workflows_sort_by_the_time_of_their_making() -> None:
    made = [workflow_id(now) for now in (1.0, 1.002, 1_800_000_000.0, 1_800_000_000.001)]
    assert made == sorted(made)
    assert len({len(one) for one in made}) == 1


def test_no_two_workflows_of_a_moment_have_the_same_id() -> None:
    assert len({workflow_id(5.0) for _ in range(1000)}) == 1000


def test_attempts_are_numbered_below_their_workflow() -> None:
    found = [attempt_id("wf_1", number).rpartition("-")[0] for number in (1, 2)]
    assert found == ["wf_1-1", "wf_1-2"]


def test_the_same_number_after_a_crash_is_another_attempt() -> None:
    assert len({attempt_id("wf_1", 1) for _ in range(100)}) == 100


def test_a_digest_tells_nothing_without_the_secrets_and_is_the_same_with_them() -> None:
    mine, same, other = (digests(secrets) for secrets in (["a", "b"], ["b", "a"], ["a"]))
    assert mine("said") == same("said") != other("said")
    assert mine("said") != mine("else")
    assert mine("") == ""


def test_a_process_has_one_name_and_no_other_has_it() -> None:
    code = "from plugins.orchestrator.identifiers import *; print(owner_of_process())"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert owner_of_process() == owner_of_process() != other.stdout.strip()
