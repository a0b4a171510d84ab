"""What a rule of the operator's refuses, such as a budget, counts for neither arm."""

import pytest

from tests.dataplane.test_plugged_rescue import GET, POST, SECTIONS, met
from tests.dataplane.test_rewritten_dispatch import REWRITING, files, route
from tests.kit.plugged import OK, answer, plugged
from tests.kit.transport import on_memory_loop, turns

SAID = """
        said = Reply({status}, body=b"no more")
        said.by_rule = {by_rule}
        {ends}"""


def refusing(status: int = 429, *, by_rule: bool = True, ends: str = "return said") -> str:
    return SAID.format(status=status, by_rule=by_rule, ends=ends)


@pytest.mark.parametrize("status", [402, 429])
@pytest.mark.parametrize("data", [GET, POST])
def test_a_refusal_by_rule_is_told_and_counts_for_neither_arm(data: bytes, status: int) -> None:
    @on_memory_loop
    async def ask() -> None:
        plugins = files(answers=refusing(status))
        async with plugged(plugins, route(), **SECTIONS) as inside:
            client = inside.connect()
            client.peer_sends(data)
            await turns()
            told, headers, body = answer(client)
            assert (told, body) == (status, b"NO MORE")
            assert headers[b"x-crossfade-arm"] == b"new"
            assert not inside.loop.dials
            assert met(inside) == {}

    ask()


def test_any_other_refusal_counts_as_an_error_of_the_clients() -> None:
    @on_memory_loop
    async def ask() -> None:
        plugins = files(answers=refusing(by_rule=False))
        async with plugged(plugins, route(), **SECTIONS) as inside:
            client = inside.connect()
            client.peer_sends(POST)
            await turns()
            assert answer(client)[0] == 429
            counted = {name: n for name, n in met(inside).items() if " h" not in name}
            assert counted == {"new requests": 1, "new client_errors": 1}

    ask()


def test_new_words_for_a_refusal_make_no_other_answer_of_it() -> None:
    anew = REWRITING.format(rewrites="return body", arm="new").replace(
        "return reply", 'return Reply(reply.status, body=b"in other words")'
    )

    @on_memory_loop
    async def ask() -> None:
        sources = {**files(answers=refusing()), "rewriting": anew}
        async with plugged(sources, route(), **SECTIONS) as inside:
            client = inside.connect()
            client.peer_sends(POST)
            await turns()
            assert answer(client)[::2] == (429, b"in other words")
            assert met(inside) == {}

    ask()


def test_a_failure_stays_one_whoever_says_that_it_is_a_rule() -> None:
    @on_memory_loop
    async def ask() -> None:
        plugins = files(answers=refusing(503))
        async with plugged(plugins, route(plugins=[]), **SECTIONS) as inside:
            client, legacy = await inside.ask(GET)
            legacy.peer_sends(OK)
            await turns()
            assert answer(client)[0] == 200
            assert met(inside) == {"new requests": 1, "new errors": 1}

    ask()


def test_a_plugin_before_the_one_that_answers_may_refuse_by_rule() -> None:
    refuses = refusing(ends="raise Refused(said)")

    @on_memory_loop
    async def ask() -> None:
        async with plugged(files(rewrites=refuses), route(), **SECTIONS) as inside:
            client = inside.connect()
            client.peer_sends(POST)
            await turns()
            assert answer(client)[::2] == (429, b"no more")
            assert met(inside) == {}

    ask()
