"""The signature is that of the documentation: whoever follows it finds the same."""

import hashlib
import hmac

from hypothesis import given
from hypothesis import strategies as st

from plugins.notify.channels.signing import signature_of
from tests.kit.properties import examples


def verified(header: str, secret: str, body: bytes, now: float, within: float = 300.0) -> bool:
    """What a receiver does, as the page says."""
    parts = dict(part.split("=", 1) for part in header.split(","))
    signed = parts["t"].encode() + b"." + body
    right = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return hmac.compare_digest(right, parts["v1"]) and abs(now - int(parts["t"])) <= within


def test_it_is_an_hmac_over_time_and_body() -> None:
    found = signature_of("0123456789abcdef", 1_750_000_000, b'{"a":1}')
    assert found == (
        "t=1750000000,v1=" + hmac.new(
            b"0123456789abcdef", b'1750000000.{"a":1}', hashlib.sha256
        ).hexdigest()
    )  # fmt: skip


@examples(30)
@given(st.text(min_size=1), st.integers(0, 2**40), st.binary(), st.binary())
def test_only_the_body_that_was_signed_is_verified(
    secret: str, at: int, body: bytes, other: bytes
) -> None:
    header = signature_of(secret.encode("utf-8", "replace").decode(), at, body)
    secret = secret.encode("utf-8", "replace").decode()
    assert verified(header, secret, body, at)
    assert verified(header, secret, other, at) == (other == body)
    assert not verified(header, secret + "x", body, at)
    assert not verified(header, secret, body, at + 301)
