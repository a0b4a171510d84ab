"""OFREP, spoken by its own client in Python, and by hand where that client is too polite."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
import yaml
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode, FlagNotFoundError, OpenFeatureError
from openfeature.flag_evaluation import FlagResolutionDetails

from proxy.config.models import Config
from proxy.controlplane.admin.ofrep import REASONS
from proxy.controlplane.rollouts.authority import Actor, Effects, Rollouts
from proxy.core import commands
from proxy.core.identity import Identity
from proxy.core.reason import DECISIONS, Arm, Reason
from proxy.core.rollout_state import Mark, ScopedHold
from proxy.stores.memory import MemoryStore
from tests.contract.howto import File, Shown, steps
from tests.controlplane.admin_asking import SECRETS, Asked, by
from tests.controlplane.admin_view import CONFIG, View
from tests.kit.running import RunningProxy
from tests.story.echo import Caller, EchoUpstream

PAGE = Path(__file__).resolve().parents[3] / "docs" / "howto" / "use-openfeature.md"
FLAGS = "/ofrep/v1/evaluate/flags"
OPERATOR = Actor("anna", "operator")
NO_EFFECTS = Effects(lambda _: None, lambda _: None, lambda _: None)
Found = TypeVar("Found")


@pytest.fixture
def view() -> View:
    """`hybrid` at 30 per cent with rules, `sleeping`, `all` and `none`."""
    found = View()
    rollouts = {
        "hybrid": {
            "percentage": 30,
            "cohort": "tenant",
            "whitelist": ["ann"],
            "blacklist": ["eve"],
            "conditions": {"tier": ["pro", "beta"]},
            "rules": [
                {"when": {"tier": ["beta"], "trial": ["true"]}, "then": "new"},
                {"when": {"age": {"min": 30}}, "percentage": 60},
            ],
        },
        "sleeping": {"enabled": False, "percentage": 50},
        "all": {"percentage": 100},
        "none": {"percentage": 0, "missing_key": "reject"},
    }
    names = ("tier", "tenant", "age", "trial")
    attributes = {name: [f"header:X-{name}"] for name in names}
    identity = {"key": ["header:X-User-Id"], "attributes": attributes, "lower": True}
    found.config = Config.model_validate(CONFIG | {"identity": identity, "rollouts": rollouts})
    return found


@contextmanager
def stock(url: str, role: str = "") -> Iterator[OFREPProvider]:
    headers = by(role) if role else {}
    provider = OFREPProvider(url, headers_factory=lambda: headers)
    yield provider
    provider.session.close()


async def with_client(url: str, do: Callable[[OFREPProvider], Found], role: str = "") -> Found:
    """Let the stock client, which blocks, ask from a thread of its own."""

    def run() -> Found:
        with stock(url, role) as provider:
            return do(provider)

    return await asyncio.to_thread(run)


def context(key: str | None = "user-1", **attributes: Any) -> EvaluationContext:
    return EvaluationContext(key, {"tier": "pro", **attributes})


def asked(key: str = "user-1", **attributes: Any) -> dict[str, Any]:
    return {"context": {"targetingKey": key, "tier": "pro", **attributes}}


async def told(rollouts: Rollouts, command: commands.Command) -> None:
    await rollouts.change("hybrid", command, OPERATOR, "before the test")


# the stock client


@pytest.mark.usefixtures("rollouts")
async def test_the_stock_client_gets_the_arms_of_the_proxy(ask: Asked, view: View) -> None:
    keys = [f"User-{number}" for number in range(80)]

    def do(provider: OFREPProvider) -> list[tuple[bool, str, FlagResolutionDetails[bool]]]:
        return [
            (found.value, provider.resolve_string_details("hybrid.arm", "?", who).value, found)
            for who in map(context, keys)
            for found in [provider.resolve_boolean_details("hybrid", False, who)]
        ]

    bound = view.generation.route("campaigns")
    assert bound is not None
    for key, (new, arm, found) in zip(keys, await with_client(ask.url, do), strict=True):
        identity = Identity(key.lower().encode(), "header:X-User-Id", True, {"tier": "pro"})
        decision = view.generation.decide(bound, identity).decision
        assert (arm, new) == (decision.arm, decision.arm is Arm.NEW)
        assert (found.variant, found.reason) == ("on" if new else "off", "SPLIT")
        assert found.flag_metadata == {
            "generation": 1,
            "version": view.generation.learned["hybrid"].version,
            "percentage": 30,
            "reason_code": decision.reason,
            "bucket": decision.bucket,
        }


@pytest.mark.usefixtures("rollouts")
async def test_the_stock_client_understands_what_goes_wrong(ask_with_tokens: Asked) -> None:
    def code(provider: OFREPProvider, flag: str, who: EvaluationContext) -> ErrorCode | None:
        with pytest.raises(OpenFeatureError) as caught:
            provider.resolve_boolean_details(flag, False, who)
        return caught.value.error_code

    def do(provider: OFREPProvider) -> list[ErrorCode | None]:
        with pytest.raises(FlagNotFoundError, match="did you mean hybrid"):
            provider.resolve_boolean_details("hybird", False, context())
        return [
            code(provider, "hybrid", context(None)),
            code(provider, "hybrid", context(tier=["pro"])),
            code(provider, "hybrid.arm", context()),  # a string, asked for as a boolean
        ]

    assert await with_client(ask_with_tokens.url, do, "viewer") == [
        ErrorCode.TARGETING_KEY_MISSING,
        ErrorCode.INVALID_CONTEXT,
        ErrorCode.TYPE_MISMATCH,
    ]

    def unknown(provider: OFREPProvider) -> ErrorCode | None:
        return code(provider, "hybrid", context())

    assert await with_client(ask_with_tokens.url, unknown) is ErrorCode.GENERAL


def test_the_page_prints_what_it_says_and_the_proxy_does_the_same(tmp_path: Path) -> None:
    page = list(steps(PAGE.read_text("utf-8")))
    files = {one.name: one.text for one in page if isinstance(one, File)}
    (shown,) = (one for one in page if isinstance(one, Shown))

    async def story() -> list[str]:
        async with EchoUpstream("legacy") as legacy, EchoUpstream("new") as new:
            config = yaml.safe_load(files["config.yaml"])
            config["upstreams"] = {up.name: {"url": up.url} for up in (legacy, new)}
            token = SECRETS["viewer"]
            proxy = RunningProxy({}, {"FLAGS_TOKEN": token})
            config["listen"] = f"127.0.0.1:{proxy.port}"
            config["admin"]["listen"] = f"127.0.0.1:{proxy.admin_port}"
            proxy.config = config
            with proxy:
                source = files["flags.py"].replace(":9090", f":{proxy.admin_port}")
                printed = await asyncio.to_thread(run_python, tmp_path / "flags.py", source, token)
                caller = await Caller.open(proxy.port)
                for line in printed:
                    user, _, arm, *_ = line.split()
                    tier = "beta" if user == "cora" else "free"
                    fields = (f"Cookie: sid={user}", f"X-User-Tier: {tier}")
                    assert (await caller.ask("/checkout/x", *fields)).arm == arm
                await caller.close()
                return printed

    printed = asyncio.run(story())
    assert len(printed) == len(shown.patterns) == 3
    for line, wanted in zip(printed, shown.patterns, strict=True):
        assert re.fullmatch(wanted, line), line


def run_python(path: Path, source: str, token: str) -> list[str]:
    path.write_text(source, encoding="utf-8")
    env = {**os.environ, "FLAGS_TOKEN": token}
    ran = subprocess.run(
        [sys.executable, str(path)],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.splitlines()


# values and reasons


def test_every_reason_of_a_rollout_has_a_word_of_openfeature() -> None:
    never = {Reason.UNMATCHED, Reason.ROUTE, Reason.ANSWERED}
    never |= {Reason.FAILOVER, Reason.DECLINED}
    assert set(REASONS) == set(DECISIONS) - never


@pytest.mark.usefixtures("rollouts")
@pytest.mark.parametrize(
    ("flag", "body", "value", "reason", "code"),
    [
        ("hybrid", asked("ann", tier="free"), True, "TARGETING_MATCH", "whitelist"),
        ("hybrid", asked("EVE"), False, "TARGETING_MATCH", "blacklist"),
        ("hybrid", asked(tier="free"), False, "TARGETING_MATCH", "conditions"),
        ("hybrid", asked(tier=None), False, "TARGETING_MATCH", "conditions"),
        ("hybrid", asked(tier="beta", trial=True), True, "TARGETING_MATCH", "rule"),
        ("hybrid.arm", asked(tier="beta", trial=True), "new", "TARGETING_MATCH", "rule"),
        ("hybrid", asked("user-1", age=30.0, more={"a": [1]}), None, "TARGETING_MATCH", "rule"),
        ("sleeping", {}, False, "DISABLED", "disabled"),
        ("sleeping.arm", {"context": None}, "legacy", "DISABLED", "disabled"),
        ("all", {"context": {}}, True, "SPLIT", "percentage"),
        ("none", {"context": {"targetingKey": " "}}, False, "DEFAULT", "missing_key"),
        ("none", asked(), False, "SPLIT", "remainder"),
    ],
)
async def test_a_flag_is_the_decision_with_its_reason(
    ask: Asked, flag: str, body: object, value: object, reason: str, code: str
) -> None:
    status, found, response = await ask(f"{FLAGS}/{flag}", "POST", json=body)
    assert (status, response.content_type) == (200, "application/json")
    assert (found["key"], found["reason"]) == (flag, reason)
    assert found["metadata"]["reason_code"] == code
    assert value is None or found["value"] == value


@pytest.mark.parametrize(
    "command",
    [
        commands.Kill(),
        commands.Rollback(),
        commands.Rollback(ScopedHold(Mark("", "", 0.0), cohort="acme")),
    ],
)
async def test_what_is_held_back_is_disabled(
    ask: Asked, rollouts: Rollouts, command: commands.Command
) -> None:
    body = asked("ann", tenant="acme")
    assert (await ask(f"{FLAGS}/hybrid", "POST", json=body))[1]["value"] is True
    await told(rollouts, command)
    found = (await ask(f"{FLAGS}/hybrid", "POST", json=body))[1]
    assert (found["value"], found["variant"], found["reason"]) == (False, "off", "DISABLED")


async def test_without_the_store_values_are_told_to_be_stale(
    ask: Asked, rollouts: Rollouts, store: MemoryStore
) -> None:
    store.lost = "connection refused"
    await rollouts.refresh()
    found = (await ask(f"{FLAGS}/hybrid", "POST", json=asked("ann")))[1]
    assert (found["value"], found["reason"]) == (True, "STALE")
    assert found["metadata"]["reason_code"] == "whitelist"


# what cannot be evaluated


@pytest.mark.usefixtures("rollouts")
@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "PARSE_ERROR"),
        (b"[]", "PARSE_ERROR"),
        (b'"\\ud800"', "PARSE_ERROR"),
        (b'{"context": []}', "INVALID_CONTEXT"),
        (b'{"context": {"targetingKey": 7}}', "INVALID_CONTEXT"),
        (b'{"context": {"targetingKey": "%s"}}' % (b"x" * 4097), "INVALID_CONTEXT"),
        (b'{"context": {"targetingKey": "a", "tier": {}}}', "INVALID_CONTEXT"),
        (b'{"context": {"targetingKey": "a", "tier": "%s"}}' % (b"x" * 4097), "INVALID_CONTEXT"),
        (b'{"context": {"targetingKey": " ", "tier": "pro"}}', "TARGETING_KEY_MISSING"),
    ],
)
async def test_a_question_that_does_not_fit_is_refused_in_the_words_of_the_protocol(
    ask: Asked, body: bytes, code: str
) -> None:
    status, found, response = await ask(
        f"{FLAGS}/hybrid", "POST", data=body, headers={"Content-Type": "application/json"}
    )
    assert (status, response.content_type) == (400, "application/json")
    assert (found["key"], found["errorCode"]) == ("hybrid", code)
    assert found["errorDetails"]


@pytest.mark.usefixtures("rollouts")
async def test_a_key_is_missing_where_a_percentage_would_have_to_be_applied(ask: Asked) -> None:
    body = {"context": {"tier": "pro"}}
    status, found, _ = await ask(f"{FLAGS}/hybrid", "POST", json=body)
    assert (status, found["errorCode"]) == (400, "TARGETING_KEY_MISSING")
    status, found, _ = await ask(FLAGS, "POST", json=body)
    codes = {one["key"]: one.get("errorCode") for one in found["flags"]}
    assert status == 200
    assert {key for key, code in codes.items() if code} == {"hybrid", "hybrid.arm"}
    assert len(codes) == 8


@pytest.mark.usefixtures("rollouts")
async def test_who_may_not_ask_is_told_in_the_words_of_the_protocol(
    ask_with_tokens: Asked,
) -> None:
    status, found, response = await ask_with_tokens(f"{FLAGS}/hybrid", "POST", json=asked())
    assert (status, found["errorCode"]) == (401, "GENERAL")
    assert response.headers["WWW-Authenticate"].startswith("Bearer")
    large = b'{"context": {"x": "%s"}}' % (b"x" * 70_000)
    status, found, _ = await ask_with_tokens(FLAGS, "POST", data=large, headers=by("viewer"))
    assert (status, found["errorCode"]) == (413, "GENERAL")


# all at once


@pytest.mark.usefixtures("rollouts")
async def test_all_flags_are_told_at_once_as_they_are_one_by_one(ask: Asked) -> None:
    status, found, _ = await ask(FLAGS, "POST", json=asked())
    assert status == 200
    assert [one["key"] for one in found["flags"]] == sorted(one["key"] for one in found["flags"])
    for one in found["flags"]:
        assert (await ask(f"{FLAGS}/{one['key']}", "POST", json=asked()))[1] == one


async def test_the_tag_of_all_flags_is_that_of_the_answer(ask: Asked, rollouts: Rollouts) -> None:
    _, found, response = await ask(FLAGS, "POST", json=asked())
    tag = response.headers["ETag"]
    for known in (tag, f'"other", W/{tag}', "*"):
        headers = {"If-None-Match": known}
        status, text, again = await ask(FLAGS, "POST", json=asked(), headers=headers)
        assert (status, text, again.headers["ETag"]) == (304, "", tag)
    headers = {"If-None-Match": f'"other", {tag.strip(chr(34))}'}
    assert (await ask(FLAGS, "POST", json=asked(), headers=headers))[0] == 200
    # Another context and another percentage are other answers.
    headers = {"If-None-Match": tag}
    assert (await ask(FLAGS, "POST", json=asked("ann"), headers=headers))[0] == 200
    await told(rollouts, commands.SetPercentage(30.001))
    status, now, response = await ask(FLAGS, "POST", json=asked(), headers=headers)
    assert (status, response.headers["ETag"] != tag, now != found) == (200, True, True)


async def test_a_rollout_goes_before_the_flag_of_another_with_its_name(
    ask: Asked, view: View
) -> None:
    rollouts = {"a": {"percentage": 100}, "a.arm": {"percentage": 0}}
    view.config = Config.model_validate(CONFIG | {"rollouts": rollouts, "routes": []})
    view.opened = Rollouts(MemoryStore(lambda: 0.0), NO_EFFECTS, {}, lambda: 0.0)
    await view.opened.open(view.config)
    found = {
        flag: (await ask(f"{FLAGS}/{flag}", "POST", json={}))[1]["value"]
        for flag in ("a", "a.arm", "a.arm.arm")
    }
    await view.opened.close()
    assert found == {"a": True, "a.arm": False, "a.arm.arm": "legacy"}
