"""In a real proxy: who gets in, who goes where, and what each of them is told."""

import base64
import json
from collections.abc import Mapping

import jwt
import pytest

from plugins.campaigns.paths import COSTS, HEALTH, HYBRID, METRICS, STATUS
from tests.kit.running import faults, wait_until
from tests.plugins.campaigns.served import SECRET, Served

LEAST = {"type": "content_planning", "platforms": ["instagram"], "data": {"theme": "autumn"}}
LONG_AGO = 1_000_000_000
Headers = Mapping[str, str]


def token(secret: str = SECRET, **claims: object) -> str:
    return jwt.encode(claims, secret, "HS256")


def unsigned(**claims: object) -> str:
    parts = ({"alg": "none", "typ": "JWT"}, claims)
    coded = [base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=") for one in parts]
    return b".".join([*coded, b""]).decode()


def bearer(text: str) -> Headers:
    return {"Authorization": f"Bearer {text}"}


def cookie(name: str, value: str) -> Headers:
    return {"Cookie": f"{name}={value}"}


ANN = bearer(token(sub="ann"))
BOB = cookie("access_token", token(userId="bob"))
CLEO = cookie("next-auth.session-token", "of-cleo")
ROOT = bearer(token(sub="root", role="ADMIN"))

LET_IN: dict[str, tuple[Headers, str]] = {
    "a bearer token with sub": (ANN, "ann"),
    "a cookie with userId": (BOB, "bob"),
    "the older cookie": (cookie("auth_token", token(userId="bob")), "bob"),
    "a session": (CLEO, "cleo"),
    "a user whose role is spelt otherwise": (bearer(token(sub="ann", role="Creator")), "ann"),
}


@pytest.mark.parametrize("who", LET_IN)
def test_who_is_vouched_for_gets_a_campaign_of_their_own(who: str, served: Served) -> None:
    headers, user = LET_IN[who]
    ran = served.ask(HYBRID, "POST", headers, **LEAST)
    assert ran.status == 200, ran.body
    assert ran.json()["metadata"]["userId"] == user
    name = ran.json()["data"]["workflowId"]
    mine = served.ask(f"{STATUS}?workflowId={name}", headers=headers).json()
    assert mine["data"]["userId"] == user
    assert json.loads(mine["data"]["result"]["content"]) == LEAST["data"]


KEPT_OUT: dict[str, Headers] = {
    "nobody": {},
    "alg none": bearer(unsigned(sub="ann", role="admin")),
    "another secret": bearer(
        token("another secret of enough bytes, sixty-four of them at least", sub="ann")
    ),
    "an expired token": bearer(token(sub="ann", exp=LONG_AGO)),
    "somebody who says who they are": {"X-User-Id": "ann", "X-User-Role": "admin"},
    "a session that is over": cookie("next-auth.session-token", "of-nobody"),
    "a session cookie of another name": cookie("session", "of-cleo"),
    "an API key": {"X-API-Key": "test"},
}


@pytest.mark.parametrize("who", KEPT_OUT)
def test_who_is_not_vouched_for_sees_and_spends_nothing(who: str, served: Served) -> None:
    asked = len(served.proxy.upstream.requests)
    for path, method, body in (
        (HYBRID, "POST", LEAST),
        (STATUS, "GET", {}),
        (f"{STATUS}?stream=true", "GET", {}),
        (f"{COSTS}?startDate=2026-11-01&endDate=2026-11-02", "GET", {}),
        (METRICS, "GET", {}),
    ):
        answered = served.ask(path, method, KEPT_OUT[who], **body)
        assert (answered.status, answered.json()) == (401, {"error": "Authentication required"})
        assert answered.headers["WWW-Authenticate"] == "Bearer"
    assert len(served.proxy.upstream.requests) == asked, "legacy was not asked either"


ADMINS: dict[str, Headers] = {
    "by a claim in capitals": ROOT,
    "by a claim in small letters": bearer(token(sub="root", role="super_admin")),
    "by a session": cookie("next-auth.session-token", "of-root"),
}


@pytest.mark.parametrize("who", ADMINS)
def test_administrators_see_all_and_may_force_a_provider(who: str, served: Served) -> None:
    listed = served.ask(f"{STATUS}?limit=100", headers=ADMINS[who]).json()
    assert {one["userId"] for one in listed["data"]["workflows"]} >= {"ann", "bob"}
    assert served.ask(METRICS, headers=ADMINS[who]).status == 200
    forced = served.ask(HYBRID, "POST", ADMINS[who], **LEAST, forceProvider="openai")
    assert forced.status == 200


@pytest.mark.parametrize(
    "spoofed", [ANN, {**ANN, "X-User-Role": "admin"}, {**ANN, "Cookie": "role=admin"}]
)
def test_users_are_no_administrators_whatever_they_say(spoofed: Headers, served: Served) -> None:
    for path, method, body in (
        (HYBRID, "POST", LEAST | {"forceProvider": "openai"}),
        (f"{STATUS}?userId=bob", "GET", {}),
        (METRICS, "GET", {}),
    ):
        answered = served.ask(path, method, spoofed, **body)
        assert (answered.status, answered.json()) == (403, {"error": "Admin privileges required"})
    assert served.ask(f"{STATUS}?workflowId=wf-bob", headers=spoofed).status == 404


def test_a_user_outside_of_the_rollout_is_legacys_and_untouched(served: Served) -> None:
    headers = {**bearer(token(sub="dora")), "X-Odd": "1"}
    answered = served.ask(HYBRID, "POST", headers, anything=["goes", 1])
    assert answered.headers["X-Crossfade-Arm"] == "legacy"
    assert json.loads(served.proxy.upstream.last.body) == {"anything": ["goes", 1]}


FAILURES = {
    "rate_limit_exceeded": 429,
    "provider_unavailable": 503,
    "compliance_violation": 422,
    "cost_limit_exceeded": 429,
}


@pytest.mark.parametrize("code", FAILURES)
def test_a_failure_is_told_honestly(code: str, served: Served) -> None:
    body = LEAST | {"data": {"fails": code}}
    answered = served.ask(HYBRID, "POST", ANN, **body)
    assert (answered.status, answered.json()["error"]) == (FAILURES[code], code)
    assert answered.json()["metrics"]["failed"] is True
    assert answered.headers.get("Retry-After") == ("7" if answered.status == 429 else None)


def test_what_waits_can_be_come_back_for(served: Served) -> None:
    body = LEAST | {"data": {"queued": True}, "deferrable": True}
    answered = served.ask(HYBRID, "POST", ANN, **body)
    assert (answered.status, answered.json()["data"]["status"]) == (202, "queued")
    found = served.ask(answered.headers["Location"], headers=ANN)
    assert found.json()["data"]["status"] == "queued"


def test_a_request_that_is_sent_again_is_answered_the_same(served: Served) -> None:
    headers = {**ANN, "Idempotency-Key": "k1"}
    first = served.ask(HYBRID, "POST", headers, **LEAST)
    again = served.ask(HYBRID, "POST", headers, **LEAST)
    assert first.status == 200
    assert again.body == first.body


def test_a_client_listens_until_it_leaves(served: Served) -> None:
    headers = bearer(token(sub="liz"))
    with served.listen(f"{STATUS}?stream=true", headers) as event:
        assert event() == "retry: 2000\n"
        name = served.ask(HYBRID, "POST", headers, **LEAST).json()["data"]["workflowId"]
        kind, _, data = event().partition("\n")
        assert kind == "event: workflow"
        assert json.loads(data.removeprefix("data: "))["workflowId"] == name
        assert served.metric("crossfade_campaigns_listeners") == 1
    wait_until(
        lambda: served.metric("crossfade_campaigns_listeners") == 0, "nobody listens any more"
    )


def test_preflights_and_health_need_nobody(served: Served) -> None:
    for path in (HYBRID, STATUS, COSTS, HEALTH, METRICS):
        assert served.ask(path, "OPTIONS").status == 200
    assert served.ask(HEALTH).json()["status"] == "healthy"


def test_all_of_this_is_no_fault_of_anybodys_and_shows_nobody_in_the_log(served: Served) -> None:
    log = served.proxy.log
    assert faults(log) == []
    for secret in ("of-cleo", "of-root", token(sub="ann"), "autumn"):
        assert secret not in log
