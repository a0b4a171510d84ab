"""The pages about alerts say what the code says."""

import re
from pathlib import Path

import pytest

from plugins.notify.delivering.intake import INBOX
from plugins.notify.listing import LISTED_MOST
from plugins.notify.serving import declining, showing
from plugins.notify.serving.endpoints import LISTED
from plugins.notify.settings import NotifySettings
from plugins.notify.store import SUMMED, Bounds
from plugins.notify.waiting import LONGEST
from plugins.notify.watching import FAILS_LONG

DOCS = Path(__file__).resolve().parents[3] / "docs"
PACKAGE = DOCS.parent / "plugins" / "notify"
API = (DOCS / "reference" / "alerts-api.md").read_text("utf-8")
HOWTO = (DOCS / "howto" / "get-alerts.md").read_text("utf-8")
TOPIC = (DOCS / "topics" / "alerts.md").read_text("utf-8")
BOUNDS = Bounds(repeat=1, give_up=1, waiting=1)
USUAL = NotifySettings()


@pytest.mark.parametrize(
    ("page", "promise", "is_kept"),
    [
        (API, "the newest 10,000 alerts, for 90 days", BOUNDS.listed == 10_000),
        (API, "for 90 days (`keep`)", USUAL.keep == 90 * 86_400),
        (API, "| `limit` | 100 | 1 to 1000 |", (LISTED, LISTED_MOST) == (100, 1000)),
        (TOPIC, "`repeat`** has passed (24 hours by default)", USUAL.repeat == 86_400),
        (TOPIC, "`give_up` (24 hours by default)", USUAL.give_up == 86_400),
        (TOPIC, "a thousand alerts wait in memory", INBOX == 1000),
        (TOPIC, "and so on to an hour", LONGEST == 3600),
        (TOPIC, "kept for seven days, at most a thousand", BOUNDS.dead == 1000),
        (TOPIC, "kept for seven days", BOUNDS.dead_keep == 7 * 86_400),
        (TOPIC, "up to 200 alerts", SUMMED == 200),
        (TOPIC, "takes nothing for 15 minutes", FAILS_LONG == 900),
        (TOPIC, "`most` deliveries (1000)", USUAL.most == 1000),
    ],
)
def test_what_a_page_promises_is_what_the_code_does(page: str, promise: str, is_kept: bool) -> None:
    assert promise in re.sub(r"\s+", " ", page)
    assert is_kept


def test_each_line_of_the_log_is_explained() -> None:
    code = "\n".join(path.read_text("utf-8") for path in PACKAGE.rglob("*.py"))
    logged = re.findall(r'log\.(?:info|error|warning|exception)\(\s*"(\w+)"', code)
    table = HOWTO.partition("| line of the log |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(logged)


def test_each_key_and_each_code_is_named() -> None:
    named = set(re.findall(r"[`\"](\w+)[`\"]", API))
    keys = {info.alias for info in showing.ShownAlert.model_fields.values()}
    source = Path(declining.__file__).read_text("utf-8")
    codes = set(re.findall(r'"([A-Z]+(?:_[A-Z]+)*)"', source)) - {"COME_AGAIN"}
    assert len(codes) > 3
    assert keys | codes <= named


def test_the_way_to_verify_a_signature_is_the_one_that_is_tried() -> None:
    tried = (DOCS.parent / "tests/plugins/notify/channels/test_signing.py").read_text("utf-8")
    for line in ('signed = {0}["t"].encode() + b"." + body', "<= "):
        assert line.format("said") in HOWTO
        assert line.format("parts") in tried
