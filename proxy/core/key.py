"""The one spelling of a key that is hashed, listed and compared.

Whatever carries a key (a claim, a header, a cookie, a line in a whitelist),
it goes through the same steps: UTF-8, Unicode normal form C (UAX #15), ASCII
white space removed at both ends, lower case only where asked. An integer is
its decimal digits. Anything else, and the empty key, is no key at all: an
empty string must not become one bucket that all anonymous callers share.
"""

from hashlib import blake2b
from unicodedata import normalize

KEY_BYTES = 512
"""The longest key that is used as it is; see `_capped`."""

_ASCII_SPACE = " \t\n\r\x0b\x0c"


def normalise(raw: bytes, *, lower: bool = False) -> bytes | None:
    """Return the key that these bytes of a header or a cookie spell, or None for no key.

    Bytes that are not UTF-8 are no key. A key longer than 512 bytes is replaced
    by a digest of the whole of it, so that two long keys with the same
    beginning stay two keys.
    """
    if not raw.isascii():
        try:
            return _normalise_text(raw.decode(), lower=lower)
        except UnicodeDecodeError:
            return None
    key = raw.strip()
    if lower:
        key = key.lower()
    if len(key) > KEY_BYTES:
        return _capped(key)
    return key or None


def normalise_value(value: object, *, lower: bool = False) -> bytes | None:
    """Return the key that a decoded value (a JWT claim, a line of a list) spells, or None.

    Text and integers are keys; a bool, a float, a null or a structure is not,
    since its spelling differs from one serialiser to the next. Long keys are
    treated as in `normalise`.
    """
    if isinstance(value, str):
        return _normalise_text(value, lower=lower)
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            return normalise(str(value).encode())
        except ValueError:  # more digits than Python converts (sys.set_int_max_str_digits)
            return None
    return None


def _normalise_text(text: str, *, lower: bool) -> bytes | None:
    text = normalize("NFC", text)
    if lower:
        text = normalize("NFC", text.lower())
    try:
        key = text.strip(_ASCII_SPACE).encode()
    except UnicodeEncodeError:  # a lone surrogate, which JSON can spell and UTF-8 cannot
        return None
    return _capped(key) if len(key) > KEY_BYTES else key or None


def _capped(key: bytes) -> bytes:
    """Return what stands for a key of more than 512 bytes: a digest of its full value."""
    return b"blake2b-256:" + blake2b(key, digest_size=32).hexdigest().encode()
