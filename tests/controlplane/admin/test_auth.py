"""A token opens what its role may do and no more; without any, only this machine is heard."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.config.models import Token
from proxy.controlplane.admin.auth import Guard, Refusal, Role, is_loopback

SECRETS = {role: f"the token of the {role}" for role in ("viewer", "operator", "admin")}
TOKENS = tuple(
    Token.model_validate({"name": f"a-{role}", "role": role, "token": secret})
    for role, secret in SECRETS.items()
)
GUARD = Guard(TOKENS)
OPEN = Guard(())


def status_of(guard: Guard, needs: Role | None, authorization: str, host: str = "proxy") -> int:
    try:
        guard.check(needs, "GET", host, None, authorization)
    except Refusal as refusal:
        return refusal.status
    return 200


@pytest.mark.parametrize("role", SECRETS)
@pytest.mark.parametrize("needs", list(Role))
def test_a_role_may_do_what_those_below_it_may(role: str, needs: Role) -> None:
    expected = 200 if Role[role.upper()] >= needs else 403
    assert status_of(GUARD, needs, f"Bearer {SECRETS[role]}") == expected


def test_the_caller_is_known_by_the_name_of_the_token() -> None:
    caller = GUARD.check(Role.VIEWER, "GET", "proxy", None, f"bearer {SECRETS['admin']}")
    assert caller == ("a-admin", Role.ADMIN)


@given(st.text())
def test_no_other_text_is_a_token(text: str) -> None:
    assert status_of(GUARD, Role.VIEWER, f"Bearer {text}") == 401
    assert status_of(GUARD, Role.VIEWER, text) == 401


@pytest.mark.parametrize("scheme", ["Basic", "", "Token", "BearerX"])
def test_another_scheme_is_no_token(scheme: str) -> None:
    assert status_of(GUARD, Role.VIEWER, f"{scheme} {SECRETS['admin']}") == 401


def test_a_refusal_never_contains_a_token() -> None:
    with pytest.raises(Refusal) as caught:
        GUARD.check(Role.ADMIN, "GET", "proxy", None, f"Bearer {SECRETS['viewer']}")
    assert SECRETS["viewer"] not in f"{caught.value} {caught.value.hint}"


def test_what_everybody_may_ask_needs_no_token_and_no_particular_host() -> None:
    assert status_of(GUARD, None, "", host="10.0.0.7:9090") == 200


LOCAL = ["localhost", "LOCALHOST:9090", "127.0.0.1", "127.0.0.1:9090", "127.3.2.1", "[::1]:9090"]
FOREIGN = [
    "",
    "evil.example",
    "localhost.evil.example",
    "127.0.0.1.evil.example:9090",
    "10.0.0.1",
    "0.0.0.0",
    "[::]",
    "[::1]evil",
    "[::1",
    "2130706433",
]


@pytest.mark.parametrize("host", LOCAL)
def test_a_loopback_host_is_local(host: str) -> None:
    assert is_loopback(host)
    assert status_of(OPEN, Role.ADMIN, "", host) == 200


@pytest.mark.parametrize("host", FOREIGN)
def test_any_other_host_is_refused_where_there_are_no_tokens(host: str) -> None:
    assert not is_loopback(host)
    assert status_of(OPEN, None, "", host) == 403


@pytest.mark.parametrize("origin", ["null", "http://localhost:9090", "https://evil.example"])
def test_without_tokens_no_page_in_a_browser_changes_anything(origin: str) -> None:
    with pytest.raises(Refusal, match="browser"):
        OPEN.check(Role.OPERATOR, "POST", "localhost:9090", origin, "")
    assert OPEN.check(Role.VIEWER, "GET", "localhost:9090", origin, "") is not None
