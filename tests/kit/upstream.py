"""A scripted upstream: the test itself plays it, step by step, on raw sockets.

`ScriptedUpstream` has no thread: the kernel accepts connections and keeps their
bytes, and the test decides when to read, answer, stall, close or reset. So the
order of events is the order of the test's lines.
"""

import select
import socket
import ssl
import time

from tests.kit import message
from tests.kit.wire import DEADLINE, CutError, SilentError, Wire


class UpstreamConnection(Wire):
    """One connection that the proxy opened to the upstream."""

    def __init__(self, sock: socket.socket, number: int, server_name: str | None = None) -> None:
        super().__init__(sock)
        self.number = number
        self.server_name = server_name
        self.request: message.Request | None = None

    @property
    def asked(self) -> message.Request:
        """The request read last."""
        assert self.request is not None, "no request was read on this connection"
        return self.request

    def read_request(self) -> message.Request:
        """Read the next complete request of this connection."""
        self.request = message.read_request(self)
        return self.request

    def read_request_head(self) -> message.Request:
        """Read the next request's head alone."""
        self.request = message.read_request_head(self)
        return self.request

    def answer(
        self, body: bytes = b"ok", *fields: bytes, status: bytes = b"200 OK", close: bool = False
    ) -> None:
        """Send a plain response with a Content-Length and the field lines given."""
        length = b"Content-Length: %d" % len(body)
        self.send(b"\r\n".join([b"HTTP/1.1 " + status, *fields, length, b"", body]))
        if close:
            self.close()


class ScriptedUpstream:
    """A listening socket on loopback whose connections the test reads and answers."""

    def __init__(
        self,
        port: int = 0,
        *,
        tls: ssl.SSLContext | None = None,
        backlog: int = 128,
        send_buffer: int = 0,
        receive_buffer: int = 0,
    ) -> None:
        self._tls = tls
        self._buffers = (send_buffer, receive_buffer)
        self._backlog = backlog
        self.connections: list[UpstreamConnection] = []
        self._listener = self._listen(port)
        self.port: int = self._listener.getsockname()[1]

    def _listen(self, port: int) -> socket.socket:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self._buffers[1]:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._buffers[1])
        listener.bind(("127.0.0.1", port))
        listener.listen(self._backlog)
        return listener

    @property
    def url(self) -> str:
        """The address as a configuration names it."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def authority(self) -> bytes:
        """Host and port as a Host field carries them."""
        return b"127.0.0.1:%d" % self.port

    def refuse(self) -> None:
        """Refuse connections from now on, until `listen_again`."""
        self._listener.close()

    def listen_again(self) -> None:
        """Take connections again, on the same port."""
        self._listener = self._listen(self.port)

    def accept(self, deadline: float = DEADLINE) -> UpstreamConnection:
        """Wait for the next new connection."""
        self._listener.settimeout(deadline)
        try:
            sock, _ = self._listener.accept()
        except TimeoutError:
            raise SilentError("the proxy opened no connection to the upstream") from None
        sock.settimeout(deadline)
        if self._buffers[0]:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self._buffers[0])
        name: str | None = None
        if self._tls is not None:
            sock, name = self._secure(sock, self._tls)
        connection = UpstreamConnection(sock, len(self.connections), name)
        self.connections.append(connection)
        return connection

    @staticmethod
    def _secure(sock: socket.socket, context: ssl.SSLContext) -> tuple[ssl.SSLSocket, str | None]:
        seen: list[str | None] = []
        context.sni_callback = lambda _sock, name, _context: seen.append(name)
        try:
            return context.wrap_socket(sock, server_side=True), seen[0] if seen else None
        except BaseException:
            sock.close()
            raise

    def receive(self, *, body: bool = True) -> UpstreamConnection:
        """Wait for the next request, on a new connection or on any that is still open."""
        connection = self.hear()
        assert connection is not None
        if body:
            connection.read_request()
        else:
            connection.read_request_head()
        return connection

    def hear(self, client: Wire | None = None) -> UpstreamConnection | None:
        """Wait until some connection has bytes to read, or the client has; None for the client.

        Connections that merely end are noted and passed over.
        """
        until = time.monotonic() + DEADLINE
        while True:
            still_open = [one for one in self.connections if not one.closed and not one.end]
            for one in still_open:
                if one.buffer:
                    return one
            if client is not None and (client.buffer or client.end):
                return None
            self._wait(still_open, client, until)
            if client is not None and client.ready() and not any(o.buffer for o in still_open):
                return None

    def _wait(
        self, still_open: list[UpstreamConnection], client: Wire | None, until: float
    ) -> None:
        watched: list[socket.socket] = [one.sock for one in still_open]
        if self._listener.fileno() >= 0:
            watched.append(self._listener)
        if client is not None:
            watched.append(client.sock)
        found = select.select(watched, [], [], max(0.0, until - time.monotonic()))[0]
        if not found:
            raise SilentError("nothing reached the upstream (nor the client)")
        for one in still_open:
            if one.sock in found:
                one.fill(until)
        if self._listener in found:
            self.accept()

    def sockets(self) -> list[socket.socket]:
        """The listener and every connection that is still open."""
        still_open = [one.sock for one in self.connections if not one.closed and not one.end]
        return [self._listener, *still_open]

    def has_request(self) -> bool:
        """Take in what has arrived; True when some connection has bytes to read."""
        while self.pending():
            self.accept()
        still_open = [one for one in self.connections if not one.closed and not one.end]
        for one in still_open:
            if one.ready() and not one.buffer:
                one.fill(time.monotonic() + DEADLINE)
        return any(one.buffer for one in still_open)

    def pending(self) -> bool:
        """Tell whether a connection waits to be accepted right now."""
        return bool(select.select([self._listener], [], [], 0)[0])

    def retire(self) -> None:
        """End every connection and wait until the proxy has dropped its side.

        Afterwards nothing of one test can reach the next: the proxy's pool holds no
        connection to this upstream.
        """
        while self._listener.fileno() >= 0 and self.pending():
            try:
                self.accept()
            except (OSError, CutError):
                continue
        for connection in self.connections:
            self._retire_one(connection)
        self.connections.clear()

    @staticmethod
    def _retire_one(connection: UpstreamConnection) -> None:
        if connection.closed:
            return
        try:
            if not connection.end:
                connection.half_close()
                connection.wait_for_end()
        except OSError:
            pass
        finally:
            connection.close()

    def close(self) -> None:
        """Stop listening and drop every connection."""
        self._listener.close()
        for connection in self.connections:
            connection.close()
        self.connections.clear()


def which_hears(*upstreams: ScriptedUpstream) -> ScriptedUpstream:
    """Wait until a request reaches one of these upstreams, and tell which."""
    until = time.monotonic() + DEADLINE
    while time.monotonic() < until:
        owners = {sock.fileno(): one for one in upstreams for sock in one.sockets()}
        found = select.select(list(owners), [], [], max(0.0, until - time.monotonic()))[0]
        for number in found:
            if owners[number].has_request():
                return owners[number]
    raise SilentError("no request reached any of the upstreams")
