"""What is said back is written as JavaScript writes what it has read."""

import json
import struct

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.transform.profiles.javascript import as_javascript

WRITTEN = {
    # As `node -e 'console.log(JSON.stringify(JSON.parse(…)))'` writes them.
    "1.0": "1",
    "-0.0": "0",
    "-0": "0",
    "0.1": "0.1",
    "12.50": "12.5",
    "-2.75e2": "-275",
    "9007199254740993": "9007199254740992",
    "12345678901234567890": "12345678901234567000",
    "-12345678901234567890123": "-1.2345678901234568e+22",
    "1e20": "100000000000000000000",
    "123456789012345680000.0": "123456789012345680000",
    "1e21": "1e+21",
    "1.5e300": "1.5e+300",
    "0.00001": "0.00001",
    "0.000001": "0.000001",
    "0.0000001": "1e-7",
    "1.23e-7": "1.23e-7",
    "123.456": "123.456",
    "5e-324": "5e-324",
    "true": "true",
    "null": "null",
    '"ünï 🎉\\u2028\\u007f<"': '"ünï 🎉\u2028\x7f<"',
    '{"b":1,"10":2,"2":3,"01":4,"a":5}': '{"2":3,"10":2,"b":1,"01":4,"a":5}',
    '{"4294967295":1,"4294967294":2,"-1":3}': '{"4294967294":2,"4294967295":1,"-1":3}',
    '[{"x":[1.0,{"y":2.0}]}]': '[{"x":[1,{"y":2}]}]',
}


@pytest.mark.parametrize("said", WRITTEN)
def test_it_is_written_as_javascript_does(said: str) -> None:
    assert orjson.dumps(as_javascript(orjson.loads(said))).decode() == WRITTEN[said]


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**63), 2**64 - 1))
def test_every_number_stays_the_same_double(number: float) -> None:
    written = orjson.dumps(as_javascript(number))
    assert struct.pack("d", float(json.loads(written)) + 0.0) == struct.pack(
        "d", float(number) + 0.0
    )


@given(st.recursive(st.text(), lambda inner: st.dictionaries(st.text(), inner), max_leaves=6))
def test_nothing_else_is_changed(said: object) -> None:
    assert as_javascript(said) == said
