"""preview_cookie: a token pins its bearer to an arm, on its route, until it expires."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote, urlencode

import orjson
import pytest
from pydantic import SecretStr

from plugins.preview_cookie import PreviewCookie
from proxy.api import Reply, Request, Signer
from proxy.api.testing import Isolated, isolated, request, upstream_reply

SECRET = "correct horse battery staple 1234"
ENTER = ("GET", "/.crossfade/preview")
TOKENS = ("POST", "/tokens")


@pytest.fixture
async def alone() -> AsyncIterator[Isolated]:
    async with isolated(PreviewCookie, application_settings={"secret": SECRET}) as plugin:
        yield plugin


async def mint(alone: Isolated, **asked: Any) -> dict[str, Any]:
    reply = await alone.admin[TOKENS](request(*TOKENS), orjson.dumps(asked))
    assert reply.status == 200, reply.body
    made: dict[str, Any] = reply.json()
    return made


async def token_of(alone: Isolated, arm: str = "new", route: str = "campaigns") -> str:
    return str((await mint(alone, arm=arm, route=route))["token"])


def asking(token: str, route: str = "campaigns", cookie: str = "crossfade_preview") -> Request:
    return request(route=route, headers={"Cookie": f"sid=7; {cookie}={token}"})


async def arm_of(alone: Isolated, asked: Request) -> str | None:
    return (await alone.through(asked, arm="legacy")).arm


async def enter(alone: Isolated, **query: str) -> Reply:
    asked = request(*ENTER, query=urlencode(query, quote_via=quote))
    return await alone.endpoints[ENTER](asked, b"")


# On a route


@pytest.mark.parametrize("arm", ["new", "legacy"])
async def test_a_token_in_the_cookie_pins_its_arm(alone: Isolated, arm: str) -> None:
    assert await arm_of(alone, asking(await token_of(alone, arm))) == arm
    assert alone.services.value("tokens", was="valid") == 1


async def test_a_token_in_the_header_pins_its_arm(alone: Isolated) -> None:
    token = await token_of(alone)
    asked = request(route="campaigns", headers={"X-Crossfade-Preview": token})
    assert await arm_of(alone, asked) == "new"


async def test_the_header_comes_before_the_cookie_and_a_wrong_one_is_passed_over(
    alone: Isolated,
) -> None:
    new, legacy = await token_of(alone, "new"), await token_of(alone, "legacy")
    both = {"X-Crossfade-Preview": legacy, "Cookie": f"crossfade_preview={new}"}
    assert await arm_of(alone, request(route="campaigns", headers=both)) == "legacy"
    wrong = both | {"X-Crossfade-Preview": "1~new~campaigns~9999999999~x"}
    assert await arm_of(alone, request(route="campaigns", headers=wrong)) == "new"


async def test_without_a_token_the_rollout_decides_and_nothing_is_counted(alone: Isolated) -> None:
    passed = await alone.through(request(route="campaigns"), arm="new")
    assert (passed.arm, passed.outcome.arm) == (None, "new")
    assert all(alone.services.value("tokens", was=was) == 0 for was in ("valid", "forged"))


async def test_a_token_for_one_route_does_not_count_on_another(alone: Isolated) -> None:
    assert await arm_of(alone, asking(await token_of(alone), route="accounts")) is None
    assert alone.services.value("tokens", was="elsewhere") == 1


async def test_a_token_for_everything_counts_on_every_route(alone: Isolated) -> None:
    token = await token_of(alone, route="*")
    assert [await arm_of(alone, asking(token, route)) for route in ("a", "b")] == ["new", "new"]


async def test_a_token_counts_until_the_second_at_which_it_expires(alone: Isolated) -> None:
    made = await mint(alone, arm="new", route="campaigns", expires_in="1h")
    assert made["expires"] == alone.clock.now() + 3600
    await alone.clock.jump(3599.5)
    assert await arm_of(alone, asking(made["token"])) == "new"
    await alone.clock.jump(0.5)
    assert await arm_of(alone, asking(made["token"])) is None
    assert alone.services.value("tokens", was="expired") == 1


async def test_what_was_signed_with_another_secret_or_for_something_else_does_not_count(
    alone: Isolated,
) -> None:
    fields, end = ("new", "campaigns"), 2**40
    token = Signer(SecretStr(SECRET), "preview_cookie").sign(fields, end)
    assert await arm_of(alone, asking(token)) == "new"
    for secret, purpose in (("x" * 32, "preview_cookie"), (SECRET, "webhook")):
        other = Signer(SecretStr(secret), purpose).sign(fields, end)
        assert await arm_of(alone, asking(other)) is None
    assert alone.services.value("tokens", was="forged") == 2


@pytest.mark.parametrize("wrong", ["~", "1~new~campaigns~9", "a" * 9999, "1~new~*~9~" + "A" * 43])
async def test_whatever_is_no_token_is_passed_over_and_counted(alone: Isolated, wrong: str) -> None:
    assert await arm_of(alone, asking(wrong)) is None
    assert alone.services.value("tokens", was="forged") == 1


# What a tester gets


async def test_what_a_tester_gets_stays_out_of_every_cache(alone: Isolated) -> None:
    upstream = upstream_reply(
        headers={
            "Cache-Control": "public, max-age=600",
            "CDN-Cache-Control": "max-age=600",
            "Surrogate-Control": "max-age=600",
        }
    )
    reply = (await alone.through(asking(await token_of(alone)), upstream, arm="legacy")).reply
    assert reply.headers.items() == [("Cache-Control", "private, no-store")]


async def test_what_everybody_else_gets_is_cached_as_the_upstream_says(alone: Isolated) -> None:
    upstream = upstream_reply(headers={"Cache-Control": "public, max-age=600"})
    for asked in (request(route="campaigns"), asking("1~new~campaigns~9~forged")):
        reply = (await alone.through(asked, upstream, arm="new")).reply
        assert reply.headers.items() == [("Cache-Control", "public, max-age=600")]


# The link


async def test_the_link_sets_the_cookie_and_leads_on(alone: Isolated) -> None:
    made = await mint(alone, arm="new", route="campaigns", expires_in="10m")
    path, _, query = made["link"].partition("?")
    await alone.clock.jump(60)
    reply = await alone.endpoints["GET", path](request("GET", path, query=query), b"")
    assert (reply.status, reply.headers.get("Location")) == (303, "/")
    assert reply.headers.get("Set-Cookie") == (
        f"crossfade_preview={made['token']}; Path=/; Max-Age=540; HttpOnly; SameSite=Lax; Secure"
    )
    assert reply.headers.get("Cache-Control") == "no-store"
    assert reply.headers.get("Referrer-Policy") == "no-referrer"


@pytest.mark.parametrize("secure", [True, False])
async def test_the_cookie_is_for_https_alone_unless_the_settings_say_otherwise(
    secure: bool,
) -> None:
    said = {"secret": SECRET, "secure": secure}
    async with isolated(PreviewCookie, application_settings=said) as alone:
        reply = await enter(alone, token=await token_of(alone))
    assert str(reply.headers.get("Set-Cookie")).endswith("; Secure") is secure


async def test_without_a_token_the_link_removes_the_cookie(alone: Isolated) -> None:
    for query in ({}, {"token": ""}, {"to": "//evil.test"}):
        reply = await enter(alone, **query)
        assert (reply.status, reply.headers.get("Location")) == (303, "/")
        assert reply.headers.get("Set-Cookie") == (
            "crossfade_preview=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure"
        )


async def test_a_link_with_a_wrong_or_expired_token_sets_nothing(alone: Isolated) -> None:
    token = await token_of(alone)
    await alone.clock.jump(8 * 3600)
    for text in (token, "x", f"{token}\r\nSet-Cookie: a=b"):
        reply = await enter(alone, token=text)
        assert reply.status == 403
        assert "Set-Cookie" not in reply.headers
    assert alone.services.value("tokens", was="expired") == 1


# Making tokens


async def test_only_operators_make_tokens_and_by_default_for_the_longest_time(
    alone: Isolated,
) -> None:
    assert alone.admin.roles == {TOKENS: "operator"}
    made = await mint(alone, arm="new", route="campaigns")
    assert made["expires"] - alone.clock.now() == 8 * 3600
    assert made["link"] == f"/.crossfade/preview?token={made['token']}"


WRONG = [
    b"",
    b"[]",
    b'{"route": "a"}',
    b'{"arm": "new"}',
    b'{"arm": "new", "route": ""}',
    b'{"arm": "new", "route": "a~b"}',
    b'{"arm": "new", "route": "*a"}',
    b'{"arm": "old", "route": "a"}',
    b'{"arm": "new", "route": "a", "expires_in": 60}',
    b'{"arm": "new", "route": "a", "expires_in": "0s"}',
    b'{"arm": "new", "route": "a", "rout": "b"}',
]


@pytest.mark.parametrize("body", WRONG)
async def test_a_wrong_wish_for_a_token_is_answered_with_a_right_one(
    alone: Isolated, body: bytes
) -> None:
    reply = await alone.admin[TOKENS](request(*TOKENS), body)
    assert reply.status == 400
    assert 'wanted {"arm": "legacy" or "new", "route": ' in reply.json()["detail"]


async def test_a_token_for_longer_than_the_settings_allow_is_not_made(alone: Isolated) -> None:
    asked = b'{"arm": "new", "route": "a", "expires_in": "9h"}'
    reply = await alone.admin[TOKENS](request(*TOKENS), asked)
    assert reply.status == 400
    assert reply.json()["detail"] == "expires_in: at most 28800s, the max_age"


async def test_the_command_prints_a_token_that_counts(
    alone: Isolated, capsys: pytest.CaptureFixture[str]
) -> None:
    await alone.commands.run("mint", arm="new", route="campaigns", expires_in="1h")
    printed = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert printed["token:"] in printed["link:"]
    assert await arm_of(alone, asking(printed["token:"])) == "new"


# Settings


MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "no secret": ({}, "secret"),
    "a short secret": ({"secret": "s3cr3t" * 5}, "at least 32 characters"),
    "a cookie that is none": ({"secret": SECRET, "cookie": "a b"}, "cookie"),
    "a header that is none": ({"secret": SECRET, "header": "a:b"}, "header"),
    "a path with a query": ({"secret": SECRET, "path": "/a?b"}, "path"),
    "a path without a slash": ({"secret": SECRET, "path": "preview"}, "path"),
    "a number for a duration": ({"secret": SECRET, "max_age": 3600}, "a duration such as"),
    "no life at all": ({"secret": SECRET, "max_age": "0s"}, "a duration of at least 1s"),
    "neither true nor false": ({"secret": SECRET, "secure": "maybe"}, "secure"),
    "an unknown key": ({"secret": SECRET, "cokie": "a"}, "cookie"),
}


@pytest.mark.parametrize("what", MISTAKES)
async def test_a_mistake_in_the_settings_is_told_without_the_secret(what: str) -> None:
    settings, told = MISTAKES[what]
    with pytest.raises(ValueError, match=r".") as raised:
        async with isolated(PreviewCookie, application_settings=settings):
            raise AssertionError("it started")
    assert told in str(raised.value)
    assert "s3cr3t" not in str(raised.value)
    assert SECRET not in str(raised.value)


async def test_no_log_and_no_repr_tells_a_secret_or_a_token(alone: Isolated) -> None:
    token = await token_of(alone)
    for text in (token, token[:-1]):
        await alone.through(asking(text), arm="legacy")
    told = f"{alone.services.lines} {alone.application!r} {alone.application.settings!r}"
    assert SECRET not in told
    assert token[:-1] not in told
