"""Costs in words."""

from plugins.cost_meter.ledger.noting import notes_of
from proxy.api.spending import NanoUSD
from tests.plugins.cost_meter.rowed import NOON, row


def test_an_attempt_says_what_it_cost_for_what_and_not_whose_it_was() -> None:
    (note,) = notes_of([row("wf_1-2", again="retry", outcome="failed", failure="cut")])
    assert (note.at, note.what) == (NOON + 2, "cost")
    assert note.why == (
        "attempt wf_1-2 at mini (gpt-4o-mini), retry: failed (cut), 120 tokens in, 35 out, as the "
        "provider told: 0.0000395 USD (price genai-prices, exact, book 0123456789ab)"
    )


def test_a_correction_says_of_what_and_why() -> None:
    one = row("x", kind="adjust", ref="wf_1-1", nano_usd=NanoUSD(-500), note="ann: the bill")
    (note,) = notes_of([one])
    assert note.why == "a correction of attempt wf_1-1 by -0.0000005 USD: ann: the bill"
    (note,) = notes_of([one._replace(ref="", note="")])
    assert note.why == "a correction of a whole day by -0.0000005 USD: no reason told"
