"""Path patterns, and what is decoded to match them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.path_pattern import compile_path, decode_unreserved

UNRESERVED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("/x", b"/x", True),
        ("/x", b"/x/", False),
        ("/x", b"/X", False),
        ("/x", b"/xy", False),
        ("/x/", b"/x/", True),
        ("/x/", b"/x", False),
        ("/x/**", b"/x", True),
        ("/x/**", b"/x/", True),
        ("/x/**", b"/x/y/z", True),
        ("/x/**", b"/xy", False),
        ("/x/**", b"/x%2Fy", False),
        ("/x/**", b"//x/y", False),
        ("/x/**", b"/y/../x/z", False),
        ("/**", b"/", True),
        ("/**", b"//a", True),
        ("/**", b"*", True),
        ("/x%41", b"/xA", True),
        ("/a%2Fb", b"/a%2Fb", True),
        ("/a%2Fb", b"/a/b", False),
        ("/caf%C3%A9", b"/caf%C3%A9", True),
        ("~/v[12]/.*", b"/v1/x", True),
        ("~/v[12]/.*", b"/v3/x", False),
        ("~/v[12]", b"/v1/x", False),
        ("~/v[12]", b"x/v1", False),
        ("~(?i)/Api", b"/api", True),
    ],
)
def test_a_pattern_matches_the_paths_it_describes(pattern: str, path: bytes, matches: bool) -> None:
    assert compile_path(pattern).matches(path) is matches


@pytest.mark.parametrize(
    "pattern", ["", "x", "x/**", "/x**", "/a/**/b", "/x?y", "/x#y", "~(", "/caf\u00e9"]
)
def test_what_is_no_pattern_is_refused_with_its_text(pattern: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is looked at below
        compile_path(pattern)
    assert str(caught.value).startswith(f"{pattern}: ")


@pytest.mark.parametrize(
    ("path", "decoded"),
    [
        (b"/plain", b"/plain"),
        (b"/%41%7e%7E%2e%2D%5f%30", b"/A~~.-_0"),
        (b"/%2F%2f%3B%25%20%00%C3%A9", b"/%2F%2f%3B%25%20%00%C3%A9"),
        (b"/%2541", b"/%2541"),
        (b"/%%41", b"/%A"),
        (b"/%", b"/%"),
        (b"/%4", b"/%4"),
        (b"/%4g%zz", b"/%4g%zz"),
        (b"%61", b"a"),
    ],
)
def test_only_unreserved_characters_are_decoded_and_only_once(path: bytes, decoded: bytes) -> None:
    assert decode_unreserved(path) == decoded


@given(st.text(UNRESERVED, max_size=20), st.data())
def test_every_spelling_of_an_unreserved_path_is_the_same_path(
    text: str, data: st.DataObject
) -> None:
    spelled = "".join(
        data.draw(st.sampled_from([letter, f"%{ord(letter):02x}", f"%{ord(letter):02X}"]))
        for letter in text
    )
    assert decode_unreserved(spelled.encode()) == text.encode()


@given(st.text("%2541zF/.", max_size=30))
def test_decoding_never_touches_the_slashes(text: str) -> None:
    path = text.encode()
    assert decode_unreserved(path).count(b"/") == path.count(b"/")
