"""Signed texts: nobody makes one up, changes one, or uses one after its end."""

import base64
import hmac
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from proxy.api import SignatureError, Signed, Signer
from proxy.api.signed import LONGEST

SECRET = SecretStr("correct horse battery staple 1234")
SIGNER = Signer(SECRET, "test")
FIELDS = st.lists(st.text(max_size=12) | st.text("~%1a.*/\0é", max_size=6), max_size=4).map(tuple)
ENDS = st.integers(0, 2**40)


def why(text: str, now: float = -1, signer: Signer = SIGNER) -> str:
    """Why a text does not count; empty if it does."""
    try:
        signer.opened(text, now)
    except SignatureError as error:
        return error.why
    return ""


def made(said: str, purpose: str = "crossfade test\0") -> str:
    """A text that is signed by hand."""
    digest = hmac.digest(SECRET.get_secret_value().encode(), (purpose + said).encode(), "sha256")
    return f"{said}~{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def test_the_text_is_version_fields_end_and_signature() -> None:
    text = SIGNER.sign(("new", "campaigns", "a~b/c é*"), 1750003600)
    assert text == made("1~new~campaigns~a%7Eb%2Fc%20%C3%A9*~1750003600")
    assert SIGNER.opened(text, 0) == Signed(("new", "campaigns", "a~b/c é*"), 1750003600)


@given(FIELDS, ENDS)
def test_what_was_signed_is_opened_as_it_was(fields: tuple[str, ...], expires: int) -> None:
    text = SIGNER.sign(fields, expires)
    assert SIGNER.opened(text, expires - 1) == (fields, expires)
    assert re.fullmatch(r"[0-9A-Za-z._~%*-]{1,1024}", text)  # as URLs and cookies take it


@given(FIELDS, ENDS, st.data())
def test_a_text_with_any_change_in_it_is_forged(
    fields: tuple[str, ...], expires: int, data: st.DataObject
) -> None:
    text = SIGNER.sign(fields, expires)
    cut = data.draw(st.integers(0, len(text) - 1))
    flipped = chr(ord(text[cut]) ^ (1 << data.draw(st.integers(0, 7))))
    added = data.draw(st.characters(max_codepoint=255))
    for wrong in (text[:cut], text[:cut] + flipped + text[cut + 1 :], text + added, added + text):
        assert why(wrong) == "forged"


@given(FIELDS, ENDS, st.data())
def test_moving_a_separator_makes_a_forgery(
    fields: tuple[str, ...], expires: int, data: st.DataObject
) -> None:
    text = SIGNER.sign(fields, expires)
    places = [place for place, letter in enumerate(text) if letter == "~"]
    place = data.draw(st.sampled_from(places))
    rest = text[:place] + text[place + 1 :]
    to = data.draw(st.integers(0, len(rest)).filter(lambda number: number != place))
    moved = f"{rest[:to]}~{rest[to:]}"
    assert why(moved) == ("" if moved == text else "forged")
    assert why(rest) == "forged"


@given(FIELDS, FIELDS, ENDS)
def test_no_two_sayings_are_written_the_same(
    one: tuple[str, ...], other: tuple[str, ...], expires: int
) -> None:
    assert (SIGNER.sign(one, expires) == SIGNER.sign(other, expires)) is (one == other)


@given(st.text(max_size=300) | st.from_regex(r"1~new~[a-z]{1,9}~[0-9]{1,11}~[\w-]{0,60}"))
def test_no_text_that_somebody_makes_up_counts(text: str) -> None:
    assert why(text) == "forged"


@pytest.mark.parametrize(
    "wrong",
    ["", "~", "~~~~", "1~", "1~9", "1~é~9~x", "\ud800" * 40, "a" * 100_000, "1~*~9~" + "A" * 43],
)
def test_whatever_is_no_signed_text_is_told_from_one(wrong: str) -> None:
    assert why(wrong) == "forged"


@given(ENDS)
def test_a_text_counts_until_its_end_and_not_at_it(expires: int) -> None:
    text = SIGNER.sign(("a",), expires)
    assert (why(text, expires - 0.001), why(text, expires)) == ("", "expired")


def test_another_secret_purpose_or_version_does_not_count() -> None:
    text = SIGNER.sign(("a",), 9)
    assert why(text, signer=Signer(SECRET, "test")) == ""
    assert why(text, signer=Signer(SECRET, "tests")) == "forged"
    assert why(text, signer=Signer(SecretStr("x" * 32), "test")) == "forged"
    assert [why(made("1~a~9")), why(made("2~a~9")), why(made("1~a~9", ""))] == ["", *["forged"] * 2]


def test_what_would_be_too_long_is_not_signed_and_not_opened() -> None:
    room = LONGEST - len(SIGNER.sign(("",), 9))
    assert len(SIGNER.sign(("a" * room,), 9)) == LONGEST
    with pytest.raises(ValueError, match="at most 1024 characters, not 1025"):
        SIGNER.sign(("a" * (room + 1),), 9)
    assert why(made(f"1~{'a' * (room + 1)}~9")) == "forged"


def test_a_short_secret_is_refused_and_no_text_shows_a_long_one() -> None:
    with pytest.raises(ValueError, match="at least 32 characters") as raised:
        Signer(SecretStr("s3cr3t" * 5), "test")
    assert "s3cr3t" not in str(raised.value)
    assert SECRET.get_secret_value() not in repr(SIGNER)
