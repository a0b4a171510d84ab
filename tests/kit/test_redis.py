"""The Redis of the tests does what its methods say."""

import socket

import pytest

from tests.kit.redis import RedisServer, redis_server


def test_a_restart_keeps_what_a_stop_loses() -> None:
    with RedisServer() as server:
        server.say("SET a 1")
        server.restart()
        assert server.say("GET a") == b"$1\r\n1\r\n"
        server.say("SET a 2")
        server.stop()
        with pytest.raises(ConnectionRefusedError):
            server.say("PING")
        server.start()
        assert server.say("GET a") == b"$1\r\n1\r\n"


async def test_a_paused_server_takes_connections_and_answers_later() -> None:
    async with redis_server("--requirepass", "x") as server:
        server.pause()
        with socket.create_connection(("127.0.0.1", server.port), timeout=0.05) as asking:
            asking.sendall(b"PING\r\n")
            with pytest.raises(TimeoutError):
                asking.recv(1)
            server.resume()
            asking.settimeout(5.0)
            assert asking.recv(7) == b"-NOAUTH"
