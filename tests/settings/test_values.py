"""Durations, sizes, addresses and URLs: text in, value out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.settings import values
from proxy.settings.values import Address, EndpointUrl, UnfitError


@given(st.integers(0, 10**9))
def test_a_duration_that_is_written_is_read_back(milliseconds: int) -> None:
    seconds = milliseconds / 1000

    assert values.duration(values.written_duration(seconds)) == seconds


@given(st.integers(0, 2**50))
def test_a_size_that_is_written_is_read_back(count: int) -> None:
    assert values.size(values.written_size(count)) == count


@given(st.ip_addresses(), st.integers(0, 65535))
def test_an_address_that_is_written_is_read_back(ip: object, port: int) -> None:
    address = Address(str(ip), port)

    assert values.address(str(address)) == address


@given(st.sampled_from(["http", "https"]), st.ip_addresses(), st.integers(1, 65535))
def test_a_url_that_is_written_is_read_back(scheme: str, ip: object, port: int) -> None:
    url = values.url(f"{scheme}://{Address(str(ip), port)}")

    assert values.url(str(url)) == url
    assert url.port == port


@pytest.mark.parametrize(
    "read",
    [
        values.duration,
        values.size,
        values.address,
        values.url,
        values.network,
        values.host_name,
        values.field_name,
        values.method,
        values.extractor,
        values.path_pattern,
        values.request_path,
        values.cookie_name,
    ],
)
@given(text=st.text(min_size=1))
def test_any_text_is_read_or_refused_in_words(read: values.Read, text: str) -> None:
    wanted = "something"
    try:
        read(text)
    except UnfitError as error:
        wanted = error.wanted

    assert wanted


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("250ms", 0.25), ("2s", 2.0), ("1.5s", 1.5), ("10m", 600.0), ("1h", 3600.0), ("0s", 0.0)],
)
def test_a_duration_is_seconds(text: str, seconds: float) -> None:
    assert values.duration(text) == seconds


@pytest.mark.parametrize("text", ["2", "2 s", "-2s", "2S", "s", "1h30m", "1e3s", "٢s", "2d", ""])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(UnfitError, match="duration"):
        values.duration(text)


@pytest.mark.parametrize(
    ("text", "count"), [("0B", 0), ("8KB", 8000), ("32KiB", 32768), ("1.5MiB", 1572864)]
)
def test_a_size_is_bytes(text: str, count: int) -> None:
    assert values.size(text) == count


@pytest.mark.parametrize("text", ["32", "32k", "32 KiB", "-1B", "0.5B", "1kib", "1TB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(UnfitError):
        values.size(text)


@pytest.mark.parametrize(
    ("text", "url", "authority"),
    [
        ("http://a", EndpointUrl("http", "a", 80), "a"),
        (
            "HTTPS://Api.Example.com/",
            EndpointUrl("https", "api.example.com", 443),
            "api.example.com",
        ),
        ("http://a:443", EndpointUrl("http", "a", 443), "a:443"),
        ("http://[::1]:3000", EndpointUrl("http", "::1", 3000), "[::1]:3000"),
        ("https://my_service:443", EndpointUrl("https", "my_service", 443), "my_service"),
    ],
)
def test_a_url_is_scheme_host_and_port(text: str, url: EndpointUrl, authority: str) -> None:
    assert values.url(text) == url
    assert values.url(text).authority == authority


@pytest.mark.parametrize(
    "text",
    [
        "http://1.2.3",
        "http://127.1",
        "http://0x7f.0.0.1.5",
        "http://a b",
        "http://a\r\nx",
        "http://a//",
        "http://[::1",
        "http://::1",
        "http://[127.0.0.1]",
        "http://[fe80::1%eth0]",
        "http://-a",
        "http://a..b",
        "http://a:\u0661",
        "//a",
        "http:/a",
    ],
)
def test_what_is_no_url_of_an_endpoint_is_refused(text: str) -> None:
    with pytest.raises(UnfitError):
        values.url(text)


@pytest.mark.parametrize(
    ("text", "loopback"),
    [
        ("127.0.0.1:1", True),
        ("127.9.9.9:1", True),
        ("[::1]:1", True),
        ("localhost:1", True),
        ("0.0.0.0:1", False),
        ("[::]:1", False),
        ("localhost.example.com:1", False),
    ],
)
def test_an_address_knows_whether_only_this_machine_reaches_it(text: str, loopback: bool) -> None:
    assert values.address(text).loopback is loopback


@pytest.mark.parametrize("text", ["/", "/x", "/x/**", "/**", "~/v[12]/.*", "/a/..", "/%2F;x=1"])
def test_a_path_pattern_is_kept_as_it_was_written(text: str) -> None:
    assert values.path_pattern(text) == text


@pytest.mark.parametrize("text", ["x", "/*", "/**/x", "/x**", "/x?y", "/x#y", "/ü", "/a b", "~("])
def test_what_is_no_path_pattern_is_refused(text: str) -> None:
    with pytest.raises(UnfitError):
        values.path_pattern(text)


@pytest.mark.parametrize(
    ("number", "fits"),
    [(5.0, True), (0.001, True), (33.333, True), (99.999, True), (5.0005, False), (1e-9, False)],
)
def test_three_decimals_are_counted_as_written(number: float, fits: bool) -> None:
    assert values.three_decimals(number) is fits
