"""`crossfade why` against a real HTTP server that answers as the admin listener does."""

from typing import Any

import orjson

from proxy.cli import why
from tests.cli.asking import Ran, run, unused_address
from tests.cli.told import Told, problem

KNOWN = {
    "request": "abc",
    "notes": [
        {"at": 1700000000.25, "who": "crossfade", "what": "decided", "why": "new by percentage"},
        {"at": 1700000000.5, "who": "orchestrator", "what": "attempt", "why": "east\x1b[31m 500"},
        {"at": None, "who": "broken", "what": "silent", "why": "it failed to say"},
    ],
}


async def asked(body: Any, *words: str, path: str = "abc") -> Ran:
    told = Told()
    told.tell(f"GET /v1/why/{path}", body)
    async with told.serving() as url:
        return await run(why.command, *words, "--admin", url)


async def test_each_note_is_a_line_with_time_source_event_and_reason() -> None:
    ran = await asked(KNOWN, "abc")
    assert (ran.code, ran.err) == (0, "")
    assert [line.strip().split(maxsplit=5) for line in ran.out.splitlines()][1:] == [
        ["2023-11-14", "22:13:20.250", "UTC", "crossfade", "decided", "new by percentage"],
        ["2023-11-14", "22:13:20.500", "UTC", "orchestrator", "attempt", "east [31m 500"],
        ["-", "broken", "silent", "it", "failed", "to say"],
    ]


async def test_a_machine_gets_json() -> None:
    ran = await asked(KNOWN, "abc", "--json")
    assert orjson.loads(ran.out) == KNOWN


async def test_of_what_nobody_knows_it_is_said_where_it_may_be() -> None:
    ran = await asked(problem(404, "Nothing is known of this request.", "Ask another."), "abc")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "crossfade: Nothing is known of this request.\nAsk another.\n"


async def test_an_id_with_any_letters_is_one_piece_of_the_path() -> None:
    ran = await asked(KNOWN, "a/b?c", path="a%2Fb%3Fc")
    assert ran.code == 0


async def test_a_proxy_that_cannot_be_reached_ends_with_1() -> None:
    ran = await run(why.command, "abc", "--admin", f"http://{unused_address()}")
    assert ran.code == 1
    assert ran.err.startswith("crossfade: ")
