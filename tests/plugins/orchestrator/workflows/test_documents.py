"""Records as text: of newer versions, damaged, and summed up."""

import json

import pytest

from plugins.orchestrator.workflows.documents import Reading, costs_of, day_of, stored_as
from proxy.api import StoreError, WorkflowResult
from proxy.api.spending import Usage
from proxy.api.testing import FakeServices
from tests.plugins.orchestrator.records import attempt
from tests.plugins.orchestrator.workflows.written import stored, written

URL = "sqlite:///var/x.db"


def reading() -> tuple[Reading, FakeServices]:
    services = FakeServices()
    return Reading(URL, services.log), services


def test_what_was_written_is_read() -> None:
    one = written(
        attempts=(attempt(tokens=(1, 2, 3, 4)),),
        result=WorkflowResult(workflow_id="wf_1", status="completed", content="☂"),
    )
    assert reading()[0].one("wf_1", stored_as(one, 3)) == stored(one, 3)


def test_what_a_newer_version_has_added_is_left_out() -> None:
    one = written(result=WorkflowResult(workflow_id="wf_1", status="completed"))
    document = json.loads(stored_as(one, 1))
    for place in (document, document["intent"], document["result"]):
        place["colour"] = {"of": "tomorrow"}
    assert reading()[0].one("wf_1", json.dumps(document)) == stored(one, 1)


def test_what_an_older_version_has_written_is_read() -> None:
    one = written(attempts=(attempt(tokens=(1, 2, 3, 4)),))
    document = json.loads(stored_as(one, 1))
    for name in ("arm", "plan"):
        del document[name]
    del document["attempts"][0]["tier"]
    assert document["attempts"][0]["tokens"] == [1, 2, 3, 4]
    found = reading()[0].one("wf_1", json.dumps(document))
    assert (found.arm, found.plan) == ("none", "")
    assert found.attempts[0].usage == Usage(1, 2, 3, 4)


def test_one_that_cannot_be_read_is_told_without_what_stands_there() -> None:
    document = json.loads(stored_as(written(), 1))
    document["intent"]["platforms"] = "user-4711"
    with pytest.raises(StoreError, match="workflow wf_1 of sqlite:///var/x") as error:
        reading()[0].one("wf_1", json.dumps(document))
    assert "intent.platforms: tuple_type" in str(error.value)
    assert "4711" not in str(error.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"id": 1}', "\ud800"])
def test_a_list_leaves_out_what_cannot_be_read_and_says_so_once(text: str) -> None:
    one, services = reading()
    good = stored_as(written(2), 1)
    for _ in range(2):
        found = one.all([("wf_1", text), ("wf_2", good), ("wf_3", good)], 1)
        assert found == (stored(written(2), 1),)
    assert [line["workflow_id"] for line in services.logged("workflow_unreadable")] == ["wf_1"]


def test_costs_are_of_the_attempts_that_have_ended() -> None:
    attempts = (
        attempt(1, kind="azure", state="failed", tokens=(1, 2, 3, 4), nano_usd=5),
        attempt(2, kind="azure", state="answered", tokens=(6, 0, 0, 0, 4, 0, 0, 0, 1, 0)),
        attempt(3, kind="openai", state="unknown", tokens=None),
        attempt(4, kind="other", state="begun", tokens=None),
    )
    assert costs_of(written(attempts=attempts)) == {"azure": (20, 5), "openai": (0, 0)}


def test_a_day_is_told_by_its_date() -> None:
    assert [day_of(0), day_of(20_780)] == ["1970-01-01", "2026-11-23"]
