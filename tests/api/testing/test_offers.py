"""Endpoints, admin requests and commands of a plugin in a test."""

import threading
from typing import Any

import pytest

from proxy.api import (
    AdminRouter,
    Application,
    Commands,
    EndpointRouter,
    Reply,
    Request,
    hook,
    json_reply,
)
from proxy.api.testing import isolated, request
from proxy.api.testing.offers import AdminOffers, CommandOffers, EndpointOffers


class Counting(Application):
    """Offers everything that can be offered."""

    def __init__(self, settings: Any) -> None:
        super().__init__(settings)
        self.count = 0
        self.said: list[Any] = []

    @hook
    def provide_endpoints(self, router: EndpointRouter) -> None:
        router.add("GET", "/count", self.tell)

    @hook
    def provide_admin(self, router: AdminRouter) -> None:
        router.add("POST", "/count", self.change)
        router.add("GET", "/count", self.tell, role="viewer")

    @hook
    def provide_commands(self, cli: Commands) -> None:
        def set_to(number: int) -> None:
            """Set the count."""
            self.said.append(cli.ask("POST", "/count", {"to": number}))
            self.said.append(threading.current_thread() is threading.main_thread())

        cli.add(set_to)
        cli.add(lambda: self.said.append(cli.ask("GET", "/nowhere")), name="lost")
        cli.add(lambda: self.said.append(cli.ask("POST", "/count", {"to": -1})), name="less")

    async def tell(self, request: Request, body: bytes) -> Reply:
        return json_reply({"path": request.path, "count": self.count, "bytes": len(body)})

    async def change(self, request: Request, body: bytes) -> Reply:
        wanted = Reply(body=body).json()["to"]
        if wanted < 0:
            return json_reply({}, 422)
        self.count = wanted
        return Reply(body=body)


async def test_endpoints_are_asked_by_method_and_path() -> None:
    async with isolated(application=Counting) as plugin:
        handler = plugin.endpoints["GET", "/count"]
        reply = await handler(request("GET", "/count"), b"abc")
        assert reply.json() == {"path": "/count", "count": 0, "bytes": 3}


async def test_admin_requests_say_which_role_may_ask() -> None:
    async with isolated(application=Counting) as plugin:
        assert plugin.admin.roles == {
            ("POST", "/count"): "operator",
            ("GET", "/count"): "viewer",
        }


async def test_a_command_runs_beside_the_loop_and_asks_the_plugins_own_handler() -> None:
    async with isolated(application=Counting) as plugin:
        assert list(plugin.commands) == ["set-to", "lost", "less"]
        await plugin.commands.run("set-to", 7)
        assert plugin.application.said == [{"to": 7}, False]
        assert plugin.application.count == 7


async def test_a_command_that_asks_for_what_is_not_offered_or_refused_is_told() -> None:
    async with isolated(application=Counting) as plugin:
        with pytest.raises(RuntimeError, match="GET /nowhere is not answered; the plugin offers"):
            await plugin.commands.run("lost")
        with pytest.raises(RuntimeError, match="POST /count was refused with 422"):
            await plugin.commands.run("less")


async def answer(request: Request, body: bytes) -> Reply:
    return Reply()


@pytest.mark.parametrize("kind", [EndpointOffers, AdminOffers])
def test_what_is_offered_twice_or_nowhere_is_refused(kind: Any) -> None:
    offers = kind()
    offers.add("GET", "/a", answer)
    with pytest.raises(ValueError, match="GET /a is offered twice"):
        offers.add("GET", "/a", answer)
    with pytest.raises(ValueError, match="write it in upper case"):
        offers.add("get", "/a", answer)
    with pytest.raises(ValueError, match="does not begin with /"):
        offers.add("GET", "a", answer)
    assert list(offers) == [("GET", "/a")]


def test_a_role_that_nobody_has_and_a_command_of_a_taken_name_are_refused() -> None:
    admin = AdminOffers()
    with pytest.raises(ValueError, match="one of viewer, operator, admin"):
        admin.add("GET", "/a", answer, role="root")
    commands = CommandOffers(admin)
    commands.add(print, name="tell")
    with pytest.raises(ValueError, match="the command tell is offered twice"):
        commands.add(print, name="tell")
    commands.add(print, name="tell", group="others")
    assert list(commands) == ["tell", "others tell"]
