"""Which requests did not fit: what is remembered of them, and for how long."""

import asyncio

from plugins.rate_limit.recent import MOST, MOST_OF_ONE, Recent
from proxy.api.limits import NEVER, Standing, WindowStanding
from tests.plugins.rate_limit.limited import PER_USER, limited, of, statuses


def standing(*names: str, wait: float = 23.0, **more: str) -> Standing:
    """A refusal by windows of these names."""
    windows = (WindowStanding(name, name, 3, 60.0, 0, wait, wait, frozenset()) for name in names)
    return Standing(admitted=False, windows=tuple(windows), **more)  # type: ignore[arg-type]


def test_a_request_says_which_limits_it_met_and_when_it_fits() -> None:
    recent = Recent({})
    recent.note("r", "refused", standing("one", "two", wait=22.4), 100.0)
    recent.note("never", "refused", standing("one", wait=NEVER), 101.0)
    recent.note("alone", "delayed", standing("one", degraded="local"), 102.0)
    (note,) = recent.of("r")
    assert note == (100.0, "refused", "limited by one, two: it fits in 23 seconds")
    assert recent.of("never")[0].why == "limited by one: it never fits"
    assert recent.of("alone")[0].why == (
        "limited by one: it fits in 23 seconds; without the store: local"
    )
    assert recent.of("other") == ()


def test_no_more_is_remembered_than_there_is_room_for() -> None:
    table: dict[str, object] = {}
    recent = Recent(table)
    for number in range(MOST + 1):
        recent.note(f"r{number}", "refused", standing("one"), number)
    assert recent.of("r0") == ()
    assert [len(recent.of(f"r{number}")) for number in (1, MOST)] == [1, 1]
    for _ in range(MOST_OF_ONE + 1):
        recent.note("again", "refused", standing("one"), 1.0)
    assert len(recent.of("again")) == MOST_OF_ONE
    assert Recent(table).of("again") == recent.of("again")
    assert len(table) == MOST


async def test_a_refused_request_can_be_explained_and_one_let_in_leaves_nothing() -> None:
    async with limited() as plugin:
        asked = [of(request_id=f"r{number}") for number in range(4)]
        assert await statuses(plugin, *asked) == [200, 200, 200, 429]
        explain = plugin.application.explain
        assert await explain("r0") == ()
        why = "limited by one: it fits in 1 minute"
        assert await explain("r3") == ((plugin.services.now(), "refused", why),)


async def test_a_request_that_waits_can_be_explained() -> None:
    minute = {"windows": [{"limit": 1, "per": "1s"}], "action": "delay", "delay": "2s"}
    async with limited(rules={"one": PER_USER | minute}) as plugin:
        await statuses(plugin, of())
        waits = asyncio.ensure_future(plugin.through(of(request_id="r")))
        for _ in range(100):
            await asyncio.sleep(0)
        (note,) = await plugin.application.explain("r")
        assert note[1:] == ("delayed", "limited by one: it fits in 1 second")
        await plugin.clock.jump(1)
        assert (await waits).reply.status == 200
