"""Field lines: read strictly, and the memory of lines never shows in what is read."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core import field
from proxy.core.field import Field, Kind, MessageError, parse_fields, tells_who
from tests.kit.properties import examples

SECRETS = (b"Authorization", b"Cookie", b"Set-Cookie", b"Proxy-Authorization")


@pytest.fixture(autouse=True)
def no_memory() -> Iterator[None]:
    forget()
    yield
    forget()


def forget() -> None:
    field._lines.clear()
    field._names.clear()


def head(*lines: bytes) -> bytes:
    return b"\r\n".join([b"", *lines, b"", b""])


def read(data: bytes) -> tuple[list[Field], dict[bytes, bytes]] | str:
    try:
        return parse_fields(data, 0)
    except MessageError as error:
        return f"{error.reason}: {error.detail}"


NAMES = st.sampled_from([b"Host", b"HOST", b"host", b"X-User-Id", b"Cookie", b"Accept", b"Via"])
VALUES = st.sampled_from([b"a", b"", b" a", b"a\t", b"a b", b"\xe4\xff", b"a,b", b"x" * 200])
ODD_LINES = st.sampled_from(
    [
        b"",
        b":",
        b"a",
        b"a :b",
        b" a: b",
        b"a\x00: b",
        b"a: \x00",
        b"a: b\rc",
        b"a: b\nc: d",
        b"\xe4:",
    ]
)
LINES = st.one_of(
    st.builds(b"%b:%b".__mod__, st.tuples(NAMES, VALUES)),
    ODD_LINES,
    st.binary(max_size=12),
)
HEADS = st.lists(LINES, max_size=6).map(lambda lines: head(*lines))


@examples(400)
@given(st.lists(HEADS, max_size=8))
def test_what_was_read_before_never_changes_what_is_read(heads: list[bytes]) -> None:
    forget()
    remembering = [read(data) for data in [*heads, *reversed(heads)]]
    fresh = []
    for data in [*heads, *reversed(heads)]:
        forget()
        fresh.append(read(data))
    assert remembering == fresh


def oracle(data: bytes) -> list[tuple[bytes, bytes]] | None:
    """RFC 9112 section 5, written out without a regular expression."""
    token = set(b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    found = []
    for line in data[2:-4].split(b"\r\n"):
        name, colon, value = line.partition(b":")
        if not colon or not name or set(name) - token:
            return None
        if any((byte < 0x20 and byte != 9) or byte == 0x7F for byte in value):
            return None
        found.append((name, value.strip(b" \t")))
    return found


@examples(500)
@given(st.lists(LINES, min_size=1, max_size=5))
def test_lines_are_read_as_the_grammar_says_or_not_at_all(lines: list[bytes]) -> None:
    data = head(*lines)
    expected = oracle(data)
    got = read(data)
    if expected is None:
        assert isinstance(got, str)
        return
    assert not isinstance(got, str)
    fields, by_name = got
    assert [(f.name, f.value) for f in fields] == expected
    assert [f.line for f in fields] == [b"%b: %b" % pair for pair in expected]
    assert set(by_name) == {name.lower() for name, _ in expected}
    for name, value in by_name.items():
        between = b"; " if name == b"cookie" else b", "
        assert value == between.join(v for n, v in expected if n.lower() == name)


def test_a_head_without_fields_has_none() -> None:
    assert parse_fields(b"GET / HTTP/1.1\r\n\r\n", 14) == ([], {})


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("spelled", [bytes.lower, bytes.upper, bytes.title])
def test_a_line_that_carries_a_secret_is_never_remembered(name: bytes, spelled: object) -> None:
    assert callable(spelled)
    parse_fields(head(spelled(name) + b": secret", b"Accept: */*"), 0)
    assert list(field._lines) == [b"Accept: */*"]
    assert not any(b"secret" in name + known[0] for name, known in field._names.items())


@pytest.mark.parametrize("name", [b"traceparent", b"X-Request-Id"])
def test_a_line_that_is_new_in_every_message_is_not_remembered(name: bytes) -> None:
    parse_fields(head(name + b": 1"), 0)
    assert not field._lines


def test_a_malformed_line_is_not_remembered() -> None:
    for line in (b"a: \x00", b"a : b", b"a"):
        assert isinstance(read(head(line)), str)
    assert not field._lines


def test_the_memories_are_bounded_in_count_and_size() -> None:
    for number in range(10_000):
        parse_fields(head(b"X-%d: %d" % (number, number)), 0)
        assert len(field._lines) <= field._REMEMBER_LINES
        assert len(field._names) <= field._REMEMBER_NAMES
    forget()
    parse_fields(head(b"a: " + b"x" * 200, b"b" * 200 + b": x"), 0)
    assert not field._lines
    assert list(field._names) == [b"a"]


KINDS = {
    b"Connection": Kind.HOP_BY_HOP,
    b"TE": Kind.HOP_BY_HOP,
    b"Upgrade": Kind.HOP_BY_HOP,
    b"Keep-Alive": Kind.HOP_BY_HOP,
    b"Proxy-Authorization": Kind.HOP_BY_HOP,
    b"Transfer-Encoding": Kind.HOP_BY_HOP,
    b"Forwarded": Kind.FORWARDED,
    b"X-Forwarded-For": Kind.FORWARDED,
    b"X_Forwarded_For": Kind.WHO,
    b"X-User-Id": Kind.WHO,
    b"x_user-TIER": Kind.WHO,
    b"X-Users": Kind.END_TO_END,
    b"X-Request-Id": Kind.ID,
    b"X-Crossfade-Arm": Kind.EXPOSED,
    b"Content-Length": Kind.END_TO_END,
    b"Trailer": Kind.END_TO_END,
}


@pytest.mark.parametrize("name", KINDS)
def test_a_field_is_of_its_kind_in_any_case(name: bytes) -> None:
    for spelled in (name, name.lower(), name.upper()):
        assert parse_fields(head(spelled + b": x"), 0)[0][0].kind == KINDS[name]


def test_underscores_tell_who_just_as_dashes_do() -> None:
    for name in (b"x-user-id", b"x_user_id", b"x-user_id", b"x_forwarded_proto"):
        assert tells_who(name)
    assert not tells_who(b"x-username")
    assert not tells_who(b"user-agent")


def test_an_error_never_carries_bytes_of_the_message() -> None:
    said = read(head(b"Authorization: Bearer hunter2\x00"))
    assert isinstance(said, str)
    assert "hunter2" not in said
