"""The demonstration keeps its promises, with the repository's own configuration."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.demonstration.stage import PORTS, Stage, adapted, with_percentage
from scripts.demonstration.traffic import MANY_FAILURES, USERS, Population, is_legacy_answer

ROOT = Path(__file__).resolve().parents[2]


def test_the_demonstration_loses_no_request_and_moves_nobody_back() -> None:
    command = [sys.executable, "-m", "scripts.demonstration", "--fast"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=99, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "No request failed, and no user went back from new to legacy." in ran.stdout
    assert "USD less than on legacy" in ran.stdout
    assert ran.stderr == ""


def test_the_demonstration_edits_nothing_but_addresses_and_the_percentage() -> None:
    source = (ROOT / "config.yaml").read_text(encoding="utf-8")
    assert adapted(source, PORTS) == source
    moved = adapted(source, {**PORTS, "proxy": 18080, "provider": 13001})
    assert "listen: 127.0.0.1:18080" in moved
    assert 'endpoint: "http://127.0.0.1:13001/v1"' in moved
    assert moved.replace(":18080", ":8080").replace(":13001", ":3001") == source
    assert with_percentage(source, 25).replace("percentage: 25", "percentage: 5") == source


def test_when_promises_are_broken_the_demonstration_knows_what_the_proxy_warned_of(
    tmp_path: Path,
) -> None:
    stage = Stage(tmp_path)
    warning = '{"level":"warning","event":"rolled_back"}'
    stage.log.write_text(f'{{"level":"info","event":"serving"}}\n{warning}\n', encoding="utf-8")
    assert stage.warnings() == [warning]


async def test_a_user_who_goes_back_from_new_to_legacy_is_seen() -> None:
    population = Population()
    population.answered("user-0001", "legacy")
    population.answered("user-0001", "new")
    assert population.tally.switched_back == set()
    population.begin_step()
    population.answered("user-0001", "legacy")
    assert population.tally.switched_back == {"user-0001"}


async def test_a_step_is_over_when_every_user_was_answered() -> None:
    population = Population()
    for user in USERS:
        assert not population.tally.everyone_answered.is_set()
        population.answered(user, "new")
    assert population.tally.everyone_answered.is_set()
    assert population.tally.share == 100


@pytest.mark.parametrize(("requests", "hopeless"), [(MANY_FAILURES, True), (10_000, False)])
async def test_the_demonstration_gives_up_when_most_requests_fail(
    requests: int, *, hopeless: bool
) -> None:
    tally = Population().begin_step()
    tally.requests = requests
    for _ in range(MANY_FAILURES):
        tally.failed("no answer")
    await asyncio.sleep(0)
    assert tally.hopeless.is_set() is hopeless


def test_an_answer_that_a_client_of_the_legacy_api_would_not_know_is_a_failure() -> None:
    result = {"content": "text", "platforms": ["instagram"], "provider": "legacy-content-service"}
    answer = {"status": "success", "result": result, "data": result}
    assert is_legacy_answer(answer)
    for other in (
        {**answer, "traceId": "t"},
        {**answer, "status": "error"},
        {**answer, "result": {**result, "model": "m"}},
        {"status": "success", "result": {**result, "model": "m"}, "data": {**result, "model": "m"}},
        {"status": "error", "message": "Internal server error", "data": None},
        None,
    ):
        assert not is_legacy_answer(other)
