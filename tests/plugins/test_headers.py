"""The plugin headers: what is named is edited, everything else is left alone."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.headers import PLACEHOLDERS, EditHeaders, HeadersSettings
from proxy.api import Reply
from proxy.api.testing import isolated, outgoing, reply_head, request, upstream_reply

Pairs = list[tuple[str, str]]


def sent(settings: dict[str, Any], headers: Pairs, **asked: Any) -> Pairs:
    """What goes upstream, without Host."""
    use = EditHeaders(HeadersSettings.model_validate({"request": settings}))
    seen = request(headers=headers, **asked)
    out = outgoing(seen)
    use.edit_request(seen, out)
    return [(name, value) for name, value in out.headers.items() if name != "Host"]


EDITS: dict[str, tuple[dict[str, Any], Pairs, Pairs]] = {
    "set gives a new header": ({"set": {"X-A": "1"}}, [("X-B", "2")], [("X-B", "2"), ("X-A", "1")]),
    "set replaces every field of the name, where the first one was": (
        {"set": {"x-a": "1"}},
        [("X-A", "old"), ("X-B", "2"), ("X-A", "older")],
        [("x-a", "1"), ("X-B", "2")],
    ),
    "add keeps what there is": (
        {"add": {"X-A": "2"}},
        [("X-A", "1")],
        [("X-A", "1"), ("X-A", "2")],
    ),
    "remove takes all fields of the name": (
        {"remove": ["x-a", "X-Missing"]},
        [("X-A", "1"), ("X-B", "2"), ("X-A", "3")],
        [("X-B", "2")],
    ),
    "map reads before remove, so that the two rename": (
        {"map": {"X-New": {"header": "X-Old"}}, "remove": ["X-Old"]},
        [("X-Old", "kept")],
        [("X-New", "kept")],
    ),
    "map translates a listed value": (
        {"map": {"X-Tier": {"header": "X-Plan", "values": {"gold": "pro"}, "default": "free"}}},
        [("X-Plan", "gold")],
        [("X-Plan", "gold"), ("X-Tier", "pro")],
    ),
    "map gives the default for another value": (
        {"map": {"X-Tier": {"header": "X-Plan", "values": {"gold": "pro"}, "default": "free"}}},
        [("X-Plan", "tin")],
        [("X-Plan", "tin"), ("X-Tier", "free")],
    ),
    "map gives the default where there is no header": (
        {"map": {"X-Tier": {"header": "X-Plan", "default": "free"}}},
        [],
        [("X-Tier", "free")],
    ),
    "a mapped header is never the client's own": (
        {"map": {"X-Tier": {"header": "X-Plan", "values": {"gold": "pro"}}}},
        [("X-Tier", "pro"), ("X-Plan", "tin")],
        [("X-Plan", "tin")],
    ),
    "braces themselves are written twice": ({"set": {"X-A": "{{b}}"}}, [], [("X-A", "{b}")]),
}


@pytest.mark.parametrize("what", EDITS)
def test_each_edit_does_what_it_is_called(what: str) -> None:
    settings, headers, expected = EDITS[what]
    assert sent(settings, headers) == expected


async def test_both_ways_are_edited_each_by_its_own_rules() -> None:
    settings = {
        "request": {"set": {"X-Way": "up {request_id}"}},
        "response": {"set": {"X-Way": "down {arm}"}, "remove": ["Server"]},
    }
    async with isolated(EditHeaders, settings) as plugin:
        upstream = upstream_reply(200, {"Server": "old", "X-Kept": "1"})
        passed = await plugin.through(request(request_id="r1"), upstream, arm="new")
    assert passed.sent is not None
    assert passed.sent.headers.get("X-Way") == "up r1"
    assert passed.reply.headers.items() == [("X-Kept", "1"), ("X-Way", "down new")]


FILLED = {
    "{request_id}": "r1",
    "{client}": "10.0.0.7",
    "{host}": "test.example",
    "{scheme}": "https",
    "{method} {path}": "POST /a%20b",
    "{route}": "campaigns",
    "<{key}>": "<anna@example.com>",
}


@pytest.mark.parametrize("text", FILLED)
def test_a_placeholder_says_what_the_request_is(text: str) -> None:
    seen = {
        "method": "POST",
        "path": "/a%20b?q=1",
        "client": "10.0.0.7",
        "scheme": "https",
        "key": "anna@example.com",
        "verified": True,
        "route": "campaigns",
        "request_id": "r1",
    }
    assert sent({"set": {"X-A": text}}, [], **seen) == [("X-A", FILLED[text])]


def test_an_unverified_key_is_never_passed_on() -> None:
    settings = {"set": {"X-Who": "{key}"}, "add": {"X-Also": "{key}"}}
    assert sent(settings, [("X-Who", "forged")], key="anna", verified=False) == []


def test_a_key_cannot_break_out_of_its_header() -> None:
    name, value = sent({"set": {"X-Who": "{key}"}}, [], key="a\r\nX-Admin: 1é%", verified=True)[0]
    assert (name, value) == ("X-Who", "a%0D%0AX-Admin:%201%C3%A9%25")


MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "a protected header": ({"set": {"Content-Length": "1"}}, "written by the proxy alone"),
    "the request's id": ({"remove": ["X-Request-Id"]}, "written by the proxy alone"),
    "a name that is none": ({"add": {"X A": "1"}}, "'X A' is no header name"),
    "no name to read": ({"map": {"X-A": {"header": ""}}}, "is no header name"),
    "a line end": ({"set": {"X-A": "1\r\nX-B: 2"}}, "no control character"),
    "white space at an end": ({"set": {"X-A": "1 "}}, "no white space at an end"),
    "an unknown placeholder": ({"set": {"X-A": "{requst_id}"}}, "did you mean {request_id}?"),
    "no placeholder at all": ({"set": {"X-A": "{}"}}, "write {{ and }} for braces"),
    "a conversion": ({"set": {"X-A": "{host!r}"}}, "unknown placeholder"),
    "a lone brace": ({"set": {"X-A": "a{b"}}, "a brace stands alone"),
    "a wrong value in a map": ({"map": {"X-A": {"header": "X-B", "default": "é\n"}}}, "control"),
    "one name twice": ({"set": {"X-A": "1", "x-a": "2"}}, "'X-A' is given two values"),
    "set and mapped": (
        {"set": {"X-A": "1"}, "map": {"x-a": {"header": "X-B"}}},
        "is given two values",
    ),
    "an unknown key": ({"sett": {"X-A": "1"}}, "did you mean set?"),
    "a number": ({"set": {"X-A": 1}}, "quote it"),
}


@pytest.mark.parametrize("what", MISTAKES)
@pytest.mark.parametrize("way", ["request", "response"])
async def test_each_mistake_is_told_when_the_settings_are_read(what: str, way: str) -> None:
    settings, expected = MISTAKES[what]
    with pytest.raises(ValueError, match=way) as caught:
        async with isolated(EditHeaders, {way: settings}):
            pass
    assert expected in str(caught.value)


def test_values_are_not_shown_with_the_settings() -> None:
    settings = HeadersSettings.model_validate({"request": {"set": {"X-Api-Key": "hush"}}})
    assert "hush" not in repr(settings)


NAMES = st.sampled_from(["X-A", "x-a", "X-B", "X-C", "Accept", "Cookie"])
VALUES = st.text(st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_characters="\x7f{}"))
TEXTS = VALUES.filter(lambda text: not any(0x7F <= ord(letter) < 0xA1 for letter in text))
EDITED = st.fixed_dictionaries(
    {},
    optional={
        "remove": st.lists(st.sampled_from(["X-A", "X-B"])),
        "set": st.dictionaries(st.just("X-A"), TEXTS | st.sampled_from(["{path}", "{key}"])),
        "add": st.dictionaries(st.just("X-B"), TEXTS | st.just("{host}{key}")),
        "map": st.dictionaries(
            st.just("X-C"), st.fixed_dictionaries({"header": NAMES}, optional={"default": TEXTS})
        ),
    },
)


@given(EDITED, st.lists(st.tuples(NAMES, TEXTS)), st.text(min_size=1))
def test_what_is_not_named_is_untouched_whatever_the_edits(
    edits: dict[str, Any], headers: Pairs, key: str
) -> None:
    asked = request(headers=[(name, value) for name, value in headers], key=key, verified=True)
    before, after = outgoing(asked), outgoing(asked)
    EditHeaders(HeadersSettings.model_validate({"request": edits})).edit_request(asked, after)
    named = {"x-a", "x-b", "x-c"}
    rest = [field for field in before.headers.fields if field.lower.decode() not in named]
    assert [f for f in after.headers.fields if f.lower.decode() not in named] == rest


@given(st.sampled_from(sorted(PLACEHOLDERS)), st.text(st.characters(codec="latin-1")))
def test_an_answer_with_any_placeholder_can_be_sent(name: str, key: str) -> None:
    use = EditHeaders(HeadersSettings.model_validate({"response": {"set": {"X-A": f"{{{name}}}"}}}))
    head = reply_head(200, {"X-B": "1"})
    use.edit_response(request(key=key or None, verified=True), head)
    assert Reply(200, head.headers.items()).headers.get("X-B") == "1"
