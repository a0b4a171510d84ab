"""What is counted of checks, and when a person is told."""

from tests.plugins.rate_limit.limited import PER_USER, limited, limits_of, of, statuses


async def test_checks_and_refusals_are_counted() -> None:
    async with limited() as plugin:
        await statuses(plugin, *[of()] * 5)
        await limits_of(plugin).peek({"user": "ann"})
        services = plugin.services
        assert services.value("checks", result="admitted") == 3
        assert services.value("checks", result="refused") == 2
        assert services.value("refused", rule="one") == 2


async def test_who_is_refused_again_and_again_is_told_of_once_in_a_period() -> None:
    async with limited(alert={"refused": 2, "per": "1h"}) as plugin:
        await statuses(plugin, *[of()] * 3)
        assert plugin.services.alerts == []
        await statuses(plugin, *[of()] * 8)
        (alert,) = plugin.services.alerts
        assert (alert.name, alert.subject, alert.severity) == (
            "rate_limit_refusals",
            "one",
            "warning",
        )
        assert alert.text == (
            "Rule one refused one caller 2 times within 1 hour. "
            "See who: crossfade rate_limit violations"
        )
        await statuses(plugin, *[of("bob")] * 5)
        assert len(plugin.services.alerts) == 2
        await plugin.clock.jump(3600)
        await statuses(plugin, *[of()] * 5)
        assert len(plugin.services.alerts) == 3


async def test_what_a_queue_keeps_for_later_is_no_violation() -> None:
    queued = PER_USER | {"action": "queue"}
    async with limited(rules={"one": queued}, alert={"refused": 1, "per": "1h"}) as plugin:
        for _ in range(5):
            await limits_of(plugin).take({"user": "ann"})
        assert plugin.services.alerts == []
        assert plugin.services.value("refused", rule="one") == 2
        await statuses(plugin, of())
        assert len(plugin.services.alerts) == 1


async def test_what_another_plugin_rejects_is_a_violation() -> None:
    async with limited(alert={"refused": 1, "per": "1h"}) as plugin:
        for _ in range(4):
            await limits_of(plugin).take({"user": "ann"})
        assert len(plugin.services.alerts) == 1


async def test_whatever_another_plugin_says_of_a_user_is_no_error() -> None:
    async with limited() as plugin:
        for _ in range(4):
            standing = await limits_of(plugin).take({"user": ["ann"]})
        assert not standing.admitted
        (one,) = plugin.application.parts.watching.violations.latest(0, 10)
        assert one.user == '["ann"]'


async def test_counts_in_memory_are_measured_and_too_many_of_them_told() -> None:
    async with limited(scopes=1000) as plugin:
        for number in range(1001):
            await limits_of(plugin).take({"user": str(number)})
        assert plugin.application.health() == ""
        await plugin.clock.jump(1)
        assert plugin.services.value("buckets") == 1000
        assert plugin.services.value("evicted") == 1
        assert "raise plugins.rate_limit.scopes" in plugin.application.health()
        await plugin.clock.jump(5)
        assert plugin.application.health() == ""
