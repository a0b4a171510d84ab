"""Whatever a plugin does at its beginning, the proxy goes on."""

import asyncio
import sys
import threading

import pytest

from proxy.pluginhost.running import in_thread, left_behind, within
from tests.kit.transport import turns

SOON = 0.002


async def nothing() -> None:
    return None


async def forever() -> None:
    await asyncio.get_running_loop().create_future()


async def test_what_ends_in_time_is_awaited() -> None:
    await within(10, nothing())
    assert left_behind() == 0


async def test_what_is_raised_comes_through() -> None:
    async def fail() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        await within(10, fail())


async def test_leaving_the_process_is_an_error_like_any_other() -> None:
    async def leave() -> None:
        sys.exit(3)

    with pytest.raises(RuntimeError, match=r"it called sys\.exit"):
        await within(10, leave())


async def test_a_cancellation_from_inside_is_an_error_like_any_other() -> None:
    async def cancel() -> None:
        raise asyncio.CancelledError

    with pytest.raises(RuntimeError, match="cancelled from inside"):
        await within(10, cancel())


async def test_what_waits_for_ever_is_cancelled_after_a_look_at_it() -> None:
    looked: list[int] = []
    with pytest.raises(TimeoutError, match=r"not done within 0\.002 s"):
        await within(SOON, forever(), lambda: looked.append(left_behind()))
    assert (looked, left_behind()) == ([0], 0)


async def test_what_swallows_its_cancellation_is_left_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("proxy.pluginhost.running.GRACE_SECONDS", SOON)
    stop = asyncio.Event()

    async def stubborn() -> None:
        while not stop.is_set():
            try:
                await stop.wait()
            except asyncio.CancelledError:
                continue
        raise KeyError("nobody listens any more")

    with pytest.raises(TimeoutError):
        await within(SOON, stubborn())
    assert left_behind() == 1
    stop.set()
    await turns()
    assert left_behind() == 0


async def test_who_waits_can_be_cancelled_and_takes_the_work_along() -> None:
    cancelled = asyncio.Event()

    async def work() -> None:
        try:
            await forever()
        finally:
            cancelled.set()

    waiting = asyncio.create_task(within(10, work()))
    await turns()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await cancelled.wait()
    await turns()
    assert left_behind() == 0


async def test_a_thread_gives_back_what_it_found_or_raised() -> None:
    late: list[object] = []

    def fail() -> None:
        raise KeyError("x")

    assert await in_thread(10, threading.get_ident, late.append) != threading.get_ident()
    with pytest.raises(KeyError):
        await in_thread(10, fail, late.append)
    assert late == []


async def test_a_late_thread_is_not_waited_for_and_hands_over_what_it_found() -> None:
    go, late = threading.Event(), asyncio.Event()

    def slow() -> str:
        go.wait()
        return "found"

    with pytest.raises(TimeoutError):
        await in_thread(SOON, slow, lambda found: late.set() if found == "found" else None)
    go.set()
    await late.wait()
    assert late.is_set()


async def test_a_late_thread_that_raises_is_forgotten() -> None:
    go = threading.Event()
    late: list[object] = []

    def slow() -> None:
        go.wait()
        raise KeyError("x")

    with pytest.raises(TimeoutError):
        await in_thread(SOON, slow, late.append)
    go.set()
    await turns()
    assert late == []
