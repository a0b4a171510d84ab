"""Coroutine hooks: awaited one after another, each with a time limit, away from the callbacks.

A task costs about 20 µs, so only routes whose plugins have to wait pay for one. The limit
is kept by the exchange's deadline, which cancels the task; a hook that may be skipped is
then passed over like any other fault.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog
from structlog.typing import FilteringBoundLogger

from proxy.api.reply import BODILESS, Refused, Reply, Unserved
from proxy.api.request import Body, Request
from proxy.core.field import MessageError
from proxy.dataplane.hook_calls import failed, wanted, whole
from proxy.dataplane.rewriting import consistent
from proxy.pluginhost.chains import Chains, Step
from proxy.pluginhost.guard import CATCHABLE

if TYPE_CHECKING:
    from proxy.dataplane.plugged_exchange import PluggedExchange

__all__ = ["admit", "dispatch", "drive", "rewrite_request", "rewrite_response"]

_Next = Callable[[], None]
_log: FilteringBoundLogger = structlog.get_logger()
# How long a plugin's stream may take to close, in seconds.
_CLOSE_SECONDS = 5.0
_TOO_LONG = "it took longer than it may"
# Afterwards something may have been done.
_MAY_LEAVE = ("rewrite_request", "dispatch")


async def drive(exchange: "PluggedExchange", work: Coroutine[Any, Any, _Next]) -> None:
    """Do the work, then what comes next; whatever goes wrong ends the exchange."""
    try:
        proceed = await work
        if not exchange.over:
            proceed()
    except MessageError as error:
        if not exchange.over:
            exchange.fault(error.reason)
    except Refused as refusal:
        if not exchange.over:
            exchange.answer(refusal.reply)
    except Unserved as left:
        if not exchange.over and not exchange.left_to_legacy(left.reply.status, failed=left.failed):
            exchange.answer(left.reply)
    except Exception:
        if exchange.over:
            _log.exception("hook_task_failed")
        else:
            exchange.broken()


async def admit(exchange: "PluggedExchange", steps: tuple[Step, ...], request: Request) -> _Next:
    """Ask each plugin of the route; the first reply is the answer."""
    for step in steps:
        reply = await _call(exchange, step, "admit", None, request)
        if reply is not None:
            return partial(exchange.admitted, reply)
    return partial(exchange.admitted, None)


async def rewrite_request(
    exchange: "PluggedExchange", steps: tuple[Step, ...], request: Request, body: Body
) -> _Next:
    """Let each plugin rewrite the body that the one before returned."""
    return partial(exchange.rewritten, await _rewritten_body(exchange, steps, request, body))


async def _rewritten_body(
    exchange: "PluggedExchange", steps: tuple[Step, ...], request: Request, body: Body
) -> Body:
    for step in steps:
        body = await _call(exchange, step, "rewrite_request", None, request, body) or body
    return body


async def rewrite_response(
    exchange: "PluggedExchange", steps: tuple[Step, ...], request: Request, reply: Reply
) -> _Next:
    """Let each plugin rewrite the answer that the one before returned."""
    return partial(exchange.answer, await _rewritten_reply(exchange, steps, request, reply))


async def _rewritten_reply(
    exchange: "PluggedExchange", steps: tuple[Step, ...], request: Request, reply: Reply
) -> Reply:
    came = reply.body
    for step in steps:
        reply = await _call(exchange, step, "rewrite_response", None, request, reply) or reply
    if reply.body is not came:
        consistent(reply)
    return reply


async def dispatch(
    exchange: "PluggedExchange", chains: Chains, step: Step, request: Request, body: Body
) -> _Next:
    """Have the plugin answer, amid those that rewrite; a streamed answer is sent from here."""
    seconds = request.time_limit
    body = await _rewritten_body(exchange, chains.rewrite_request, request, body)
    reply: Reply
    try:
        reply = await _call(exchange, step, "dispatch", seconds, request, body.data)
    except Unserved as left:
        if exchange.over or exchange.left_to_legacy(left.reply.status, failed=left.failed):
            return _nothing
        reply = left.reply
    if isinstance(reply.body, bytes):
        if chains.rewrite_response and reply.body and reply.status not in BODILESS:
            # A plugin may keep a reply, and return it again and again.
            copy, by_rule = reply.copied(), reply.by_rule
            reply = await _rewritten_reply(exchange, chains.rewrite_response, request, copy)
            if by_rule:  # in whatever words
                reply = reply.copied()
                reply.by_rule = True
        return partial(exchange.answer, reply)
    parts: AsyncIterator[bytes] = reply.body
    try:
        exchange.answer(reply)
        if exchange.over:
            return _nothing
        await _pump(exchange, step, parts, seconds)
    finally:
        await _close(step, parts)
    return _nothing


def _nothing() -> None:
    """All is done."""


async def _pump(
    exchange: "PluggedExchange", step: Step, parts: AsyncIterator[bytes], seconds: float
) -> None:
    """Send the parts as they come, no faster than the client takes them."""
    try:
        exchange.awaited = (step, "dispatch")
        exchange.waits_for_plugin(seconds)
        async for part in parts:
            if not exchange.stream(part, seconds):
                return
            while (full := exchange.full) is not None:
                await full.wait()
                exchange.waits_for_plugin(seconds)
        if not exchange.over:
            exchange.streamed()
    except asyncio.CancelledError as error:
        if exchange.over:
            raise
        late = _timed_out(exchange)
        cause = TimeoutError(_TOO_LONG) if late else error
        failed(step.guard, step.on_fault, "dispatch", cause)
    except CATCHABLE as error:
        failed(step.guard, step.on_fault, "dispatch", error)


async def _close(step: Step, parts: AsyncIterator[bytes]) -> None:
    """Let the plugin close its stream; that is its own affair, whatever comes of it."""
    close = getattr(parts, "aclose", None)
    if close is None:
        return
    try:
        async with asyncio.timeout(_CLOSE_SECONDS):
            await close()
    except CATCHABLE as error:
        step.guard.fault("dispatch", error)


async def _call(
    exchange: "PluggedExchange", step: Step, hook: str, seconds: float | None, *arguments: Any
) -> Any:
    """Call one step in its time. None if it failed and the request goes on without it."""
    if exchange.over:
        raise asyncio.CancelledError
    step.guard.calls += 1
    try:
        found = step.call(*arguments)
        if step.waits or isinstance(found, Coroutine):
            exchange.awaited = (step, hook)
            exchange.waits_for_plugin(seconds)
            found = await found
            if _timed_out(exchange):  # it has swallowed the cancellation
                raise TimeoutError(_TOO_LONG)
        return _fitting(exchange, hook, found)
    except asyncio.CancelledError as error:
        if exchange.over:
            raise
        # Else a deadline cancelled it, or something that it waited for was cancelled.
        late = _timed_out(exchange)
        failed(step.guard, step.on_fault, hook, TimeoutError(_TOO_LONG) if late else error)
    except (Refused, Unserved) as answered:
        if isinstance(answered, Refused) or hook in _MAY_LEAVE:
            raise
        failed(step.guard, step.on_fault, hook, answered)
    except CATCHABLE as error:
        if exchange.over:
            raise asyncio.CancelledError from error  # told already, when its time was over
        failed(step.guard, step.on_fault, hook, error)
    return None


def _timed_out(exchange: "PluggedExchange") -> bool:
    """Tell a deadline's cancellation, which is now over, from any other."""
    task = asyncio.current_task()
    if not exchange.timed_out or exchange.over or task is None:
        return False
    exchange.timed_out = False
    task.uncancel()
    return True


def _fitting(exchange: "PluggedExchange", hook: str, found: Any) -> Any:
    """Return what the hook returned if the request can go on with it."""
    if hook == "admit":
        return None if found is None else whole(wanted(Reply, found))
    if hook == "rewrite_request":
        exchange.fits(wanted(Body, found))
        return found
    reply = wanted(Reply, found)
    return reply if hook == "dispatch" else whole(reply)
