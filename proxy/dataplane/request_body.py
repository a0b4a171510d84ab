"""A request's body on its way: decoded, bounded while nobody takes it, encoded again."""

from typing import TYPE_CHECKING

from proxy.core.field import Field, MessageError
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

    __slots__ = (
        "_client",
        "_collecting",
        "_connection",
        "_decoder",
        "_kept",
        "_kept_most",
        "_most",
        "_pending",
        "_trailers",
        "chunked",
        "done",
        "taken",
    )

    def __init__(
        self, client: "ClientConnection", decoder: LengthBody | ChunkedBody | None
    ) -> None:
        """Take the body's framing; nothing has come yet."""
        self.chunked = isinstance(decoder, ChunkedBody)
        self.done = False
        self.taken = 0
        self._client = client
        self._decoder = decoder
        self._connection: UpstreamConnection | None = None
        self._pending = bytearray()
        self._trailers: list[Field] = []
        self._collecting = False
        self._most = _PENDING_MOST
        self._kept: bytearray | None = None
        self._kept_most = 0

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

        Raises MessageError for broken chunks (nothing of them has gone upstream), and
        for more than what may be collected.
        """
        assert self._decoder is not None  # noqa: S101 (narrows the type)
        payload, rest, done, trailers = self._decoder.feed(data)
        self.done = done
        self.taken += len(payload)
        self._trailers = trailers
        if self._connection is not None:
            self._keep_also(payload)
            self._connection.transport.write(self._encoded(payload, trailers))
            return rest
        self._pending += payload
        if len(self._pending) > self._most:
            if self._collecting:
                raise MessageError(Reason.BODY_TOO_LARGE, "")
            self._client.pause()
        return rest

    def attach(self, connection: UpstreamConnection) -> bytes:
        """Send to `connection` from now on; returns what has come so far, to go first."""
        self._connection = connection
        pending = bytes(self._pending)
        if self._kept_most:
            self._kept = bytearray()
            self._keep_also(pending)
        self._pending.clear()
        self._client.resume()
        return self._encoded(pending, self._trailers)

    def keep(self, most: int) -> None:
        """Keep what is sent, up to `most` bytes, so that it can be sent elsewhere after all."""
        self._kept_most = most

    @property
    def rewindable(self) -> bool:
        """Whether all that has come is still here."""
        return self._connection is None or self._kept is not None

    def rewind(self) -> None:
        """Take back what was sent: `attach` begins anew. Only where it is `rewindable`."""
        if self._connection is not None and self._kept is not None:
            self._pending = self._kept
            self._kept = self._connection = None
            self._kept_most = 0

    def _keep_also(self, payload: bytes) -> None:
        kept = self._kept
        if kept is None:
            return
        kept += payload
        if len(kept) > self._kept_most:
            self._kept = None

    def collect(self, most: int, announced: int) -> None:
        """Keep the body until all of it has come, `most` bytes of it.

        Raises MessageError if more has come, or is `announced` by a Content-Length.
        """
        self._collecting = True
        self._most = most
        if max(len(self._pending), announced) > most:
            raise MessageError(Reason.BODY_TOO_LARGE, "")
        self._client.resume()

    @property
    def collected(self) -> bytes:
        """What has come and was not sent."""
        return bytes(self._pending)

    def replace(self, data: bytes) -> None:
        """Send `data` in place of what has come; its length is told in the head."""
        self._pending = bytearray(data)
        self.chunked = False
        self.done = True

    def _encoded(self, payload: bytes, trailers: list[Field]) -> bytes:
        if not self.chunked:
            return payload
        encoded = chunk(payload) if payload else b""
        return encoded + trailer_section(trailers) if self.done else encoded
