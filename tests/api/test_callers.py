"""Who is calling, as far as an identity of the testing kit tells."""

from proxy.api.callers import caller_of
from proxy.api.testing import request


async def test_only_a_verified_key_is_a_caller() -> None:
    assert await request(key="u1").caller() is None
    assert await request(verified=True).caller() is None
    caller = await request(key="u1", verified=True).caller()
    assert caller == ("u1", "", "", False, "test")


async def test_role_and_tier_are_told_in_lower_case_and_the_role_decides_who_is_an_admin() -> None:
    for role, admin in (("ADMIN", True), ("Super_Admin", True), ("CREATOR", False), ("", False)):
        asked = request(key="u1", verified=True, attributes={"role": role, "tier": "PRO"})
        caller = caller_of(asked.identity)
        assert caller == ("u1", role.lower(), "pro", admin, "test")
