"""TLS towards clients and towards upstreams: verified, with SNI, and refused when wrong."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.conftest import set_stage
from tests.conformance.judge import Stage, assert_problem, get, post_chunked
from tests.kit.certificates import Authority
from tests.kit.client import Client
from tests.kit.running import RunningProxy
from tests.kit.upstream import ScriptedUpstream, UpstreamConnection
from tests.kit.wire import CutError, SilentError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def authority(folder: Path) -> Authority:
    return Authority(folder / "good")


@pytest.fixture(scope="module")
def secure_upstream(authority: Authority) -> Iterator[ScriptedUpstream]:
    context = authority.server_context("origin.example", "127.0.0.1")
    upstream = ScriptedUpstream(tls=context)
    yield upstream
    upstream.close()


@pytest.fixture(scope="module")
def tls_proxy(
    folder: Path,
    authority: Authority,
    secure_upstream: ScriptedUpstream,
    legacy_upstream: ScriptedUpstream,
) -> Iterator[RunningProxy]:
    stranger = Authority(folder / "stranger", "Another Authority")
    cert, key = authority.issue("front.example", "127.0.0.1")
    ca, url = str(authority.ca), secure_upstream.url
    upstreams = {
        "legacy": {"url": legacy_upstream.url},
        "good": {"url": url, "tls": {"ca": ca}},
        "named": {"url": url, "tls": {"ca": ca, "server_name": "origin.example"}},
        "misnamed": {"url": url, "tls": {"ca": ca, "server_name": "other.example"}},
        "stranger": {"url": url, "tls": {"ca": str(stranger.ca)}},
        "default-ca": {"url": url},
        "unverified": {"url": url, "tls": {"verify": False}},
        "no-tls-there": {"url": legacy_upstream.url.replace("http:", "https:")},
    }
    config = {
        "upstreams": upstreams,
        "routes": [
            {"name": name, "match": {"path": f"/{name}/**"}, "upstream": name} for name in upstreams
        ],
    }
    with RunningProxy(config, tls=(cert, key)) as proxy:
        yield proxy


@pytest.fixture
def tls(
    tls_proxy: RunningProxy, legacy_upstream: ScriptedUpstream, secure_upstream: ScriptedUpstream
) -> Iterator[Stage]:
    yield from set_stage(tls_proxy, legacy_upstream, secure_upstream)


@pytest.fixture
def trust(authority: Authority) -> ssl.SSLContext:
    return authority.client_context()


def secure_client(tls: Stage, trust: ssl.SSLContext) -> Client:
    client = Client(tls.proxy.tls_port, tls=trust, server_name="front.example")
    tls.clients.append(client)
    return client


def test_a_client_is_served_over_tls(tls: Stage, trust: ssl.SSLContext) -> None:
    client = secure_client(tls, trust)
    for number in range(3):
        client.send(get(b"/legacy/%d" % number))
        connection = tls.upstream.receive()
        assert connection.asked.value(b"x-forwarded-proto") == b"https"
        assert b"proto=https" in (connection.asked.value(b"forwarded") or b"")
        connection.answer(b"body-%d" % number)
        assert client.read_response().body == b"body-%d" % number


def test_a_client_without_tls_is_still_served_on_the_other_address(tls: Stage) -> None:
    client, connection = tls.pass_request(get(b"/legacy/x"))
    assert connection.asked.value(b"x-forwarded-proto") == b"http"
    connection.answer()
    assert client.read_response().status == 200


def test_a_client_that_speaks_plainly_to_the_tls_address_gets_no_answer(tls: Stage) -> None:
    client = Client(tls.proxy.tls_port)
    tls.clients.append(client)
    client.offer(get(b"/legacy/x"))
    assert b"HTTP/1.1 200" not in client.read_to_end()


def test_a_client_that_trusts_another_authority_is_not_fooled(tls: Stage, folder: Path) -> None:
    distrust = Authority(folder / "third").client_context()
    with pytest.raises(ssl.SSLCertVerificationError):
        secure_client(tls, distrust)


def test_a_cut_is_passed_on_over_tls(tls: Stage, trust: ssl.SSLContext) -> None:
    client = secure_client(tls, trust)
    client.send(get(b"/legacy/x"))
    connection = tls.upstream.receive()
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
    connection.close()
    with pytest.raises(CutError):
        client.read_response()


def test_a_request_body_and_trailers_pass_over_tls(tls: Stage, trust: ssl.SSLContext) -> None:
    client = secure_client(tls, trust)
    client.send(post_chunked(b"5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n", b"/good/x"))
    connection = tls.other.receive()
    assert connection.asked.body == b"hello"
    assert connection.asked.trailers == ((b"X-T", b"1"),)
    connection.answer(b"z" * 300_000)
    assert client.read_response().body == b"z" * 300_000


def ask_secure(tls: Stage, target: bytes) -> UpstreamConnection:
    client = tls.connect()
    client.send(get(target))
    connection = tls.other.receive()
    connection.answer(b"secure")
    assert client.read_response().body == b"secure"
    return connection


def test_an_upstream_is_asked_over_verified_tls(tls: Stage) -> None:
    connection = ask_secure(tls, b"/good/x")
    assert connection.asked.target == b"/good/x"
    assert isinstance(connection.sock, ssl.SSLSocket)


def test_the_server_name_is_sent_and_verified(tls: Stage) -> None:
    assert ask_secure(tls, b"/named/x").server_name == "origin.example"


def test_an_upstream_need_not_be_verified(tls: Stage) -> None:
    assert ask_secure(tls, b"/unverified/x").asked.target == b"/unverified/x"


def test_a_tls_connection_is_reused(tls: Stage) -> None:
    assert ask_secure(tls, b"/good/1") is ask_secure(tls, b"/good/2")


@pytest.mark.parametrize("name", ["misnamed", "stranger", "default-ca"])
def test_an_upstream_that_fails_verification_is_502(tls: Stage, name: str) -> None:
    client = tls.connect()
    client.send(get(f"/{name}/x".encode()))
    with pytest.raises((ssl.SSLError, ConnectionResetError, CutError, SilentError)):
        tls.other.receive()
    assert_problem(client.read_response(), 502, "upstream_tls")


def test_an_upstream_that_speaks_no_tls_is_502(tls: Stage) -> None:
    client = tls.connect()
    client.send(get(b"/no-tls-there/x"))
    connection = tls.upstream.accept()
    assert connection.read_exactly(3)[:1] == b"\x16", "a TLS hello, never a plain request"
    connection.send(b"HTTP/1.1 400 Plain\r\nContent-Length: 0\r\n\r\n")
    connection.half_close()
    assert_problem(client.read_response(), 502, "upstream_tls")
