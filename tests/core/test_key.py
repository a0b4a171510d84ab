"""One spelling per key, and no key where there is none."""

import unicodedata
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.key import KEY_BYTES, normalise, normalise_value

TEXTS = st.text(max_size=40)
LOWER = st.booleans()


@pytest.mark.parametrize(
    ("raw", "key"),
    [
        (b"user-1", b"user-1"),
        (b" \tuser-1\r\n", b"user-1"),
        (b"a b", b"a b"),
        (b"User@Example.com", b"User@Example.com"),
        ("jose\u0301".encode(), "jos\u00e9".encode()),
        ("\u212b".encode(), "\u00c5".encode()),
        ("\u00a0x\u00a0".encode(), "\u00a0x\u00a0".encode()),
        (b"x" * KEY_BYTES, b"x" * KEY_BYTES),
    ],
)
def test_a_key_has_one_spelling(raw: bytes, key: bytes) -> None:
    assert normalise(raw) == key


@pytest.mark.parametrize("raw", [b"", b" ", b"\t\r\n\x0b\x0c", b"\xff", b"caf\xe9"])
def test_what_is_empty_or_not_utf_8_is_no_key(raw: bytes) -> None:
    assert normalise(raw) is None


@pytest.mark.parametrize("value", [None, True, False, 1.0, [], {}, ["a"], b"a", "", " ", "\ud800"])
def test_a_value_whose_spelling_is_not_certain_is_no_key(value: object) -> None:
    assert normalise_value(value) is None


@pytest.mark.parametrize(("value", "key"), [(0, b"0"), (-7, b"-7"), (10**30, b"1" + b"0" * 30)])
def test_an_integer_is_its_decimal_digits(value: int, key: bytes) -> None:
    assert normalise_value(value) == key


def test_an_integer_of_more_digits_than_python_writes_is_no_key() -> None:
    assert normalise_value(10**5000) is None


def test_lower_case_only_where_asked() -> None:
    assert normalise(b"A@B.C", lower=True) == b"a@b.c"
    assert normalise("\u00c9A".encode(), lower=True) == "\u00e9a".encode()
    assert normalise_value("A@B.C", lower=True) == b"a@b.c"
    assert normalise_value("A@B.C") == b"A@B.C"


@pytest.mark.parametrize("letter", ["x", "\u00e9"])
def test_two_long_keys_that_begin_alike_stay_two_keys(letter: str) -> None:
    one = normalise((letter * 600 + "1").encode())
    other = normalise((letter * 600 + "2").encode())
    assert one is not None
    assert other is not None
    assert one != other
    assert max(len(one), len(other)) <= KEY_BYTES


@given(TEXTS, LOWER)
def test_normalising_twice_changes_nothing(text: str, lower: bool) -> None:
    once = normalise_value(text, lower=lower)
    assert once is None or normalise(once, lower=lower) == once


@given(st.text("aA \u00c9\u0301\u0130\u03a3\u212a", max_size=12), LOWER)
def test_normalising_awkward_letters_twice_changes_nothing(text: str, lower: bool) -> None:
    once = normalise_value(text, lower=lower)
    assert once is None or normalise(once, lower=lower) == once


@given(st.binary(max_size=700), LOWER)
def test_a_key_of_any_bytes_is_short_utf_8_or_nothing(raw: bytes, lower: bool) -> None:
    key = normalise(raw, lower=lower)
    assert key is None or (0 < len(key) <= KEY_BYTES and key.decode())


@given(TEXTS, LOWER)
def test_bytes_and_text_spell_the_same_key(text: str, lower: bool) -> None:
    assert normalise(text.encode(), lower=lower) == normalise_value(text, lower=lower)


@given(TEXTS)
def test_composed_and_decomposed_text_spell_the_same_key(text: str) -> None:
    spellings = [unicodedata.normalize(form, text) for form in ("NFC", "NFD")]
    assert len({normalise_value(spelling) for spelling in spellings}) == 1


def test_every_single_letter_is_settled_after_one_pass() -> None:
    letters = (chr(code) for code in range(0x20, 0x3000) if not 0xD800 <= code < 0xE000)
    unsettled = [
        (letter, lower)
        for letter, lower in product(letters, (False, True))
        if (once := normalise_value(letter, lower=lower)) and normalise(once, lower=lower) != once
    ]
    assert unsettled == []
