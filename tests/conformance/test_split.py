"""The sticky split as clients see it: who goes to which arm, and why."""

import hashlib
from collections.abc import Iterator

import jwt
import pytest

from tests.conformance.conftest import set_stage
from tests.conformance.judge import TRUSTED, Stage, assert_problem, get
from tests.kit.running import RunningProxy
from tests.kit.upstream import ScriptedUpstream, which_hears

SECRET = "a secret of thirty-two bytes, at least"
SALT = "fade"


@pytest.fixture(scope="module")
def split_proxy(
    legacy_upstream: ScriptedUpstream, new_upstream: ScriptedUpstream
) -> Iterator[RunningProxy]:
    arms = {"legacy": {"upstream": "legacy"}, "new": {"upstream": "new"}}

    def rollout(**settings: object) -> dict[str, object]:
        return {"enabled": True, "percentage": 0, "salt": SALT, **settings}

    rollouts = {
        "half": rollout(percentage=50),
        "listed": rollout(whitelist=["friend"], blacklist=["foe"]),
        "everyone": rollout(percentage=100, blacklist=["foe"]),
        "off": rollout(percentage=100, enabled=False),
        "paying": rollout(percentage=100, conditions={"tier": ["pro"]}),
        "keyless-new": rollout(percentage=5, missing_key="new"),
        "keyless-reject": rollout(percentage=5, missing_key="reject"),
    }
    config = {
        "upstreams": {"legacy": {"url": legacy_upstream.url}, "new": {"url": new_upstream.url}},
        "identity": {
            "key": ["jwt:userId", "header:X-User-Id", "cookie:sid"],
            "jwt": {"cookies": ["access_token"], "bearer": True, "secret": "${JWT_SECRET}"},
            "attributes": {"tier": ["jwt:tier", "header:X-User-Tier"]},
            "trusted_proxies": [f"{TRUSTED}/32"],
        },
        "rollouts": rollouts,
        "routes": [
            {"name": name, "match": {"path": f"/{name}/**"}, "rollout": name, "arms": arms}
            for name in rollouts
        ],
    }
    with RunningProxy(config, {"JWT_SECRET": SECRET}) as proxy:
        yield proxy


@pytest.fixture
def split(
    split_proxy: RunningProxy, legacy_upstream: ScriptedUpstream, new_upstream: ScriptedUpstream
) -> Iterator[Stage]:
    yield from set_stage(split_proxy, legacy_upstream, new_upstream)


def arm_of(stage: Stage, target: bytes, *lines: bytes, source: str = TRUSTED) -> tuple[str, str]:
    """Ask, answer on whichever arm was asked, and hold the headers to that arm."""
    client = stage.connect(source=source)
    client.send(get(target, *lines))
    went_new = which_hears(stage.upstream, stage.other) is stage.other
    connection = (stage.other if went_new else stage.upstream).receive()
    connection.answer(b"new" if went_new else b"legacy")
    answer = client.read_response()
    arm = (answer.value(b"x-crossfade-arm") or b"").decode()
    assert arm == answer.body.decode()
    return arm, (answer.value(b"x-crossfade-reason") or b"").decode()


def expected_arm(user: str, percentage: int) -> str:
    """The rule of the bucket, written down a second time."""
    digest = hashlib.blake2b(
        b"crossfade-1\x1f" + user.encode(), digest_size=8, key=SALT.encode()
    ).digest()
    bucket = (int.from_bytes(digest, "big") * 100_000) >> 64
    return "new" if bucket < percentage * 1000 else "legacy"


def token(**claims: object) -> bytes:
    return jwt.encode({"exp": 4_000_000_000, **claims}, SECRET, algorithm="HS256").encode()


def test_users_fall_into_the_arm_of_their_bucket(split: Stage) -> None:
    arms = set()
    for number in range(40):
        user = f"user-{number}"
        arm, reason = arm_of(split, b"/half/x", b"X-User-Id: " + user.encode())
        assert arm == expected_arm(user, 50), user
        assert reason == ("percentage" if arm == "new" else "remainder")
        arms.add(arm)
    assert arms == {"legacy", "new"}


def test_a_user_stays_in_one_arm(split: Stage) -> None:
    for user in (b"user-1", b"user-2", b"user-3"):
        seen = {arm_of(split, b"/half/%d" % n, b"X-User-Id: " + user) for n in range(5)}
        assert len(seen) == 1


def test_a_user_is_in_one_arm_whichever_way_the_key_came(split: Stage) -> None:
    for number in range(6):
        user = f"user-{number}"
        ways = [
            b"X-User-Id: " + user.encode(),
            b"Cookie: a=b; sid=" + user.encode(),
            b"Cookie: access_token=" + token(userId=user),
            b"Authorization: Bearer " + token(userId=user),
        ]
        assert {arm_of(split, b"/half/x", way)[0] for way in ways} == {expected_arm(user, 50)}


ARMS: dict[str, tuple[bytes, list[bytes], str, tuple[str, str]]] = {
    "a whitelisted user": (b"/listed/x", [b"X-User-Id: friend"], TRUSTED, ("new", "whitelist")),
    "a whitelisted user by token": (
        b"/listed/x",
        [b"Authorization: Bearer " + token(userId="friend")],
        "127.0.0.1",
        ("new", "whitelist"),
    ),
    "a stranger who claims to be whitelisted": (
        b"/listed/x",
        [b"X-User-Id: friend"],
        "127.0.0.1",
        ("legacy", "missing_key"),
    ),
    "a whitelisted name in a cookie": (
        b"/listed/x",
        [b"Cookie: sid=friend"],
        "127.0.0.1",
        ("legacy", "remainder"),
    ),
    "a token of another secret": (
        b"/listed/x",
        [b"Authorization: Bearer " + token(userId="friend")[:-4] + b"AAAA"],
        "127.0.0.1",
        ("legacy", "missing_key"),
    ),
    "an expired token": (
        b"/listed/x",
        [b"Authorization: Bearer " + token(userId="friend", exp=1_000_000_000)],
        "127.0.0.1",
        ("legacy", "missing_key"),
    ),
    "a blacklisted user": (b"/everyone/x", [b"X-User-Id: foe"], TRUSTED, ("legacy", "blacklist")),
    "anyone at 100 percent": (b"/everyone/x", [b"X-User-Id: u"], TRUSTED, ("new", "percentage")),
    "nobody at 100 percent": (b"/everyone/x", [], TRUSTED, ("new", "percentage")),
    "anyone at 0 percent": (b"/listed/x", [b"X-User-Id: u"], TRUSTED, ("legacy", "remainder")),
    "no identity": (b"/half/x", [], TRUSTED, ("legacy", "missing_key")),
    "an empty identity": (b"/half/x", [b"X-User-Id:  "], TRUSTED, ("legacy", "missing_key")),
    "no identity where new takes them": (
        b"/keyless-new/x",
        [],
        TRUSTED,
        ("new", "missing_key"),
    ),
    "a rollout that is off": (b"/off/x", [b"X-User-Id: u"], TRUSTED, ("legacy", "disabled")),
    "a condition that holds": (
        b"/paying/x",
        [b"X-User-Id: u", b"X-User-Tier: pro"],
        TRUSTED,
        ("new", "percentage"),
    ),
    "a condition that does not hold": (
        b"/paying/x",
        [b"X-User-Id: u", b"X-User-Tier: free"],
        TRUSTED,
        ("legacy", "conditions"),
    ),
    "a condition a stranger claims": (
        b"/paying/x",
        [b"Cookie: sid=u", b"X-User-Tier: pro"],
        "127.0.0.1",
        ("legacy", "conditions"),
    ),
}


@pytest.mark.parametrize(("target", "lines", "source", "wanted"), ARMS.values(), ids=ARMS)
def test_the_arm_of(
    split: Stage, target: bytes, lines: list[bytes], source: str, wanted: tuple[str, str]
) -> None:
    assert arm_of(split, target, *lines, source=source) == wanted


def test_no_identity_is_rejected_where_the_rollout_says_so(split: Stage) -> None:
    answer = split.connect().ask(get(b"/keyless-reject/x"))
    assert answer.status == 400
    assert answer.value(b"x-crossfade-reason") == b"missing_key"


def test_a_request_that_matches_no_route_goes_to_the_default_upstream(split: Stage) -> None:
    client, connection = split.pass_request(get(b"/elsewhere"))
    connection.answer()
    answer = client.read_response()
    assert answer.value(b"x-crossfade-arm") == b"none"
    assert answer.value(b"x-crossfade-reason") == b"unmatched"


def test_a_fault_of_an_arm_names_the_arm(split: Stage) -> None:
    client = split.connect(source=TRUSTED)
    client.send(get(b"/listed/x", b"X-User-Id: friend").replace(b"GET", b"POST", 1))
    split.other.receive().close()
    answer = client.read_response()
    assert_problem(answer, 502, "upstream_closed")
    assert answer.value(b"x-crossfade-arm") == b"new"


def test_two_processes_agree_on_every_user(split: Stage, split_proxy: RunningProxy) -> None:
    with RunningProxy(
        {key: value for key, value in split_proxy.config.items() if key not in ("listen", "admin")},
        {"JWT_SECRET": SECRET},
    ) as twin:
        second = Stage(twin, split.upstream, split.other, [])
        for number in range(10):
            line = b"X-User-Id: twin-%d" % number
            assert arm_of(split, b"/half/x", line) == arm_of(second, b"/half/x", line)
        for client in second.clients:
            client.close()
