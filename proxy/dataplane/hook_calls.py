"""Plain hooks: called one after another, in passing.

Each call is counted. A hook that fails is the plugin author's fault: it is counted too,
and the request goes on without the hook or is refused (MessageError), as the step says.
The clock is read after all calls of a hook, not around each; `begun` (of
`time.perf_counter`) is when it was last read before them.
"""

from collections.abc import Coroutine
from time import perf_counter
from typing import Any, TypeVar

from proxy.api.events import Outcome
from proxy.api.reply import Reply, ReplyHead
from proxy.api.request import Outgoing, Request
from proxy.core.field import MessageError
from proxy.core.message import RequestHead
from proxy.core.reason import Arm, Reason
from proxy.pluginhost.chains import SLOW_SECONDS, Step
from proxy.pluginhost.guard import CATCHABLE_PLAIN, Guard, Quarantine, WrongResultError

__all__ = [
    "admit",
    "assign",
    "edit_request",
    "edit_response",
    "failed",
    "finished",
    "look",
    "wanted",
    "whole",
]

_ARMS = (Arm.LEGACY.value, Arm.NEW.value)
_BY_NAME = {Arm.LEGACY.value: Arm.LEGACY, Arm.NEW.value: Arm.NEW}

_T = TypeVar("_T")
Steps = tuple[Step, ...]


def admit(steps: Steps, request: Request) -> tuple[Steps, Reply | None]:
    """Return the first answer that a plugin gives, None if all let the request in.

    Before it, the steps that are left where a plugin has to wait: its own, begun, is the first.
    """
    for index, (call, guard, on_fault, _) in enumerate(steps):
        guard.calls += 1
        try:
            reply = call(request)
            if isinstance(reply, Coroutine):
                guard.calls -= 1  # it is counted where it is awaited
                return (_begun(reply, steps[index]), *steps[index + 1 :]), None
            if reply is not None:
                return (), whole(wanted(Reply, reply))
        except CATCHABLE_PLAIN as error:
            failed(guard, on_fault, "admit", error)
    return (), None


def _begun(reply: Coroutine[Any, Any, Any], step: Step) -> Step:
    """Return a step that goes on with what its call has returned."""
    return step._replace(call=lambda _: reply, waits=True)


def assign(steps: Steps, request: Request) -> Arm | None:
    """Return the first arm that a plugin pins. Raises what a plugin raised: that is legacy."""
    begun = perf_counter()
    for call, guard, _, _ in steps:
        guard.calls += 1
        try:
            arm = call(request, _ARMS)
            if arm is not None:
                return _BY_NAME[arm]
        except CATCHABLE_PLAIN as error:
            guard.fault("assign", error)
            if isinstance(error, Exception):
                raise
            raise RuntimeError("a plugin wanted to end the process") from error
    look("assign", steps, begun)
    return None


def edit_request(steps: Steps, request: Request, head: RequestHead, begun: float) -> RequestHead:
    """Return `head` as the plugins want it to go upstream."""
    outgoing = Outgoing(head, request.trusted)
    for call, guard, on_fault, _ in steps:
        guard.calls += 1
        try:
            call(request, outgoing)
        except CATCHABLE_PLAIN as error:
            failed(guard, on_fault, "edit_request", error)
    look("edit_request", steps, begun)
    return outgoing.edited(head)


def edit_response(steps: Steps, request: Request, reply: ReplyHead) -> None:
    """Let each plugin edit the head of the answer."""
    begun = perf_counter()
    for call, guard, on_fault, _ in steps:
        guard.calls += 1
        try:
            call(request, reply)
        except CATCHABLE_PLAIN as error:
            failed(guard, on_fault, "edit_response", error)
    look("edit_response", steps, begun)


def finished(steps: Steps, request: Request, outcome: Outcome, begun: float) -> None:
    """Tell each plugin that the request is over; none can do anything about it."""
    for call, guard, _, _ in steps:
        guard.calls += 1
        try:
            call(request, outcome)
        except CATCHABLE_PLAIN as error:
            guard.fault("finished", error)
    look("finished", steps, begun)


def failed(guard: Guard, on_fault: str, hook: str, error: BaseException) -> None:
    """Count a fault. Raises MessageError unless the request goes on without the hook."""
    guard.fault(hook, error)
    if on_fault == "skip":
        return
    if isinstance(error, Quarantine):
        raise MessageError(Reason.QUARANTINED, "")
    late = isinstance(error, TimeoutError)
    raise MessageError(Reason.PLUGIN_TIMEOUT if late else Reason.PLUGIN_FAILED, "")


def wanted(kind: type[_T], found: object) -> _T:
    """Return what a hook returned. Raises WrongResultError if it is of the wrong kind."""
    if not isinstance(found, kind):
        raise WrongResultError(f"it returned {type(found).__name__}, wanted {kind.__name__}")
    return found


def whole(reply: Reply) -> Reply:
    """Return a reply whose body is there. Raises WrongResultError for a stream, or for text."""
    if not isinstance(reply.body, bytes):
        kind = type(reply.body).__name__
        raise WrongResultError(
            f"the body is {kind}, wanted bytes: only dispatch may answer as a stream"
        )
    return reply


def look(hook: str, steps: Steps, begun: float) -> float:
    """Read the clock after all calls of `hook`, and report them if they took long.

    Both times are of `time.perf_counter`.
    """
    now = perf_counter()
    seconds = now - begun
    if seconds > SLOW_SECONDS:
        steps[0].guard.held_up(hook, tuple([step.guard for step in steps]), seconds)
    return now
