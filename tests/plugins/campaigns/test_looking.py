"""Users see their own work, and never that of others; administrators see all."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.campaigns.declining import DeclinedError
from plugins.campaigns.looking import whose
from plugins.campaigns.paths import COSTS, STATUS
from proxy.api import Caller, WorkflowView
from tests.kit.properties import examples
from tests.plugins.campaigns.asked import answer, asks, campaigns
from tests.plugins.campaigns.stub import InMemory, view

RANGE = "startDate=2026-11-01&endDate=2026-11-30"
USERS = ("ann", "bob", "eve")


def test_whose_work_is_shown() -> None:
    ann = Caller("ann", "", "", is_admin=False, by="session")
    root = Caller("root", "admin", "", is_admin=True, by="session")
    assert [whose(ann, None), whose(ann, "ann")] == ["ann", "ann"]
    assert [whose(root, None), whose(root, "ann")] == [None, "ann"]
    with pytest.raises(DeclinedError, match="Admin privileges required") as caught:
        whose(ann, "bob")
    assert caught.value.reply.status == 403


async def test_the_work_of_others_looks_as_if_there_were_none() -> None:
    async with campaigns(InMemory(view("wf-1", "bob"))) as plugin:
        theirs = await answer(plugin, asks(query="workflowId=wf-1"))
        nobodys = await answer(plugin, asks(query="workflowId=wf-2"))
        assert (theirs.status, theirs.body) == (404, nobodys.body)
        found = await answer(plugin, asks(query="workflowId=wf-1", user="root", admin=True))
        assert found.json()["data"]["userId"] == "bob"


async def test_administrators_see_all_or_whom_they_name() -> None:
    memory = InMemory(view("wf-1", "ann"), view("wf-2", "bob"))
    async with campaigns(memory) as plugin:
        for query, expected in (("", {"ann", "bob"}), ("userId=bob", {"bob"})):
            reply = await answer(plugin, asks(query=query, user="root", admin=True))
            assert {one["userId"] for one in reply.json()["data"]["workflows"]} == expected
        for query, asked in ((RANGE, None), (f"{RANGE}&userId=bob", "bob")):
            await answer(plugin, asks(COSTS, query, "root", admin=True))
            assert memory.costs_asked[-1][0] == asked


@pytest.mark.parametrize("path", [STATUS, COSTS])
async def test_what_cannot_be_looked_up_is_told(path: str) -> None:
    query = RANGE if path == COSTS else "workflowId=wf-1"
    async with campaigns() as plugin:
        reply = await answer(plugin, asks(path, query))
        assert (reply.status, reply.json()["error"]) == (503, "No orchestrator is running")
        assert (await answer(plugin, asks(path, query, user=None))).status == 401
    memory = InMemory()
    memory.broken = "dynamodb://secret-table: no answer"
    async with campaigns(memory) as plugin:
        for asked in (query, "" if path == STATUS else query):
            reply = await answer(plugin, asks(path, asked))
            assert reply.json()["error"] == "The store of workflows does not answer"
            assert reply.status == 503


QUERIES = st.fixed_dictionaries(
    {},
    optional={
        "workflowId": st.integers(0, 5).map(lambda number: f"wf-{number}"),
        "userId": st.sampled_from(USERS),
        "status": st.sampled_from(["completed", "running", "failed"]),
        "limit": st.integers(1, 5).map(str),
    },
)
OWNERS = st.lists(
    st.tuples(st.sampled_from(USERS), st.sampled_from(["completed", "running", "failed"])),
    max_size=6,
)


def users_in(found: Any) -> set[str]:
    """Every user that is named anywhere in an answer."""
    if isinstance(found, dict):
        mine = {found["userId"]} if "userId" in found else set()
        return mine.union(*(users_in(one) for one in found.values()))
    return set().union(*map(users_in, found)) if isinstance(found, list) else set()


@given(OWNERS, QUERIES, st.sampled_from(USERS), st.booleans())
@examples(80)
async def test_whatever_a_user_asks_nobody_elses_work_is_shown(
    owners: list[tuple[str, str]], query: dict[str, str], user: str, careless: bool
) -> None:
    """Also where the service forgets whose workflows are asked for."""
    views: list[WorkflowView] = [
        view(f"wf-{number}", owner, status) for number, (owner, status) in enumerate(owners)
    ]
    memory = InMemory(*views, careless=careless)
    async with campaigns(memory) as plugin:
        said = "&".join(f"{name}={value}" for name, value in query.items())
        reply = await answer(plugin, asks(query=said, user=user))
        assert users_in(reply.json()) <= {user}
        assert (reply.status == 403) == (query.get("userId", user) != user)
        await answer(plugin, asks(COSTS, RANGE, user))
        assert [one[0] for one in memory.costs_asked] == [user]
