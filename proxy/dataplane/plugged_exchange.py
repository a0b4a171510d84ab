"""An exchange on a route with plugins: the same road, with their hooks along it.

    admit → assign, decide → (whole body, rewrite_request → edit_request → upstream)
                          or (whole body, rewrite_request → dispatch)
          → (whole answer, rewrite_response) → edit_response → client → finished

Plain hooks are called here, in passing. Coroutine hooks are awaited by a task
(`proxy.dataplane.hook_tasks`) that comes back through the methods under "a task is
done"; there is at most one task at a time, and it ends with the exchange.

A hook that fails is counted; the request goes on without it or is refused, as the step says.
"""

import asyncio
from collections.abc import Callable, Coroutine
from time import perf_counter
from typing import Any

from proxy.api.headers import EditableHeaders
from proxy.api.reply import BODILESS, Reply, ReplyHead
from proxy.api.request import Body, Request
from proxy.core.field import MessageError
from proxy.core.framing import Decoded, Framing
from proxy.core.identity import ANONYMOUS
from proxy.core.message import SAFE, RequestHead, ResponseHead
from proxy.core.reason import Arm, Reason
from proxy.dataplane import hook_calls, hook_tasks
from proxy.dataplane.generation import Destination
from proxy.dataplane.record import Ending, outcome
from proxy.dataplane.request_body import RequestBody
from proxy.dataplane.rewriting import (
    edited_head,
    reply_head,
    rewritten_request,
    unlengthened,
    unranged,
)
from proxy.dataplane.split_exchange import SplitExchange
from proxy.dataplane.upstream import Endpoint
from proxy.dataplane.upstream_connection import UpstreamConnection
from proxy.pluginhost.chains import Chains, Step

__all__ = ["PluggedExchange"]

_GRACE_SECONDS = 1.0  # a plugin may take so long to notice that its time is over


class PluggedExchange(SplitExchange):
    """See the module."""

    plugged = True
    _request: Request
    _chains: Chains
    _room: asyncio.Event | None = None
    _task: "asyncio.Task[None] | None" = None
    _rewritten: RequestHead | None = None
    # The whole body as the client sent it, where somebody wanted it.
    _whole_body: bytes | None = None
    _collecting = False
    _over = False
    _held: bytearray | None = None
    _held_head: ResponseHead
    # Set by `on_deadline` and taken back by the task that it stops.
    timed_out = False
    # What the task waits for: a step, and the name of its hook.
    awaited: tuple[Step, str] | None = None

    def _decide(self, *, trusted: bool) -> Destination:
        """Begin without a decision: `admit` comes first."""
        client, out, bound, generation = self._client, self._outgoing, self._bound, self.generation
        chains, now = bound.chains, client.door.wall_clock()
        assert chains is not None  # noqa: S101 (narrows the type)
        self._chains = chains
        self._looked = self._started
        identity = None
        if bound.asks:
            identity = generation.identify(self._head, trusted=trusted, now=now)
        self._request = Request(
            self._head,
            bound.name,
            out.request_id,
            out.trace_id,
            client.peer,
            "https" if client.scheme == b"https" else "http",
            trusted,
            identity,
            generation,
            now,
        )
        generation.in_flight += 1
        return bound.undecided if bound.asks else generation.decide(bound, ANONYMOUS)

    # before the decision

    def _proceed(self) -> None:
        steps, reply = self._chains.admit, None
        left = steps
        if steps and not self._chains.admit_waits:
            try:
                left, reply = hook_calls.admit(steps, self._request)
                self._looked = hook_calls.look("admit", steps, self._started)
            except MessageError as error:
                self._fault(error.reason, error.detail)
                return
        if left:
            self._start(hook_tasks.admit(self, left, self._request))
        else:
            self.admitted(reply)

    def admitted(self, reply: Reply | None) -> None:
        """All of `admit` has been asked: answer with `reply`, or decide and go on."""
        if reply is not None:
            self._destination = self._bound.undecided
            self._tell_decision()
            self.answer(reply)
            return
        if self._bound.asks:
            self._decide_arm()
        if self._destination.decision.rejected:
            self._fault(Reason.MISSING_KEY, "This route answers only callers with a key.")
        else:
            self._set_off()

    def _decide_arm(self) -> None:
        identity = self._request.identity
        pin = self._pin if self._chains.assign else None
        reads = self.method in SAFE
        self._destination = to = self.generation.decide(self._bound, identity, pin, reads=reads)
        self._remember(identity, to)
        self._tell_decision()

    def _set_off(self) -> None:
        request, to = self._request, self._destination
        request.arm, request.reason = to.arm, to.reason
        self._rewritten = None
        self._chains = self._chains.of(to.arm)
        if not to.goal.plugin and not self._chains.rewrite_request:
            self._attempt(fresh=False)
        elif self._whole_body is None:
            self._collect()
        else:
            self._collected(self._whole_body)

    def _tell_decision(self) -> None:
        to = self._destination
        self._answer.expose(self.generation.exposed(to.arm, to.reason))

    def _pin(self) -> Arm | None:
        return hook_calls.assign(self._chains.assign, self._request)

    # the whole body, where somebody wants it

    def _collect(self) -> None:
        body = self._body
        if body is None:
            self._collected(b"")
            return
        length = self._head.by_name.get(b"content-length", b"0")
        try:
            body.collect(self.generation.limits.buffered_body, int(length))
        except MessageError as error:
            self._fault(error.reason, error.detail)
            return
        if body.done:
            self._collected(body.collected)
            return
        self._collecting = True
        if b"expect" in self._head.by_name and not body.taken:
            self._answer.go_on()
        self._wait(self.generation.limits.body_timeout, Reason.BODY_TIMEOUT)

    def client_data(self, data: bytes) -> None:
        """More of the body; all of it, perhaps."""
        super().client_data(data)
        body = self._body
        if self._collecting and not self._over and body is not None:
            if body.done:
                self._collecting = False
                self._collected(body.collected)
            else:
                self._wait(self.generation.limits.body_timeout, Reason.BODY_TIMEOUT)

    def _collected(self, data: bytes) -> None:
        chains, request, to = self._chains, self._request, self._destination
        self._whole_body = data
        body = Body(request.method, request.path, request.query, data)
        if to.goal.plugin:
            self._sent = True
            step, request.time_limit = self.generation.dispatcher(self._bound, to)
            self._start(hook_tasks.dispatch(self, chains, step, request, body))
        else:
            self._start(hook_tasks.rewrite_request(self, chains.rewrite_request, request, body))

    # the attempt

    def _send(self, connection: UpstreamConnection, endpoint: Endpoint, head: RequestHead) -> None:
        chains = self._chains
        head = self._rewritten or head
        if chains.rewrite_response:
            head = unranged(head)
        if chains.edit_request:
            begun = perf_counter() if self._waited else self._looked
            try:
                head = hook_calls.edit_request(chains.edit_request, self._request, head, begun)
            except MessageError as error:
                self._fault(error.reason, error.detail)
                return
        super()._send(connection, endpoint, head)

    # the answer

    def response(self, head: ResponseHead, framing: Framing, first: Decoded) -> None:
        """Pass the answer on through the hooks; hold it where it is to be rewritten."""
        if self._given_up(head.status):
            return
        if self._chains.rewrite_response:
            if framing is not Framing.NONE:
                self._held_head = head
                self._held = bytearray()
                self.body(first)
                return
            head = unlengthened(head)
        if self._chains.edit_response:
            headers = EditableHeaders(head.fields, head.by_name)
            reply = ReplyHead(head.status, headers)
            try:
                hook_calls.edit_response(self._chains.edit_response, self._request, reply)
            except MessageError as error:
                self._fault(error.reason, error.detail)
                return
            if headers.changed or reply.status != head.status:
                head = edited_head(reply, head)
        super().response(head, framing, first)

    def body(self, part: Decoded) -> None:
        """Pass on, or hold, more of the body."""
        held = self._held
        if held is None:
            super().body(part)
            return
        held += part.payload
        if len(held) > self.generation.limits.buffered_body:
            self._fault(Reason.UPSTREAM_TOO_LARGE)
        elif not part.done:
            self._wait(self._destination.upstream.timeouts.idle, Reason.UPSTREAM_IDLE_TIMEOUT)
        else:
            self._held_over(bytes(held))

    def _held_over(self, data: bytes) -> None:
        self._held = None
        self._done_with_upstream()
        head = self._held_head
        reply = Reply.upstream(head.status, head.fields, head.by_name, data)
        steps = self._chains.rewrite_response
        self._start(hook_tasks.rewrite_response(self, steps, self._request, reply))

    # a task is done

    def _start(self, work: Coroutine[Any, Any, Callable[[], None]]) -> None:
        self._waited = True
        self.waits_for_plugin(None)
        self._task = asyncio.get_running_loop().create_task(hook_tasks.drive(self, work))

    def waits_for_plugin(self, seconds: float | None) -> None:
        """Give the plugin this time, by default `limits.hook_timeout`."""
        if self._stalled < 0:  # else it is the client who keeps us waiting
            limit = self.generation.limits.hook_timeout if seconds is None else seconds
            self._wait(limit, Reason.PLUGIN_TIMEOUT)

    @property
    def over(self) -> bool:
        """Whether nobody wants the result of the task that asks: all is over, or begun anew."""
        return self._over or self._task is not asyncio.current_task()

    def fault(self, reason: Reason) -> None:
        """End with a fault that a task has found."""
        self._fault(reason)

    def broken(self) -> None:
        """End with a fault of ours."""
        self._client.broken()

    def fits(self, body: Body) -> None:
        """Raise ValueError if what a plugin made of the request cannot be sent."""
        rewritten_request(self._head, body, had_body=True)

    def rewritten(self, body: Body) -> None:
        """Send upstream what `rewrite_request` has made."""
        mine = self._body
        self._rewritten = rewritten_request(self._head, body, had_body=mine is not None)
        self.method = self._rewritten.method
        if mine is not None or body.data:
            self._body = mine = mine or RequestBody(self._client, None)
            mine.replace(body.data)
        self._attempt(fresh=False)

    def answer(self, reply: Reply) -> None:
        """Answer with a plugin's reply, or with a rewritten one."""
        if self._destination.goal.plugin and self._given_up(reply.status, by_rule=reply.by_rule):
            return
        reply = reply.copied()  # a plugin may keep one and return it again and again
        try:
            hook_calls.edit_response(self._chains.edit_response, self._request, reply)
        except MessageError as error:
            self._fault(error.reason, error.detail)
            return
        data = reply.body
        if self._request.method == "HEAD" or reply.status in BODILESS:
            length = len(data) if isinstance(data, bytes) else None
            self._whole(reply_head(reply, length), b"")
        elif isinstance(data, bytes):
            self._whole(reply_head(reply, len(data)), data)
        else:
            self._streaming = True
            head, nothing = reply_head(reply, None), Decoded(b"", b"", False, [])
            self._answer.begin(head, Framing.CHUNKED, nothing, unread=self._unread)
            if self._client.blocked:
                self.client_writable(writable=False)

    def _whole(self, head: ResponseHead, data: bytes) -> None:
        framing = Framing.LENGTH if data else Framing.NONE
        self._answer.begin(head, framing, Decoded(data, b"", True, []), unread=self._unread)
        self._end(None)

    @property
    def full(self) -> asyncio.Event | None:
        """What to wait for before more is sent; None while the client takes it."""
        if self._stalled >= 0:
            self._room = self._room or asyncio.Event()
        return self._room

    def stream(self, part: bytes, seconds: float) -> bool:
        """Send a part; the plugin has `seconds` for the next one. False: nobody wants it."""
        if not self._over:
            if part:
                self._answer.part(part)
            self.waits_for_plugin(seconds)
        return not self._over

    def streamed(self) -> None:
        """The stream has ended well."""
        self._answer.more(Decoded(b"", b"", True, []))
        self._end(None)

    # pace and time

    def client_writable(self, *, writable: bool) -> None:
        """The client reads slower or faster than the answer comes."""
        super().client_writable(writable=writable)
        if not self._streaming:
            return
        if writable:
            self._stalled = -1
            room, self._room = self._room, None
            if room is not None:
                room.set()
            self.waits_for_plugin(None)
        else:
            self._stalled = self._client.transport.get_write_buffer_size()
            self._wait(self.generation.limits.body_timeout, Reason.CLIENT_LEFT)

    def on_deadline(self, now: float) -> None:
        """What was waited for did not come; a plugin is told once by cancelling its task."""
        task = self._task
        waiting = task is not None and not task.done()
        if task is None or not waiting or self._timeout_reason is not Reason.PLUGIN_TIMEOUT:
            super().on_deadline(now)
        elif self.timed_out:
            if self.awaited is not None:
                step, hook = self.awaited
                step.guard.fault(hook, TimeoutError("it took too long and cannot be cancelled"))
            self._fault(Reason.PLUGIN_TIMEOUT)
        else:
            self.timed_out = True
            task.cancel()
            self._wait(_GRACE_SECONDS, Reason.PLUGIN_TIMEOUT)

    # the end

    def _to_legacy(self, reason: Reason) -> None:
        self._task = None  # whatever it still finds out is not wanted any more
        self.timed_out = False  # that was its time, not that of who is asked next
        super()._to_legacy(reason)

    def _body_is_here(self) -> bool:
        return self._whole_body is not None or super()._body_is_here()

    def _finished(self, ending: Ending) -> None:
        super()._finished(ending)
        self._over = True
        task = self._task
        if task is not None and not task.done() and task is not asyncio.current_task():
            task.cancel()
        steps = self._chains.finished
        if steps:
            now = self._started + ending.seconds
            hook_calls.finished(
                steps, self._request, outcome(self._destination, ending, self._answered_by), now
            )
        self.generation.left()
