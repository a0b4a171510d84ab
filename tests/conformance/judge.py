"""What the conformance tests have in common: messages to send and rules to hold answers to."""

import contextlib
import json
from dataclasses import dataclass
from typing import Any

from proxy.core.reason import FAULTS
from tests.kit.client import Client
from tests.kit.message import Fields, Request, Response, without
from tests.kit.running import RunningProxy
from tests.kit.upstream import ScriptedUpstream, UpstreamConnection
from tests.kit.wire import CutError

TRUSTED = "127.0.0.9"
"""The loopback address that the default configuration trusts; 127.0.0.1 is a stranger."""

SET_ON_REQUESTS = (
    b"Via",
    b"X-Forwarded-For",
    b"X-Forwarded-Proto",
    b"X-Forwarded-Host",
    b"Forwarded",
    b"X-Request-Id",
    b"traceparent",
)
"""Fields that the proxy may add to a request, and no others."""

SET_ON_RESPONSES = (
    b"Via",
    b"Date",
    b"Connection",
    b"Keep-Alive",
    b"X-Request-Id",
    b"X-Crossfade-Arm",
    b"X-Crossfade-Reason",
)
"""Fields that the proxy may add to a response (RFC 9110 6.6.1 asks for Date)."""

FAULT_REASONS = {str(reason) for reason in FAULTS}


@dataclass
class Stage:
    """Both sides of one test: the proxy, its upstreams, and the clients it opened."""

    proxy: RunningProxy
    upstream: ScriptedUpstream
    other: ScriptedUpstream
    clients: list[Client]

    def connect(self, **how: Any) -> Client:
        """Open a client connection that is closed when the test ends."""
        client = self.proxy.connect(**how)
        self.clients.append(client)
        return client

    def pass_request(self, data: bytes, **how: Any) -> tuple[Client, UpstreamConnection]:
        """Send a request and wait until the upstream has all of it."""
        client = self.connect(**how)
        client.send(data)
        return client, self.upstream.receive()

    def seen_upstream(self, data: bytes, **how: Any) -> Request:
        """Send a request, answer it plainly, and give what the upstream was asked."""
        client, connection = self.pass_request(data, **how)
        request = connection.asked
        connection.answer()
        answer = client.read_response(request.method)
        assert answer.status == 200, answer
        return request

    def refused_at_once(self, client: Client) -> bool:
        """Wait for either side; True when the proxy answered without asking the upstream."""
        return self.upstream.hear(client) is None

    def seen_by_client(
        self, response: bytes, request: bytes = b"", *, close: bool = False
    ) -> Response:
        """Let the upstream send these bytes as its response; what the client made of it."""
        client, connection = self.pass_request(request or get())
        connection.send(response)
        if close:
            connection.close()
        return client.read_response(connection.asked.method)


def get(target: bytes = b"/", *lines: bytes, host: bytes = b"front.example") -> bytes:
    """A GET request with these extra field lines."""
    return head(b"GET", target, *lines, host=host)


def head(
    method: bytes, target: bytes = b"/", *lines: bytes, host: bytes = b"front.example"
) -> bytes:
    """Any request's head with these extra field lines."""
    start = method + b" " + target + b" HTTP/1.1"
    return b"\r\n".join([start, b"Host: " + host, *lines, b"", b""])


def post(body: bytes, target: bytes = b"/", *lines: bytes) -> bytes:
    """A POST request with a Content-Length."""
    return head(b"POST", target, *lines, b"Content-Length: %d" % len(body)) + body


def post_chunked(raw_body: bytes, target: bytes = b"/", *lines: bytes) -> bytes:
    """A POST request with a chunked body, encoded as given."""
    return head(b"POST", target, *lines, b"Transfer-Encoding: chunked") + raw_body


def own_fields(message: Request | Response) -> Fields:
    """The fields of a message but for those that the proxy may set."""
    names = SET_ON_REQUESTS if isinstance(message, Request) else SET_ON_RESPONSES
    return without(message.fields, *names)


def assert_problem(answer: Response, status: int | tuple[int, ...], *reasons: str) -> None:
    """Hold a fault's answer to the promised shape: problem+json with a listed reason."""
    wanted = status if isinstance(status, tuple) else (status,)
    assert answer.status in wanted, answer.line
    assert answer.value(b"content-type") == b"application/problem+json"
    said = json.loads(answer.body)
    assert {"type", "title", "status", "detail", "reason", "request_id"} <= set(said), said
    assert said["status"] == answer.status
    assert said["reason"] in FAULT_REASONS, said
    assert said["request_id"].encode() == answer.value(b"x-request-id")
    if reasons:
        assert said["reason"] in reasons, said


def response_or_cut(client: Client, method: bytes = b"GET") -> Response | CutError:
    """What came: a whole response, or how it was cut."""
    try:
        return client.read_response(method)
    except CutError as cut:
        return cut


def assert_status_or_cut(client: Client, *statuses: int) -> None:
    """The answer has one of these statuses, or the connection ended without a clean answer."""
    answer = response_or_cut(client)
    assert isinstance(answer, CutError) or answer.status in statuses, answer


def assert_still_serving(stage: Stage, mark: bytes = b"/sentinel") -> None:
    """A fresh good request passes, and it is the first complete one the upstream sees.

    So nothing refused before it can have reached the upstream as a complete request.
    """
    client = stage.connect()
    client.send(get(mark))
    connection = None
    while connection is None:
        with contextlib.suppress(CutError):  # a request that was refused half-way is no request
            connection = stage.upstream.receive()
    assert connection.asked.target == mark, f"the upstream was asked {connection.asked.raw!r}"
    connection.answer(b"still here")
    assert client.read_response().body == b"still here"


def assert_refused(stage: Stage, data: bytes, *statuses: int) -> Response:
    """The request is answered with one of the statuses, the connection ends, nothing passes."""
    client = stage.connect()
    client.offer(data)
    answer = client.read_response()
    assert answer.status in (statuses or (400,)), (answer.line, answer.body)
    assert answer.value(b"x-request-id"), "a refusal carries a request id too"
    rest = client.read_to_end()
    assert rest == b"", f"more came after the refusal: {rest!r}"
    assert_still_serving(stage)
    return answer
