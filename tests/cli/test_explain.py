"""`crossfade explain` shows the derivation that the proxy itself would follow."""

import json
from pathlib import Path
from typing import Any

import jwt
import pytest
import typer
from typer.testing import CliRunner

from proxy.cli.explain import command
from proxy.core.bucket import bucket

SECRET = "a secret that only the legacy system and the proxy know"
CONFIG = """
listen: 127.0.0.1:8080
upstreams:
  legacy: {url: "http://127.0.0.1:3000"}
  new: {url: "http://127.0.0.1:3001"}
identity:
  key: [jwt:sub, "header:X-User-Id", "cookie:sid"]
  jwt: {cookies: [access_token], secret: "a secret that only the legacy system and the proxy know"}
  trusted_proxies: [127.0.0.1/32]
rollouts:
  checkout:
    percentage: 50
    whitelist: [admin-user]
    blacklist: [bad-user]
    conditions: {tier: [pro]}
    missing_key: reject
routes:
  - {name: health, match: {path: /health}, upstream: legacy}
  - name: campaigns
    match: {path: /api/campaigns, methods: [POST]}
    rollout: checkout
    arms: {legacy: {upstream: legacy}, new: {upstream: new}}
"""

app = typer.Typer()
app.command()(command)


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG, "utf-8")
    return str(path)


def run(config: str, *words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["--config", config, *words])
    return result.exit_code, result.output


def asked(config: str, *words: str) -> dict[str, Any]:
    code, output = run(config, "--json", *words)
    assert code == 0, output
    answer: dict[str, Any] = json.loads(output)
    return answer


CAMPAIGNS = ("POST", "/api/campaigns?x=1")


def test_a_split_is_shown_with_every_rule_that_was_looked_at(config: str) -> None:
    answer = asked(config, "--user", "u1", "--attribute", "tier=pro", *CAMPAIGNS)
    place = bucket(b"checkout", b"u1")
    new = place < 50_000
    assert answer["routes"] == [
        {"name": "health", "taken": False, "saw": "the path is not /health"},
        {"name": "campaigns", "taken": True, "saw": None},
    ]
    assert answer["identity"] == {
        "key": "u1",
        "source": "--user",
        "verified": True,
        "attributes": {"tier": "pro"},
    }
    assert [(rule["rule"], rule["hit"]) for rule in answer["rules"]] == [
        ("blacklist", False),
        ("whitelist", False),
        ("conditions", False),
        ("missing_key", False),
        ("percentage", True),
    ]
    assert (answer["bucket"], answer["threshold"]) == (place, 50_000)
    assert answer["arm"] == answer["upstream"] == ("new" if new else "legacy")
    assert answer["reason"] == ("percentage" if new else "remainder")


@pytest.mark.parametrize(
    ("words", "arm", "reason"),
    [
        (["--user", "bad-user"], "legacy", "blacklist"),
        (["--user", "admin-user"], "new", "whitelist"),
        (["--user", "u1"], "legacy", "conditions"),
        (["--header", "X-User-Id: admin-user"], "new", "whitelist"),
        (["--header", "Cookie: sid=admin-user"], "legacy", "conditions"),
        (["-H", "x-user-tier: pro"], "legacy", "missing_key"),
        (["-H", "X-User-Id: a", "-H", "X-User-Id: b", "-a", "tier=pro"], "legacy", "missing_key"),
    ],
)
def test_each_way_of_asking_meets_its_rule(
    config: str, words: list[str], arm: str, reason: str
) -> None:
    answer = asked(config, *words, *CAMPAIGNS)
    assert (answer["arm"], answer["reason"]) == (arm, reason)
    assert answer["rules"][-1]["rule"] == reason


def test_a_token_is_verified_as_the_proxy_would(config: str) -> None:
    token = jwt.encode({"sub": "admin-user", "tier": "pro"}, SECRET, "HS256")
    answer = asked(config, "--header", f"Cookie: access_token={token}", *CAMPAIGNS)
    assert answer["identity"] == {
        "key": "admin-user",
        "source": "jwt:sub",
        "verified": True,
        "attributes": {"tier": "pro"},
    }
    forged = token[:-6] + "AAAAAA"
    answer = asked(config, "--header", f"Cookie: access_token={forged}", *CAMPAIGNS)
    assert answer["identity"]["key"] is None


def test_a_rejected_request_goes_nowhere(config: str) -> None:
    answer = asked(config, "--attribute", "tier=pro", *CAMPAIGNS)
    assert (answer["rejected"], answer["upstream"], answer["bucket"]) == (True, None, None)
    assert "refused with 400" in run(config, "--attribute", "tier=pro", *CAMPAIGNS)[1]


def test_a_route_without_a_rollout_has_nothing_to_decide(config: str) -> None:
    answer = asked(config, "--user", "u1", "GET", "/health")
    assert (answer["route"], answer["rollout"], answer["rules"]) == ("health", None, [])
    assert (answer["arm"], answer["reason"], answer["upstream"]) == (None, "route", "legacy")
    answer = asked(config, "GET", "/other")
    assert (answer["route"], answer["reason"]) == ("unmatched", "unmatched")
    assert answer["routes"][1]["saw"] == "the path is not /api/campaigns"


def test_a_person_reads_the_same_derivation(config: str) -> None:
    code, output = run(config, "--user", "u1", "--attribute", "tier=pro", *CAMPAIGNS)
    place = bucket(b"checkout", b"u1")
    assert code == 0
    for line in [
        "request   POST /api/campaigns?x=1",
        "  health               passed   the path is not /health",
        "  campaigns            taken",
        "  key u1 (--user, verified)",
        "  tier = pro",
        "rules of checkout",
        "  blacklist            passed   the key is not among the 1 listed",
        f"  bucket     {place} (new is below 50000)",
    ]:
        assert line in output.splitlines()
    assert "  no key" in run(config, "GET", "/health")[1].splitlines()


DOCUMENTED = """
listen: 127.0.0.1:8080
upstreams: {legacy: {url: "http://127.0.0.1:3000"}, new: {url: "http://127.0.0.1:3001"}}
identity: {key: ["cookie:sid"]}
rollouts:
  hybrid-orchestrator:
    percentage: 5
    whitelist: [admin-user]
    blacklist: [problematic-user-456]
    conditions: {tier: [pro, enterprise]}
routes:
  - name: campaigns
    match: {path: /api/campaigns, methods: [POST]}
    rollout: hybrid-orchestrator
    arms: {legacy: {upstream: legacy}, new: {upstream: new}}
"""


def test_the_documentation_shows_what_is_printed(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs/topics/splitting.md").read_text("utf-8")
    typed, _, shown = page.split("```\n")[1].partition("\n")
    path = tmp_path / "config.yaml"
    path.write_text(DOCUMENTED, "utf-8")
    words = typed.removeprefix("$ crossfade explain --config config.yaml ").split()
    assert run(str(path), *words) == (0, shown)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["GET", "health"], "PATH begins with /"),
        (["--header", "hush", "GET", "/"], "--header wants 'Name: value'"),
        (["--attribute", "hush", "GET", "/"], "--attribute wants name=value"),
        (["--user", " ", "GET", "/"], "--user is no key"),
    ],
)
def test_bad_usage_leaves_with_2_and_says_what_was_wanted(
    config: str, words: list[str], said: str
) -> None:
    code, output = run(config, *words)
    assert code == 2
    assert said in output
    assert "hush" not in output


def test_a_configuration_that_does_not_load_leaves_with_2(tmp_path: Path) -> None:
    broken = tmp_path / "config.yaml"
    broken.write_text("listen: [", "utf-8")
    for path in (broken, tmp_path / "none.yaml"):
        code, output = run(str(path), "GET", "/")
        assert code == 2
        assert path.name in output
