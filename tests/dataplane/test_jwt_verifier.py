"""Tokens: what is accepted, until when, and that nothing else ever is."""

import base64
import hashlib
import hmac
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from proxy.dataplane import jwt_verifier
from proxy.dataplane.jwt_verifier import JwtVerifier, claim

SECRET = "correct horse battery staple, and then some more of it for SHA-512"
NOW = 1_700_000_000.0


def signed(claims: dict[str, Any], algorithm: str = "HS256", key: Any = SECRET) -> bytes:
    return jwt.encode(claims, key, algorithm).encode()


def part(value: object) -> bytes:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=")


@pytest.fixture(scope="module")
def private_key() -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


def public_pem(private_key: RSAPrivateKey) -> str:
    return (
        private_key.public_key()
        .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_token_signed_with_the_secret_yields_its_claims(algorithm: str) -> None:
    token = signed({"sub": "u1", "exp": NOW + 60}, algorithm)
    assert JwtVerifier(SECRET, [algorithm]).claims(token, NOW) == {"sub": "u1", "exp": NOW + 60}


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512"])
def test_a_token_signed_with_the_private_key_yields_its_claims(
    algorithm: str, private_key: RSAPrivateKey
) -> None:
    verifier = JwtVerifier(public_pem(private_key), [algorithm])
    assert verifier.claims(signed({"sub": "u1"}, algorithm, private_key), NOW) == {"sub": "u1"}
    other = generate_private_key(65537, 2048)
    assert verifier.claims(signed({"sub": "u1"}, algorithm, other), NOW) is None


def test_a_short_secret_of_the_legacy_system_verifies_without_a_warning() -> None:
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        token = jwt.encode({"sub": "u1"}, "dev", "HS256").encode()
    assert JwtVerifier("dev", ["HS256"]).claims(token, NOW) == {"sub": "u1"}


@pytest.mark.parametrize("name", ["none", "None", "NONE", "", None, [], {}, 1, "HS384", "RS256"])
def test_no_algorithm_but_the_pinned_one_is_accepted(name: object) -> None:
    head, body = part({"typ": "JWT", "alg": name}), part({"sub": "u1"})
    honest = signed({"sub": "u1"})
    verifier = JwtVerifier(SECRET, ["HS256"])
    for signature in (b"", honest.rsplit(b".", 1)[1]):
        assert verifier.claims(b".".join([head, body, signature]), NOW) is None


def test_a_public_key_is_never_taken_for_a_shared_secret(private_key: RSAPrivateKey) -> None:
    pem = public_pem(private_key)
    signing = b".".join([part({"alg": "HS256"}), part({"sub": "u1"})])
    forged = signing + b"." + part(hmac.digest(pem.encode(), signing, hashlib.sha256))
    assert JwtVerifier(pem, ["RS256"]).claims(forged, NOW) is None


@pytest.mark.parametrize(
    ("claims", "now", "accepted"),
    [
        ({}, NOW, True),
        ({"exp": NOW + 1}, NOW, True),
        ({"exp": NOW - 29}, NOW, True),
        ({"exp": NOW - 30}, NOW, False),
        ({"exp": NOW - 29.5}, NOW, True),
        ({"nbf": NOW + 30}, NOW, True),
        ({"nbf": NOW + 31}, NOW, False),
        ({"iat": NOW + 1000}, NOW, True),
        ({"exp": "2100-01-01"}, NOW, False),
        ({"exp": None}, NOW, False),
        ({"exp": True}, NOW, False),
        ({"exp": 1e300}, NOW, False),
        ({"nbf": "0"}, NOW, False),
    ],
)
def test_dates_are_compared_with_the_time_that_is_passed_in(
    claims: dict[str, Any], now: float, accepted: bool
) -> None:
    head, body = part({"alg": "HS256"}), part(claims)
    token = signed_parts(head, body)
    found = JwtVerifier(SECRET, ["HS256"], leeway=30).claims(token, now)
    assert (found is not None) is accepted


def signed_parts(head: bytes, body: bytes) -> bytes:
    """Sign what PyJWT would not encode."""
    signing = head + b"." + body
    return signing + b"." + part(hmac.digest(SECRET.encode(), signing, hashlib.sha256))


@pytest.mark.parametrize("body", [b"[]", b'"a"', b"{", b'{"a": NaN}', b"[" * 5000, b"\xff", b"1"])
def test_what_is_signed_but_no_json_object_is_refused(body: bytes) -> None:
    token = signed_parts(part({"alg": "HS256"}), part(body))
    assert JwtVerifier(SECRET, ["HS256"]).claims(token, NOW) is None


@pytest.mark.parametrize(
    "token", [b"", b".", b"..", b"...", b"a.b.c", b"\xff.\xff.\xff", b"x" * 8193]
)
def test_what_is_no_token_yields_nothing(token: bytes) -> None:
    assert JwtVerifier(SECRET, ["HS256"]).claims(token, NOW) is None


def test_a_token_of_more_than_8_kib_is_not_looked_at() -> None:
    verifier = JwtVerifier(SECRET, ["HS256"])
    assert verifier.claims(signed({"pad": "x" * 5000}), NOW) is not None
    assert verifier.claims(signed({"pad": "x" * 6200}), NOW) is None


def test_a_remembered_token_ends_when_it_expires_and_begins_when_it_is_due() -> None:
    verifier = JwtVerifier(SECRET, ["HS256"], leeway=5)
    token = signed({"nbf": NOW, "exp": NOW + 100})
    seen = [verifier.claims(token, NOW + at) is not None for at in (-6, -5, 0, 104, 105, 50, -6)]
    assert seen == [False, True, True, True, False, True, False]


def test_a_token_without_expiry_is_accepted_again_and_again() -> None:
    verifier = JwtVerifier(SECRET, ["HS256"])
    token = signed({"sub": "u1"})
    assert [verifier.claims(token, NOW + at) for at in (0, 59, 61, 1e6)] == [{"sub": "u1"}] * 4


def test_garbage_does_not_displace_verified_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jwt_verifier, "VERIFIED_KEPT", 3)
    monkeypatch.setattr(jwt_verifier, "REFUSED_KEPT", 2)
    verifier = JwtVerifier(SECRET, ["HS256"])
    tokens = [signed({"sub": f"u{n}"}) for n in range(5)]
    for token in tokens:
        verifier.claims(token, NOW)
    for n in range(20):
        verifier.claims(b"a.b.%d" % n, NOW)
    assert (len(verifier._verified), len(verifier._refused)) == (3, 2)
    assert [verifier.claims(token, NOW) for token in tokens] == [{"sub": f"u{n}"} for n in range(5)]


def test_the_cache_holds_no_token() -> None:
    verifier = JwtVerifier(SECRET, ["HS256"])
    token = signed({"sub": "u1"})
    verifier.claims(token, NOW)
    verifier.claims(b"a.b.c", NOW)
    assert {len(digest) for digest in [*verifier._verified, *verifier._refused]} == {16}


@pytest.mark.parametrize(
    ("claims", "accepted"),
    [
        ({"iss": "me", "aud": "us"}, True),
        ({"iss": "me", "aud": ["them", "us"]}, True),
        ({"iss": "me", "aud": ["them"]}, False),
        ({"iss": "me", "aud": {"us": 1}}, False),
        ({"iss": "me"}, False),
        ({"iss": ["me"], "aud": "us"}, False),
        ({"iss": "you", "aud": "us"}, False),
        ({"aud": "us"}, False),
    ],
)
def test_issuer_and_audience_are_checked_where_they_are_asked(
    claims: dict[str, Any], accepted: bool
) -> None:
    token = signed_parts(part({"alg": "HS256"}), part(claims))
    strict = JwtVerifier(SECRET, ["HS256"], issuer="me", audience="us")
    assert (strict.claims(token, NOW) is not None) is accepted
    assert JwtVerifier(SECRET, ["HS256"]).claims(token, NOW) is not None


TOKEN = signed({"sub": "u1", "role": "user", "exp": NOW + 3600})
TAMPERED = JwtVerifier(SECRET, ["HS256"])


@given(st.integers(0, len(TOKEN) - 1), st.integers(1, 255))
def test_a_token_with_one_other_byte_never_verifies(at: int, change: int) -> None:
    broken = TOKEN[:at] + bytes([TOKEN[at] ^ change]) + TOKEN[at + 1 :]
    assert TAMPERED.claims(broken, NOW) is None


@given(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=3))
def test_other_claims_under_an_honest_signature_never_verify(claims: dict[str, Any]) -> None:
    head, _, signature = TOKEN.split(b".")
    assert TAMPERED.claims(b".".join([head, part(claims), signature]), NOW) is None


@given(st.binary(max_size=100))
def test_no_bytes_make_the_verifier_raise(token: bytes) -> None:
    assert TAMPERED.claims(token, NOW) is None


def test_a_key_that_does_not_fit_is_refused_without_being_shown(private_key: RSAPrivateKey) -> None:
    private = private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    for key, algorithms, said in [
        ("hush-hush", ["RS256"], "does not fit RS256"),
        (public_pem(private_key), ["HS256"], "does not fit HS256"),
        (private, ["RS256"], "private key"),
        ("hush-hush", ["HS256", "RS256"], "cannot share one key"),
        ("hush-hush", ["none"], "none is not one of"),
        ("hush-hush", [], "at least one algorithm"),
    ]:
        with pytest.raises(ValueError, match=said) as caught:
            JwtVerifier(key, algorithms)
        assert key not in str(caught.value)
        assert caught.value.__cause__ is None


def test_a_claim_is_found_by_its_name_or_by_a_path_into_nested_claims() -> None:
    claims = {"plan": {"tier": "pro", "n": {"x": 1}}, "https://a.b/tier": "free", "sub": "u1"}
    assert claim(claims, "sub") == "u1"
    assert claim(claims, "plan.tier") == "pro"
    assert claim(claims, "plan.n.x") == 1
    assert claim(claims, "https://a.b/tier") == "free"
    assert claim(claims, "sub.x") is None
    assert claim(claims, "plan.nothing") is None
    assert claim(claims, "") is None
