"""What the log tells and what it never tells."""

import json
from typing import Any

import jwt

from tests.kit.answering import AnsweringUpstream
from tests.kit.message import Request
from tests.kit.running import RunningProxy, free_port, wait_until
from tests.story.operator import ARMS, TRUSTED, Admin, access_lines, command

SECRETS = {
    "jwt secret": "jwt-signing-secret-5e1f-of-32-bytes-at-least",
    "admin token": "admin-token-d04c-of-the-story",
    "wrong token": "guessed-token-77aa",
    "user by header": "user-by-header-0b8e",
    "user by cookie": "user-by-cookie-91c2",
    "user by token": "user-by-token-4f3d",
    "whitelisted": "whitelisted-user-6d2b",
    "header value": "header-value-c1d9",
    "query": "query-value-22fe",
    "path parameter": "session-8f0a",
    "password": "password-e7e7",
    "body": "body-value-3a3a",
    "tier": "tier-value-99b1",
}
"""Words that no line of output may contain."""


def config_of(upstream: AnsweringUpstream) -> dict[str, Any]:
    tokens = [{"name": "ops", "role": "admin", "token": "${ADMIN_TOKEN}"}]
    return {
        "upstreams": {
            "legacy": {"url": upstream.url},
            "new": {"url": f"http://127.0.0.1:{free_port()}"},
        },
        "identity": {
            "key": ["jwt:userId", "header:X-User-Id", "cookie:sid"],
            "jwt": {"cookies": ["access_token"], "bearer": True, "secret": "${JWT_SECRET}"},
            "attributes": {"tier": ["header:X-User-Tier"]},
            "trusted_proxies": [f"{TRUSTED}/32"],
        },
        "rollouts": {
            "fade": {
                "percentage": 50,
                "whitelist": [SECRETS["whitelisted"]],
                "conditions": {"tier": ["none-at-all"]},
            },
            "broken": {"percentage": 100, "missing_key": "reject", "fallback": False},
        },
        "routes": [
            {"name": "broken", "match": {"path": "/broken"}, "rollout": "broken", "arms": ARMS},
            {"name": "fade", "match": {"path": "/**"}, "rollout": "fade", "arms": ARMS},
        ],
        "log": {"level": "debug", "format": "json", "access": {"sample": 1.0}},
        "admin": {"listen": f"127.0.0.1:{free_port()}", "tokens": tokens},
    }


def requests() -> list[bytes]:
    """Requests full of secrets: good ones, failing ones, refused ones."""
    one = SECRETS
    token = jwt.encode({"userId": one["user by token"]}, one["jwt secret"], "HS256")
    listed = jwt.encode({"userId": one["whitelisted"]}, one["jwt secret"], "HS256")
    known = [
        f"Cookie: sid={one['user by cookie']}",
        f"Cookie: access_token={token}",
        f"Authorization: Bearer {listed}",
        f"X-User-Id: {one['user by header']}",
        f"Authorization: Bearer {one['wrong token']}",
        "X-Nothing: known",
    ]
    hidden = [f"X-Secret: {one['header value']}", f"X-User-Tier: {one['tier']}"]
    query = f"?q={one['query']}"
    targets = [
        f"/a{query}",
        f"/broken{query}",
        f"/a;jsessionid={one['path parameter']}",
        f"http://name:{one['password']}@t/a{query}",
    ]
    made = [
        "\r\n".join((f"GET {target} HTTP/1.1", "Host: t", line, *hidden, "", ""))
        for target in targets
        for line in known
    ]
    malformed = [
        f"GET /a{query} HTTP/1.1\r\nHost: t\r\nX-Secret : {one['header value']}\r\n\r\n",
        f"GET /a{query} HTTP/9.9\r\nHost: t\r\nX-Secret: {one['header value']}\r\n\r\n",
        f"GET /a HTTP/1.1\r\nHost: t\r\nHost: {one['password']}\r\n\r\n",
        f"{one['query']}\r\n\r\n",
        f"GET /a{query} HTTP/1.1\r\nHost: t\r\nX-User-Id: {'x' * 40000}\r\n\r\n",
        f"POST /a HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n{one['body']}\r\n\r\n",
        f"CONNECT {one['password']}:443 HTTP/1.1\r\nHost: t\r\n\r\n",
        f"GET /a HTTP/1.1\r\nHost: t\r\nContent-Length: {one['body']}\r\n\r\n",
    ]
    return [text.encode() for text in (*made, *malformed)]


def test_no_user_token_header_or_query_is_ever_logged(old: AnsweringUpstream) -> None:
    env = {"JWT_SECRET": SECRETS["jwt secret"], "ADMIN_TOKEN": SECRETS["admin token"]}
    config = config_of(old)
    with RunningProxy(config, env) as proxy:
        statuses = set()
        for request in requests():
            for source in ("127.0.0.1", TRUSTED):
                with proxy.connect(source=source) as client:
                    statuses.add(client.ask(request, b"GET").status)
        assert {200, 400, 431, 502} <= statuses
        port = config["admin"]["listen"].rpartition(":")[2]
        right, wrong = (
            Admin(proxy, SECRETS[name], int(port)) for name in ("admin token", "wrong token")
        )
        assert wrong.ask(f"/status?token={SECRETS['wrong token']}")[0] == 401
        assert right.ask(f"/status?token={SECRETS['admin token']}")[0] == 200
        for text in (f"identity: {{jwt: {{secret: '{SECRETS['jwt secret']}', x: 1}}}}\n", "a: [\n"):
            proxy.write_text(text)
            assert right.reload()[0] == 409
        proxy.write()
        wait_until(lambda: right.reload()[0] == 200, "the good file serves again")
        shown = right.ask("/status")[1] + right.ask("/metrics")[1]
        proxy.stop()
        logged = proxy.output()
        assert len(access_lines(proxy)) > 30
        for name, secret in SECRETS.items():
            assert secret not in logged, name
            assert secret not in shown.decode(), name
        assert all(json.loads(line)["event"] for line in logged.splitlines())


def logged_hashes(proxy: RunningProxy, count: int) -> list[str]:
    wait_until(lambda: len(access_lines(proxy)) == count, "all are logged")
    return [line["key_hash"] for line in access_lines(proxy)]


def test_the_same_user_has_the_same_hash_and_another_one_has_another(
    old: AnsweringUpstream,
) -> None:
    config = {**config_of(old), "admin": {"listen": f"127.0.0.1:{free_port()}"}}
    env = {"JWT_SECRET": SECRETS["jwt secret"], "CROSSFADE_LOG_KEY": "of the story"}
    hashes = []
    for _ in range(2):
        with RunningProxy(config, env) as proxy:
            for user in ("one", "two", "one"):
                with proxy.connect(source=TRUSTED) as client:
                    client.ask(
                        b"GET /a HTTP/1.1\r\nHost: t\r\nX-User-Id: %b\r\n\r\n" % user.encode()
                    )
            hashes.append(logged_hashes(proxy, 3))
    first, second, again = hashes[0]
    assert first == again != second
    assert hashes[0] == hashes[1]


def id_seen(request: Request) -> str:
    value = request.value(b"x-request-id")
    assert value is not None
    return value.decode()


def test_one_request_id_names_a_request_everywhere(old: AnsweringUpstream) -> None:
    config = {
        "upstreams": {"legacy": {"url": old.url}},
        "identity": {"trusted_proxies": [f"{TRUSTED}/32"]},
        "log": {"access": {"sample": 1.0}},
    }
    given = b"GET /a HTTP/1.1\r\nHost: t\r\nX-Request-Id: given-by-the-edge\r\n\r\n"
    with RunningProxy(config) as proxy:
        for source in (TRUSTED, "127.0.0.1"):
            with proxy.connect(source=source) as client:
                answer = client.ask(given)
                named = answer.value(b"x-request-id") or b""
            upstream_saw = id_seen(old.requests[-1])
            wait_until(lambda: len(access_lines(proxy)) == len(old.requests), "it is logged")
            assert upstream_saw == named.decode() == access_lines(proxy)[-1]["request_id"]
            assert (named == b"given-by-the-edge") == (source == TRUSTED)


def test_a_fault_is_logged_under_the_id_that_the_client_was_told() -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    with RunningProxy({"upstreams": {"legacy": {"url": nobody}}}) as proxy:
        with proxy.connect() as client:
            answer = client.ask(b"GET /a HTTP/1.1\r\nHost: t\r\n\r\n")
        problem = json.loads(answer.body)
        wait_until(lambda: bool(access_lines(proxy)), "the fault is logged")
        line = access_lines(proxy)[0]
        assert answer.status == line["status"] == 502
        assert problem["request_id"] == line["request_id"]
        assert problem["reason"] == line["reason"] == "upstream_refused"
        assert line["level"] == "warning"


ROLES = ("viewer", "operator", "admin")
MAY: dict[tuple[str, str], tuple[str, ...]] = {
    ("GET", "/healthz"): ("nobody", "stranger", *ROLES),
    ("GET", "/readyz"): ("nobody", "stranger", *ROLES),
    ("GET", "/status"): ROLES,
    ("GET", "/metrics"): ROLES,
    ("POST", "/reload"): ("operator", "admin"),
}


def test_each_token_may_do_what_its_role_may_and_nothing_else(old: AnsweringUpstream) -> None:
    tokens = {role: f"the-{role}-token-of-the-story" for role in ROLES}
    port = free_port()
    admin = {
        "listen": f"127.0.0.1:{port}",
        "tokens": [{"name": role, "role": role, "token": text} for role, text in tokens.items()],
    }
    upstreams = {"legacy": {"url": old.url}}
    with RunningProxy({"upstreams": upstreams, "admin": admin}) as proxy:
        callers = {role: Admin(proxy, text, port) for role, text in tokens.items()}
        callers |= {"nobody": Admin(proxy, None, port), "stranger": Admin(proxy, "x" * 30, port)}
        for (method, path), allowed in MAY.items():
            for name, caller in callers.items():
                unknown = name in {"nobody", "stranger"}
                refused = 401 if unknown else 403
                wanted = 200 if name in allowed else refused
                assert caller.ask(path, method)[0] == wanted, (name, method, path)
        shown = command("status", "--config", str(proxy.file))
        assert shown.returncode == 1
        env = {"CROSSFADE_ADMIN_TOKEN": tokens["viewer"]}
        assert command("status", "--config", str(proxy.file), env=env).returncode == 0


def test_an_admin_listener_for_everybody_is_refused_without_tokens(
    old: AnsweringUpstream,
) -> None:
    admin = {"listen": f"0.0.0.0:{free_port()}"}
    code, said = RunningProxy(
        {"upstreams": {"legacy": {"url": old.url}}, "admin": admin}
    ).run_to_end()
    assert code == 2
    assert "admin" in said
    assert "tokens" in said
    assert "Traceback" not in said
