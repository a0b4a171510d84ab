"""What the admin listener answers is said once, and completely."""

from typing import Any

import pytest
from aiohttp import web
from pydantic import BaseModel, Field

from proxy.controlplane.admin.auth import Role
from proxy.controlplane.admin.routes import (
    AdminRoute,
    Parameter,
    add_routes,
    path_names,
    query_parameters,
)
from proxy.controlplane.admin.server import PARTS, ROUTES
from tests.controlplane.admin_asking import SECRETS, Asked


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part[0][0].tag)
def test_each_route_has_a_method_that_answers(part: Any) -> None:
    routes, make = part
    answers = make(object())
    assert [route.answer for route in routes if not callable(getattr(answers, route.answer))] == []


def test_no_two_routes_are_the_same() -> None:
    assert len({(route.method, route.path) for route in ROUTES}) == len(ROUTES)
    assert len({route.answer for route in ROUTES}) == len(ROUTES)


def test_whatever_changes_something_needs_an_operator() -> None:
    asks = {"/v1/decide", "/v1/replay"}
    for route in ROUTES:
        only_asks = route.method == "GET" or route.path in asks or route.path.startswith("/ofrep/")
        assert only_asks or (route.needs or 0) >= Role.OPERATOR, route.path


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.answer)
@pytest.mark.usefixtures("rollouts")
async def test_each_route_refuses_a_role_that_is_too_low(
    ask_with_tokens: Asked, route: AdminRoute
) -> None:
    path = route.path.replace("{name}", "hybrid").replace("{key}", "hybrid")
    if route.needs is None:
        assert (await ask_with_tokens(path, route.method))[0] == 200
        return
    assert (await ask_with_tokens(path, route.method))[0] == 401
    for role in Role:
        if role < route.needs:
            headers = {"Authorization": f"Bearer {SECRETS[role.name.lower()]}"}
            assert (await ask_with_tokens(path, route.method, headers=headers))[0] == 403


def test_the_names_in_a_path_are_known() -> None:
    assert path_names("/v1/{a}/x/{b}") == ("a", "b")
    assert path_names("/v1") == ()


def test_a_query_model_is_a_list_of_parameters() -> None:
    class Query(BaseModel):
        limit: int = Field(5, description="How many.")
        name: str

    assert query_parameters(Query) == (
        Parameter("limit", "query", "How many.", int),
        Parameter("name", "query", "", str, required=True),
    )


def test_the_head_of_what_can_be_got_can_be_asked_for() -> None:
    class Answers:
        async def x(self, _: web.Request) -> web.Response:
            return web.Response()

    app = web.Application()
    routes = (
        AdminRoute("GET", "/x", None, "Says x.", "x"),
        AdminRoute("POST", "/x", Role.ADMIN, "Does x.", "x"),
    )
    add_routes(app.router, routes, Answers())
    assert {route.method for route in app.router.routes()} == {"GET", "HEAD", "POST"}
