"""One request and its response, from the parsed head to the last byte.

The exchange stands between a client connection and an upstream connection and is
driven by their callbacks; there is no task and no future on its way unless a
connection has to be opened. It ends exactly once, in `_end`.

Rules of this file:

- What has been sent to the client cannot be taken back: before the response's head a
  fault becomes a problem document, after it a cut (never a clean end).
- What has been sent upstream may have been done: a request is sent again only if its
  connection was a reused one that died without a byte, the method is idempotent and
  the request has no body; or if no connection could be opened at all.
- Whoever is slow stops the other side's reading, not the proxy's memory.
"""

import time
from typing import TYPE_CHECKING

from proxy.core.field import MessageError
from proxy.core.forwarding import max_forwards, protocols
from proxy.core.framing import Decoded, Framing
from proxy.core.identity import ANONYMOUS
from proxy.core.message import IDEMPOTENT, RequestHead, ResponseHead
from proxy.core.reason import Reason
from proxy.dataplane.answer import Answer
from proxy.dataplane.generation import BoundRoute, Destination
from proxy.dataplane.outgoing import OutgoingRequest
from proxy.dataplane.problem import reflection
from proxy.dataplane.record import Ending, record
from proxy.dataplane.request_body import RequestBody
from proxy.dataplane.upstream import Endpoint
from proxy.dataplane.upstream_connection import UpstreamConnection

if TYPE_CHECKING:
    from proxy.dataplane.client_connection import ClientConnection

__all__ = ["Exchange"]

# How long a client that has sent its FIN is served on while nothing moves, in seconds.
_HALF_CLOSED_GRACE = 1.0


class Exchange:
    """See the module. A pool's `Seeker` and a connection's `Receiver`."""

    plugged = False
    # Defaults live in the class: what most exchanges never change costs them nothing.
    _connection: UpstreamConnection | None = None
    _endpoint: Endpoint | None = None
    _answered_by: str | None = None
    _tried: tuple[Endpoint, ...] = ()
    _seeking = False
    _waited = False
    _retried = False
    _half_closed = False
    _stalled = -1
    _upstream_status = 0
    _timeout_reason: Reason

    def __init__(self, client: "ClientConnection", head: RequestHead, bound: BoundRoute) -> None:
        """Decide where `head` goes. Raises MessageError if it cannot be passed on."""
        self._started = time.perf_counter()
        self._timeout_reason = Reason.CLIENT_LEFT
        self._client = client
        self._head = head
        self.method = head.method
        self._body = RequestBody.of(client, head)
        self.generation = generation = bound.generation
        self._bound = bound
        if client.ended:
            self._half_closed = True
        trusted = client.trusted(generation)
        self._outgoing = out = OutgoingRequest(client, head, trusted=trusted)
        self._destination = to = self._decide(trusted=trusted)
        exposed = b"" if to is bound.undecided else generation.exposed(to.arm, to.reason)
        self._answer = Answer(client, head, out.request_id, exposed, keeps=out.keeps)
        client.door.accounting.started()

    def _decide(self, *, trusted: bool) -> Destination:
        """Find out where the request goes."""
        del trusted  # who asks matters only where there is something to decide
        return self.generation.decide(self._bound, ANONYMOUS)

    # finding a connection

    def begin(self, rest: bytes) -> bytes:
        """Set off with what came behind the head; returns what lies behind the body."""
        try:
            hops = max_forwards(self._head)
            if self._body is not None:
                rest = self._body.feed(rest)
        except MessageError as error:
            self._fault(error.reason, error.detail)
            return b""
        if hops == 0:
            self._answer.own(200, *reflection(self._head))
            self._end(None)
        else:
            self._proceed()
        return rest

    def _proceed(self) -> None:
        """Go where the decision says."""
        if self._destination.decision.rejected:
            self._fault(Reason.MISSING_KEY, "This route answers only callers with a key.")
        else:
            self._attempt(fresh=False)

    def _attempt(self, *, fresh: bool) -> None:
        """Seek a connection to the best endpoint that has not been tried."""
        upstream = self._destination.upstream
        endpoint = upstream.choose(self._client.door.clock(), self._tried)
        if endpoint is None:
            self._fault(Reason.NO_HEALTHY_ENDPOINT)
            return
        self._endpoint = endpoint
        endpoint.outstanding += 1
        connection = None if fresh else endpoint.pool.take_idle()
        if connection is not None:
            self.connected(connection)
            return
        self._seeking = self._waited = True
        self._wait(upstream.declared.pool.queue_timeout, Reason.POOL_FULL)
        if not endpoint.pool.seek(self):
            self._seeking = False
            self._fault(Reason.POOL_FULL)

    def connecting(self) -> None:
        """The pool opens a connection for us."""
        self._wait(self._destination.upstream.timeouts.connect, Reason.UPSTREAM_CONNECT_TIMEOUT)

    def connected(self, connection: UpstreamConnection) -> None:
        """Send the head and what there is of the body."""
        self._seeking = False
        self._connection = connection
        endpoint = self._endpoint
        assert endpoint is not None  # noqa: S101 (narrows the type)
        self._send(connection, endpoint, self._head)

    def _send(self, connection: UpstreamConnection, endpoint: Endpoint, head: RequestHead) -> None:
        """Send `head` and what there is of the body."""
        data = self._outgoing.head_for(
            head,
            endpoint.authority,
            replaces_host=self._destination.upstream.replaces_host,
        )
        if self._body is not None:
            data += self._body.attach(connection)
        self._await_response()
        connection.begin(self, data)

    def connect_failed(self, reason: Reason) -> None:
        """No connection: nothing was sent, so any request may try another endpoint."""
        self._seeking = False
        if self._endpoint is not None:
            self._tried = (*self._tried, self._endpoint)
        self._let_go(reason)
        upstream = self._destination.upstream
        if len(self._tried) < len(upstream.endpoints):
            self._client.door.accounting.retried(upstream.name)
            self._attempt(fresh=False)
        else:
            self._fault(reason)

    # the request goes on

    def client_data(self, data: bytes) -> None:
        """More of the body, or what lies behind it."""
        body = self._body
        if body is None or body.done:
            self._client.hold(data)
            return
        try:
            rest = body.feed(data)
        except MessageError as error:
            self._fault(error.reason, error.detail)
            return
        if self._connection is not None and not self._answer.status:
            self._await_response()
        if rest:
            self._client.hold(rest)

    def upstream_writable(self, *, writable: bool) -> None:
        """The upstream takes the body slower or faster than the client sends it."""
        if writable:
            self._client.resume()
        else:
            self._client.pause()

    def client_eof(self) -> None:
        """The client sends no more: it left, or has only closed its half.

        The two look alike. Half a request is no request; otherwise the answer is
        still delivered as long as it comes without a pause.
        """
        if self._unread:
            self._leave()
        else:
            self._half_closed = True
            self._wait(_HALF_CLOSED_GRACE, Reason.CLIENT_LEFT)

    def client_left(self) -> None:
        """Nobody reads the answer any more: stop it."""
        self._answer.keeps = False
        self._let_go(Reason.CLIENT_LEFT)
        self._end(Reason.CLIENT_LEFT)

    def _leave(self) -> None:
        """Leave a client that has left, or that looks like it."""
        self._client.cut(reset=self._answer.bare)
        self.client_left()

    # the response comes

    def interim(self, head: ResponseHead) -> None:
        """Pass a 1xx on."""
        self._answer.interim(head)
        self._await_response()

    def response(self, head: ResponseHead, framing: Framing, first: Decoded) -> None:
        """Pass on the final head, and the body as far as it came along."""
        if not self._upstream_status:  # else plugins have edited the head since it came
            self._upstream_status = head.status
        if self._client.blocked and not first.done:
            self.client_writable(writable=False)
        self._answer.begin(head, framing, first, unread=self._unread)
        self._relayed(done=first.done)

    def body(self, part: Decoded) -> None:
        """Pass on more of the body."""
        self._answer.more(part)
        self._relayed(done=part.done)

    def _relayed(self, *, done: bool) -> None:
        if not done:
            if self._stalled < 0:
                self._wait(self._destination.upstream.timeouts.idle, Reason.UPSTREAM_IDLE_TIMEOUT)
            return
        self._done_with_upstream()
        self._end(None)

    def _done_with_upstream(self) -> None:
        """The whole answer has come: the connection can serve another request."""
        connection, self._connection = self._connection, None
        if connection is not None:
            if self._stalled >= 0:
                connection.transport.resume_reading()
            connection.release(reusable=not self._unread)
        self._let_go(None)

    def switched(self, head: ResponseHead, rest: bytes) -> None:
        """The upstream agreed to switch protocols: from here on a tunnel."""
        agreed = protocols(head.by_name.get(b"upgrade", b""))
        connection = self._connection
        if connection is None or not agreed or not agreed <= self._outgoing.offers or self._unread:
            self._let_go(Reason.UPSTREAM_INVALID)
            self._fault(Reason.UPSTREAM_INVALID, "The upstream switched protocols unasked.")
            return
        self._connection = None
        self._upstream_status = head.status
        connection.handed_over()
        self._let_go(None)
        self._answer.switch(head, rest)
        idle = self._destination.upstream.timeouts.tunnel
        self._client.door.tunnel(self._client, connection.transport, idle)
        self._account(None)

    def client_writable(self, *, writable: bool) -> None:
        """The client reads slower or faster than the upstream sends."""
        connection = self._connection
        if connection is None:
            return
        if writable:
            self._stalled = -1
            connection.transport.resume_reading()
            self._wait(self._destination.upstream.timeouts.idle, Reason.UPSTREAM_IDLE_TIMEOUT)
        else:
            self._stalled = self._client.transport.get_write_buffer_size()
            connection.transport.pause_reading()
            self._wait(self.generation.limits.body_timeout, Reason.CLIENT_LEFT)

    def upstream_failed(self, reason: Reason, *, untouched: bool) -> None:
        """The connection is lost or talks nonsense. Send again only what cannot do harm."""
        connection, self._connection = self._connection, None
        again = (
            untouched
            and reason is Reason.UPSTREAM_CLOSED
            and not self._retried
            and connection is not None
            and connection.reused
            and self._body is None
            and self.method in IDEMPOTENT
        )
        self._let_go(None if again else reason)
        if again:
            self._retried = True
            self._client.door.accounting.retried(self._destination.upstream.name)
            self._attempt(fresh=True)
        else:
            self._fault(reason)

    # time

    def on_deadline(self, now: float) -> None:
        """What was waited for did not come."""
        del now
        reason = self._timeout_reason
        if self._stalled >= 0 and reason is Reason.CLIENT_LEFT:
            size = self._client.transport.get_write_buffer_size()
            if size != self._stalled:
                self._stalled = size
                self._wait(self.generation.limits.body_timeout, reason)
                return
        if self._seeking and self._endpoint is not None:
            self._endpoint.pool.give_up(self)
            if reason is Reason.UPSTREAM_CONNECT_TIMEOUT:
                self.connect_failed(reason)
                return
            self._seeking = False
        if reason is Reason.CLIENT_LEFT:
            self._leave()
        else:
            self._fault(reason)

    def _wait(self, seconds: float, reason: Reason) -> None:
        """Wait at most this long from now; then `reason`."""
        if self._half_closed:
            seconds, reason = min(seconds, _HALF_CLOSED_GRACE), Reason.CLIENT_LEFT
        self._timeout_reason = reason
        self._client.deadline = self._client.door.clock() + seconds

    def _await_response(self) -> None:
        """Wait for the upstream, or for the client where more of its body is due."""
        body = self._body
        if body is None or body.done or (b"expect" in self._head.by_name and not body.taken):
            timeouts = self._destination.upstream.timeouts
            self._wait(timeouts.first_byte, Reason.UPSTREAM_FIRST_BYTE_TIMEOUT)
        else:
            self._wait(self.generation.limits.body_timeout, Reason.BODY_TIMEOUT)

    # ends

    @property
    def _unread(self) -> bool:
        """Whether part of the request has not come."""
        return self._body is not None and not self._body.done

    def _fault(self, reason: Reason, detail: str = "") -> None:
        """Tell the client of a fault, by an answer or by a cut."""
        self._let_go(reason)
        exposed = self.generation.exposed(self._destination.arm, reason)
        self._answer.fault(reason, detail, exposed, unread=self._unread)
        self._end(reason)

    def _let_go(self, reason: Reason | None) -> None:
        """Leave the endpoint; `reason` is why there was no good answer from it."""
        endpoint, self._endpoint = self._endpoint, None
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
        if endpoint is None:
            return
        if self._seeking:
            self._seeking = False
            endpoint.pool.give_up(self)
        endpoint.outstanding -= 1
        self._answered_by = endpoint.url
        if reason is not None or self._upstream_status:
            now = self._client.door.clock()
            self._destination.upstream.report(endpoint, now, reason, self._upstream_status)

    def _end(self, fault: Reason | None) -> None:
        self._account(fault)
        self._client.exchange_over(keep=self._answer.keeps)

    def _account(self, fault: Reason | None) -> None:
        """Count and log what became of the request; it is over."""
        client, generation, to = self._client, self.generation, self._destination
        head, out, answer = self._head, self._outgoing, self._answer
        reason, seconds = fault or to.reason, time.perf_counter() - self._started
        bytes_in = 0 if self._body is None else self._body.taken
        ending = Ending(reason, fault, seconds, bytes_in, answer.bytes_out, answer.status)
        record(client, generation, to, head, out, ending, self._answered_by)
        self._finished(ending)

    def _finished(self, ending: Ending) -> None:
        """What else is to be done at the end."""
