"""What the admin listener changes: reloads, rollbacks, releases; asked over a real socket."""

from dataclasses import asdict, replace

import pytest

from proxy.controlplane.preview import RolloutPreview
from proxy.controlplane.status import ReloadOutcome
from tests.controlplane.admin_asking import SECRETS, Asked
from tests.controlplane.admin_view import View

_NO_NAMES = ("..", ".", "../config.yaml", "/etc/passwd", "a%5Cb", "a%00b")


async def test_a_reload_that_serves_is_answered_200(ask: Asked, view: View) -> None:
    expected = {"done": True, "changed": True, "generation": 4, "problems": []}
    expected |= {"moves": [], "released": [], "dry_run": False}
    assert (await ask("/reload", "POST"))[:2] == (200, expected)
    assert view.asked == [{"dry_run": False, "release": True, "file": ""}]


async def test_a_reload_tells_who_changes_sides(ask: Asked, view: View) -> None:
    moves = (RolloutPreview("hybrid", "hybrid", 200, 20, 1, 10.0, 0.5, False),)
    view.outcome = replace(view.outcome, moves=moves)
    assert (await ask("/reload", "POST"))[1]["moves"] == [asdict(moves[0])]


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("", {"dry_run": False, "file": ""}),
        ("?dry_run=0&file=next.yaml", {"dry_run": False, "file": ""}),
        ("?dry_run=1", {"dry_run": True, "file": ""}),
        ("?dry_run=1&file=next.yaml", {"dry_run": True, "file": "next.yaml"}),
    ],
)
async def test_a_dry_run_is_asked_for_in_the_query(
    ask: Asked, view: View, query: str, asked: dict[str, object]
) -> None:
    assert (await ask(f"/reload{query}", "POST"))[0] == 200
    assert view.asked == [asked | {"release": True}]


@pytest.mark.parametrize(
    "query",
    ["dry_run=yes", "dry_run=", *(f"dry_run=1&file={name}" for name in _NO_NAMES)],
)
async def test_a_dry_run_of_no_plain_name_is_not_begun(ask: Asked, view: View, query: str) -> None:
    status, found, _ = await ask(f"/reload?{query}", "POST")
    assert (status, view.asked) == (400, [])
    assert found["hint"]


async def test_a_dry_run_that_is_refused_says_that_nothing_has_changed(
    ask: Asked, view: View
) -> None:
    view.outcome = ReloadOutcome(False, False, 3, problems=("wrong",), dry_run=True)
    status, found, _ = await ask("/reload?dry_run=1", "POST")
    assert (status, found["problems"]) == (409, ["wrong"])
    assert "would be refused; nothing has changed" in found["detail"]


async def test_reloading_the_plugins_is_a_reload(ask: Asked, view: View) -> None:
    assert (await ask("/plugins/reload", "POST"))[1]["generation"] == 4
    assert view.reloads == 1


async def test_plugins_are_listed_with_all_that_is_known(ask: Asked) -> None:
    status, found, _ = await ask("/plugins")
    headers, statsd = found["plugins"]
    assert (status, headers["name"], headers["version"]) == (200, "headers", "2.1")
    assert headers["uses"][1]["faults"] == 4
    assert (statsd["settings"], statsd["uses"]) == ({"host": "127.0.0.1"}, [])


@pytest.mark.parametrize(
    ("body", "asked", "released"),
    [
        (b"", None, ["headers on route campaigns"]),
        (b"{}", None, ["headers on route campaigns"]),
        (b'{"plugin": "headers"}', "headers", ["headers on route campaigns"]),
        (b'{"plugin": "statsd"}', "statsd", []),
    ],
)
async def test_a_quarantine_is_released_for_one_plugin_or_all(
    ask: Asked, view: View, body: bytes, asked: str | None, released: list[str]
) -> None:
    expected = (200, {"released": released})
    assert (await ask("/plugins/release", "POST", data=body))[:2] == expected
    assert view.released == [asked]


async def test_a_plugin_that_is_not_there_is_named_as_it_may_have_been_meant(
    ask: Asked, view: View
) -> None:
    status, found, _ = await ask("/plugins/release", "POST", json={"plugin": "haeders"})
    assert (status, view.released) == (404, [])
    assert (found["detail"], found["hint"]) == (
        'There is no plugin called "haeders".',
        "did you mean headers?",
    )


async def test_the_history_lists_what_can_be_brought_back(ask: Asked) -> None:
    status, found, _ = await ask("/config/history")
    assert (status, [one["number"] for one in found["generations"]]) == (200, [2, 3])
    assert found["generations"][1]["note"] == "the plugin headers changed"


async def test_a_rollback_says_who_asked_for_it(ask_with_tokens: Asked, view: View) -> None:
    headers = {"Authorization": f"Bearer {SECRETS['operator']}"}
    status, found, _ = await ask_with_tokens(
        "/config/rollback", "POST", json={"generation": 2}, headers=headers
    )
    assert (status, found["generation"]) == (200, 4)
    assert view.rollbacks == [(2, "a-operator")]


async def test_a_rollback_that_cannot_be_is_answered_409(ask: Asked, view: View) -> None:
    view.outcome = ReloadOutcome(False, False, 3, problems=("generation 1 is not remembered",))
    status, found, _ = await ask("/config/rollback", "POST", json={"generation": 1})
    assert (status, found["problems"]) == (409, ["generation 1 is not remembered"])
    assert "crossfade config history" in found["hint"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/config/rollback", b""),
        ("/config/rollback", b"2"),
        ("/config/rollback", b'{"generation": "2"}'),
        ("/config/rollback", b'{"generation": true}'),
        ("/config/rollback", b'{"generation"'),
        ("/plugins/release", b"[]"),
        ("/plugins/release", b'{"plugin": 3}'),
    ],
)
async def test_a_body_that_is_not_what_is_wanted_changes_nothing(
    ask: Asked, view: View, path: str, body: bytes
) -> None:
    status, found, _ = await ask(path, "POST", data=body)
    assert (status, view.rollbacks, view.released) == (400, [], [])
    assert "Send {" in found["hint"]


async def test_a_refused_configuration_is_answered_409_with_the_problems(
    ask: Asked, view: View
) -> None:
    problems = ("config.yaml:3:1 listen: wrong", "config.yaml:9:1 routes: missing")
    view.outcome = ReloadOutcome(done=False, changed=False, generation=3, problems=problems)
    status, found, response = await ask("/reload", "POST")
    assert (status, response.content_type) == (409, "application/problem+json")
    assert found["problems"] == list(problems)
    assert "crossfade check" in found["hint"]
