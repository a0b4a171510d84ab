"""Whenever the proxy is killed: no workflow is lost, and none is executed twice."""

from tests.story.killing_dispatch import Killing


def test_no_workflow_is_lost_or_executed_twice_when_the_process_is_killed() -> None:
    with Killing(seed=7) as killing:
        for _ in range(5):
            killing.kill_once()
        killing.settle()
        found = killing.judge()
    assert found.wrong == []
    assert found.kills == 5
    assert found.answered[0] > 0
    assert found.statuses["completed"] > 0
    assert found.statuses["interrupted"] > 0
    assert found.executed > 0
