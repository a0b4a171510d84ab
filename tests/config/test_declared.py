"""What a rollout's state remembers of the file: it differs where the file says something else."""

from pathlib import Path

import pytest

from proxy.config.declared import declared_of
from proxy.core.rollout_state import Declared
from tests.config.writing import MINIMAL, load_text

WITH_KEY = MINIMAL + "identity: {key: ['cookie:sid']}\n"


def declared(folder: Path, rollout: str, rest: str = "") -> Declared:
    """What is declared by a file with this rollout."""
    return declared_of(load_text(folder, f"{WITH_KEY}rollouts: {{a: {rollout}}}\n{rest}"), "a")


def changed(one: Declared, other: Declared) -> set[str]:
    """The names of the fields that differ."""
    return {name for name in Declared.__slots__ if getattr(one, name) != getattr(other, name)}


def test_a_rollout_is_remembered_as_it_is_written(tmp_path: Path) -> None:
    found = declared(tmp_path, "{percentage: 5, whitelist: [ann, 12], blacklist: [bob]}")

    assert (found.percentage, found.plan) == (5.0, None)
    assert (found.whitelist, found.blacklist) == (frozenset(["ann", "12"]), frozenset(["bob"]))
    assert found.salt == "crossfade-1:ca978112ca1bbdca"
    assert len(found.rules) == 64


RULES = "{conditions: {tier: [pro], region: eu}, rules: [{when: {tier: pro}, percentage: 5}]}"


@pytest.mark.parametrize(
    ("after", "fields"),
    [
        (
            "{conditions: {region: eu, tier: pro}, rules: [{when: {tier: [pro]}, percentage: 5}]}",
            [],
        ),
        (RULES.replace("region: eu", "region: us"), ["rules"]),
        (RULES.replace("percentage: 5", "percentage: 6"), ["rules"]),
        (RULES.replace("percentage: 5", "then: new"), ["rules"]),
        (RULES.replace("{cond", "{enabled: false, cond"), ["rules"]),
        (RULES.replace("{cond", "{missing_key: new, cond"), ["rules"]),
        (RULES.replace("{cond", "{percentage: 3, cond"), ["percentage"]),
        (RULES.replace("{cond", "{whitelist: [a], cond"), ["whitelist"]),
        (RULES.replace("{cond", "{blacklist: [a], cond"), ["blacklist"]),
        (RULES.replace("{cond", "{ramp: {}, cond"), ["plan"]),
        (RULES.replace("{cond", "{cohort: tier, rollback: {alpha: 0.1}, cond"), []),
    ],
)
def test_only_what_differs_in_meaning_is_a_difference(
    tmp_path: Path, after: str, fields: list[str]
) -> None:
    before, later = declared(tmp_path, RULES), declared(tmp_path, after)

    assert changed(before, later) == set(fields)


def test_another_part_of_the_file_is_no_difference(tmp_path: Path) -> None:
    assert declared(tmp_path, RULES) == declared(tmp_path, RULES, "expose: false\n")


def test_another_salt_is_told_and_not_shown(tmp_path: Path) -> None:
    before, after = declared(tmp_path, "{}"), declared(tmp_path, "{salt: hunter2}")

    assert changed(before, after) == {"salt"}
    assert "hunter2" not in str(after)


def test_a_rollout_that_the_file_does_not_have_is_not_declared(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        declared_of(load_text(tmp_path, MINIMAL), "a")
