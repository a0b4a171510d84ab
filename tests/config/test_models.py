"""What holds for every loaded configuration, and what is allowed."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from proxy.config.models import Rollout
from tests.config.writing import MINIMAL, load_text

REST = "upstreams: {legacy: {url: 'http://127.0.0.1:3000'}}\n"
WITH_KEY = MINIMAL + "identity: {key: ['cookie:sid']}\n"


def rollout_of(folder: Path, text: str) -> Rollout:
    """The rollout of a file in which it is written like this."""
    return load_text(folder, f"{WITH_KEY}rollouts: {{a: {text}}}\n").rollouts["a"]


def test_a_configuration_cannot_be_changed(tmp_path: Path) -> None:
    config = load_text(tmp_path, MINIMAL)

    with pytest.raises(ValidationError, match="frozen"):
        config.expose = False  # type: ignore[misc]


@pytest.mark.parametrize(
    ("listen", "expected"),
    [
        ("127.0.0.1:8080", ["127.0.0.1:8080"]),
        ("{address: 127.0.0.1:8080}", ["127.0.0.1:8080"]),
        ("['127.0.0.1:1', {address: '[::1]:1'}]", ["127.0.0.1:1", "[::1]:1"]),
        ("['127.0.0.1:0', '127.0.0.1:0']", ["127.0.0.1:0", "127.0.0.1:0"]),
        ("['0.0.0.0:1', '[::]:1']", ["0.0.0.0:1", "[::]:1"]),
    ],
)
def test_listeners_are_written_alone_or_in_a_list(
    tmp_path: Path, listen: str, expected: list[str]
) -> None:
    config = load_text(tmp_path, f"listen: {listen}\n{REST}")

    assert [str(each.address) for each in config.listen] == expected


def test_without_its_section_there_is_no_admin_listener(tmp_path: Path) -> None:
    assert load_text(tmp_path, MINIMAL).admin is None


def test_an_empty_admin_section_listens_on_loopback(tmp_path: Path) -> None:
    admin = load_text(tmp_path, MINIMAL + "admin: {}\n").admin

    assert admin is not None
    assert admin.listen.loopback


def test_admin_may_leave_loopback_with_a_token(tmp_path: Path) -> None:
    text = MINIMAL + (
        "admin:\n  listen: 0.0.0.0:9090\n"
        "  tokens: [{name: ops, role: admin, token: 0123456789abcdef}]\n"
    )
    admin = load_text(tmp_path, text).admin

    assert admin is not None
    assert not admin.listen.loopback


def test_a_rollout_that_no_route_uses_is_fine(tmp_path: Path) -> None:
    config = load_text(tmp_path, WITH_KEY + "rollouts: {unused: {percentage: 5}}\n")

    assert config.rollouts["unused"].percentage == 5.0


@pytest.mark.parametrize("percentage", ["0", "5", "0.001", "33.333", "99.999", "100"])
def test_a_percentage_has_up_to_three_decimals(tmp_path: Path, percentage: str) -> None:
    config = load_text(tmp_path, WITH_KEY + f"rollouts: {{a: {{percentage: {percentage}}}}}\n")

    assert config.rollouts["a"].percentage == float(percentage)


def test_a_condition_is_a_value_a_list_or_a_range(tmp_path: Path) -> None:
    text = WITH_KEY + (
        "rollouts: {a: {conditions: "
        "{tier: pro, region: [eu, 7], account_age: {min: 1, max: 2.5}}}}\n"
    )
    conditions = load_text(tmp_path, text).rollouts["a"].conditions

    assert conditions["tier"].any_of == ("pro",)
    assert conditions["region"].any_of == ("eu", "7")
    assert (conditions["account_age"].min, conditions["account_age"].max) == (1.0, 2.5)


def test_a_whole_number_is_taken_as_its_digits_where_keys_and_values_stand(tmp_path: Path) -> None:
    text = WITH_KEY + (
        "rollouts: {a: {whitelist: [12, 12345678901234567890], salt: 7}}\n"
        "routes: [{name: 1, match: {headers: {X-Api-Version: 2}}, upstream: legacy}]\n"
    ).replace("name: 1", "name: one")
    config = load_text(tmp_path, text)

    assert config.rollouts["a"].whitelist == ("12", "12345678901234567890")
    assert config.rollouts["a"].salt == "7"
    assert config.routes[0].match.headers == {"X-Api-Version": "2"}


def test_named_attributes_take_the_place_of_the_standard_ones(tmp_path: Path) -> None:
    named = load_text(tmp_path, MINIMAL + "identity: {attributes: {plan: ['cookie:plan']}}\n")

    assert set(named.identity.attributes) == {"plan"}
    assert "tier" in load_text(tmp_path, MINIMAL).identity.attributes


def test_a_rule_splits_by_a_salt_of_its_own(tmp_path: Path) -> None:
    rules = "rules: [{when: {tier: a}, then: new}, {when: {tier: b}, percentage: 1, salt: own}]"
    default, salted = (
        rollout_of(tmp_path, f"{{{rules}}}"),
        rollout_of(tmp_path, f"{{salt: s, {rules}}}"),
    )
    long = rollout_of(tmp_path, f"{{salt: {'s' * 60}, {rules}}}")

    assert [rule.salt for rule in default.rules] == ["a/rule1", "own"]
    assert [rule.salt for rule in salted.rules] == ["s/rule1", "own"]
    assert len(long.rules[0].salt.encode()) == 64
    assert long.rules[0].salt != f"{'s' * 60}/rul"


def test_rules_and_a_ramp_may_be_left_out(tmp_path: Path) -> None:
    found = rollout_of(tmp_path, "{percentage: 5}")

    assert found.ramp is None
    assert (found.rules, found.cohort, found.write_affinity) == ((), "", 0.0)
    assert (found.fallback, found.whitelist_survives_rollback) == (True, False)


def test_posts_may_be_asked_of_legacy_again_only_where_the_route_says_so(tmp_path: Path) -> None:
    route = (
        "match: {path: /a}, rollout: a, arms: {legacy: {upstream: legacy}, new: {upstream: legacy}}"
    )
    text = f"{WITH_KEY}rollouts: {{a: {{}}}}\nroutes:\n"
    text += f"  - {{name: safe, {route}}}\n  - {{name: allow, {route}, replay: allow}}\n"

    assert [each.replay for each in load_text(tmp_path, text).routes] == ["safe", "allow"]
