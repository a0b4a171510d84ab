"""Addresses that clients connect to: changed as a whole or not at all."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from proxy.config.models import Listen
from proxy.controlplane.listeners import Listeners, ListenersError
from proxy.dataplane.accounting import Accounting
from proxy.dataplane.client_connection import ClientConnection
from proxy.dataplane.door import Door
from tests.kit.certificates import Authority
from tests.kit.inside import generation
from tests.kit.running import free_port


def at(port: int, tls: tuple[Path, Path] | None = None) -> Listen:
    secure = None if tls is None else {"cert": str(tls[0]), "key": str(tls[1])}
    return Listen.model_validate({"address": f"127.0.0.1:{port}", "tls": secure})


@pytest_asyncio.fixture
async def listeners() -> AsyncIterator[Listeners]:
    door = Door(generation(), Accounting(), asyncio.get_running_loop())

    def protocol() -> ClientConnection:
        return door.protocol()

    opened = Listeners(protocol)
    yield opened
    opened.close()
    door.cut()
    door.close()
    await asyncio.sleep(0)


async def change(listeners: Listeners, *declared: Listen) -> None:
    (await listeners.change(declared)).make()


async def answers(port: int, tls: ssl.SSLContext | None = None) -> bytes:
    """The first line that a bad request is answered with; empty when nobody listens."""
    name = "front.example" if tls is not None else None
    try:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=tls, server_hostname=name
        )
    except ConnectionRefusedError:
        return b""
    writer.write(b"\x00\r\n")
    line = await reader.readline()
    writer.transport.abort()
    return line


async def test_what_is_declared_is_opened_and_what_is_not_is_closed(listeners: Listeners) -> None:
    first, second, third = free_port(), free_port(), free_port()
    await change(listeners, at(first), at(second))
    assert set(listeners.addresses) == {f"127.0.0.1:{first}", f"127.0.0.1:{second}"}
    await change(listeners, at(second), at(third))
    assert await answers(first) == b""
    for port in (second, third):
        assert (await answers(port)).startswith(b"HTTP/1.1 400 ")


async def test_any_free_port_is_named_by_the_one_that_was_taken(listeners: Listeners) -> None:
    await change(listeners, at(0))
    port = int(listeners.addresses[0].rpartition(":")[2])
    assert port > 0
    assert (await answers(port)).startswith(b"HTTP/1.1 400 ")


async def test_an_address_that_is_taken_changes_nothing(listeners: Listeners) -> None:
    kept, fresh = free_port(), free_port()
    await change(listeners, at(kept))
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        with pytest.raises(ListenersError, match=f"127.0.0.1:{taken}: cannot listen there"):
            await listeners.change((at(fresh), at(taken)))
    assert listeners.addresses == (f"127.0.0.1:{kept}",)
    assert await answers(fresh) == b""
    assert (await answers(kept)).startswith(b"HTTP/1.1 400 ")


async def test_a_change_can_be_undone_until_it_is_made(listeners: Listeners) -> None:
    kept, fresh = free_port(), free_port()
    await change(listeners, at(kept))
    pending = await listeners.change((at(fresh),))
    assert (await answers(fresh)).startswith(b"HTTP/1.1 400 "), "it is open already"
    pending.undo()
    await asyncio.sleep(0)
    assert await answers(fresh) == b""
    assert listeners.addresses == (f"127.0.0.1:{kept}",)


async def test_tls_cannot_be_switched_while_the_address_is_open(
    listeners: Listeners, tmp_path: Path
) -> None:
    pair = Authority(tmp_path).issue("front.example")
    plain, secure = free_port(), free_port()
    await change(listeners, at(plain), at(secure, pair))
    for wanted in (at(plain, pair), at(secure)):
        with pytest.raises(ListenersError, match="TLS cannot be switched"):
            await listeners.change((wanted,))
    assert len(listeners.addresses) == 2
    assert (await answers(plain)).startswith(b"HTTP/1.1 400 ")


async def shown(port: int, trust: ssl.SSLContext) -> bytes:
    """The certificate that a new client is shown."""
    _, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=trust, server_hostname="front.example"
    )
    found: ssl.SSLObject = writer.get_extra_info("ssl_object")
    certificate = found.getpeercert(binary_form=True)
    writer.transport.abort()
    assert certificate is not None
    return certificate


async def test_a_renewed_certificate_is_shown_to_new_clients(
    listeners: Listeners, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    trust = authority.client_context()
    pair = authority.issue("front.example")
    port = free_port()
    await change(listeners, at(port, pair))
    before = await shown(port, trust)
    assert authority.issue("front.example") == pair, "the same files, with new content"
    assert await shown(port, trust) == before, "until the change is made"
    await change(listeners, at(port, pair))
    assert await shown(port, trust) != before
    assert (await answers(port, trust)).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("already_open", [True, False])
async def test_a_certificate_that_does_not_load_changes_nothing(
    listeners: Listeners, tmp_path: Path, already_open: bool
) -> None:
    authority = Authority(tmp_path)
    trust = authority.client_context()
    pair = authority.issue("front.example")
    other_key = authority.issue("other.example")[1]
    port = free_port()
    if already_open:
        await change(listeners, at(port, pair))
    for broken in ((pair[0], other_key), (pair[0], tmp_path / "missing.key")):
        with pytest.raises(ListenersError, match=str(pair[0])):
            await listeners.change((at(port, broken),))
    assert len(listeners.addresses) == already_open
    if already_open:
        assert (await answers(port, trust)).startswith(b"HTTP/1.1 400 ")


async def test_closing_takes_no_more_connections(listeners: Listeners) -> None:
    port = free_port()
    await change(listeners, at(port))
    listeners.close()
    await asyncio.sleep(0)
    assert await answers(port) == b""
    assert listeners.addresses == ()
