"""The lists of a rollout: who sees the keys, and how they are edited."""

from typing import Any

import pytest

from proxy.controlplane.admin.auth import Refusal
from proxy.controlplane.admin.rollout_lists import ListsBody, edit_of
from proxy.controlplane.rollouts.authority import Rollouts
from proxy.core.by_hand import MOST_KEYS
from proxy.core.commands import EditLists
from proxy.core.rollout_state import RolloutState
from tests.controlplane.admin_asking import Asked, by

LISTS = "/v1/rollouts/hybrid/lists"
STATE = RolloutState("hybrid", whitelist=frozenset({"Ann", "bob"}), blacklist=frozenset({"eve"}))


def edit(*, lower: bool = False, state: RolloutState = STATE, **lists: Any) -> EditLists:
    body = ListsBody.model_validate_json(
        ListsBody.model_construct(reason="why", **lists).model_dump_json(warnings=False)
    )
    return edit_of(body, state, lower=lower)


def test_an_edit_names_the_keys_that_come_and_go() -> None:
    found = edit(whitelist={"add": ["dan"], "remove": ["bob", "nobody"]}, blacklist={"add": ["x"]})
    assert found == EditLists(
        whitelist=frozenset({"dan"}), unwhitelist=frozenset({"bob"}), blacklist=frozenset({"x"})
    )


def test_a_key_is_taken_off_as_requests_are_told_apart() -> None:
    assert edit(whitelist={"remove": [" bob "]}).unwhitelist == {"bob"}
    assert edit(whitelist={"remove": ["ANN"]}).unwhitelist == set()
    assert edit(whitelist={"remove": ["ANN"]}, lower=True).unwhitelist == {"Ann"}


@pytest.mark.parametrize(
    ("lists", "lower"),
    [
        ({"whitelist": {"add": ["eve"]}}, False),
        ({"blacklist": {"add": ["ann"]}}, True),
        ({"blacklist": {"add": ["bob "]}}, False),
        ({"whitelist": {"add": ["a"]}, "blacklist": {"add": ["a"]}}, False),
    ],
)
def test_no_key_comes_on_both_lists(lists: dict[str, Any], *, lower: bool) -> None:
    with pytest.raises(Refusal, match="on both lists") as caught:
        edit(lower=lower, **lists)
    assert caught.value.status == 409


def test_a_key_changes_lists_in_one_request() -> None:
    found = edit(whitelist={"remove": ["bob"]}, blacklist={"add": ["bob"]})
    assert found == EditLists(unwhitelist=frozenset({"bob"}), blacklist=frozenset({"bob"}))


def test_a_list_does_not_grow_without_bound() -> None:
    full = RolloutState("hybrid", whitelist=frozenset(str(n) for n in range(MOST_KEYS)))
    assert edit(state=full, whitelist={"add": ["1"]}).whitelist == {"1"}
    with pytest.raises(Refusal, match=f"more than {MOST_KEYS} keys"):
        edit(state=full, whitelist={"add": ["new"]})


@pytest.mark.usefixtures("rollouts")
async def test_the_keys_are_shown_to_operators_and_to_nobody_else(ask_with_tokens: Asked) -> None:
    status, found, response = await ask_with_tokens(LISTS, headers=by("operator"))
    assert (status, response.headers["ETag"]) == (200, '"1"')
    assert found == {"name": "hybrid", "version": 1, "whitelist": ["ann"], "blacklist": []}
    assert (await ask_with_tokens(LISTS, headers=by("viewer")))[0] == 403
    for path in ("/v1/rollouts", "/v1/rollouts/hybrid", "/v1/audit"):
        _, seen, _ = await ask_with_tokens(path, headers=by("viewer"))
        assert "ann" not in str(seen)


async def test_an_edit_is_audited_without_the_keys(
    ask_with_tokens: Asked, rollouts: Rollouts
) -> None:
    status, found, response = await ask_with_tokens(
        LISTS,
        "PATCH",
        json={"reason": "pilot", "whitelist": {"add": ["dan"], "remove": ["ann"]}},
        headers=by("operator", If_Match='"1"', Idempotency_Key="1"),
    )
    assert (status, found["whitelist"], response.headers["ETag"]) == (200, ["dan"], '"2"')
    assert rollouts.state("hybrid").whitelist == {"dan"}
    _, page, _ = await ask_with_tokens("/v1/audit?limit=1", headers=by("viewer"))
    (entry,) = page["entries"]
    assert (entry["actor"], entry["reason"], entry["action"]) == (
        "a-operator",
        "pilot",
        "edit_lists",
    )
    assert "dan" not in str(page)


@pytest.mark.usefixtures("rollouts")
@pytest.mark.parametrize(
    ("lists", "field"),
    [
        ({"whitelist": {"add": ["secret-user"], "remove": ["secret-user "]}}, "whitelist"),
        ({"whitelist": {"add": [" "]}}, "whitelist.add.0"),
        ({"whitelist": {"add": ["x" * 513]}}, "whitelist.add.0"),
        ({"whitelist": ["secret-user"]}, "whitelist"),
        ({"greylist": {"add": ["secret-user"]}}, "greylist"),
        ({"blacklist": {"add": ["x"] * 1001}}, "blacklist.add"),
    ],
)
async def test_an_edit_that_does_not_fit_is_told_why_without_the_keys(
    ask: Asked, lists: dict[str, Any], field: str
) -> None:
    status, found, _ = await ask(LISTS, "PATCH", json={"reason": "pilot", **lists})
    assert (status, [one["field"] for one in found["problems"]]) == (422, [field])
    assert "secret-user" not in str(found)


@pytest.mark.usefixtures("rollouts")
async def test_an_edit_for_another_version_is_refused(ask: Asked) -> None:
    body = {"reason": "pilot", "whitelist": {"add": ["dan"]}}
    status, found, _ = await ask(LISTS, "PATCH", json=body, headers={"If-Match": '"7"'})
    assert (status, found["current"]["version"]) == (412, 1)
