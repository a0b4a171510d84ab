"""The service `Limits`, as other plugins use it."""

from plugins.rate_limit import RateLimit
from plugins.rate_limit.settings import RateLimitSettings
from proxy.api.limits import NEVER, WindowStanding
from proxy.api.testing import isolated
from tests.plugins.rate_limit.limited import MINUTE, PER_USER, limited, limits_of

ANN = {"user": "ann"}


async def test_taking_takes_and_peeking_does_not() -> None:
    async with limited() as plugin:
        limits = limits_of(plugin)
        assert (await limits.peek(ANN)).windows[0].remaining == 3
        took = await limits.take(ANN)
        assert (took.admitted, bool(took.ticket), took.action) == (True, True, "reject")
        peeked = await limits.peek(ANN)
        assert (peeked.windows[0].remaining, peeked.ticket) == (2, "")


async def test_a_window_says_what_it_is_and_what_it_depends_on() -> None:
    async with limited() as plugin:
        (window,) = (await limits_of(plugin).take(ANN)).windows
        bucket = limits_of(plugin).book.rules[0].claim(ANN).bucket
        assert window == WindowStanding(
            "one", "one", 3, 60.0, 2, 60.0, 0.0, frozenset({"user"}), "requests", bucket
        )


async def test_what_is_given_back_can_be_taken_again() -> None:
    async with limited() as plugin:
        limits = limits_of(plugin)
        tickets = [(await limits.take(ANN)).ticket for _ in range(3)]
        assert len(set(tickets)) == 3
        assert not (await limits.take(ANN)).admitted
        await limits.refund(ANN, tickets[0])
        await limits.refund(ANN, tickets[0])
        await limits.refund(ANN, "")
        assert [(await limits.take(ANN)).admitted for _ in range(2)] == [True, False]


async def test_what_arrives_late_is_counted_from_its_arrival_on() -> None:
    async with limited() as plugin:
        limits = limits_of(plugin)
        ticket = (await limits.take(ANN)).ticket
        await plugin.clock.jump(50)
        await limits.arrived(ANN, ticket)
        await limits.arrived(ANN, "")
        standing = await limits.peek(ANN)
        assert (standing.windows[0].remaining, standing.windows[0].reset) == (2, 60.0)
        await plugin.clock.jump(59)
        assert (await limits.peek(ANN)).windows[0].remaining == 2


async def test_what_has_arrived_is_not_under_way_any_more() -> None:
    rules = {"slots": {"concurrency": 2}}
    async with limited(rules=rules) as plugin:
        limits = limits_of(plugin)
        tickets = [(await limits.take(ANN)).ticket for _ in range(2)]
        assert not (await limits.peek(ANN)).admitted
        await limits.arrived(ANN, tickets[0])
        assert (await limits.peek(ANN)).windows[0].remaining == 1


async def test_what_has_happened_already_is_counted_whatever_the_limits_say() -> None:
    async with limited() as plugin:
        limits = limits_of(plugin)
        for _ in range(5):
            await limits.debit(ANN)
        standing = await limits.peek(ANN)
        assert (standing.admitted, standing.violated, standing.retry_after) == (False, ("one",), 60)


async def test_the_strictest_of_what_the_violated_rules_want_is_done() -> None:
    one = [{"limit": 1, "per": "1m"}]
    rules = {
        "delay": {"windows": one, "action": "delay", "delay": "3s"},
        "queue": {"windows": one, "action": "queue", "when": {"facts": {"kind": ["b", "c"]}}},
        "reject": {"windows": one, "when": {"facts": {"kind": ["c"]}}},
    }
    async with limited(rules=rules) as plugin:
        limits = limits_of(plugin)
        for kind in "abc":
            await limits.debit({"kind": kind})
        stand = [await limits.peek({"kind": kind}) for kind in "abc"]
        assert [one.action for one in stand] == ["delay", "queue", "reject"]
        assert [one.delay for one in stand] == [3.0, 3.0, 3.0]


async def test_what_never_fits_says_so() -> None:
    rules = {"one": PER_USER | {"cost": "units"}}
    async with limited(rules=rules) as plugin:
        standing = await limits_of(plugin).take(ANN | {"units": 4})
        assert (standing.admitted, standing.retry_after) == (False, NEVER)


async def test_rules_are_named_one_by_one_or_by_their_set() -> None:
    async with limited(rule_sets=("onlyfans",)) as plugin:
        limits = limits_of(plugin)
        assert {"one", "onlyfans", "onlyfans-pace"} <= limits.names
        facts = ANN | {"recipient": "fan"}
        assert len((await limits.peek(facts, ["one"])).windows) == 1
        assert len((await limits.peek(facts, ["onlyfans"])).windows) == 9
        assert len((await limits.peek(facts)).windows) == 10


async def test_a_rule_that_there_is_not_lets_nothing_through_until_it_is_there() -> None:
    async with limited() as plugin:
        limits = limits_of(plugin)
        for standing in (await limits.take(ANN, ["gone"]), await limits.peek(ANN, ["one", "gone"])):
            assert (standing.admitted, standing.action, standing.violated) == (
                False,
                "queue",
                ("gone",),
            )
            assert standing.retry_after == 1
        await limits.refund(ANN, "a ticket", ["gone"])
        assert (await limits.peek(ANN)).windows[0].remaining == 3


async def test_without_a_rule_that_applies_everything_passes() -> None:
    async with limited(rules={}) as plugin:
        limits = limits_of(plugin)
        standing = await limits.take(ANN)
        assert (standing.admitted, standing.windows, standing.ticket) == (True, (), "")
        await limits.debit(ANN)
        assert (await limits.peek(ANN)).admitted


async def test_windows_can_be_seen_that_depend_on_nothing_but_what_is_known() -> None:
    rules = {"one": PER_USER, "all": {"windows": [MINUTE]}}
    async with limited(rules=rules, rule_sets=("onlyfans",)) as plugin:
        limits = limits_of(plugin)
        assert [one.policy for one in (await limits.of({})).windows] == ["onlyfans-global", "all"]
        known = {one.rule for one in (await limits.of(ANN)).windows}
        assert known == {"one", "all", "onlyfans-user", "onlyfans-pace", "onlyfans-global"}


async def test_a_reload_goes_on_with_what_was_counted() -> None:
    async with limited() as plugin:
        before = limits_of(plugin)
        await before.take(ANN)
        raised = {"scope": ["user"], "windows": [{"limit": 5, "per": "1m"}]}
        settings = RateLimitSettings.model_validate({"rules": {"one": raised}})
        fresh = RateLimit(settings)
        await plugin.clock.jump(1)
        await fresh.startup(plugin.services)
        after = limits_of(plugin)
        assert after is not before
        assert after.memory is before.memory
        assert (await after.take(ANN)).windows[0].remaining == 3
        assert (await before.peek(ANN)).windows[0].remaining == 1


async def test_time_does_not_go_back_with_the_clock_on_the_wall() -> None:
    async with isolated(
        application=RateLimit, application_settings={"rules": {"one": PER_USER}}
    ) as plugin:
        limits = limits_of(plugin)
        for _ in range(3):
            await limits.take(ANN)
        plugin.services.now = lambda: 0.0  # type: ignore[method-assign]
        await RateLimit(plugin.application.settings).startup(plugin.services)
        assert (await limits_of(plugin).take(ANN)).retry_after == 60
