"""WebSocket and any other upgrade become a tunnel once the upstream agreed, and not before."""

import threading
from collections.abc import Callable

import pytest

from tests.conformance.judge import Stage, assert_problem, assert_still_serving, get
from tests.kit.client import Client
from tests.kit.message import Response
from tests.kit.upstream import UpstreamConnection

ASK = get(
    b"/chat?x",
    b"Connection: Upgrade",
    b"Upgrade: websocket",
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    b"Sec-WebSocket-Version: 13",
    b"Sec-WebSocket-Protocol: chat, superchat",
    b"Origin: http://front.example",
)
AGREE = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\r\n"
)


def tunnel(stage: Stage, ask: bytes = ASK) -> tuple[Client, UpstreamConnection, Response]:
    client, connection = stage.pass_request(ask)
    connection.send(AGREE)
    return client, connection, client.read_head()


def options(fields: list[bytes]) -> set[bytes]:
    return {one.lower() for one in fields}


def test_the_upstream_is_asked_to_upgrade(stage: Stage) -> None:
    _, connection, _ = tunnel(stage)
    request = connection.asked
    assert request.target == b"/chat?x"
    assert request.value(b"upgrade") == b"websocket"
    assert b"upgrade" in options(request.elements(b"connection"))
    assert request.value(b"sec-websocket-key") == b"dGhlIHNhbXBsZSBub25jZQ=="
    assert request.value(b"sec-websocket-version") == b"13"
    assert request.value(b"sec-websocket-protocol") == b"chat, superchat"
    assert request.value(b"origin") == b"http://front.example"


def test_the_client_gets_101_only_after_the_upstream_agreed(stage: Stage) -> None:
    client, connection = stage.pass_request(ASK)
    assert not client.ready(), "nothing may be said before the upstream agreed"
    connection.send(AGREE)
    answer = client.read_head()
    assert answer.line == b"HTTP/1.1 101 Switching Protocols"
    assert answer.value(b"upgrade") == b"websocket"
    assert b"upgrade" in options(answer.elements(b"connection"))
    assert answer.value(b"sec-websocket-accept") == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert answer.value(b"sec-websocket-protocol") == b"chat"
    assert answer.values(b"content-length") == answer.values(b"transfer-encoding") == []


def test_bytes_pass_both_ways_in_turn(stage: Stage) -> None:
    client, connection, _ = tunnel(stage)
    for part in (b"\x81\x05hello", b"GET / HTTP/1.1\r\n\r\n", b"\0\r\n\xff" * 50):
        client.send(part)
        assert connection.read_exactly(len(part)) == part
        connection.send(part[::-1])
        assert client.read_exactly(len(part)) == part[::-1]


def test_bytes_sent_right_with_the_request_reach_the_upstream(stage: Stage) -> None:
    client = stage.connect()
    client.send(ASK + b"\x81\x05early")
    connection = stage.upstream.receive()
    connection.send(AGREE)
    assert client.read_head().status == 101
    assert connection.read_exactly(7) == b"\x81\x05early"


def test_bytes_sent_right_with_101_reach_the_client(stage: Stage) -> None:
    client, connection = stage.pass_request(ASK)
    connection.send(AGREE + b"\x81\x02hi")
    assert client.read_head().status == 101
    assert client.read_exactly(4) == b"\x81\x02hi"


def test_a_client_that_ends_its_side_still_hears_the_upstream(stage: Stage) -> None:
    client, connection, _ = tunnel(stage)
    client.send(b"last words")
    client.half_close()
    assert connection.read_to_end() == b"last words"
    assert connection.end == "fin"
    connection.send(b"farewell")
    connection.close()
    assert client.read_to_end() == b"farewell"
    assert client.end == "fin"


def test_an_upstream_that_ends_its_side_still_hears_the_client(stage: Stage) -> None:
    client, connection, _ = tunnel(stage)
    connection.send(b"last words")
    connection.half_close()
    assert client.read_to_end() == b"last words"
    client.send(b"farewell")
    client.close()
    assert connection.read_to_end() == b"farewell"


@pytest.mark.parametrize("leave", [Client.close, Client.reset], ids=["FIN", "RST"])
def test_a_client_that_leaves_ends_the_tunnel(
    stage: Stage, leave: Callable[[Client], None]
) -> None:
    client, connection, _ = tunnel(stage)
    leave(client)
    assert connection.wait_for_end()
    connection.close()
    assert_still_serving(stage)


def test_an_upstream_that_resets_ends_the_tunnel(stage: Stage) -> None:
    client, connection, _ = tunnel(stage)
    connection.reset()
    assert client.wait_for_end()


def test_a_megabyte_passes_each_way_at_once(stage: Stage) -> None:
    client, connection, _ = tunnel(stage)
    size = 1 << 20
    up, down = bytes(range(256)) * (size // 256), b"\xfe\0" * (size // 2)
    senders = [
        threading.Thread(target=client.sock.sendall, args=(up,)),
        threading.Thread(target=connection.sock.sendall, args=(down,)),
    ]
    for sender in senders:
        sender.start()
    assert client.read_exactly(size) == down
    assert connection.read_exactly(size) == up
    for sender in senders:
        sender.join()


REFUSALS = {
    "403": b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno",
    "200": b"HTTP/1.1 200 Plain\r\nContent-Length: 2\r\n\r\nno",
    "426 with Upgrade": (
        b"HTTP/1.1 426 Upgrade\r\nConnection: Upgrade\r\nUpgrade: other\r\n"
        b"Content-Length: 2\r\n\r\nno"
    ),
    "401 in chunks": b"HTTP/1.1 401 Who\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
def test_a_refused_upgrade_is_a_response_like_any_other(stage: Stage, refusal: bytes) -> None:
    client, connection = stage.pass_request(ASK)
    connection.send(refusal)
    answer = client.read_response()
    assert answer.line == refusal.split(b"\r\n")[0]
    assert answer.body == b"no"
    if b"close" in options(answer.elements(b"connection")):
        assert client.wait_for_end()
        return
    client.send(get(b"/next"))
    again = stage.upstream.receive()
    again.answer(b"next")
    assert client.read_response().body == b"next"


def test_a_101_that_nobody_asked_for_is_502(stage: Stage) -> None:
    client, connection = stage.pass_request(get())
    connection.send(AGREE + b"surplus")
    answer = client.read_response()
    assert_problem(answer, 502, "upstream_invalid")
    assert connection.wait_for_end()
    assert_still_serving(stage)


def test_a_101_to_a_1_0_client_is_502(stage: Stage) -> None:
    ask = ASK.replace(b"HTTP/1.1", b"HTTP/1.0")
    client, connection = stage.pass_request(ask)
    assert connection.asked.values(b"upgrade") == [], "1.0 has no Upgrade (RFC 9110 7.8)"
    connection.send(AGREE)
    assert client.read_response().status == 502


def test_another_protocol_is_tunnelled_too(stage: Stage) -> None:
    client, connection = stage.pass_request(
        get(b"/", b"Upgrade: odd/2.0, irc", b"Connection: X-Hop, upgrade", b"X-Hop: 1")
    )
    request = connection.asked
    assert request.elements(b"upgrade") == [b"odd/2.0", b"irc"]
    assert options(request.elements(b"connection")) == {b"upgrade"}
    assert request.values(b"x-hop") == []
    connection.send(b"HTTP/1.1 101 Odd\r\nConnection: upgrade\r\nUpgrade: odd/2.0\r\n\r\nhi")
    answer = client.read_head()
    assert (answer.status, answer.value(b"upgrade")) == (101, b"odd/2.0")
    assert client.read_exactly(2) == b"hi"
    client.send(b"ho")
    assert connection.read_exactly(2) == b"ho"


def test_upgrade_is_found_among_other_connection_options(stage: Stage) -> None:
    ask = ASK.replace(b"Connection: Upgrade", b"Connection: keep-alive, UPGRADE")
    client, _, answer = tunnel(stage, ask)
    assert answer.status == 101
    assert not client.end


def test_an_interim_response_may_come_before_101(stage: Stage) -> None:
    client, connection = stage.pass_request(ASK)
    connection.send(b"HTTP/1.1 103 E\r\nLink: </a>\r\n\r\n" + AGREE)
    answer = client.read_response()
    assert (answer.status, [one.status for one in answer.interim]) == (101, [103])


def test_a_tunnel_connection_never_returns_to_the_pool(stage: Stage) -> None:
    client, connection, _ = tunnel(stage)
    client.close()
    connection.wait_for_end()
    connection.close()
    _, again = stage.pass_request(get(b"/fresh"))
    assert again is not connection
    again.answer()
