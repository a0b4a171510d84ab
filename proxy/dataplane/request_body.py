"""A request's body on its way: decoded, bounded while nobody takes it, encoded again."""

from typing import TYPE_CHECKING

from proxy.core.forwarding import trailer_section
from proxy.core.framing import ChunkedBody, Framing, LengthBody, chunk, request_framing
from proxy.core.message import RequestHead
from proxy.core.reason import Reason
from proxy.dataplane.upstream_connection import UpstreamConnection

if TYPE_CHECKING:
    from proxy.dataplane.client_connection import ClientConnection

__all__ = ["RequestBody"]

# How much is kept while a connection is being found; beyond it the client waits.
_PENDING_MOST = 64 * 1024


class RequestBody:
    """Bytes from the client connection, payload to the upstream connection.

    `done`: the whole body has come. `taken` counts payload bytes.
    """

    __slots__ = ("_client", "_connection", "_decoder", "_pending", "chunked", "done", "taken")

    def __init__(self, client: "ClientConnection", decoder: LengthBody | ChunkedBody) -> None:
        """Take the body's framing; nothing has come yet."""
        self.chunked = isinstance(decoder, ChunkedBody)
        self.done = False
        self.taken = 0
        self._client = client
        self._decoder = decoder
        self._connection: UpstreamConnection | None = None
        self._pending = b""

    @classmethod
    def of(cls, client: "ClientConnection", head: RequestHead) -> "RequestBody | None":
        """The body that `head` announces, or None. Raises MessageError if it is ambiguous."""
        framing, length = request_framing(head)
        if framing is Framing.NONE:
            return None
        decoder = ChunkedBody(Reason.BAD_REQUEST) if framing is Framing.CHUNKED else None
        return cls(client, decoder or LengthBody(length))

    def feed(self, data: bytes) -> bytes:
        """Take the body's share of `data` and return the rest.

        Raises MessageError for broken chunks; nothing of them has gone upstream.
        """
        payload, rest, done, trailers = self._decoder.feed(data)
        self.done = done
        self.taken += len(payload)
        if self.chunked:
            payload = (chunk(payload) if payload else b"") + (
                trailer_section(trailers) if done else b""
            )
        if self._connection is not None:
            self._connection.transport.write(payload)
        else:
            self._pending += payload
            if len(self._pending) > _PENDING_MOST:
                self._client.pause()
        return rest

    def attach(self, connection: UpstreamConnection) -> bytes:
        """Send to `connection` from now on; returns what has come so far, to go first."""
        self._connection = connection
        pending, self._pending = self._pending, b""
        self._client.resume()
        return pending
