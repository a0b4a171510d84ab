"""What we accept, another strict parser accepts and reads the same: nothing is smuggled."""

from collections import Counter
from collections.abc import Iterator
from random import Random

import pytest

from tests.kit.odd_heads import request_head, response_head
from tests.kit.second_opinion import LEFT_OUT, REFUSED, SAME, STRICTER, SecondOpinion

CASES = 20_000


@pytest.fixture
def opinion() -> Iterator[SecondOpinion]:
    opinion = SecondOpinion()
    yield opinion
    opinion.close()


@pytest.mark.parametrize("seed", [1, 2])
def test_what_we_accept_as_a_request_another_parser_reads_the_same(
    seed: int, opinion: SecondOpinion
) -> None:
    rng = Random(seed)
    seen = Counter(opinion.request(request_head(rng), rng) for _ in range(CASES))
    assert seen[SAME] > CASES // 8, seen
    assert set(seen) - {LEFT_OUT} == {SAME, REFUSED, *STRICTER}, "each exception still has a case"


def test_what_we_accept_as_a_response_another_parser_reads_the_same(
    opinion: SecondOpinion,
) -> None:
    rng = Random(3)
    seen = Counter(opinion.response(response_head(rng), rng) for _ in range(CASES))
    assert seen[SAME] > CASES // 8, seen
    assert seen[REFUSED] > CASES // 8, seen


# Each of these is read in two ways by some pair of servers; we read it in none.
SMUGGLED = {
    "both lengths": b"Content-Length: 5\r\nTransfer-Encoding: chunked",
    "two lengths": b"Content-Length: 5\r\nContent-Length: 6",
    "a space before the colon": b"Transfer-Encoding : chunked",
    "a line folded": b"X-A: b\r\n Transfer-Encoding: chunked",
    "a bare LF": b"X-A: b\nTransfer-Encoding: chunked",
    "a bare CR": b"X-A: b\rTransfer-Encoding: chunked",
    "a NUL": b"X-A: b\x00",
    "a coding hidden by a tab": b"Transfer-Encoding: \x0bchunked",
    "a coding in quotes": b'Transfer-Encoding: "chunked"',
    "two hosts": b"Host: b",
}


@pytest.mark.parametrize("what", SMUGGLED)
def test_what_two_servers_read_differently_is_refused(what: str, opinion: SecondOpinion) -> None:
    data = b"POST / HTTP/1.1\r\nHost: a\r\n" + SMUGGLED[what] + b"\r\n\r\n"
    assert opinion.request(data, Random(0)) == REFUSED
