"""Waiting ends when it is true, in the end in vain, and does what is to be done in between."""

import asyncio

import pytest

from tests.kit.waiting import until


async def test_it_ends_as_soon_as_it_is_true_for_functions_and_coroutines() -> None:
    looks: list[int] = []

    def third() -> bool:
        looks.append(len(looks))
        return len(looks) == 3

    async def sixth() -> bool:
        await asyncio.sleep(0)
        return third() or len(looks) == 6

    await until(third)
    await until(sixth)
    assert len(looks) == 6


async def test_between_two_looks_what_was_asked_for_is_done() -> None:
    done: list[str] = []

    async def further() -> None:
        done.append("more")

    await until(lambda: len(done) == 2, between=further)
    assert done == ["more", "more"]


async def test_waiting_in_vain_says_for_what() -> None:
    with pytest.raises(AssertionError, match=r"waited 0\.01 s in vain until pigs fly"):
        await until(lambda: False, "pigs fly", deadline=0.01)
    with pytest.raises(AssertionError, match="until they are 2"):
        await until(lambda: False, lambda: f"they are {1 + 1}", deadline=0.0)
