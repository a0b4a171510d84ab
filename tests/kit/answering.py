"""An upstream that answers by itself, in threads: for load, balancing and reload tests."""

import socket
import threading
from collections.abc import Callable

from tests.kit import message
from tests.kit.upstream import UpstreamConnection
from tests.kit.wire import CutError, SilentError, WireError

Answer = Callable[[message.Request], bytes]


def plain(body: bytes, status: bytes = b"200 OK") -> bytes:
    """A complete response with a Content-Length."""
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


class AnsweringUpstream:
    """Answers each request with `answer(request)`; keeps what it was asked in `requests`."""

    def __init__(self, answer: Answer, port: int = 0) -> None:
        self.answer = answer
        self.requests: list[message.Request] = []
        self._connections: set[UpstreamConnection] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", port), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        """The address as a configuration names it."""
        return f"http://127.0.0.1:{self.port}"

    def count(self, target: bytes | None = None) -> int:
        """How many requests came, or how many for that target."""
        with self._lock:
            return sum(1 for one in self.requests if target in (None, one.target))

    def _accept(self) -> None:
        number = 0
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            connection = UpstreamConnection(sock, number)
            connection.deadline = 60.0
            number += 1
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            with self._lock:
                self._connections.add(connection)
                self._threads.append(thread)
            thread.start()

    def _serve(self, connection: UpstreamConnection) -> None:
        try:
            while True:
                request = connection.read_request()
                with self._lock:
                    self.requests.append(request)
                connection.send(self.answer(request))
        except (OSError, CutError, SilentError, WireError, ValueError):
            pass
        finally:
            with self._lock:
                self._connections.discard(connection)
            connection.close()

    def close(self) -> None:
        """Stop listening, drop every connection and wait for the threads."""
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        finally:
            self._listener.close()
        with self._lock:
            connections, threads = list(self._connections), list(self._threads)
        for connection in connections:
            try:
                connection.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        for thread in threads:
            thread.join(5)
