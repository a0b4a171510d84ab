"""Which user is calling: every way in which one is vouched for, and those in which nobody is."""

import base64
import json
from collections.abc import Mapping
from typing import Any

import jwt
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from proxy.api.callers import Caller
from proxy.config.models import Identity
from proxy.core.message import parse_request_head
from proxy.dataplane.callers import Callers
from proxy.dataplane.identify import Identifier
from tests.kit.inside import generation
from tests.kit.serving import serving

SECRET = "a secret that only the legacy system and the proxy know, of enough bytes"
NOW = 1_700_000_000.0
DECLARED: dict[str, Any] = {
    "key": ["cookie:sid", "jwt:userId", "jwt:sub", "header:X-User-Id"],
    "jwt": {"cookies": ["access_token", "auth_token"], "secret": SECRET},
    "trusted_proxies": ["127.0.0.9/32"],
}
Fields = dict[bytes, bytes]


def callers(**settings: Any) -> Callers:
    read = Identity.model_validate(DECLARED | settings)
    return Callers(read, Identifier(read, ()))


def token(**claims: Any) -> bytes:
    return jwt.encode(claims, SECRET, "HS256").encode()


def unsigned(**claims: Any) -> bytes:
    parts = ({"alg": "none", "typ": "JWT"}, claims)
    coded = [base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=") for one in parts]
    return b".".join([*coded, b""])


def bearer(text: bytes) -> Fields:
    return {b"authorization": b"Bearer " + text}


def cookie(text: bytes) -> Fields:
    return {b"cookie": text}


async def who(fields: Mapping[bytes, bytes], *, trusted: bool = False, **settings: Any) -> Any:
    return await callers(**settings).find(fields, NOW, trusted=trusted)


KNOWN: dict[str, tuple[Fields, bool, Caller]] = {
    "dialect A by cookie": (
        cookie(b"access_token=" + token(userId="u1")),
        False,
        Caller("u1", "", "", is_admin=False, by="jwt:userId"),
    ),
    "dialect B by cookie": (
        cookie(b"access_token=" + token(sub="u1")),
        False,
        Caller("u1", "", "", is_admin=False, by="jwt:sub"),
    ),
    "the older cookie": (
        cookie(b"auth_token=" + token(userId="u1")),
        False,
        Caller("u1", "", "", is_admin=False, by="jwt:userId"),
    ),
    "a bearer token": (
        bearer(token(sub=42, tier="Pro")),
        False,
        Caller("42", "", "pro", is_admin=False, by="jwt:sub"),
    ),
    "both dialects in one token": (
        bearer(token(sub="s", userId="u")),
        False,
        Caller("u", "", "", is_admin=False, by="jwt:userId"),
    ),
    "a role in capitals": (
        bearer(token(sub="u1", role="ADMIN")),
        False,
        Caller("u1", "admin", "", is_admin=True, by="jwt:sub"),
    ),
    "a super admin": (
        bearer(token(sub="u1", role="Super_Admin")),
        False,
        Caller("u1", "super_admin", "", is_admin=True, by="jwt:sub"),
    ),
    "a creator": (
        bearer(token(sub="u1", role="CREATOR")),
        False,
        Caller("u1", "creator", "", is_admin=False, by="jwt:sub"),
    ),
    "headers of a trusted proxy": (
        {b"x-user-id": b"u1", b"x-user-role": b"ADMIN", b"x-user-tier": b"Pro"},
        True,
        Caller("u1", "admin", "pro", is_admin=True, by="header:X-User-Id"),
    ),
    "a token, and its role by a trusted proxy": (
        bearer(token(sub="u1")) | {b"x-user-role": b"admin"},
        True,
        Caller("u1", "admin", "", is_admin=True, by="jwt:sub"),
    ),
    "a token before an unverified key": (
        {b"cookie": b"sid=u2; access_token=" + token(sub="u1")},
        False,
        Caller("u1", "", "", is_admin=False, by="jwt:sub"),
    ),
}


@pytest.mark.parametrize("what", KNOWN)
async def test_a_caller_is_known_where_somebody_vouches(what: str) -> None:
    fields, trusted, expected = KNOWN[what]
    assert await who(fields, trusted=trusted) == expected


UNKNOWN: dict[str, tuple[Fields, bool]] = {
    "nothing": ({}, False),
    "an unverified cookie": (cookie(b"sid=u1"), False),
    "an unverified cookie by a trusted proxy": (cookie(b"sid=u1"), True),
    "a header of anybody": ({b"x-user-id": b"u1", b"x-user-role": b"admin"}, False),
    "alg none": (bearer(unsigned(sub="u1", role="admin")), False),
    "alg none, by cookie": (cookie(b"access_token=" + unsigned(userId="u1")), False),
    "another secret": (bearer(jwt.encode({"sub": "u1"}, "x" * 32, "HS256").encode()), False),
    "another algorithm": (bearer(jwt.encode({"sub": "u1"}, SECRET, "HS512").encode()), False),
    "expired": (bearer(token(sub="u1", exp=NOW - 3600)), False),
    "not valid yet": (bearer(token(sub="u1", nbf=NOW + 3600)), False),
    "no user in it": (bearer(token(email="u1@example.com", role="admin")), False),
    "a list for a user": (bearer(token(sub=["u1"])), False),
    "a user id on two lines": ({b"x-user-id": b"u1, u2"}, True),
    "a session cookie without a session service": (
        cookie(b"next-auth.session-token=abc"),
        False,
    ),
}


@pytest.mark.parametrize("what", UNKNOWN)
async def test_a_caller_is_not_known_where_nobody_does(what: str) -> None:
    fields, trusted = UNKNOWN[what]
    assert await who(fields, trusted=trusted) is None


ROLES: dict[str, tuple[list[str], Fields]] = {
    "from a cookie": (["cookie:role"], cookie(b"role=admin")),
    "from a header of anybody": (["header:X-Role"], {b"x-role": b"admin"}),
    "from a user header of anybody": (["header:X-User-Role"], {b"x-user-role": b"admin"}),
}


@pytest.mark.parametrize("what", ROLES)
async def test_a_role_counts_only_where_somebody_vouches_for_it(what: str) -> None:
    extractors, fields = ROLES[what]
    named = {"role": extractors, "tier": extractors}
    found = await who(fields | bearer(token(sub="u1")), attributes=named)
    assert found == Caller("u1", "", "", is_admin=False, by="jwt:sub")


async def test_the_role_is_known_where_the_attributes_name_others() -> None:
    fields = bearer(token(sub="u1", role="admin"))
    assert (await who(fields, attributes={"plan": ["jwt:plan"]})).is_admin
    assert not (await who(fields, attributes={"role": []})).is_admin


async def test_who_is_an_admin_can_be_declared() -> None:
    fields = bearer(token(sub="u1", role="Ops"))
    assert (await who(fields, admin_roles=["OPS"])).is_admin
    assert not (await who(bearer(token(sub="u1", role="admin")), admin_roles=["ops"])).is_admin


async def test_tokens_name_the_user_whatever_is_bucketed() -> None:
    found = await who(bearer(token(sub="u1")), key=["cookie:sid"])
    assert found == Caller("u1", "", "", is_admin=False, by="jwt:sub")
    assert await who({b"x-user-id": b"u1"}, trusted=True, key=["cookie:sid"]) is None


async def test_without_verified_keys_a_session_names_the_caller() -> None:
    asked: list[str] = []

    async def session(request: web.BaseRequest) -> web.Response:
        asked.append(request.headers["Cookie"])
        return web.json_response({"user": {"id": "u7", "role": "ADMIN", "tier": "Pro"}})

    async with serving(session) as url:
        known = callers(session={"url": f"{url}/api/auth/session"})
        fields = cookie(b"sid=u2; next-auth.session-token=abc")
        found = await known.find(fields, NOW, trusted=False)
        assert found == Caller("u7", "admin", "pro", is_admin=True, by="session")
        named = await known.find(
            {b"cookie": fields[b"cookie"] + b"; access_token=" + token(sub="u1")},
            NOW,
            trusted=False,
        )
        assert named == Caller("u1", "", "", is_admin=False, by="jwt:sub")
        await known.close()
    assert asked == ["next-auth.session-token=abc"]


async def test_a_generation_knows_its_callers_and_closes_what_it_asked_with() -> None:
    async def session(_: web.BaseRequest) -> web.Response:
        return web.json_response({"user": {"id": "u7"}})

    async with serving(session) as url:
        made = generation(identity=DECLARED | {"session": {"url": url}})
        lines = (b"GET / HTTP/1.1", b"Host: a", b"Cookie: next-auth.session-token=abc", b"", b"")
        head = parse_request_head(b"\r\n".join(lines))
        found = await made.caller(head, trusted=False, now=NOW)
        assert found == Caller("u7", "", "", is_admin=False, by="session")
        await made.close()
        assert await made.caller(head, trusted=False, now=NOW) is None


@given(
    st.dictionaries(
        st.sampled_from([b"cookie", b"authorization", b"x-user-id", b"x-user-role"]),
        st.binary(max_size=60),
    ),
    st.booleans(),
)
async def test_no_header_makes_a_caller_of_whom_nobody_vouches_for(
    fields: Fields, trusted: bool
) -> None:
    found = await who(fields, trusted=trusted)
    assert found is None or (trusted and found.by == "header:X-User-Id")
