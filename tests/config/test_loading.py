"""From a file to a configuration."""

from pathlib import Path

import pytest

from proxy.config import ConfigError, load, load_admin
from proxy.settings.values import Address, EndpointUrl
from tests.config.writing import MINIMAL, load_text, problems_of

DESIGNED = """\
listen: 127.0.0.1:8080
admin:
  listen: 127.0.0.1:9090
  tokens: [{name: ops, role: admin, token: "${CROSSFADE_ADMIN_TOKEN}"}]
upstreams:
  legacy:
    url: http://127.0.0.1:3000
    timeouts: {connect: 2s, first_byte: 30s, idle: 60s}
    pool: {max: 256, idle: 10s}
    health: {path: /api/health, interval: 5s}
identity:
  key: [jwt:userId, jwt:sub, "header:X-User-Id", "cookie:sid"]
  jwt: {cookies: [access_token, auth_token], secret: "${JWT_SECRET}", algorithms: [HS256]}
  trusted_proxies: [127.0.0.1/32]
rollouts:
  hybrid-orchestrator:
    enabled: true
    percentage: 5
    whitelist: [admin-user, 12]
    blacklist: [problematic-user-456]
    conditions: {tier: [pro, enterprise], account_age: {min: 30}}
    missing_key: legacy
routes:
  - name: campaigns
    match: {path: /api/campaigns, methods: [POST]}
    rollout: hybrid-orchestrator
    arms: {legacy: {upstream: legacy}, new: {upstream: legacy}}
  - name: everything-else
    match: {path: "/**"}
    upstream: legacy
limits: {header_bytes: 32KiB, url_bytes: 8KiB, connections: 10000, head_timeout: 10s, drain: 30s}
"""
ENV = {"CROSSFADE_ADMIN_TOKEN": "0123456789abcdef", "JWT_SECRET": "s"}

EIGHT_MISTAKES = """\
lisen: 127.0.0.1:8080
listen: 127.0.0.1
upstreams:
  legacy:
    url: http://127.0.0.1:3000
    timeouts: {connect: 2}
identity: {key: ["cookie:sid"], jwt: {secret: "${JWT_SECRET}"}}
rollouts:
  fade:
    percentage: 101
    whitelist: [no]
routes:
  - {name: a, match: {path: "~("}, upstream: lgeacy}
"""


def test_the_public_shape_of_the_configuration_loads_as_typed_values(tmp_path: Path) -> None:
    config = load_text(tmp_path, DESIGNED, ENV)

    rollout = config.rollouts["hybrid-orchestrator"]
    legacy = config.upstreams["legacy"]
    assert config.listen[0].address == Address("127.0.0.1", 8080)
    assert legacy.endpoints == (EndpointUrl("http", "127.0.0.1", 3000),)
    assert (legacy.timeouts.connect, legacy.timeouts.first_byte) == (2.0, 30.0)
    assert [str(extractor) for extractor in config.identity.key][:2] == ["jwt:userId", "jwt:sub"]
    assert rollout.whitelist == ("admin-user", "12")
    assert rollout.conditions["tier"].any_of == ("pro", "enterprise")
    assert rollout.conditions["account_age"].min == 30.0
    assert config.limits.header_bytes == 32 * 1024


def test_what_one_part_says_for_another_is_filled_in(tmp_path: Path) -> None:
    config = load_text(tmp_path, DESIGNED, ENV)

    assert config.rollouts["hybrid-orchestrator"].salt == "hybrid-orchestrator"
    assert config.default_upstream == "legacy"


def test_the_only_upstream_is_the_default_one_whatever_its_name(tmp_path: Path) -> None:
    config = load_text(tmp_path, MINIMAL.replace("legacy", "shop"))

    assert config.default_upstream == "shop"


def test_eight_different_mistakes_are_reported_in_one_run_each_at_its_place(
    tmp_path: Path,
) -> None:
    problems = problems_of(tmp_path, EIGHT_MISTAKES)

    assert [(p.line, p.column, p.where) for p in problems] == [
        (1, 1, "lisen"),
        (2, 9, "listen"),
        (6, 25, "upstreams.legacy.timeouts.connect"),
        (7, 47, "identity.jwt.secret"),
        (10, 17, "rollouts.fade.percentage"),
        (11, 17, "rollouts.fade.whitelist[0]"),
        (13, 29, "routes[0].match.path"),
        (13, 46, "routes[0].upstream"),
    ]
    assert all(p.file == str(tmp_path / "config.yaml") for p in problems)


def test_an_error_is_printed_one_problem_a_line_in_the_order_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text(tmp_path, EIGHT_MISTAKES)

    lines = str(caught.value).splitlines()
    assert lines == [str(problem) for problem in caught.value.problems]
    assert lines[2].removeprefix(str(tmp_path)) == (
        "/config.yaml:6:25: upstreams.legacy.timeouts.connect: said 2; "
        'wanted a duration such as 250ms, 2s, 10m or 1h; add the unit: 2 -> "2s"'
    )


def test_very_many_problems_are_all_kept_and_cut_short_in_print(tmp_path: Path) -> None:
    text = MINIMAL + "".join(f"key{i}: 1\n" for i in range(150))

    with pytest.raises(ConfigError) as caught:
        load_text(tmp_path, text)

    assert len(caught.value.problems) == 150
    assert str(caught.value).endswith("... and 50 more problems")


def test_a_file_that_is_not_there_is_a_problem_and_not_a_traceback(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "nowhere.yaml", {})


def test_a_folder_in_place_of_the_file_is_a_problem_too(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path, {})


def test_the_same_text_and_environment_have_the_same_digest(tmp_path: Path) -> None:
    first = load_text(tmp_path, DESIGNED, ENV).digest

    assert load_text(tmp_path, DESIGNED, ENV | {"UNRELATED": "1"}).digest == first
    assert len(first) == 64


@pytest.mark.parametrize(
    ("text", "env"), [(DESIGNED + "#\n", ENV), (DESIGNED, ENV | {"JWT_SECRET": "t"})]
)
def test_another_text_or_a_used_variable_changes_the_digest(
    tmp_path: Path, text: str, env: dict[str, str]
) -> None:
    before = load_text(tmp_path, DESIGNED, ENV).digest

    assert load_text(tmp_path, text, env).digest != before


def test_anchors_and_merges_spare_repetition(tmp_path: Path) -> None:
    text = """\
listen: 127.0.0.1:8080
upstreams:
  legacy: &base {url: "http://127.0.0.1:3000", timeouts: &slow {first_byte: 2m, idle: 5m}}
  new: {<<: *base, url: "http://127.0.0.1:3001", timeouts: {idle: 1s, <<: [*slow]}}
"""
    new = load_text(tmp_path, text).upstreams["new"]

    assert new.endpoints[0].port == 3001
    assert (new.timeouts.first_byte, new.timeouts.idle) == (120.0, 1.0)


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (b"listen: 127.0.0.1:8080\nupstreams: \xff\n", "a file in UTF-8"),
        (b"listen: 127.0.0.1:8080\nexpose: \x07\n", "valid YAML"),
        (b"#" * (1024 * 1024 + 1), "a file of at most 1048576 bytes"),
    ],
)
def test_bytes_that_are_no_text_are_refused(tmp_path: Path, content: bytes, wanted: str) -> None:
    problems = problems_of(tmp_path, content)

    assert [problem.wanted for problem in problems] == [wanted]


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    assert load_text(tmp_path, b"\xef\xbb\xbf" + MINIMAL.encode()).default_upstream == "legacy"


def test_the_admin_section_is_read_also_from_a_file_that_cannot_be_served(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text('admin: {listen: "127.0.0.1:${PORT}"}\nroutes: 5\n')
    admin = load_admin(file, {"PORT": "9999"})
    assert admin is not None
    assert admin.listen == Address("127.0.0.1", 9999)
    file.write_text("listen: 5\n")
    assert load_admin(file, {}) is None
    for text in ("admin: {listen: 5}\n", "admin: {unknown: 5}\n", "admin: [\n"):
        file.write_text(text)
        with pytest.raises(ConfigError):
            load_admin(file, {})
