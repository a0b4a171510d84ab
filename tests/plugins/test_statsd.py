"""statsd: what is counted arrives in whole lines within datagrams, or is counted as lost."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.statsd import MOST_TIMES, Statsd
from proxy.api import Alert, Move, Outcome
from proxy.api.testing import Isolated, isolated, outcome, request

END = b"end"


class Receiver:
    """A statsd server's socket."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.bind((host, port))
        self.socket.settimeout(5)
        self.port = int(self.socket.getsockname()[1])

    def datagrams(self) -> list[bytes]:
        """All that came since the last time."""
        self.socket.sendto(END, self.socket.getsockname())
        return list(iter(lambda: self.socket.recv(65536), END))

    def lines(self) -> list[str]:
        """The lines in them."""
        return [line for datagram in self.datagrams() for line in datagram.decode().split("\n")]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.socket.close()


@asynccontextmanager
async def sending(port: int, **settings: Any) -> AsyncIterator[Isolated]:
    async with isolated(application=Statsd, application_settings={"port": port, **settings}) as it:
        yield it


def finish(alone: Isolated, *outcomes: Outcome) -> None:
    for told in outcomes:
        alone.application.finished(told)


def one() -> Outcome:
    return outcome(route="api.v1", arm="new", reason="percentage", status=204, seconds=0.0125)


STYLES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "plain": (
        {},
        [
            "crossfade.requests.api_v1.new.2xx.percentage:1|c",
            "crossfade.alerts.plugin_quarantined.warning:1|c",
            "crossfade.percentage.hybrid:25.5|g",
            "crossfade.duration.api_v1.new.2xx.percentage:12.500000|ms",
        ],
    ),
    "plain with tags": (
        {"tags": {"env": "prod", "region": "eu.west"}, "prefix": ""},
        [
            "requests.prod.eu_west.api_v1.new.2xx.percentage:1|c",
            "alerts.prod.eu_west.plugin_quarantined.warning:1|c",
            "percentage.prod.eu_west.hybrid:25.5|g",
            "duration.prod.eu_west.api_v1.new.2xx.percentage:12.500000|ms",
        ],
    ),
    "dogstatsd": (
        {"tag_style": "dogstatsd", "tags": {"env": "prod"}, "prefix": "edge.proxy"},
        [
            "edge.proxy.requests:1|c|#env:prod,route:api.v1,arm:new,status:2xx,reason:percentage",
            "edge.proxy.alerts:1|c|#env:prod,name:plugin_quarantined,severity:warning",
            "edge.proxy.percentage:25.5|g|#env:prod,rollout:hybrid",
            (
                "edge.proxy.duration:12.500000|ms"
                "|#env:prod,route:api.v1,arm:new,status:2xx,reason:percentage"
            ),
        ],
    ),
}


@pytest.mark.parametrize("style", STYLES)
async def test_counters_gauges_and_times_are_written_in_the_style_that_is_asked_for(
    style: str, receiver: Receiver
) -> None:
    settings, lines = STYLES[style]
    async with sending(receiver.port, **settings) as alone:
        finish(alone, one())
        alone.application.rollout_moved(Move("hybrid", 5, 25.5, "ops", "looks good"))
        alone.application.alert_raised(Alert("plugin_quarantined", "headers", "It fails."))
        assert receiver.datagrams() == []  # nothing is sent by who counts
        await alone.clock.jump(1)
        assert receiver.lines() == lines
        assert alone.application.health() == ""


async def test_a_request_through_the_proxy_is_counted_once(receiver: Receiver) -> None:
    async with sending(receiver.port) as alone:
        await alone.through(request(route="campaigns"), arm="new")
        await alone.clock.jump(10)
    assert receiver.lines() == [
        "crossfade.requests.campaigns.new.2xx.percentage:1|c",
        "crossfade.duration.campaigns.new.2xx.percentage:0.000000|ms",
    ]


async def test_requests_without_an_answer_have_a_class_of_their_own(receiver: Receiver) -> None:
    async with sending(receiver.port) as alone:
        finish(alone, outcome(status=0, reason="client_left"), outcome(status=599))
    lines = receiver.lines()
    assert "crossfade.requests.test.none.none.client_left:1|c" in lines
    assert "crossfade.requests.test.none.5xx.route:1|c" in lines


async def test_what_is_left_is_sent_when_the_plugin_ends(receiver: Receiver) -> None:
    async with sending(receiver.port) as alone:
        finish(alone, one())
    assert len(receiver.lines()) == 2


async def test_gauges_are_said_again_in_each_flush_and_counts_are_not(receiver: Receiver) -> None:
    async with sending(receiver.port, flush="10s") as alone:
        finish(alone, one())
        alone.application.rollout_moved(Move("hybrid", 0, 5, "ops", ""))
        alone.application.rollout_moved(Move("hybrid", 5, 0, "ops", "back"))
        await alone.clock.jump(9.9)
        assert receiver.lines() == []
        await alone.clock.jump(0.1)
        assert len(receiver.lines()) == 3
        await alone.clock.jump(20)
        assert receiver.lines() == ["crossfade.percentage.hybrid:0|g"] * 2


async def test_of_many_times_some_are_sent_with_their_share(receiver: Receiver) -> None:
    async with sending(receiver.port) as alone:
        finish(alone, *[one()] * (MOST_TIMES * 4))
        await alone.clock.jump(1)
    lines = receiver.lines()
    assert lines[0].endswith(f":{MOST_TIMES * 4}|c")
    assert (
        lines[1:]
        == ["crossfade.duration.api_v1.new.2xx.percentage:12.500000|ms|@0.250000"] * MOST_TIMES
    )


@pytest.mark.parametrize("style", ["none", "dogstatsd"])
async def test_the_longest_line_fits_into_a_datagram(style: str, receiver: Receiver) -> None:
    tags = {f"{number}".rjust(32, "k"): "v" * 32 for number in range(8)}
    said = {"tag_style": style, "tags": tags, "prefix": "p" * 64}
    async with sending(receiver.port, **said) as alone:
        finish(alone, outcome(route="r" * 999, arm="a" * 999, reason="é" * 999))
    datagrams = receiver.datagrams()
    assert sum(map(len, datagrams)) > 800
    assert max(map(len, datagrams)) <= 1432


# A name, a value, its type, a rate, tags.
LINE = re.compile(
    r"[0-9A-Za-z_.-]+:[0-9.]+\|(c|g|ms)(\|@0\.[0-9]{6})?(\|#[0-9A-Za-z_.-]+:[0-9A-Za-z_.-]+(,[^\s|#,:]+:[^\s|#,:]+)*)?"
)
WORDS = st.text(max_size=100) | st.text("a.:|@#\n,= \0é", max_size=10)
TAGS = st.from_regex(r"[0-9A-Za-z_.-]{1,32}", fullmatch=True)
OUTCOMES = st.builds(
    outcome,
    route=WORDS,
    arm=st.sampled_from(["legacy", "new", "none"]),
    reason=WORDS,
    status=st.just(0) | st.integers(100, 599),
    seconds=st.floats(0, 86400),
)


@given(
    flushes=st.lists(st.lists(OUTCOMES, max_size=30), max_size=3),
    moves=st.dictionaries(WORDS, st.integers(0, 100_000).map(lambda n: n / 1000), max_size=5),
    style=st.sampled_from(["none", "dogstatsd"]),
    tags=st.dictionaries(TAGS, TAGS, max_size=8),
    prefix=st.from_regex(r"[0-9A-Za-z_.-]{0,64}", fullmatch=True),
)
async def test_whatever_things_are_called_each_request_is_counted_in_datagrams_that_parse(
    flushes: list[list[Outcome]],
    moves: dict[str, float],
    style: str,
    tags: dict[str, str],
    prefix: str,
) -> None:
    receiver = Receiver()
    said = {"tag_style": style, "tags": tags, "prefix": prefix}
    async with sending(receiver.port, **said) as alone:
        for outcomes in flushes:
            finish(alone, *outcomes)
            await alone.clock.jump(1)
        for rollout, percentage in moves.items():
            alone.application.rollout_moved(Move(rollout, 0, percentage, "ops", ""))
            alone.application.alert_raised(Alert(rollout, "", "", rollout))
    datagrams = receiver.datagrams()
    receiver.socket.close()
    assert max(map(len, datagrams), default=0) <= 1432
    lines = [line for datagram in datagrams for line in datagram.decode("ascii").split("\n")]
    assert [line for line in lines if not LINE.fullmatch(line)] == []
    stem = f"{prefix}.requests" if prefix else "requests"
    counts = [re.split(r"[:|]", line) for line in lines if line.startswith(stem)]
    assert sum(int(count[1]) for count in counts) == sum(map(len, flushes))


# Receivers that are not there


async def until(alone: Isolated, holds: Callable[[], bool]) -> None:
    """Send on and on: what the kernel tells takes real time, however far the clock jumps."""
    async with asyncio.timeout(20):
        while not holds():
            finish(alone, one())
            await alone.clock.jump(1)


async def test_a_receiver_that_is_not_there_costs_nothing_but_its_datagrams() -> None:
    gone = Receiver()
    gone.socket.close()
    async with sending(gone.port) as alone:
        # The kernel tells of a datagram when the next one is sent.
        await until(alone, lambda: alone.services.value("lost", why="Connection refused") == 3)
        assert alone.application.health() == "datagrams are lost: Connection refused"
        back = Receiver(port=gone.port)
        await until(alone, lambda: alone.application.health() == "")
        assert alone.services.value("lost", why="Connection refused") == 4
        assert "crossfade.requests.api_v1.new.2xx.percentage:1|c" in back.lines()
        back.socket.close()
        assert alone.services.tasks == ("flush",)
    assert alone.services.faults == []


async def test_an_address_that_cannot_be_used_does_not_keep_the_proxy_from_starting() -> None:
    async with sending(8125, host="255.255.255.255") as alone:
        finish(alone, one())
        await alone.clock.jump(1)
        assert alone.services.value("lost", why="Permission denied") == 1
        assert alone.application.health() == "datagrams are lost: Permission denied"
    assert alone.services.faults == []


async def test_a_name_that_nobody_knows_does_not_keep_the_proxy_from_starting() -> None:
    async with sending(8125, host="a" * 64 + ".test") as alone:
        assert "label empty or too long" in alone.application.health()
        why = alone.application.health().removeprefix("datagrams are lost: ")
        finish(alone, one())
        await alone.clock.jump(1)
        assert alone.services.value("lost", why=why) == 1
        assert why in alone.application.health()
    assert alone.services.value("lost", why=why) == 1  # there was nothing more to send
    assert alone.services.faults == []


def reachable() -> list[tuple[str, str]]:
    """The hosts to try, each with the address it stands for; IPv6 where the machine has it."""
    try:
        Receiver("::1").socket.close()
    except OSError:
        return [("localhost", "127.0.0.1")]
    return [("localhost", "127.0.0.1"), ("::1", "::1")]


@pytest.mark.parametrize(("host", "address"), reachable())
async def test_a_receiver_is_found_by_name_and_by_ipv6_address(host: str, address: str) -> None:
    receiver = Receiver(address)
    async with sending(receiver.port, host=host) as alone:
        finish(alone, one())
    assert len(receiver.lines()) == 2
    receiver.socket.close()


# Settings


MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "a style of another world": ({"tag_style": "graphite"}, "tag_style"),
    "a tag that would end the line": (
        {"tag_style": "dogstatsd", "tags": {"env": "a\nb"}},
        "tags.env",
    ),
    "a prefix with a colon": ({"prefix": "a:b"}, "prefix"),
    "no port": ({"port": 0}, "port"),
    "a port with a unit": ({"port": "8125/udp"}, "port"),
    "no host": ({"host": ""}, "host"),
    "a flush all the time": ({"flush": "1ms"}, "wanted a duration from 100ms to 1m"),
    "hardly ever a flush": ({"flush": "1h"}, "wanted a duration from 100ms to 1m"),
    "an unknown key": ({"hots": "statsd"}, "host"),
}


@pytest.mark.parametrize("what", MISTAKES)
async def test_a_mistake_in_the_settings_is_told_before_the_start(what: str) -> None:
    settings, told = MISTAKES[what]
    with pytest.raises(ValueError, match=r".") as raised:
        async with isolated(application=Statsd, application_settings=settings):
            raise AssertionError("it started")
    assert told in str(raised.value)
