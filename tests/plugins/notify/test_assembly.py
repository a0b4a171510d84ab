"""Each kind of channel is put together; a newer configuration takes over."""

import pytest

from plugins.notify import Notify
from proxy.api.alerts import AlertsList
from proxy.api.testing import isolated
from tests.kit.redis import redis_server
from tests.plugins.notify.telling import SECRET, alert, telling

URL = "https://hooks.example/x"
KINDS = {
    "slack": {"url": URL},
    "pagerduty": {"routing_key": "R0123456789"},
    "webhook": {"url": URL, "secret": SECRET},
    "email": {"host": "mail.example", "sender": "a@b.c", "to": ["d@e.f"]},
}


@pytest.mark.parametrize("kind", KINDS)
async def test_each_kind_of_channel_is_made(kind: str) -> None:
    said = {"store": "memory://", "channels": {"one": {kind: KINDS[kind]}}}
    async with isolated(application=Notify, application_settings=said) as plugin:
        assert plugin.application.parts.couriers["one"].channel.kind == kind


async def test_who_is_not_in_force_tells_nobody() -> None:
    async with telling() as on:
        await on.until(lambda: on.parts.intake.opened, "the store is open")
        newer = object()
        on.plugin.services.share(AlertsList, newer)
        on.raised(alert())
        await on.stored()
        for _ in range(5):
            await on.jump(5)
        assert on.there.got == []
        assert (await on.parts.store.stats()).waiting == {"hook": 1}


async def test_replicas_that_share_a_redis_tell_once_and_list_the_same() -> None:
    async with (
        redis_server() as server,
        telling({"store": server.url}) as one,
        telling({"store": server.url}) as two,
    ):
        for on in (one, two):
            for _ in range(3):
                on.raised(alert(severity="critical"))
            await on.stored()
        await one.settled()
        assert len(one.there.got) + len(two.there.got) == 1
        two.raised(alert(resolves=True))
        await two.stored()
        await one.settled()
        assert len(one.there.got) + len(two.there.got) == 2
        first, second = [await on.parts.listing.list(None) for on in (one, two)]
        assert first == second
        assert (first[0].times, first[0].ended) == (6, "resolved")
