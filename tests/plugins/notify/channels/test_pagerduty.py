"""What PagerDuty is sent: an incident for each identity, which is resolved when it is over."""

from plugins.notify.channels.pagerduty import PagerDuty, event_of
from plugins.notify.settings import PagerDutySettings
from tests.plugins.notify.receiving import Answer, receiver
from tests.plugins.notify.stores.bench import NOW
from tests.plugins.notify.telling import told

KEY = "R0123456789abcdef"


async def test_an_alert_triggers_an_incident_and_its_end_resolves_that() -> None:
    async with receiver() as there:
        there.answers = [Answer(202, '{"status":"success"}')] * 2
        service = PagerDuty(
            PagerDutySettings(routing_key=KEY, endpoint=there.url), 5.0, lambda: NOW
        )
        assert await service.tell(told(1, identity="a:b", severity="critical")) == (
            '202 {"status":"success"}'
        )
        await service.tell(told(2, identity="a:b", resolves=True))
        await service.close()
    first, second = (one.json for one in there.got)
    assert (first["routing_key"], first["event_action"]) == (KEY, "trigger")
    assert (first["dedup_key"], first["payload"]["severity"]) == ("a:b", "critical")
    assert first["payload"]["summary"] == "CRITICAL something_wrong: thing. text 1"
    assert (first["payload"]["component"], first["payload"]["source"]) == ("thing", "shop")
    assert second == {"routing_key": KEY, "event_action": "resolve", "dedup_key": "a:b"}


async def test_a_test_leaves_no_incident_open() -> None:
    async with receiver() as there:
        service = PagerDuty(
            PagerDutySettings(routing_key=KEY, endpoint=there.url), 5.0, lambda: NOW
        )
        await service.tell(told(1, test=True))
        await service.close()
    assert [one.json["event_action"] for one in there.got] == ["trigger", "resolve"]
    assert len({one.json["dedup_key"] for one in there.got}) == 1


def test_a_summary_is_one_incident_as_grave_as_the_worst() -> None:
    message = told(1, 2)
    worse = message.notices[1]._replace(severity="critical")
    event = event_of(message._replace(notices=(message.notices[0], worse)))
    assert (event["dedup_key"], event["payload"]["severity"]) == ("summary:key-1", "critical")
    assert event["payload"]["summary"].startswith("2 alerts, 1 critical. ")
    assert len(event_of(told(*range(1, 200)))["payload"]["summary"]) <= 1024
