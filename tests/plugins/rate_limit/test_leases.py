"""Leases of requests last with them and end with them, also where they are in a store."""

import asyncio
from collections.abc import Callable

from plugins.rate_limit.claims import SECOND, Claim, Kind, Window
from plugins.rate_limit.counting.memory import MemoryCounts
from plugins.rate_limit.leases import Leases
from proxy.api.testing import FakeServices

CLAIMS = (Claim(Kind.LEASE, "slots", (Window("slots", 1, 30 * SECOND, 1),)),)


def counts_of(services: FakeServices) -> MemoryCounts:
    return MemoryCounts({}, lambda: round(services.clock() * SECOND))


async def test_in_memory_a_lease_ends_at_once() -> None:
    services = FakeServices()
    counts = counts_of(services)
    leases = Leases(counts, counts, services)
    assert counts.take_now(CLAIMS, "a").admitted
    held = leases.hold("a", CLAIMS)
    leases.give_back(held)
    leases.give_back(held)
    assert counts.take_now(CLAIMS, "b").admitted


async def test_in_a_store_it_is_ended_by_the_background() -> None:
    services = FakeServices()
    counts = counts_of(services)
    leases = Leases(counts, None, services)
    services.spawn(leases.run(), "give back")
    for ticket in "abc":
        assert counts.take_now(CLAIMS, ticket).admitted
        leases.give_back(leases.hold(ticket, CLAIMS))
        assert not counts.peek_now(CLAIMS).admitted
        for _ in range(5):
            await asyncio.sleep(0)
        assert counts.peek_now(CLAIMS).admitted
    await services.close()


async def test_what_is_held_is_extended_and_what_is_not_ends_by_itself() -> None:
    services = FakeServices()
    counts = counts_of(services)
    leases = Leases(counts, None, services)
    services.spawn(leases.extend(10), "extend")
    counts.take_now(CLAIMS, "a")
    held = leases.hold("a", CLAIMS)
    await services.jumping.jump(300)
    assert not counts.peek_now(CLAIMS).admitted
    leases.give_back(held)
    await services.jumping.jump(31)
    assert counts.peek_now(CLAIMS).admitted
    await services.close()


async def test_what_nobody_holds_any_more_ends_by_itself() -> None:
    services = FakeServices()
    counts = counts_of(services)
    leases = Leases(counts, counts, services)
    services.spawn(leases.extend(10), "extend")
    counts.take_now(CLAIMS, "a")
    held = leases.hold("a", CLAIMS)
    await services.jumping.jump(100)
    assert not counts.peek_now(CLAIMS).admitted
    del held  # the request is over, and nobody has said so
    await services.jumping.jump(31)
    assert counts.peek_now(CLAIMS).admitted
    await services.close()


async def test_what_the_store_has_forgotten_is_under_way_all_the_same() -> None:
    services = FakeServices()
    counts = counts_of(services)
    leases = Leases(counts, counts, services)
    services.spawn(leases.extend(10), "extend")
    counts.take_now(CLAIMS, "a")
    held = leases.hold("a", CLAIMS)
    counts.clear_now(CLAIMS)
    await services.jumping.jump(11)
    assert not counts.peek_now(CLAIMS).admitted
    leases.give_back(held)
    assert counts.peek_now(CLAIMS).admitted
    await services.close()


async def test_what_ends_while_it_is_counted_again_is_given_back_after_that() -> None:
    services = FakeServices()
    memory = counts_of(services)
    counts = Forgetful(memory)
    leases = Leases(counts, None, services)
    services.spawn(leases.run(), "give back")
    services.spawn(leases.extend(10), "extend")
    held = leases.hold("a", CLAIMS)
    counts.meanwhile = lambda: leases.give_back(held)
    await services.jumping.jump(11)
    assert memory.peek_now(CLAIMS).admitted
    await services.close()


class Forgetful(MemoryCounts):
    """A store in which something goes on before a debit is in it."""

    meanwhile: Callable[[], None]

    def __init__(self, memory: MemoryCounts) -> None:
        self.__dict__ = memory.__dict__

    async def debit(self, claims: tuple[Claim, ...], ticket: str) -> None:
        self.meanwhile()
        for _ in range(5):
            await asyncio.sleep(0)  # it is given back first
        await super().debit(claims, ticket)
