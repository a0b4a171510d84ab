"""Buckets: frozen, even, the same in every process, and never moving back."""

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.bucket import ALGORITHM, BUCKETS, bucket, bucketer, threshold
from tests.golden.reference import reference_bucket

ROOT = Path(__file__).parents[2]
GOLDEN: dict[str, Any] = json.loads((ROOT / "tests/golden/buckets.json").read_text("utf-8"))

KEYS = st.binary(min_size=1, max_size=600)
SALTS = st.binary(max_size=64)
PERCENTAGES = st.integers(0, 100_000).map(lambda thousandths: thousandths / 1000)

MANY = """
import sys
from proxy.core.bucket import bucketer
bucket_of = bucketer(b"checkout")
sys.stdout.write(" ".join(str(bucket_of(b"user-%d" % n)) for n in range(10_000)))
"""


@pytest.mark.parametrize("vector", GOLDEN["vectors"], ids=lambda v: f"{v['salt']}|{v['key']}"[:40])
def test_a_key_keeps_its_frozen_bucket(vector: dict[str, Any]) -> None:
    assert bucket(vector["salt"].encode(), vector["key"].encode()) == vector["bucket"]


def test_the_golden_vectors_are_many_and_of_this_algorithm() -> None:
    assert (GOLDEN["algorithm"].encode(), GOLDEN["buckets"]) == (ALGORITHM, BUCKETS)
    assert len(GOLDEN["vectors"]) >= 60


@pytest.mark.parametrize("vector", GOLDEN["vectors"][::8], ids=lambda v: v["key"][:20])
def test_the_golden_vectors_are_what_the_formula_says(vector: dict[str, Any]) -> None:
    assert reference_bucket(vector["salt"].encode(), vector["key"].encode()) == vector["bucket"]


def test_two_processes_agree_on_every_one_of_ten_thousand_keys() -> None:
    said = []
    for seed in ("1", "2"):
        run = subprocess.run(
            [sys.executable, "-c", MANY],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )
        said.append(run.stdout.split())
    bucket_of = bucketer(b"checkout")
    own = [str(bucket_of(b"user-%d" % n)) for n in range(10_000)]
    assert said == [own, own]


def test_shares_of_100_000_keys_are_within_three_tenths_of_a_point() -> None:
    bucket_of = bucketer(b"hybrid-orchestrator")
    places = [bucket_of(b"user-%d" % n) for n in range(100_000)]
    for percentage in (5, 25, 50, 100):
        limit = threshold(percentage)
        share = sum(place < limit for place in places) / 1000
        assert abs(share - percentage) <= 0.3, (percentage, share)


def test_two_salts_choose_different_people() -> None:
    first, second = bucketer(b"checkout"), bucketer(b"search")
    early = [key for key in (b"user-%d" % n for n in range(20_000)) if first(key) < 5_000]
    both = sum(second(key) < 5_000 for key in early)
    assert 0.02 < both / len(early) < 0.09


@given(SALTS, KEYS)
def test_a_bucket_lies_on_the_line_and_is_what_the_reference_says(salt: bytes, key: bytes) -> None:
    place = bucket(salt, key)
    assert 0 <= place < BUCKETS
    assert place == reference_bucket(salt, key)


@given(SALTS, KEYS, KEYS)
def test_a_bucketer_remembers_nothing_of_the_key_before(
    salt: bytes, key: bytes, before: bytes
) -> None:
    bucket_of = bucketer(salt)
    bucket_of(before)
    assert bucket_of(key) == bucket(salt, key)


@given(SALTS, KEYS, PERCENTAGES, PERCENTAGES)
def test_raising_the_percentage_never_moves_a_key_back(
    salt: bytes, key: bytes, one: float, other: float
) -> None:
    low, high = sorted((one, other))
    place = bucket(salt, key)
    assert not place < threshold(low) or place < threshold(high)


@given(SALTS, KEYS)
def test_no_key_is_below_zero_and_every_key_is_below_a_hundred(salt: bytes, key: bytes) -> None:
    assert threshold(0) <= bucket(salt, key) < threshold(100)


@given(st.integers(0, 100_000))
def test_every_step_of_a_thousandth_is_one_bucket(thousandths: int) -> None:
    assert threshold(thousandths / 1000) == thousandths


@pytest.mark.parametrize("percentage", [-0.001, 100.001, math.nan, math.inf])
def test_a_percentage_outside_0_to_100_is_refused(percentage: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 100"):
        threshold(percentage)


def test_a_salt_of_more_than_64_bytes_is_refused() -> None:
    with pytest.raises(ValueError, match="64 bytes"):
        bucketer(b"s" * 65)
