"""What the client gets: the bytes of one response, and whether the connection goes on."""

from typing import TYPE_CHECKING

from proxy.core.forwarding import interim_response, outgoing_response, trailer_section
from proxy.core.framing import Decoded, Framing, chunk
from proxy.core.message import RequestHead, ResponseHead
from proxy.core.reason import FAULTS, Reason
from proxy.dataplane.problem import problem

if TYPE_CHECKING:
    from proxy.dataplane.client_connection import ClientConnection

__all__ = ["Answer"]


class Answer:
    """Writes one response; `status` is 0 until its head is out.

    `keeps` tells whether the client's connection can take another request: the client
    wants it, the body's end is visible, and the request was read to its end. `bare`: only
    the close ends the body, so a cut must not look like one.
    """

    status = 0
    bytes_out = 0
    _chunks = False
    bare = False

    def __init__(
        self,
        client: "ClientConnection",
        head: RequestHead,
        request_id: str,
        exposed: bytes,
        *,
        keeps: bool,
    ) -> None:
        """Answer `head`; `exposed` are the X-Crossfade-* lines, `keeps` the client's wish."""
        self._client = client
        self._method = head.method
        self._modern = head.minor > 0
        self._request_id = request_id.encode()
        self._exposed = exposed
        self.keeps = keeps

    def expose(self, exposed: bytes) -> None:
        """Tell of another decision, in the X-Crossfade-* lines `exposed`."""
        self._exposed = exposed

    def go_on(self) -> None:
        """Ask for the body of a request that waits to be asked (RFC 9110 section 10.1.1)."""
        if self._modern:
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def interim(self, head: ResponseHead) -> None:
        """Pass a 1xx on; HTTP/1.0 does not know them (RFC 9110 section 15.2)."""
        if self._modern:
            self.write(interim_response(head))

    def begin(self, head: ResponseHead, framing: Framing, first: Decoded, *, unread: bool) -> None:
        """The final head, and what came of the body with it.

        `unread`: the request's body has not ended, so the connection cannot go on.
        """
        modern = self._modern
        self.status = head.status
        if framing is Framing.CHUNKED or framing is Framing.UNTIL_CLOSE:
            self._chunks = modern
            self.bare = not modern
        if unread or self.bare or self._client.door.draining:
            self.keeps = False
        data = outgoing_response(
            head,
            self._own_lines(head),
            chunked=self._chunks,
            coding_kept=modern and framing is Framing.NONE and head.status != 204,
            exposed=bool(self._exposed),
        )
        self.more(first, data)

    def more(self, part: Decoded, data: bytes = b"") -> None:
        """More of the body, behind `data`."""
        if not self._chunks:
            data += part.payload
        else:
            if part.payload:
                data += chunk(part.payload)
            if part.done:
                data += trailer_section(part.trailers)
        if data:
            self.write(data)

    def part(self, data: bytes) -> None:
        """More of a body that has not ended."""
        self.write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunks else data)

    def switch(self, head: ResponseHead, rest: bytes) -> None:
        """A 101 head and the first bytes of the new protocol."""
        self.status = 101
        self.keeps = True
        lines = outgoing_response(
            head,
            self._own_lines(head),
            chunked=False,
            coding_kept=False,
            exposed=bool(self._exposed),
        )
        self.write(lines + rest)

    def fault(self, reason: Reason, detail: str, exposed: bytes, *, unread: bool) -> None:
        """A problem document instead of a response, or a cut if the response has begun.

        A cut is never a clean end: a body that only the close would end is reset.
        """
        self.keeps = self.keeps and not unread
        if self.status:
            self.keeps = False
            self._client.cut(reset=self.bare)
            return
        self.status = FAULTS[reason].status if reason in FAULTS else 400
        added = exposed + self._connection_line() + self._id_line()
        bodiless = self._method == b"HEAD"
        self.write(problem(reason, self._request_id.decode(), added, detail, bodiless=bodiless))

    def own(self, status: int, lines: bytes, body: bytes) -> None:
        """An answer of the proxy's own with a 200-like `status` and header `lines`."""
        self.status = status
        added = self._exposed + self._connection_line() + self._id_line()
        length = b"Content-Length: %d\r\n" % len(body)
        self.write(b"HTTP/1.1 %d OK\r\n%b%b%b\r\n%b" % (status, lines, length, added, body))

    def write(self, data: bytes) -> None:
        """Send and count."""
        self.bytes_out += len(data)
        self._client.transport.write(data)

    def _own_lines(self, head: ResponseHead) -> bytes:
        lines = self._exposed
        if not self.keeps or not self._modern:
            lines += self._connection_line()
        if b"x-request-id" not in head.by_name:
            lines = b"%bX-Request-Id: %b\r\n" % (lines, self._request_id)
        # RFC 9110 section 6.6.1: who forwards a response without a date adds one.
        return lines if b"date" in head.by_name else lines + self._client.door.sweep.date

    def _id_line(self) -> bytes:
        return b"X-Request-Id: %b\r\n" % self._request_id

    def _connection_line(self) -> bytes:
        if not self.keeps:
            return b"Connection: close\r\n"
        return b"" if self._modern else b"Connection: keep-alive\r\n"
