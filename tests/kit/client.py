"""A raw client: sends the bytes it is given and reads what comes back, strictly."""

import socket
import ssl

from tests.kit import message
from tests.kit.wire import DEADLINE, Wire


class Client(Wire):
    """A connection to the proxy. `source` binds a loopback address to come from."""

    def __init__(
        self,
        port: int,
        *,
        source: str = "127.0.0.1",
        tls: ssl.SSLContext | None = None,
        server_name: str | None = None,
        receive_buffer: int = 0,
        deadline: float = DEADLINE,
    ) -> None:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            if receive_buffer:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            sock.settimeout(deadline)
            sock.bind((source, 0))
            sock.connect(("127.0.0.1", port))
            if tls is not None:
                sock = tls.wrap_socket(sock, server_hostname=server_name)
        except BaseException:
            sock.close()
            raise
        super().__init__(sock, deadline)

    def ask(self, data: bytes, method: bytes = b"") -> message.Response:
        """Send a request and read its final response; the method is read from the request."""
        self.offer(data)
        return self.read_response(method or data.split(b" ", 1)[0])

    def read_response(self, method: bytes = b"GET") -> message.Response:
        """Read the next final response, collecting the 1xx responses before it."""
        return message.read_response(self, method)

    def read_head(self, method: bytes = b"GET") -> message.Response:
        """Read the next head alone, 1xx or final."""
        return message.read_response_head(self, method)

    def read_chunk(self) -> bytes:
        """Read one chunk of a chunked body."""
        return message.read_chunk(self)
