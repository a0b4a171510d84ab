"""A plugin alone that answers: amid its own rewriting, or not at all, and then legacy does."""

import pytest

from proxy.api import (
    Application,
    Body,
    Reply,
    Request,
    Settings,
    Unserved,
    Use,
    hook,
)
from proxy.api.testing import isolated, request


class Picky(Use):
    """Answers amid its own rewriting, and leaves what it does not like."""

    def __init__(self, settings: Settings, application: Application | None = None) -> None:
        super().__init__(settings, application)
        self.asked: list[str] = []

    @hook
    async def rewrite_request(self, request: Request, body: Body) -> Body:
        self.asked.append(request.arm)
        if body.data == b"unreadable" and request.arm == "new":
            raise Unserved(Reply(400))
        return body._replace(data=body.data + b"+")

    @hook
    async def dispatch(self, body: bytes) -> Reply:
        if body.startswith(b"down"):
            raise Unserved(Reply(503), failed=True)
        return Reply(body=b"" if body == b"nothing+" else b"got " + body)

    @hook
    async def rewrite_response(self, request: Request, reply: Reply) -> Reply:
        if reply.body == b"late":
            raise Unserved(Reply(500))
        assert isinstance(reply.body, bytes)
        return Reply(body=reply.body + b" for " + request.arm.encode())


async def test_a_plugin_that_answers_does_so_amid_what_is_rewritten() -> None:
    async with isolated(Picky) as plugin:
        passed = await plugin.through(request("POST"), body=b"a", arm="new")
        assert passed.body is not None
        assert (passed.body.data, passed.reply.body) == (b"a+", b"got a+ for new")
        assert (passed.left, passed.sent) == (None, None)
        empty = await plugin.through(request("POST"), body=b"nothing", arm="new")
        assert empty.reply.body == b""


@pytest.mark.parametrize(("body", "reason"), [(b"unreadable", "declined"), (b"down", "failover")])
async def test_what_new_leaves_unserved_legacy_answers_as_it_came(body: bytes, reason: str) -> None:
    async with isolated(Picky) as plugin:
        passed = await plugin.through(request("POST"), Reply(body=b"old"), body, arm="new")
        assert passed.left is not None
        assert passed.left.failed is (reason == "failover")
        assert plugin.use.asked == ["new", "legacy"]
        assert passed.body == Body("POST", "/", "", body + b"+")
        assert passed.sent is not None
        assert passed.reply.body == b"old for legacy"
        assert (passed.outcome.arm, passed.outcome.reason) == ("legacy", reason)


async def test_without_a_legacy_arm_what_is_left_unserved_is_answered_by_its_reply() -> None:
    async with isolated(Picky) as plugin:
        passed = await plugin.through(request("POST"), Reply(body=b"old"), b"down")
        assert passed.left is not None
        assert passed.sent is None
        assert passed.reply.body == b" for none"
        assert (passed.outcome.arm, passed.outcome.reason) == ("none", "route")


async def test_an_answer_cannot_be_left_to_legacy_any_more() -> None:
    async with isolated(Picky) as plugin:
        with pytest.raises(Unserved):
            await plugin.through(request("POST"), Reply(body=b"late"), b"down", arm="new")
