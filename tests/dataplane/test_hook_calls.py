"""Plain hooks that fail: skipped, refused, or sent to legacy, and never more than that."""

import pytest

from tests.kit.plugged import ARMS, OK, POST, SPLIT, answer, plugged, reason, through
from tests.kit.transport import on_memory_loop, turns


@pytest.mark.parametrize("wrong", ["1 / 0", "return 'both'", "raise SystemExit"])
def test_a_plugin_that_cannot_assign_sends_to_legacy(wrong: str) -> None:
    @on_memory_loop
    async def ask() -> None:
        source = f"class Bad(Use):\n    @hook\n    def assign(self, request, arms): {wrong}"
        split = SPLIT | {"rollouts": {"r": {"percentage": 100}}}
        async with plugged({"bad": source}, ARMS, **split) as inside:
            _, (_, fields, _) = await through(inside)
            assert (fields[b"x-crossfade-arm"], fields[b"x-crossfade-reason"]) == (
                b"legacy",
                b"error",
            )

    ask()


FAILING = {
    "admit": ("request", True),
    "edit_request": ("request, outgoing", False),
    "rewrite_request": ("request, body", True),
    "rewrite_response": ("request, reply", True),
    "edit_response": ("request, reply", False),
}


@pytest.mark.parametrize("wrong", ["1 / 0", "raise SystemExit"])
@pytest.mark.parametrize("on_error", ["", "skip", "refuse"])
@pytest.mark.parametrize("hook", FAILING)
def test_a_failing_hook_is_skipped_or_refuses_as_it_and_its_use_say(
    hook: str, on_error: str, wrong: str
) -> None:
    @on_memory_loop
    async def ask() -> None:
        arguments, refuses = FAILING[hook]
        if on_error:
            refuses = on_error == "refuse"
        colour = "async def" if hook.startswith("rewrite") else "def"
        source = f"class Bad(Use):\n    @hook\n    {colour} {hook}(self, {arguments}): {wrong}"
        use = {"bad": {"on_error": on_error}} if on_error else "bad"
        async with plugged({"bad": source}, {"plugins": [use]}) as inside:
            client = inside.connect()
            client.peer_sends(POST)
            await turns()
            if not (refuses and hook in ("admit", "rewrite_request")):
                upstream = await inside.accept()
                upstream.peer_sends(OK)
                await turns()
            if refuses:
                assert reason(client) == (500, "plugin_failed")
            else:
                assert answer(client)[0] == 200

    ask()


@on_memory_loop
async def test_what_fails_when_all_is_over_does_not_touch_the_answer() -> None:
    source = "class Bad(Use):\n    @hook\n    def finished(self, request, outcome): 1 / 0"
    async with plugged({"bad": source}) as inside:
        _, (status, _, body) = await through(inside)
        assert (status, body) == (200, b"ok")
