"""What is told of a request: the decision of the split and what plugins know, by time."""

import math
from typing import Any
from urllib.parse import quote

import pytest

from proxy.api import Note
from proxy.core.decide import Decision
from proxy.core.identity import Identity
from proxy.core.reason import DECISIONS, Arm, Reason
from proxy.dataplane.decided import Decided
from proxy.pluginhost.explaining import Explained
from tests.controlplane.admin_asking import Asked
from tests.controlplane.admin_view import NOW, View

KEY = b"somebody-with-a-name"


def decided(view: View, request_id: str, decision: Decision) -> Decided:
    identity = Identity(KEY, "header:X-User-Id", True, {})
    return Decided(request_id, NOW, "campaigns", "hybrid", identity, decision, 3, view.config, None)


TAKEN = Decision(Arm.NEW, Reason.PERCENTAGE, 4711)


async def test_decision_and_notes_are_told_in_the_order_of_time(ask: Asked, view: View) -> None:
    view.decided = [decided(view, "other", TAKEN), decided(view, "r1", TAKEN)]
    view.explained["r1"] = (
        Explained("late", (Note(NOW + 2, "ended", "all is well"),), ""),
        Explained(
            "early", (Note(NOW + 1, "attempt", "the first"), Note(NOW - 1, "seen", "at all")), ""
        ),
    )
    status, found, response = await ask("/v1/why/r1")
    assert (status, found["request"]) == (200, "r1")
    assert [(note["who"], note["what"]) for note in found["notes"]] == [
        ("early", "seen"),
        ("crossfade", "decided"),
        ("early", "attempt"),
        ("late", "ended"),
    ]
    assert found["notes"][1]["at"] == NOW
    assert found["notes"][1]["why"] == (
        "new by percentage, bucket 4711, rollout hybrid, route campaigns, generation 3. "
        f"{DECISIONS[Reason.PERCENTAGE]}"
    )
    assert KEY.decode() not in await response.text()


async def test_a_decision_without_bucket_or_arm_is_told_without(ask: Asked, view: View) -> None:
    view.decided = [decided(view, "r1", Decision(None, Reason.ANSWERED))]
    _, found, _ = await ask("/v1/why/r1")
    assert found["notes"][0]["why"].startswith("no arm by answered, rollout hybrid, ")


async def test_what_plugins_know_is_enough(ask: Asked, view: View) -> None:
    view.explained["r1"] = (Explained("echo", (Note(NOW, "routed", "it is cheap"),), ""),)
    status, found, _ = await ask("/v1/why/r1")
    assert (status, len(found["notes"])) == (200, 1)


async def test_a_plugin_that_fails_to_say_is_a_line_at_the_end(ask: Asked, view: View) -> None:
    view.explained["r1"] = (
        Explained("broken", (), "it failed to say"),
        Explained("echo", (Note(NOW, "routed", "it is cheap"),), ""),
    )
    _, found, _ = await ask("/v1/why/r1")
    assert found["notes"][1] == {
        "at": None,
        "who": "broken",
        "what": "silent",
        "why": "it failed to say",
    }


async def test_of_a_request_that_nobody_knows_it_is_said_where_it_may_be(ask: Asked) -> None:
    status, found, _ = await ask("/v1/why/r9")
    assert (status, found["detail"]) == (404, "Nothing is known of this request.")
    assert "Only the replica" in found["hint"]
    assert "Failed to say" not in found["hint"]


async def test_where_nobody_knows_it_who_failed_to_say_is_named(ask: Asked, view: View) -> None:
    view.explained["r9"] = (Explained("broken", (), "it failed to say"),)
    status, found, _ = await ask("/v1/why/r9")
    assert status == 404
    assert "Failed to say: broken; see crossfade plugins." in found["hint"]


@pytest.mark.parametrize("request_id", ["a/b", "a?b#c%41", "\x21\x7e" * 64])
async def test_whatever_a_trusted_peer_has_called_a_request_it_is_found(
    ask: Asked, view: View, request_id: str
) -> None:
    view.explained[request_id] = (Explained("echo", (Note(NOW, "routed", "so"),), ""),)
    status, found, _ = await ask(f"/v1/why/{quote(request_id, safe='')}")
    assert (status, found["request"]) == (200, request_id)


@pytest.mark.parametrize("at", ["soon", math.nan, math.inf, -1.0, 1e300, None])
async def test_a_note_with_a_time_that_is_none_is_told_without(
    ask: Asked, view: View, at: Any
) -> None:
    view.explained["r1"] = (Explained("echo", (Note(at, "routed", "x" * 5000),), ""),)
    _, found, _ = await ask("/v1/why/r1")
    assert found["notes"][0]["at"] is None
    assert len(found["notes"][0]["why"]) == 1000
