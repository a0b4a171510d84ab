"""The list that other plugins share."""

from plugins.notify.listing import LISTED_MOST
from proxy.api.alerts import ChannelView
from tests.plugins.notify.telling import alert, telling


async def test_a_list_is_bounded_whatever_is_asked_for() -> None:
    async with telling() as on:
        for number in range(3):
            on.raised(alert(subject=str(number)))
        await on.stored()
        assert len(await on.parts.listing.list(None, limit=0)) == 1
        assert len(await on.parts.listing.list(None, limit=LISTED_MOST * 9)) == 3


async def test_who_acknowledges_is_noted_within_bounds() -> None:
    async with telling() as on:
        on.raised(alert(user="ann"))
        await on.stored()
        [one] = await on.parts.listing.list("ann")
        assert await on.parts.listing.acknowledge(one.id, "mia", user="bob") is None
        view = await on.parts.listing.acknowledge(one.id, "m" * 999, user="ann")
        assert view is not None
        assert len(view.acknowledged_by) == 256


async def test_who_would_be_told_is_known_before_anything_is_raised() -> None:
    async with telling(users=True) as on:
        about_ann = alert(user="ann")
        assert on.parts.listing.channels(about_ann) == (ChannelView("hook", "webhook"),)
        assert on.parts.listing.channels(about_ann._replace(severity="info")) == ()
        assert await on.parts.listing.list(None) == ()


async def test_an_alert_that_asks_for_the_list_alone_is_told_to_nobody_else() -> None:
    async with telling() as on:
        on.raised(alert(subject="quiet", channels=("in_app",)))
        on.raised(alert(subject="loud", channels=("in_app", "webhook")))
        await on.settled()
        assert [one.json["alerts"][0]["subject"] for one in on.there.got] == ["loud"]
        listed = await on.parts.listing.list(None)
        assert {one.subject for one in listed} == {"loud", "quiet"}
