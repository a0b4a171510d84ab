"""Every way in which a path can be read is found, or it is said that they are too many."""

from collections.abc import Callable
from itertools import permutations
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.path_readings import LONGEST, MOST, path_readings

READINGS = {
    "/admin": {"/admin"},
    "": {""},
    "*": {"*"},
    "/%61dm%69n": {"/admin"},
    "/a%2Fb": {"/a%2Fb", "/a/b"},
    "/a%2fb": {"/a%2Fb", "/a/b"},
    "//a": {"//a", "/a"},
    "/a/./b": {"/a/./b", "/a/b"},
    "/a/../b": {"/a/../b", "/b"},
    "/../a": {"/../a", "/a"},
    "/a/..": {"/a/..", "/"},
    "/a;x=1/b": {"/a;x=1/b", "/a/b"},
    "/a\\b": {"/a\\b", "/a/b"},
    "/a.": {"/a.", "/a"},
    "/a%20": {"/a%20", "/a ", "/a"},
    "/a%00.png": {"/a%00.png", "/a\0.png", "/a"},
    "/a%3fb": {"/a%3Fb", "/a?b", "/a"},
    "/%EF%BD%81": {"/%EF%BD%81", "/a"},
    "/%2541": {"/%2541", "/A"},
    "/%zz": {"/%zz"},
}


@pytest.mark.parametrize("path", READINGS)
def test_each_path_has_these_readings(path: str) -> None:
    assert path_readings(path) == frozenset(READINGS[path])


@pytest.mark.parametrize("path", ["/x/..;/admin", "/x/..%5cadmin", "/x/%252e%252e%252fadmin"])
def test_steps_are_taken_one_after_the_other_until_nothing_is_new(path: str) -> None:
    assert "/admin" in (path_readings(path) or ())


def test_a_path_with_too_many_readings_has_none_that_are_known() -> None:
    assert path_readings("/%" + "25" * 45 + "61dmin") is None
    assert path_readings("/a;b//c%2F..%5C.%252e;d/e.%20/f%00//..;g/%2e%2F/h/..%255c") is None


def test_dots_that_somebody_decodes_too_late_are_seen() -> None:
    assert path_readings("/admin/%2e%2e/../x") == frozenset(("/admin/../../x", "/admin/x", "/x"))


def test_only_a_plain_path_may_be_long() -> None:
    plain = "/" + "a" * LONGEST
    assert path_readings(plain) == frozenset((plain,))
    assert path_readings(plain + "%20") is None


@given(st.from_regex(r"/[a-zA-Z0-9_~/:@!$&'()*+,=-]{0,60}", fullmatch=True))
def test_a_plain_path_has_no_reading_but_itself(path: str) -> None:
    if "//" not in path:
        assert path_readings(path) == frozenset((path,))


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0xFF), max_size=60))
def test_reading_any_path_ends_and_finds_few_readings(text: str) -> None:
    for path in (f"/{text}", f"/{quote(text, safe='%/.;')}"):
        found = path_readings(path)
        assert found is None or 1 <= len(found) <= MOST


def joined(path: str) -> str:
    while "//" in path:
        path = path.replace("//", "/")
    return path


def resolved(path: str) -> str:
    """The output buffer of RFC 3986 section 5.2.4, written as the RFC writes it."""
    left, made = path, ""
    while left:
        if left.startswith("/./"):
            left = left[2:]
        elif left == "/.":
            left = "/"
        elif left.startswith("/../") or left == "/..":
            left = "/" + left[4:]
            made = made.rpartition("/")[0]
        else:
            end = left.find("/", 1)
            end = len(left) if end < 0 else end
            made, left = made + left[:end], left[end:]
    return made


SERVER: tuple[Callable[[str], str], ...] = (unquote, joined, resolved)


@given(st.lists(st.sampled_from(["a", "..", ".", "", "%2e%2e", "b;c", "%61"]), max_size=4))
def test_what_a_decoding_and_resolving_server_sees_is_among_the_readings(
    segments: list[str],
) -> None:
    path = "/" + "/".join(segments)
    found = path_readings(path)
    for steps in permutations(SERVER):
        seen = path
        for step in steps:
            seen = step(seen)
        assert found is None or seen in found
