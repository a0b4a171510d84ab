"""The words of a text, in a form in which they can be compared."""

import re
import unicodedata

__all__ = ["words_of"]

# Written without spaces between words, so each character counts as a word: Thai, Lao, Burmese,
# Khmer, kana, Han.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+|[^\w\s]")


def words_of(text: str) -> list[str]:
    """Return the words and signs of a text.

    Case, compatible spellings (full-width letters, ligatures) and invisible characters
    make no difference: Unicode NFKC, case folded.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
        text = " ".join(text.split())
        if not text.isprintable():  # in most texts nothing is invisible, and this is quick
            text = "".join(sign for sign in text if unicodedata.category(sign) != "Cf")
    return _WORD.findall(text.casefold())
