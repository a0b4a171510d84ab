"""Runs what plugins do at their beginning and end, for a limited time, whatever they do.

A plugin may wait for ever, swallow its cancellation, or leave by sys.exit: the proxy goes
on. Only one that holds up the loop without ever waiting cannot be stopped from here.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

__all__ = ["in_thread", "left_behind", "within"]

GRACE_SECONDS = 0.5
"""So long something may take to end after it was cancelled; then it is left behind."""

_Result = TypeVar("_Result")
_left: set[asyncio.Task[Any]] = set()


def left_behind() -> int:
    """Return how much is still running that would not be cancelled."""
    return len(_left)


async def within(
    seconds: float, work: Coroutine[Any, Any, None], late: Callable[[], None] | None = None
) -> None:
    """Await `work`; raise what it raises, or TimeoutError after `seconds`.

    `late` is called before it is cancelled then. What leaves by sys.exit raises
    RuntimeError, and so does what is cancelled from inside.
    """
    task = asyncio.create_task(_contained(work))
    try:
        await asyncio.wait({task}, timeout=seconds)
        on_time = task.done()
        if not on_time:
            if late is not None:
                late()
            task.cancel()
            await asyncio.wait({task}, timeout=GRACE_SECONDS)
    finally:
        if not task.done():
            task.cancel()
            _left.add(task)
            task.add_done_callback(_forget)
    if not on_time:
        if task.done():
            _forget(task)
        raise TimeoutError(f"not done within {seconds:g} s")
    if task.cancelled():
        raise RuntimeError("it was cancelled from inside")
    task.result()


async def in_thread(
    seconds: float, work: Callable[[], _Result], late: Callable[[_Result], None]
) -> _Result:
    """Run `work` in a thread of its own; raise what it raises, or TimeoutError after `seconds`.

    The thread is not stopped then and does not hold up the end of the process; should it
    ever end, `late` is called on the loop with what came of it.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[_Result] = loop.create_future()

    def settle(result: Callable[[], _Result]) -> None:
        try:
            found = result()
        except BaseException as error:
            if not future.done():
                future.set_exception(error)
            return
        if future.done():
            late(found)
        else:
            future.set_result(found)

    def run() -> None:
        try:
            result = work()
        except BaseException as error:
            _tell(loop, settle, _raising(error))
        else:
            _tell(loop, settle, lambda: result)

    threading.Thread(target=run, name="crossfade-plugins", daemon=True).start()
    try:
        await asyncio.wait({future}, timeout=seconds)
        if not future.done():
            raise TimeoutError(f"not done within {seconds:g} s")
    finally:
        future.cancel()
    return future.result()


def _tell(loop: asyncio.AbstractEventLoop, settle: Callable[[Any], None], result: Any) -> None:
    try:
        loop.call_soon_threadsafe(settle, result)
    except RuntimeError:  # the loop is closed: the process ends
        return


def _raising(error: BaseException) -> Callable[[], Any]:
    def result() -> Any:
        raise error

    return result


async def _contained(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except SystemExit as error:
        raise RuntimeError("it called sys.exit").with_traceback(error.__traceback__) from None


def _forget(task: asyncio.Task[Any]) -> None:
    _left.discard(task)
    if not task.cancelled():
        task.exception()  # looked at, so that asyncio does not complain
