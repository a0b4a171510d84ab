"""`${VAR}` and `${VAR:-default}`."""

from pathlib import Path

import pytest

from proxy.config.environment import expand
from tests.config.writing import MINIMAL, load_text, problems_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("${A}", "one"),
        ("x-${A}-${A}-y", "x-one-one-y"),
        ("${NO:-two}", "two"),
        ("${A:-two}", "one"),
        ("${EMPTY:-two}", "two"),
        ("${EMPTY}", ""),
        ("${NO:-}", ""),
        ("$$", "$"),
        ("$${A}", "${A}"),
        ("$A ~/x$", "$A ~/x$"),
    ],
)
def test_variables_expand_as_in_a_shell(text: str, expected: str) -> None:
    result = expand(text, {"A": "one", "EMPTY": ""})

    assert result.text == expected
    assert not result.unset


def test_a_value_is_not_expanded_a_second_time() -> None:
    assert expand("${A}", {"A": "${B}", "B": "b"}).text == "${B}"


def test_an_unset_variable_is_named() -> None:
    assert expand("${A}${B}", {"A": ""}).unset == ["B"]


@pytest.mark.parametrize("text", ["${", "${}", "${1A}", "${A:=b}", "${A"])
def test_a_brace_that_names_nothing_is_malformed(text: str) -> None:
    assert expand(text, {"A": "one"}).malformed


@pytest.mark.parametrize("value", ["a: b", "[a, b]", "{a: b}", "x\ny: z", "&a", "*a", "# no"])
def test_a_value_from_the_environment_never_becomes_structure(tmp_path: Path, value: str) -> None:
    text = MINIMAL + 'identity: {jwt: {secret: "${JWT_SECRET}"}}\n'
    jwt = load_text(tmp_path, text, {"JWT_SECRET": value}).identity.jwt

    assert jwt is not None
    assert jwt.secret is not None
    assert jwt.secret.get_secret_value() == value


def test_text_from_the_environment_is_read_as_what_its_key_wants(tmp_path: Path) -> None:
    text = MINIMAL + (
        'identity: {key: ["cookie:sid"]}\n'
        "expose: ${EXPOSE}\n"
        "limits: {connections: '${MOST}'}\n"
        "rollouts: {fade: {percentage: '${PERCENTAGE}', whitelist: ['${WHO}']}}\n"
    )
    env = {"EXPOSE": "no", "MOST": "20", "PERCENTAGE": "2.5", "WHO": "007"}
    config = load_text(tmp_path, text, env)

    assert (config.expose, config.limits.connections) == (False, 20)
    assert config.rollouts["fade"].percentage == 2.5
    assert config.rollouts["fade"].whitelist == ("007",)


def test_every_unset_variable_of_the_file_is_reported_by_name(tmp_path: Path) -> None:
    text = "listen: ${LISTEN}\nupstreams: {legacy: {url: '${LEGACY_URL}'}}\n"
    problems = problems_of(tmp_path, text)

    assert [p.where for p in problems] == ["listen", "upstreams.legacy.url"]
    assert "LISTEN" in problems[0].said
    assert "LEGACY_URL" in problems[1].said


def test_keys_are_not_expanded(tmp_path: Path) -> None:
    problems = problems_of(tmp_path, MINIMAL + '"${A}": 1\n', {"A": "expose"})

    assert problems[0].where == "${A}"


def test_a_value_that_is_not_utf8_is_a_problem(tmp_path: Path) -> None:
    problems = problems_of(tmp_path, MINIMAL + "log: {level: '${A}'}\n", {"A": "\udcff"})

    assert problems[0].wanted == "text in UTF-8"
