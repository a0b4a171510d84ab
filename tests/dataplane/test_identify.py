"""Who is asking: the first extractor that yields a key, and how far it is believed."""

from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from proxy.config.models import Identity as Settings
from proxy.core.identity import ANONYMOUS, Identity
from proxy.dataplane.identify import Identifier

SECRET = "a secret that only the legacy system and the proxy know"
NOW = 1_700_000_000.0
JWT: dict[str, Any] = {"cookies": ["access_token", "auth_token"], "secret": SECRET}


def identifier(*key: str, jwt: dict[str, Any] | None = None, **settings: Any) -> Identifier:
    declared = {"key": list(key), "jwt": JWT if jwt is None else jwt, **settings}
    return Identifier(Settings.model_validate(declared))


def token(secret: str = SECRET, **claims: Any) -> bytes:
    return jwt.encode(claims, secret, "HS256").encode()


def who(
    identify: Identifier, fields: dict[bytes, bytes], *, trusted: bool = False
) -> tuple[bytes | None, str | None, bool]:
    return identify.identify(fields, NOW, trusted=trusted)[:3]


CHAIN = identifier("jwt:userId", "jwt:sub", "header:X-User-Id", "cookie:sid")


def test_the_first_extractor_that_yields_a_key_wins() -> None:
    fields = {
        b"authorization": b"Bearer " + token(sub="from-sub", userId="from-user-id"),
        b"x-user-id": b"from-header",
        b"cookie": b"sid=from-cookie",
    }
    assert who(CHAIN, fields, trusted=True) == (b"from-user-id", "jwt:userId", True)
    fields[b"authorization"] = b"bearer  " + token(sub="from-sub", userId="")
    assert who(CHAIN, fields, trusted=True) == (b"from-sub", "jwt:sub", True)
    del fields[b"authorization"]
    assert who(CHAIN, fields, trusted=True) == (b"from-header", "header:X-User-Id", True)
    assert who(CHAIN, fields) == (b"from-cookie", "cookie:sid", False)
    assert who(CHAIN, {b"cookie": b"sid=; sid=x"}) == (None, None, False)
    assert who(CHAIN, {}) == (None, None, False)


def test_both_claim_dialects_name_the_same_caller() -> None:
    ours = who(CHAIN, {b"cookie": b"access_token=" + token(userId=42)})
    theirs = who(CHAIN, {b"cookie": b"access_token=" + token(sub="42")})
    assert (ours[0], theirs[0]) == (b"42", b"42")


def test_a_header_counts_only_from_a_trusted_proxy() -> None:
    identify = identifier("header:X-User-Id")
    fields = {b"x-user-id": b"admin"}
    assert identify.identify(fields, NOW, trusted=True).key == b"admin"
    assert identify.identify(fields, NOW, trusted=False).key is None


def test_an_identity_header_on_two_lines_is_nobodys() -> None:
    fields = {b"x-user-id": b"admin, mallory", b"cookie": b"sid=s1"}
    assert who(CHAIN, fields, trusted=True) == (b"s1", "cookie:sid", False)


def test_tokens_are_tried_in_cookie_order_then_bearer_until_one_verifies() -> None:
    fields = {
        b"cookie": b"auth_token=" + token(sub="second") + b"; access_token=" + token(sub="first"),
        b"authorization": b"Bearer " + token(sub="third"),
    }
    assert who(CHAIN, fields)[0] == b"first"
    fields[b"cookie"] = b'access_token=a.b.c; auth_token="' + token(sub="second") + b'"'
    assert who(CHAIN, fields)[0] == b"second"
    fields[b"cookie"] = b"access_token=" + token(sub="late", exp=NOW - 3600)
    assert who(CHAIN, fields)[0] == b"third"
    fields[b"authorization"] = b"Basic " + token(sub="third")
    assert who(CHAIN, fields)[0] is None


def test_a_token_that_does_not_verify_yields_nothing() -> None:
    forged = token("another secret, of the right length", sub="admin")
    assert who(CHAIN, {b"authorization": b"Bearer " + forged}) == (None, None, False)
    assert CHAIN.identify({b"authorization": b"Bearer"}, NOW, trusted=False).key is None


def test_bearer_is_not_looked_at_where_it_is_off() -> None:
    identify = identifier("jwt:sub", jwt={**JWT, "bearer": False})
    assert who(identify, {b"authorization": b"Bearer " + token(sub="u1")})[0] is None
    assert who(identify, {b"cookie": b"auth_token=" + token(sub="u1")})[0] == b"u1"


@pytest.mark.parametrize("value", [True, 1.5, None, ["a"], {"a": 1}, "", "  "])
def test_a_claim_that_is_no_key_is_passed_over(value: object) -> None:
    fields = {b"authorization": b"Bearer " + token(userId=value, sub="x")}
    assert who(CHAIN, fields)[0] == b"x"


def test_keys_are_lower_cased_where_asked() -> None:
    identify = identifier("jwt:email", "header:X-User-Id", "cookie:sid", lower=True)
    assert who(identify, {b"authorization": b"Bearer " + token(email="A@B.c")})[0] == b"a@b.c"
    assert who(identify, {b"x-user-id": b"ANN"}, trusted=True)[0] == b"ann"
    assert who(identify, {b"cookie": b"sid=S1"})[0] == b"s1"


def attributes(
    fields: dict[bytes, bytes], declared: dict[str, list[str]], *, trusted: bool = False
) -> dict[str, str]:
    identify = identifier("jwt:sub", attributes=declared)
    return dict(identify.identify(fields, NOW, trusted=trusted).attributes)


def test_an_attribute_takes_the_first_extractor_that_has_it() -> None:
    declared = {"tier": ["jwt:plan.tier", "header:X-User-Tier", "cookie:tier"]}
    fields = {
        b"authorization": b"Bearer " + token(sub="u1", plan={"tier": "pro"}),
        b"x-user-tier": b"free",
        b"cookie": b"tier=basic",
    }
    assert attributes(fields, declared, trusted=True) == {"tier": "pro"}
    del fields[b"authorization"]
    assert attributes(fields, declared, trusted=True) == {"tier": "free"}
    assert attributes(fields, declared) == {"tier": "basic"}
    assert attributes({}, declared) == {}


def test_user_headers_count_as_attributes_only_when_trusted_and_others_always() -> None:
    fields = {b"x-user-tier": b"pro", b"x-region": b" eu "}
    declared = {"tier": ["header:X-User-Tier"], "region": ["header:X-Region"]}
    assert attributes(fields, declared) == {"region": "eu"}
    assert attributes(fields, declared, trusted=True) == {"tier": "pro", "region": "eu"}


@pytest.mark.parametrize(
    ("value", "text"),
    [("pro", "pro"), (45, "45"), (1.5, "1.5"), (True, "true"), (False, "false"), (0, "0")],
)
def test_a_claim_is_compared_as_text(value: object, text: str) -> None:
    fields = {b"authorization": b"Bearer " + token(tier=value)}
    assert attributes(fields, {"tier": ["jwt:tier"]}) == {"tier": text}


@pytest.mark.parametrize("value", [None, "", ["pro"], {"pro": 1}])
def test_a_claim_that_is_no_scalar_is_absent(value: object) -> None:
    fields = {b"authorization": b"Bearer " + token(tier=value)}
    assert attributes(fields, {"tier": ["jwt:tier"]}) == {}


def test_a_header_that_is_not_utf_8_is_absent() -> None:
    assert attributes({b"x-region": b"\xff"}, {"region": ["header:X-Region"]}) == {}


def test_attributes_are_a_mapping_of_what_is_there() -> None:
    identify = identifier("cookie:sid", attributes={"a": ["header:A"], "b": ["header:B"]})
    found = identify.identify({b"b": b"1"}, NOW, trusted=False).attributes
    assert (len(found), list(found), found.get("a"), found.get("c", "-")) == (1, ["b"], None, "-")
    assert found["b"] == "1"
    for absent in ("a", "c"):
        with pytest.raises(KeyError):
            found[absent]


def test_only_the_attributes_that_are_wanted_are_looked_for() -> None:
    settings = Settings.model_validate(
        {"key": ["cookie:sid"], "attributes": {"a": ["header:A"], "b": ["header:B"]}}
    )
    fields = {b"a": b"1", b"b": b"2"}
    some = Identifier(settings, {"b"}).identify(fields, NOW, trusted=False)
    assert dict(some.attributes) == {"b": "2"}
    assert Identifier(settings, ()).identify(fields, NOW, trusted=False) is ANONYMOUS


def test_a_public_key_is_taken_from_the_file_or_a_file_that_is_named(tmp_path: Path) -> None:
    private = generate_private_key(65537, 2048)
    pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "key.pem").write_bytes(pem)
    signed = jwt.encode({"sub": "u1"}, private, "RS256").encode()
    for where in ({"public_key": pem.decode()}, {"public_key_file": str(tmp_path / "key.pem")}):
        identify = identifier("jwt:sub", jwt={"algorithms": ["RS256"], **where})
        assert who(identify, {b"authorization": b"Bearer " + signed})[0] == b"u1"


def test_a_key_that_cannot_be_had_is_refused_when_compiling(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"\xff")
    for settings, said in [
        ({}, "neither a secret nor a public key"),
        ({"algorithms": ["RS256"], "public_key_file": str(tmp_path / "none")}, "No such file"),
        ({"algorithms": ["RS256"], "public_key_file": str(tmp_path / "latin")}, "not UTF-8"),
    ]:
        with pytest.raises(ValueError, match=said):
            identifier("jwt:sub", jwt=settings)


@given(
    st.dictionaries(
        st.sampled_from([b"cookie", b"authorization", b"x-user-id"]), st.binary(max_size=60)
    ),
    st.booleans(),
)
def test_no_header_makes_the_identifier_raise_or_verify_what_nobody_vouched_for(
    fields: dict[bytes, bytes], trusted: bool
) -> None:
    found: Identity = CHAIN.identify(fields, NOW, trusted=trusted)
    assert found.verified is (found.source == "header:X-User-Id")
    assert not found.verified or trusted
    assert dict(found.attributes) == {}
