"""Words are compared without regard to how they are spelt, but not to where they end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.orchestrator.words import words_of
from tests.kit.properties import examples

SAME = {
    "case": ("Free MONEY", "free money"),
    "full-width letters": ("\uff26\uff32\uff25\uff25 money", "free money"),
    "ligatures": ("o\ufb00er", "offer"),
    "sharp s": ("STRASSE", "stra\u00dfe"),
    "accents composed and not": ("caf\u00e9", "cafe\u0301"),
    "characters that nobody sees": ("fr\u200bee mo\u00adney\ufeff", "free money"),
    "white space": ("free\n\t money", "free money"),
    "typographic spaces": ("free\u00a0money", "free money"),
}


@pytest.mark.parametrize("what", SAME)
def test_other_spellings_make_no_difference(what: str) -> None:
    one, other = SAME[what]
    assert words_of(one) == words_of(other)


def test_signs_are_words_of_their_own() -> None:
    assert words_of("#ad: c++, 50%") == ["#", "ad", ":", "c", "+", "+", ",", "50", "%"]


def test_each_character_of_a_script_without_spaces_is_a_word() -> None:
    assert words_of("無料money") == ["無", "料", "money"]


@examples(100)
@given(st.text(max_size=50))
def test_the_words_of_the_words_are_the_same(text: str) -> None:
    words = words_of(text)
    assert words_of(" ".join(words)) == words
    assert all(words)
