"""The plugin transform: method, path and JSON bodies, mapped by declared rules both ways."""

from copy import deepcopy
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.transform import Transform
from plugins.transform.rules import Mapping
from proxy.api import Body, Reply
from proxy.api.testing import Passed, isolated, request, upstream_reply

JSON = {"Content-Type": "application/json"}
CAMPAIGN = {"user_id": "u1", "action": "content_planning", "payload": {"tone": "warm", "n": 3}}


async def through(
    settings: dict[str, Any],
    body: object = None,
    answer: object = None,
    *,
    status: int = 200,
    headers: dict[str, str] | None = None,
    answer_headers: dict[str, str] | None = None,
    **asked: Any,
) -> Passed:
    """Let one request through; bodies that are not bytes are written as JSON."""
    data, told = (b if isinstance(b, bytes) else orjson.dumps(b) for b in (body, answer))
    async with isolated(Transform, settings) as plugin:
        return await plugin.through(
            request(headers=JSON if headers is None else headers, **{"method": "POST", **asked}),
            upstream_reply(status, JSON if answer_headers is None else answer_headers, told),
            data,
        )


def sent(passed: Passed) -> Body:
    """What went upstream."""
    assert passed.body is not None
    return passed.body


MAPPINGS: dict[str, tuple[dict[str, Any], object, object]] = {
    "fields make a new document": (
        {"fields": {"userId": "body.user_id", "data.tone": "body.payload.tone"}},
        CAMPAIGN,
        {"userId": "u1", "data": {"tone": "warm"}},
    ),
    "a field without a value is left out": (
        {"fields": {"a": "body.missing", "b": "body.n.deeper", "c": "body.n"}},
        {"n": 1},
        {"c": 1},
    ),
    "constants and defaults are expressions": (
        {"fields": {"a": "'text'", "b": "`[1, null]`", "c": "not_null(body.c, 'free')"}},
        {},
        {"a": "text", "b": [1, None], "c": "free"},
    ),
    "the rest of the request can be read": (
        {"fields": {"m": "method", "p": "path", "q": "query.a", "h": 'headers."x-plan"'}},
        {},
        {"m": "POST", "p": "/x", "q": "1", "h": "gold"},
    ),
    "what is kept is there besides the fields": (
        {"keep": "body", "fields": {"payload.tone": "'cold'", "new.deep": "body.user_id"}},
        CAMPAIGN,
        {**CAMPAIGN, "payload": {"tone": "cold", "n": 3}, "new": {"deep": "u1"}},
    ),
    "a field without a value leaves what is kept": (
        {"keep": "body", "fields": {"user_id": "body.missing"}},
        CAMPAIGN,
        CAMPAIGN,
    ),
    "a field makes room where something else stands in the way": (
        {"keep": "body", "fields": {"n.deep": "`1`"}},
        {"n": 3},
        {"n": {"deep": 1}},
    ),
    "remove takes what is there": (
        {"keep": "body", "remove": ["payload.tone", "missing.deep", "user_id"]},
        CAMPAIGN,
        {"action": "content_planning", "payload": {"n": 3}},
    ),
    "a name is changed by removing and setting, also crosswise": (
        {
            "keep": "body",
            "remove": ["a", "c"],
            "fields": {"b": "body.a", "d.e": "body.c", "a": "body.b"},
        },
        {"a": 1, "b": 2, "c": 3},
        {"a": 2, "b": 1, "d": {"e": 3}},
    ),
    "an envelope is put around": ({"fields": {"data": "body"}}, CAMPAIGN, {"data": CAMPAIGN}),
    "an envelope is taken off": (
        {"keep": "body.data", "remove": ["n"]},
        {"data": {"n": 1, "m": {}}, "status": "ok"},
        {"m": {}},
    ),
    "an envelope that is not there leaves nothing but the fields": (
        {"keep": "body.data", "fields": {"error": "body.error"}},
        {"error": "gone"},
        {"error": "gone"},
    ),
    "lists are mapped by projections": (
        {"fields": {"ids": "body.items[?ok].id", "n": "length(body.items)"}},
        {"items": [{"id": 1, "ok": True}, {"id": 2, "ok": False}]},
        {"ids": [1], "n": 2},
    ),
    "an expression that does not fit has no value": (
        {"fields": {"a": "length(body.n)", "b": "body.n < 'x'", "c": "`1`"}},
        {"n": 3},
        {"c": 1},
    ),
    "what is kept and is no object is the whole": (
        {"keep": "body.data", "fields": {"a": "`1`"}},
        {"data": []},
        [],
    ),
}


@pytest.mark.parametrize("what", MAPPINGS)
async def test_each_mapping_does_what_it_is_called_on_the_way_up(what: str) -> None:
    mapping, body, expected = MAPPINGS[what]
    headers = {**JSON, "X-Plan": "gold"}
    settings = {"request": mapping}
    passed = await through(settings, body, headers=headers, path="/x?a=1&a=2")
    assert sent(passed).json() == expected


async def test_the_answer_is_mapped_with_the_request_in_sight() -> None:
    fields = {"ok": "status == `200`", "data": "body.result", "who": "query.user", "m": "method"}
    settings = {"response": {"fields": fields}}
    passed = await through(settings, {}, {"result": [1]}, path="/x?user=u1")
    assert passed.reply.json() == {"ok": True, "data": [1], "who": "u1", "m": "POST"}
    assert sent(passed).data == b"{}"


WHEN = [("success", 201, True), ("success", 404, False), ("error", 404, True)]
WHEN += [("error", 200, False), ("any", 500, True), ("any", 301, True), ("success", 301, False)]


@pytest.mark.parametrize(("when", "status", "mapped"), WHEN)
async def test_only_the_answers_that_are_meant_are_mapped(
    when: str, status: int, mapped: bool
) -> None:
    settings = {"response": {"fields": {"new": "body.old"}}, "when": when}
    passed = await through(settings, {}, {"old": 1}, status=status)
    assert passed.reply.json() == ({"new": 1} if mapped else {"old": 1})
    assert passed.reply.status == status


PATHS = {
    "/api/campaigns/c1": "/v2/campaigns/c1",
    "/api/campaigns/c%201": "/v2/campaigns/c%201",
    "/api/campaigns/": "/api/campaigns/",
    "/api/campaigns/c1/x": "/api/campaigns/c1/x",
    "/x/api/campaigns/c1": "/x/api/campaigns/c1",
    "/api/campaigns/ü".encode().decode("latin-1"): "/v2/campaigns/%C3%BC",
}
REWRITE = {"match": "/api/campaigns/(?P<id>[^/]+)", "to": "/v2/campaigns/{id}"}


@pytest.mark.parametrize("path", PATHS)
async def test_a_path_is_rewritten_if_the_whole_of_it_matches(path: str) -> None:
    settings = {"method": "PUT", "path": REWRITE}
    passed = await through(settings, {}, path=path, query="a=%20b")
    assert sent(passed)[:3] == ("PUT", PATHS[path], "a=%20b")
    assert passed.sent is not None
    assert passed.sent.path == PATHS[path]


async def test_groups_of_the_path_are_read_decoded() -> None:
    settings = {"path": REWRITE, "request": {"keep": "body", "fields": {"id": "match.id"}}}
    passed = await through(settings, {"a": 1}, path="/api/campaigns/c%201")
    assert sent(passed).json() == {"a": 1, "id": "c 1"}


UNTOUCHED: dict[str, tuple[dict[str, str], bytes]] = {
    "another type": ({"Content-Type": "text/plain"}, b'{"a":1}'),
    "no type": ({}, b'{"a":1}'),
    "a type that is called like one": ({"Content-Type": "application/jsonl"}, b'{"a":1}'),
    "no body": (JSON, b""),
}
BOTH: dict[str, Any] = {way: {"fields": {"new": "body.a"}} for way in ("request", "response")}


@pytest.mark.parametrize("what", UNTOUCHED)
async def test_what_is_no_json_passes_byte_for_byte(what: str) -> None:
    headers, data = UNTOUCHED[what]
    passed = await through(BOTH, data, data, headers=headers, answer_headers=headers)
    assert sent(passed).data == data
    assert passed.reply.body == data


@pytest.mark.parametrize("kind", ["application/problem+json", "Application/JSON; charset=utf-8"])
async def test_every_kind_of_json_is_mapped(kind: str) -> None:
    headers = {"Content-Type": kind}
    passed = await through(BOTH, {"a": 1}, {"a": 2}, headers=headers, answer_headers=headers)
    assert (sent(passed).json(), passed.reply.json()) == ({"new": 1}, {"new": 2})


DEEP = b"[" * 254 + b"]" * 254
GROWS = {"fields": {"a": "[body, body, body]"}}
UNFIT: dict[str, tuple[str, object, dict[str, Any], int]] = {
    "a request that is no JSON": ("request", b"{", {"fields": {"a": "body"}}, 400),
    "a request with a content coding": ("request", b"\x1f\x8b", {"fields": {"a": "body"}}, 400),
    "a request too deep to be written": ("request", DEEP, {"fields": {"a": "body"}}, 400),
    "a request too large": ("request", "x" * 600, {"fields": {"a": "body"}}, 413),
    "a request that grows too large": ("request", "x" * 400, GROWS, 413),
    "an answer that is no JSON": ("response", b"{", {"fields": {"a": "body"}}, 502),
    "an answer too large": ("response", "x" * 600, {"fields": {"a": "body"}}, 502),
}


@pytest.mark.parametrize("what", UNFIT)
async def test_what_cannot_be_mapped_is_refused_or_passes_as_the_settings_say(what: str) -> None:
    way, document, mapping, status = UNFIT[what]
    data = document if isinstance(document, bytes) else orjson.dumps(document)
    for policy in ("refuse", "pass"):
        settings = {"on_invalid": policy, "on_large": policy, "max_body": "512B"}
        passed = await through({way: mapping, **settings}, data, data)
        if policy == "refuse":
            assert passed.reply.status == status
            assert passed.reply.json()["detail"]
        else:
            assert (sent(passed).data, passed.reply.body) == (data, data)


async def test_broken_json_is_refused_if_nothing_else_is_said() -> None:
    assert (await through(BOTH, b"{", {})).reply.status == 400
    assert (await through(BOTH, {}, b"{")).reply.status == 502


async def test_without_rules_everything_passes() -> None:
    passed = await through({}, b"{ }", b"[ ]", path="/a//b", query="c")
    assert sent(passed) == Body("POST", "/a//b", "c", b"{ }")
    assert passed.reply.body == b"[ ]"


async def test_an_answer_that_is_a_stream_is_left_alone() -> None:
    async def pieces() -> Any:
        yield b'{"a":1}'

    async with isolated(Transform, BOTH) as plugin:
        reply = Reply(200, JSON, pieces())
        assert await plugin.use.rewrite_response(request(), reply) is reply


MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "no expression": (
        {"request": {"fields": {"a": "body."}}},
        'settings.request.fields.a: said "body."; wanted a JMESPath expression; look at column 6',
    ),
    "none to keep": ({"response": {"keep": "body x"}}, "look at column 6"),
    "an unknown function": ({"request": {"fields": {"a": "lenght(body)"}}}, "did you mean length?"),
    "too few arguments": ({"request": {"fields": {"a": "join(body)"}}}, "join takes 2 arguments"),
    "an empty place": ({"request": {"fields": {"a..b": "body"}}}, "a..b"),
    "an unknown key": ({"request": {"filds": {}}}, "did you mean fields?"),
    "a method": ({"method": "post"}, "method"),
    "an unknown group": ({"path": {"match": "/(?P<id>.*)", "to": "/{ident}"}}, "to has only such"),
    "a group without a name": ({"path": {"match": "/(.*)", "to": "/{}"}}, "to has only such"),
    "a brace alone": ({"path": {"match": "/(.*)", "to": "/{"}}, "to has only such"),
    "no regular expression": ({"path": {"match": "/(", "to": "/"}}, "no regular expression"),
    "a path with a query": ({"path": {"match": "/", "to": "/a?b"}}, "path.to"),
    "a path that is none": ({"path": {"match": "/", "to": "a"}}, "path.to"),
    "an unknown profile": ({"profile": "huntaze"}, "wanted huntaze-campaigns"),
    "a profile and rules": (
        {"profile": "huntaze-campaigns", "response": {}, "method": "PUT", "max_body": "1MiB"},
        "a profile says all of it: leave out method, response, or write that in another transform",
    ),
}


@pytest.mark.parametrize("what", MISTAKES)
async def test_each_mistake_is_told_when_the_settings_are_read(what: str) -> None:
    settings, expected = MISTAKES[what]
    with pytest.raises(ValueError, match=r"settings\.") as caught:
        async with isolated(Transform, settings):
            pass
    assert expected in str(caught.value)


DOCUMENTS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False)
    | st.text(),
    lambda below: (
        st.lists(below, max_size=4)
        | st.dictionaries(st.sampled_from(["a", "b", "c"]) | st.text(max_size=3), below, max_size=4)
    ),
    max_leaves=12,
)
PLACES = st.sampled_from(["a", "b", "c", "a.b", "a.b.c", "c.a"])
EXPRESSIONS = st.sampled_from(
    [
        "body",
        "body.a",
        "body.a.b || body.c",
        "body.a[?b > c].c",
        "body.*.a | [0]",
        "sort_by(body.a, &b)",
        "join(', ', body.a)",
        "ceil(to_number(body.a))",
        "contains(body.a, body.b)",
        "merge(body, body.a)",
        "`{}`",
        "to_string(body)",
        "max_by(body.a, &c).b",
        "{a: body.b, c: keys(body)}",
        "body.a[::-1]",
        "body.a < body.b",
        "sum(body[*])",
        "&body",
    ]
)
MAPS = st.fixed_dictionaries(
    {"keep": EXPRESSIONS},
    optional={"remove": st.lists(PLACES), "fields": st.dictionaries(PLACES, EXPRESSIONS)},
)


@given(MAPS, DOCUMENTS)
def test_mapping_is_pure_and_never_raises_whatever_the_document(
    rules: dict[str, Any], document: Any
) -> None:
    mapping = Mapping.model_validate(rules)
    source = {"body": document}
    before = deepcopy(source)
    first = mapping.mapped(source)
    assert source == before
    assert repr(mapping.mapped(source)).split(" at 0x")[0] == repr(first).split(" at 0x")[0]


async def test_a_head_request_keeps_its_method_of_which_the_answer_depends() -> None:
    async with isolated(Transform, {"method": "POST"}) as plugin:
        assert plugin.use is not None
        for method, wanted in (("HEAD", "HEAD"), ("GET", "POST")):
            body = await plugin.use.rewrite_request(request(method), Body(method, "/", "", b""))
            assert body.method == wanted
