"""`crossfade rollouts` against a real HTTP server that answers as the admin listener does."""

import re
import uuid

import orjson
import pytest

from proxy.cli import rollouts
from proxy.controlplane.admin import rollout_routes
from proxy.controlplane.admin.auth import Role
from tests.cli.asking import Ran, run, unused_address
from tests.cli.told import LOST, Told, mark, problem, rollout

PATH = "/v1/rollouts/hybrid"
WHY = ("--reason", "because")
AUDIT = "GET /v1/audit?rollout=hybrid&limit=1"


async def asked(told: Told, *words: str) -> Ran:
    async with told.serving() as url:
        return await run(rollouts.app, *words, "--admin", url)


async def test_the_list_says_share_standing_and_what_holds_each() -> None:
    told = Told()
    held = rollout("held", marks={"held": mark("ramp", "the step took 3h")})
    told.tell(
        "GET /v1/rollouts",
        {"rollouts": [held, rollout(name="asleep", enabled=False, share=0.0, plan=None)]},
    )
    ran = await asked(told, "list")
    assert (ran.code, ran.err) == (0, "")
    first, second = ran.out.splitlines()[1:]
    assert first.split()[:6] == ["hybrid", "25", "%", "step", "2", "of"]
    assert "Held by ramp at 2023-11-14 22:13:20 UTC: the step took 3h" in first
    assert "disabled" in second


async def test_a_configuration_without_rollouts_is_told_so() -> None:
    told = Told()
    told.tell("GET /v1/rollouts", {"rollouts": []})
    assert "no rollouts" in (await asked(told, "list")).out


async def test_a_rollout_is_shown_with_plan_arms_and_version() -> None:
    told = Told()
    told.tell(f"GET {PATH}", rollout("bake"))
    ran = await asked(told, "show", "hybrid")
    assert ran.code == 0
    for shown in (
        "25 % on new, step 2 of 4, bake",
        "5 > [25] > 50 > 100",
        "version 7",
        "2.50 %",
        "1 always on new, 2 always on legacy",
    ):
        assert shown in ran.out


@pytest.mark.parametrize("words", [("list",), ("show", "hybrid")])
async def test_for_a_machine_it_is_the_json_of_the_admin_listener(words: tuple[str, ...]) -> None:
    told = Told()
    told.tell("GET /v1/rollouts", {"rollouts": [rollout()]})
    told.tell(f"GET {PATH}", rollout())
    ran = await asked(told, *words, "--json")
    assert orjson.loads(ran.out) in ({"rollouts": [rollout()]}, rollout())


ACTIONS = [
    (("start", "hybrid"), "start", {}),
    (("start", "hybrid", "--insist"), "start", {"insist": True}),
    (("pause", "hybrid"), "pause", {}),
    (("resume", "hybrid"), "resume", {}),
    (("promote", "hybrid"), "promote", {}),
    (("promote", "hybrid", "--full"), "promote", {"full": True}),
    (("approve", "hybrid"), "approve", {}),
    (("rollback", "hybrid"), "rollback", {}),
    (("rollback", "hybrid", "--route", "campaigns"), "rollback", {"route": "campaigns"}),
    (("kill", "hybrid"), "kill", {}),
    (("unkill", "hybrid"), "unkill", {}),
    (("acknowledge", "hybrid"), "acknowledge", {}),
    (("override-safety", "hybrid", "10m"), "override_safety", {"seconds": 600.0}),
    (("release", "hybrid", "--cohort", "acme"), "release", {"cohort": "acme"}),
]


@pytest.mark.parametrize(("words", "action", "fields"), ACTIONS, ids=lambda one: str(one))
async def test_each_action_is_sent_once_with_its_reason_and_a_fresh_key(
    words: tuple[str, ...], action: str, fields: dict[str, object]
) -> None:
    told = Told()
    told.tell(f"GET {PATH}", rollout("bake"))
    told.tell(f"POST {PATH}/{action}", rollout("bake"))
    ran = await asked(told, *words, *WHY)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == "hybrid: 25 % on new, step 2 of 4, bake\n"
    [one] = told.changes
    assert one.body == {"reason": "because", **fields}
    assert uuid.UUID(one.headers["Idempotency-Key"]).version == 4
    # Only what depends on the step that was seen insists on it; what leads to legacy never does.
    assert one.headers.get("If-Match") == ('"7"' if action in {"promote", "approve"} else None)


async def test_two_changes_have_two_keys() -> None:
    told = Told()
    told.tell(f"POST {PATH}/kill", rollout("killed"))
    async with told.serving() as url:
        for _ in range(2):
            await run(rollouts.app, "kill", "hybrid", *WHY, "--admin", url)
    first, second = told.changes
    assert first.headers["Idempotency-Key"] != second.headers["Idempotency-Key"]


@pytest.mark.parametrize(("more", "version"), [((), '"7"'), (("--if-version", "5"), '"5"')])
async def test_the_percentage_is_set_where_the_rollout_stands_as_it_was_seen(
    more: tuple[str, ...], version: str
) -> None:
    told = Told()
    told.tell(f"GET {PATH}", rollout())
    told.tell(f"PATCH {PATH}", rollout(share=12.5, plan=None))
    ran = await asked(told, "set", "hybrid", "12.5", *WHY, *more)
    assert (ran.code, ran.out) == (0, "hybrid: 12.5 % on new, draft (percentage 25)\n")
    [one] = told.changes
    assert one.body == {"reason": "because", "percentage": 12.5}
    assert one.headers["If-Match"] == version


async def test_a_lost_connection_is_tried_once_more_with_the_same_key() -> None:
    told = Told()
    told.tell(f"POST {PATH}/kill", LOST, rollout("killed"))
    ran = await asked(told, "kill", "hybrid", *WHY)
    assert ran.code == 0
    first, second = told.changes
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]


async def test_a_connection_that_stays_lost_ends_with_1() -> None:
    told = Told()
    told.tell(f"POST {PATH}/kill", LOST)
    ran = await asked(told, "kill", "hybrid", *WHY)
    assert (ran.code, len(told.changes)) == (1, 2)
    assert "Nothing is known to have changed" in ran.err


async def test_who_was_overtaken_is_told_by_whom_and_how_it_stands_now() -> None:
    told = Told()
    told.tell(f"GET {PATH}", rollout())
    current = rollout("paused", version=8, share=50.0, percentage=50.0, plan=None)
    told.tell(f"PATCH {PATH}", problem(412, "It is at version 8 now.", current=current))
    entry = {"actor": "ana", "action": "pause", "reason": "it\x1b[2J burns"}
    told.tell(AUDIT, {"entries": [entry], "next": None})
    ran = await asked(told, "set", "hybrid", "30", *WHY)
    assert ran.code == 1
    assert "changed since it was shown" in ran.err
    assert "pause by ana: it [2J burns" in ran.err
    assert "50 % on new, paused" in ran.err
    assert "crossfade rollouts show hybrid" in ran.err


async def test_what_is_not_allowed_is_told_with_what_it_takes() -> None:
    told = Told()
    told.tell(f"POST {PATH}/start", problem(409, "It cools down.", "wait, or --insist."))
    ran = await asked(told, "start", "hybrid", *WHY)
    assert (ran.code, ran.err) == (1, "crossfade: It cools down.\nWait, or --insist.\n")


async def test_an_answer_without_words_is_told_by_its_status() -> None:
    told = Told()
    told.tell(f"POST {PATH}/start", problem(503, ""))
    ran = await asked(told, "start", "hybrid", *WHY)
    assert (ran.code, ran.err) == (1, "crossfade: The proxy answered 503.\n")


async def test_an_unknown_rollout_is_told_with_the_nearest_name() -> None:
    ran = await asked(Told(), "show", "hybird")
    assert ran.code == 1
    assert "Did you mean hybrid?" in ran.err


@pytest.mark.parametrize(
    ("status", "hint", "said"),
    [
        (404, "GET /v1/rollouts lists them.", "`crossfade rollouts list` shows"),
        (422, "GET the rollout: `routes` names them.", "`crossfade rollouts list` shows"),
        (422, 'Send {"percentage": 25}.', ""),
    ],
)
async def test_who_typed_a_command_is_not_told_which_request_to_send(
    status: int, hint: str, said: str
) -> None:
    told = Told()
    told.tell(f"POST {PATH}/kill", problem(status, "It does not fit.", hint))
    ran = await asked(told, "kill", "hybrid", *WHY)
    assert ran.code == 1
    assert "It does not fit." in ran.err
    assert hint not in ran.err
    assert said in ran.err


async def test_a_name_is_one_piece_of_the_path_whatever_it_holds() -> None:
    told = Told()
    await asked(told, "pause", "a/b?c", *WHY)
    assert told.asked[0].what == "POST /v1/rollouts/a%2Fb%3Fc/pause"


async def test_holds_and_marks_are_told_after_a_change() -> None:
    told = Told()
    hold = {"route": "campaigns", "cohort": "", **mark("auto_rollback", "5xx")}
    told.tell(f"POST {PATH}/kill", rollout("killed", marks={"killed": mark()}, holds=[hold]))
    ran = await asked(told, "kill", "hybrid", *WHY)
    assert "  Killed by ops at 2023-11-14 22:13:20 UTC: a test" in ran.out
    assert "  On legacy only for route campaigns: by auto_rollback" in ran.out


@pytest.mark.parametrize("action", rollout_routes.ACTIONS, ids=lambda action: action.name)
async def test_each_action_is_a_command_that_says_who_may(action: rollout_routes.Action) -> None:
    ran = await run(rollouts.app, action.name.replace("_", "-"), "--help")
    assert ran.code == 0
    assert ("; for admins." in " ".join(ran.out.partition("─")[0].split())) is (
        action.needs is Role.ADMIN
    )


async def test_both_tell_that_to_acknowledge_takes_an_automatic_rollback_off() -> None:
    [action] = [one for one in rollout_routes.ACTIONS if one.name == "acknowledge"]
    ran = await run(rollouts.app, "acknowledge", "--help")
    for says in (action.says, ran.out):
        assert re.match(r"(.*\s)?Takes? an automatic rollback off", says, re.DOTALL)
        assert "draft at 0 %" in says


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("kill", "hybrid"), "--reason"),
        (("kill", "hybrid", "-m", " "), "--reason"),
        (("kill", "hybrid", "-m", "x" * 501), "at most 500"),
        (("set", "hybrid", "101", *WHY), "PERCENTAGE 101: wanted a number from 0 to 100"),
        (("set", "hybrid", "nan", *WHY), "0 to 100"),
        (("set", "hybrid", "-5", *WHY), "PERCENTAGE -5: wanted a number from 0 to 100"),
        (("set", *WHY, "hybrid", "-12.5%"), "PERCENTAGE -12.5%: wanted a number from 0 to 100"),
        (("set", "hybrid", "5", "--resaon", "x"), "--reason"),
        (("set", "hybrid", "10.12345", *WHY), "at most three decimals"),
        (("override-safety", "hybrid", "soon", *WHY), "TIME soon: wanted a duration such as"),
        (("override-safety", "hybrid", "2h", *WHY), "TIME 2h: wanted more than 0s and at most 1h"),
        (("override-safety", "hybrid", "0s", *WHY), "TIME 0s: wanted more than 0s"),
        (("lists", "add", "hybrid", "-w", "", *WHY), "a key was empty"),
        (("release", "hybrid", *WHY), "--route"),
    ],
)
async def test_bad_usage_ends_with_2_and_sends_nothing(words: tuple[str, ...], said: str) -> None:
    told = Told()
    told.tell(f"GET {PATH}", rollout())
    ran = await asked(told, *words)
    assert (ran.code, told.changes) == (2, [])
    assert said in ran.err


async def test_when_nothing_answers_the_exit_code_is_1() -> None:
    address = unused_address()
    ran = await run(rollouts.app, "pause", "hybrid", *WHY, "--admin", address)
    assert ran.code == 1
    assert f"Nothing answers at http://{address}" in ran.err


async def test_the_plan_is_shown_only_where_there_is_one() -> None:
    told = Told()
    told.tell(f"GET {PATH}", rollout(plan=None))
    assert "steps" not in (await asked(told, "show", "hybrid")).out
