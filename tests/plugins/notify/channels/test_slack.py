"""What Slack is sent: plain text, with a colour for how grave it is."""

from typing import Any

import pytest

from plugins.notify.channels.slack import Slack, payload_of
from plugins.notify.settings import SlackSettings
from tests.plugins.notify.receiving import receiver
from tests.plugins.notify.stores.bench import NOW
from tests.plugins.notify.telling import told


async def test_an_alert_is_posted_with_its_text() -> None:
    async with receiver() as there:
        slack = Slack(SlackSettings(url=there.url), 5.0, lambda: NOW)
        assert await slack.tell(told(1, severity="critical")) == "200 ok"
        await slack.close()
    [got] = there.got
    assert got.json["text"] == "CRITICAL something_wrong: thing"
    [shown] = got.json["attachments"]
    assert shown["color"] == "#a30200"
    assert [block["type"] for block in shown["blocks"]] == ["header", "section", "context"]
    assert shown["blocks"][1]["text"]["text"] == "text 1"
    assert shown["blocks"][2]["elements"][0]["text"] == "shop, 2025-06-15T15:06:40.000Z"


@pytest.mark.parametrize(
    ("more", "colour"),
    [
        ({"severity": "info"}, "#439fe0"),
        ({"severity": "warning"}, "#daa038"),
        ({"severity": "critical"}, "#a30200"),
        ({"severity": "critical", "resolves": True}, "#2eb67d"),
    ],
)
def test_the_colour_says_how_grave_it_is(more: dict[str, Any], colour: str) -> None:
    [shown] = payload_of(told(1, **more))["attachments"]
    assert shown["color"] == colour


def test_nothing_that_is_said_calls_anybody() -> None:
    payload = payload_of(told(1, subject="<!channel> & co", text="<@U1> *bold*"))
    assert payload["text"] == "WARNING something_wrong: &lt;!channel&gt; &amp; co"
    blocks = payload["attachments"][0]["blocks"]
    texts = [block.get("text") or block["elements"][0] for block in blocks]
    assert {text["type"] for text in texts} == {"plain_text"}


def test_what_is_long_is_cut_to_what_slack_takes() -> None:
    blocks = payload_of(told(1, subject="s" * 500, text="t" * 5000))["attachments"][0]["blocks"]
    assert [len(block["text"]["text"]) for block in blocks[:2]] == [150, 3000]
