"""What every store of alerts promises, told as stories; `all_of_it` tells them all."""

from collections.abc import Awaitable, Callable

from plugins.notify.notice import written
from plugins.notify.store import Cap, Filter, NotifyStore, Wanted
from tests.plugins.notify.stores.bench import BOUNDS, LEASE, NOW, ROOMY, Clock, Opened, notice

OPS = (Wanted("ops"),)
BOTH = (Wanted("ops"), Wanted("oncall", free=True))


async def an_alert_is_told_once(store: NotifyStore, clock: Clock) -> None:
    assert (await store.take(notice(1, "a"), OPS)).what == "told"
    assert (await store.take(notice(2, "a", text="still"), OPS)).what == "again"
    [one] = await store.list(Filter(), 10)
    assert (one.times, one.text, one.ended_at) == (2, "still", None)
    assert (await store.stats()).waiting == {"ops": 1}


async def one_that_lasts_is_told_again_after_a_while(store: NotifyStore, clock: Clock) -> None:
    await store.take(notice(1, "a"), OPS)
    clock.at += BOUNDS.repeat - 1
    assert (await store.take(notice(2, "a"), OPS)).what == "again"
    clock.at += 1
    assert (await store.take(notice(3, "a", at=clock.at), OPS)).what == "told"
    newest, oldest = await store.list(Filter(), 10)
    assert (oldest.ended, newest.ended) == ("replaced", "")


async def one_that_gets_worse_is_told_again(store: NotifyStore, clock: Clock) -> None:
    await store.take(notice(1, "a"), OPS)
    assert (await store.take(notice(2, "a", severity="critical"), OPS)).what == "told"
    assert (await store.take(notice(3, "a", severity="info"), OPS)).what == "again"


async def resolved_it_is_over_and_may_be_told_anew(store: NotifyStore, clock: Clock) -> None:
    await store.take(notice(1, "a"), OPS)
    over = await store.take(notice(2, "a", resolves=True, at=NOW + 5), BOTH)
    assert (over.what, over.channels) == ("ended", ("ops",))
    assert (await store.take(notice(3, "a", resolves=True), BOTH)).what == "nothing"
    [one] = await store.list(Filter(), 10)
    assert (one.ended, one.ended_at) == ("resolved", NOW + 5)
    assert (await store.take(notice(4, "a"), OPS)).what == "told"


async def nothing_is_resolved_before_it_was_raised(store: NotifyStore, clock: Clock) -> None:
    await store.take(notice(1, "a"), OPS)
    await store.take(notice(2, "a", resolves=True), OPS)
    raised = await store.claim("ops", ROOMY, lease=LEASE)
    assert [one.notice.resolves for one in raised] == [False]
    assert await store.claim("ops", ROOMY, lease=LEASE) == ()
    await store.failed(raised, clock.at + 30, "busy")
    assert await store.claim("ops", ROOMY, lease=LEASE) == ()
    clock.at += 30
    await store.delivered(await store.claim("ops", ROOMY, lease=LEASE))
    [over] = await store.claim("ops", ROOMY, lease=LEASE)
    assert over.notice.resolves


async def a_lease_that_runs_out_is_another_ones(store: NotifyStore, clock: Clock) -> None:
    await store.take(notice(1), OPS)
    first = await store.claim("ops", ROOMY, lease=LEASE)
    assert await store.next_moment("ops", ROOMY) == NOW + LEASE
    clock.at += LEASE
    second = await store.claim("ops", ROOMY, lease=LEASE)
    assert [one.attempts for one in second] == [2]
    assert await store.delivered(first) == 0
    assert await store.delivered(second) == 1
    assert (await store.stats()).waiting == {}


async def what_nobody_takes_in_time_is_dead(store: NotifyStore, clock: Clock) -> None:
    await store.take(notice(1), BOTH)
    claimed = await store.claim("ops", ROOMY, lease=LEASE)
    assert await store.failed(claimed, clock.at + BOUNDS.give_up, "503") == 1
    clock.at += BOUNDS.give_up
    assert await store.claim("oncall", ROOMY, lease=LEASE) == ()
    dead = await store.outbox(dead=True, channel=None, limit=10)
    assert [one.why for one in dead] == ["503", "nobody could be told in time"]
    assert await store.again(dead[0].id, None) == 1
    [anew] = await store.claim("ops", ROOMY, lease=LEASE)
    assert (anew.attempts, anew.why) == (1, "")
    assert await store.drop(None, "oncall") == 1
    assert (await store.stats()).dead == {}


async def what_is_above_the_cap_goes_as_one(store: NotifyStore, clock: Clock) -> None:
    cap = Cap(3, 60.0)
    for number in range(1, 7):
        await store.take(notice(number), OPS)
    sizes = []
    for _ in range(3):
        claimed = await store.claim("ops", cap, lease=LEASE)
        sizes.append(len(claimed))
        await store.delivered(claimed)
    assert sizes == [1, 1, 4]
    await store.take(notice(7), OPS)
    assert await store.claim("ops", cap, lease=LEASE) == ()
    assert await store.next_moment("ops", cap) == NOW + 60
    clock.at += 60
    assert len(await store.claim("ops", cap, lease=LEASE)) == 1


async def tries_that_fail_use_up_no_cap(store: NotifyStore, clock: Clock) -> None:
    cap = Cap(2, 60.0)
    await store.take(notice(1), OPS)
    for _ in range(5):
        claimed = await store.claim("ops", cap, lease=LEASE)
        assert len(claimed) == 1
        await store.failed(claimed, clock.at, "busy")


async def what_is_free_goes_though_the_cap_is_used_up(store: NotifyStore, clock: Clock) -> None:
    cap = Cap(1, 60.0)
    await store.take(notice(1, "a"), BOTH[1:])
    await store.delivered(await store.claim("oncall", cap, lease=LEASE))
    await store.take(notice(2, "b"), (Wanted("oncall"),))
    await store.delivered(await store.claim("oncall", cap, lease=LEASE))
    await store.take(notice(3, "c"), (Wanted("oncall"),))
    await store.take(notice(4, "a", resolves=True), BOTH)
    [one] = await store.claim("oncall", cap, lease=LEASE)
    assert one.notice.resolves


async def no_channel_has_more_waiting_than_it_may(store: NotifyStore, clock: Clock) -> None:
    for number in range(1, BOUNDS.waiting + 1):
        await store.take(notice(number), OPS)
    taken = await store.take(notice(99), BOTH)
    assert (taken.what, taken.channels, taken.full) == ("told", ("oncall",), ("ops",))


async def only_the_newest_alerts_are_listed(store: NotifyStore, clock: Clock) -> None:
    for number in range(1, BOUNDS.listed + 3):
        await store.take(notice(number), ())
    found = await store.list(Filter(), 100)
    assert [one.text for one in found][-1] == "text 3"
    assert len(found) == BOUNDS.listed
    assert (await store.take(notice(90, "i1"), ())).what == "told"


async def a_replica_whose_clock_is_wrong_is_heard_all_the_same(
    store: NotifyStore, clock: Clock
) -> None:
    await store.take(notice(1, "a", at=NOW - 10 * BOUNDS.keep), OPS)
    assert await store.purge() == 0
    assert (await store.take(notice(2, "a"), OPS)).what == "again"


async def what_is_old_is_forgotten(store: NotifyStore, clock: Clock) -> None:
    await store.take(notice(1, "a"), OPS)
    await store.bury(await store.claim("ops", ROOMY, lease=LEASE), "no")
    clock.at += BOUNDS.dead_keep + 1
    assert await store.purge() == 2
    assert await store.list(Filter(), 10) == ()
    assert await store.outbox(dead=True, channel=None, limit=10) == ()


async def who_has_acknowledged_first_stays(store: NotifyStore, clock: Clock) -> None:
    await store.take(notice(1, user="ann"), ())
    one = notice(1).id
    assert await store.acknowledge(one, "mia", "bob") is None
    for by in ("mia", "joe"):
        view = await store.acknowledge(one, by)
        assert view is not None
        assert (view.acknowledged_by, view.acknowledged_at) == ("mia", NOW)
        clock.at += 1
    assert await store.acknowledge(notice(2).id, "mia") is None


async def texts_come_back_as_they_were(store: NotifyStore, clock: Clock) -> None:
    odd = notice(1, 'a"b\\ü:\n🙂', text="ü 🙂 \"'\n", subject="%s {} --", user="ann:ü")
    await store.take(odd, OPS)
    [waiting] = await store.outbox(dead=False, channel="ops", limit=1)
    assert written(waiting.notice) == written(odd)
    [one] = await store.list(Filter(user="ann:ü"), 1)
    assert (one.text, one.subject) == (odd.text, odd.subject)


async def what_is_late_in_a_line_frees_nobody_before_it(store: NotifyStore, clock: Clock) -> None:
    await store.take(notice(1, "a"), OPS)
    clock.at += 1
    await store.take(notice(2, "a", resolves=True), OPS)
    clock.at += BOUNDS.give_up - 20
    assert len(await store.claim("ops", ROOMY, lease=LEASE)) == 1
    clock.at += 20
    assert await store.claim("ops", ROOMY, lease=LEASE) == ()
    assert (await store.stats()).waiting == {"ops": 1}
    assert (await store.stats()).dead == {"ops": 1}


async def what_is_tried_again_goes_behind_what_waits(store: NotifyStore, clock: Clock) -> None:
    await store.take(notice(1, "a"), OPS)
    await store.bury(await store.claim("ops", ROOMY, lease=LEASE), "no")
    await store.take(notice(2, "a", severity="critical"), OPS)
    assert await store.again(None, "ops") == 1
    texts = []
    for _ in range(2):
        [one] = await store.claim("ops", ROOMY, lease=LEASE)
        texts.append(one.notice.text)
        await store.delivered([one])
    assert texts == ["text 2", "text 1"]


async def at_its_end_a_lease_is_over(store: NotifyStore, clock: Clock) -> None:
    await store.take(notice(1), OPS)
    claimed = await store.claim("ops", ROOMY, lease=LEASE)
    clock.at += LEASE
    assert await store.delivered(claimed) == 0
    assert await store.bury(claimed, "no") == 0
    assert (await store.stats()).waiting == {"ops": 1}


PROMISES: tuple[Callable[[NotifyStore, Clock], Awaitable[None]], ...] = (
    an_alert_is_told_once,
    one_that_lasts_is_told_again_after_a_while,
    one_that_gets_worse_is_told_again,
    resolved_it_is_over_and_may_be_told_anew,
    nothing_is_resolved_before_it_was_raised,
    a_lease_that_runs_out_is_another_ones,
    at_its_end_a_lease_is_over,
    what_is_late_in_a_line_frees_nobody_before_it,
    what_is_tried_again_goes_behind_what_waits,
    what_nobody_takes_in_time_is_dead,
    what_is_above_the_cap_goes_as_one,
    tries_that_fail_use_up_no_cap,
    what_is_free_goes_though_the_cap_is_used_up,
    no_channel_has_more_waiting_than_it_may,
    only_the_newest_alerts_are_listed,
    a_replica_whose_clock_is_wrong_is_heard_all_the_same,
    what_is_old_is_forgotten,
    who_has_acknowledged_first_stays,
    texts_come_back_as_they_were,
)


async def all_of_it(opened: Opened) -> int:
    """Tell every story to a store of its own; how many were told."""
    for promise in PROMISES:
        clock = Clock()
        async with opened(clock, BOUNDS) as store:
            await promise(store, clock)
    return len(PROMISES)
