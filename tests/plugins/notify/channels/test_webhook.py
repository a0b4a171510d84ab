"""What a program of the operator's is sent: signed JSON, the same key for each try."""

from decimal import Decimal

from plugins.notify.channels.webhook import Webhook, document_of
from plugins.notify.measuring import measured_text
from plugins.notify.settings import WebhookSettings
from proxy.api import Measured
from tests.plugins.notify.channels.test_signing import verified
from tests.plugins.notify.receiving import receiver
from tests.plugins.notify.stores.bench import NOW, made_id
from tests.plugins.notify.telling import SECRET, told


async def test_an_alert_is_sent_signed_and_its_key_is_the_same_each_time() -> None:
    async with receiver() as there:
        hook = Webhook(WebhookSettings(url=there.url, secret=SECRET), 5.0, lambda: NOW)
        for _ in range(2):
            await hook.tell(told(1, identity="a:b"))
        await hook.close()
    first, second = there.got
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"] == "key-1"
    assert verified(first.headers["x-crossfade-signature"], SECRET, first.body, NOW)
    assert first.json == {
        "source": "shop",
        "alerts": [
            {
                "id": made_id(1),
                "action": "raised",
                "key": "a:b",
                "name": "something_wrong",
                "subject": "thing",
                "text": "text 1",
                "severity": "warning",
                "at": "2025-06-15T15:06:40.000Z",
            }
        ],
    }


def test_whose_it_is_is_said_where_it_is_somebodys() -> None:
    [one] = document_of(told(1, user="ann", resolves=True))["alerts"]
    assert (one["userId"], one["action"]) == ("ann", "resolved")
    [test] = document_of(told(1, test=True))["alerts"]
    assert test["action"] == "test"


def test_what_it_compares_is_said_in_figures() -> None:
    measured = measured_text(Measured("USD", Decimal(5), Decimal("5.25"), "day"))
    [one] = document_of(told(1, measured=measured))["alerts"]
    assert (one["measured"]["limit"], one["measured"]["value"]) == ("5", "5.25")
    assert one["measured"]["percent"] == 105
