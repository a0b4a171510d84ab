"""The first route in file order is taken, whichever index finds it."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.decide import ROUTED
from proxy.core.match import (
    Conditions,
    Goal,
    Route,
    RouteTable,
    compile_host,
    compile_table,
    looked_at,
    match,
)
from proxy.core.path_pattern import compile_path

EVERYTHING = Conditions(compile_path("/**"))


def table(*conditions: Conditions) -> RouteTable:
    """A table of routes named r0, r1 ... and the unmatched one."""
    names = [f"r{index}" for index in range(len(conditions))] + ["unmatched"]
    return compile_table(
        [
            Route(index, name, asked, None, {None: Goal("legacy")}, ROUTED)
            for index, (name, asked) in enumerate(
                zip(names, (*conditions, EVERYTHING), strict=True)
            )
        ]
    )


def on(
    path: str,
    methods: Sequence[bytes] = (),
    host: str | None = None,
    **headers: bytes | None,
) -> Conditions:
    return Conditions(
        compile_path(path),
        frozenset(methods) or None,
        None if host is None else compile_host(host),
        tuple((name.replace("_", "-").encode(), value) for name, value in headers.items()),
    )


def taken(
    routes: RouteTable,
    path: bytes,
    method: bytes = b"GET",
    host: bytes = b"api.example.com",
    **headers: bytes,
) -> str:
    fields = {name.replace("_", "-").encode(): value for name, value in headers.items()}
    return match(routes, method, host, path, fields).name


def test_what_no_route_takes_is_unmatched() -> None:
    assert taken(table(), b"/x") == "unmatched"
    assert taken(table(on("/y")), b"/x") == "unmatched"
    assert taken(table(on("/y")), b"/y/") == "unmatched"


def test_file_order_decides_between_kinds_of_patterns() -> None:
    routes = table(on("~/a/[0-9]+"), on("/a/1"), on("/a/**"), on("/a/2"))
    assert taken(routes, b"/a/1") == "r0"
    assert taken(routes, b"/a/2") == "r0"
    assert taken(routes, b"/a/x") == "r2"
    assert taken(routes, b"/a") == "r2"
    assert taken(table(on("/a/1"), on("~/a/[0-9]+")), b"/a/1") == "r0"


def test_a_route_whose_method_differs_is_passed_over() -> None:
    routes = table(on("/x", [b"POST", b"PUT"]), on("/x/**", [b"GET"]))
    assert taken(routes, b"/x", b"PUT") == "r0"
    assert taken(routes, b"/x", b"GET") == "r1"
    assert taken(routes, b"/x", b"post") == "unmatched"
    assert taken(routes, b"/x/y", b"GET") == "r1"
    assert taken(routes, b"/x/y", b"POST") == "unmatched"


def test_header_conditions_ask_for_a_value_or_for_presence() -> None:
    routes = table(on("/x", x_api_version=b"2"), on("/x", x_debug=None), on("/y/**", x_a=b"1"))
    assert taken(routes, b"/x", x_api_version=b"2") == "r0"
    assert taken(routes, b"/x", x_api_version=b"2, 2") == "unmatched"
    assert taken(routes, b"/x", x_debug=b"") == "r1"
    assert taken(routes, b"/x") == "unmatched"
    assert taken(routes, b"/y/1", x_a=b"1") == "r2"
    assert taken(routes, b"/y/1", x_a=b"2") == "unmatched"


@pytest.mark.parametrize(
    ("wanted", "given_host", "holds"),
    [
        ("api.example.com", b"api.example.com", True),
        ("API.example.com", b"api.EXAMPLE.com:8080", True),
        ("api.example.com", b"api.example.com.", True),
        ("api.example.com", b"xapi.example.com", False),
        ("api.example.com", b"", False),
        ("api.example.com:8080", b"api.example.com:8080", True),
        ("api.example.com:8080", b"api.example.com", False),
        ("api.example.com:8080", b"api.example.com:8081", False),
        ("*.example.com", b"api.example.com", True),
        ("*.example.com", b"a.b.example.com:443", True),
        ("*.example.com", b"example.com", False),
        ("*.example.com", b".example.com", False),
        ("*.example.com", b"example.com.evil.org", False),
        ("*.example.com", b"badexample.com", False),
        ("[::1]", b"[::1]:8080", True),
        ("[::1]", b"[::1]", True),
        ("[::1]:80", b"[::1]:80", True),
        ("127.0.0.1", b"127.0.0.1:80", True),
    ],
)
def test_a_host_is_compared_without_case_and_mostly_without_port(
    wanted: str, given_host: bytes, holds: bool
) -> None:
    assert compile_host(wanted).holds(given_host) is holds
    assert taken(table(on("/x", host=wanted)), b"/x", host=given_host) == (
        "r0" if holds else "unmatched"
    )


@pytest.mark.parametrize("host", ["", "*", "*.", "a.*.com", "**.example.com", "."])
def test_a_host_with_a_star_in_the_wrong_place_is_refused(host: str) -> None:
    with pytest.raises(ValueError, match="a host is a name"):
        compile_host(host)


def test_percent_encoded_unreserved_characters_match_as_themselves() -> None:
    routes = table(on("/api/campaigns"), on("/a~b/**"))
    assert taken(routes, b"/api/c%61mpaigns") == "r0"
    assert taken(routes, b"/a%7Eb/c") == "r1"
    assert taken(routes, b"/api%2Fcampaigns") == "unmatched"


def test_the_last_route_must_take_every_request() -> None:
    for last in (on("/x"), on("/**", [b"GET"]), on("/**", host="a.b"), on("~.*")):
        with pytest.raises(ValueError, match="must take every request"):
            compile_table([Route(0, "r", last, None, {}, ROUTED)])
    with pytest.raises(ValueError, match="must take every request"):
        compile_table([])


def test_the_index_of_a_route_is_its_place() -> None:
    with pytest.raises(ValueError, match="place in the table"):
        compile_table([Route(1, "r", EVERYTHING, None, {}, ROUTED)])


PATHS = ["/", "/a", "/a/", "/a/b", "/a/b/c", "/ab", "/a%2Fb", "/%61", "//a", "*"]
PATTERNS = ["/", "/a", "/a/b", "/**", "/a/**", "/a/b/**", "~/a.*", "~/[ab]", "~.*"]


@st.composite
def conditions(draw: st.DrawFn) -> Conditions:
    return Conditions(
        compile_path(draw(st.sampled_from(PATTERNS))),
        draw(st.none() | st.sampled_from([frozenset({b"GET"}), frozenset({b"GET", b"PUT"})])),
        draw(st.none() | st.sampled_from(["a.com", "*.a.com"]).map(compile_host)),
        draw(st.sampled_from([(), ((b"x", None),), ((b"x", b"1"), (b"y", None))])),
    )


@given(
    st.lists(conditions(), max_size=8),
    st.sampled_from([b"GET", b"PUT", b"POST"]),
    st.sampled_from([b"a.com", b"b.a.com:80", b"c.org"]),
    st.sampled_from(PATHS),
    st.dictionaries(st.sampled_from([b"x", b"y"]), st.sampled_from([b"1", b"2"])),
)
def test_the_routes_looked_at_end_with_the_one_that_is_taken(
    asked: list[Conditions], method: bytes, host: bytes, path: str, fields: dict[bytes, bytes]
) -> None:
    routes = table(*asked)
    looked = looked_at(routes, method, host, path.encode(), fields)
    assert looked[-1].route is match(routes, method, host, path.encode(), fields)
    assert [passed.route.index for passed in looked] == list(range(len(looked)))
    assert [passed.mismatch is None for passed in looked] == [False] * (len(looked) - 1) + [True]


def test_a_route_that_was_passed_over_says_why() -> None:
    routes = table(
        on("/y"), on("/x", [b"PUT", b"POST"]), on("/x", host="*.a.com"), on("/x", v=b"2", w=None)
    )
    looked = looked_at(routes, b"GET", b"b.com", b"/x", {b"v": b"2"})
    assert [passed.mismatch for passed in looked] == [
        "the path is not /y",
        "the method is not POST or PUT",
        "the host is not *.a.com",
        "the header w is not present",
        None,
    ]
    assert looked_at(routes, b"GET", b"b.com", b"/x", {})[3].mismatch == "the header v is not '2'"
