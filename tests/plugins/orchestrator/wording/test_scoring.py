"""Scores fall with each thing that is wrong, and say what it is."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.orchestrator.settings import ScoringSettings
from plugins.orchestrator.wording.output import document_of
from plugins.orchestrator.wording.scoring import Scorer
from proxy.api import WorkflowIntent
from tests.kit.properties import examples
from tests.plugins.orchestrator.intents import INTENTS, WORDS, intent

GOOD = "Three quiet days by the sea, and what I have learnt from the gulls. Come along on Friday."


def document(content: str = GOOD, **more: Any) -> dict[str, Any]:
    """A plan with this text."""
    return document_of(intent(), "", {"content": content, **more})


def compliance(
    wanted: WorkflowIntent, what: dict[str, Any], **said: Any
) -> tuple[float, tuple[str, ...]]:
    found = Scorer(ScoringSettings(**said)).compliance(wanted, what)
    return found.score, found.reasons


def test_a_good_text_has_nothing_against_it() -> None:
    scorer = Scorer(ScoringSettings())
    assert scorer.quality(intent(), document()).score == 1
    assert scorer.compliance(intent(), document()).score == 1


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "short": (document("Hello."), "it is shorter than a sentence"),
    "left open": (document(f"{GOOD} [Your name]"), "it has a place that was left to be filled in"),
    "a template": (
        document(f"{GOOD} {{{{link}}}}"),
        "it has a place that was left to be filled in",
    ),
    "filler": (document(f"Lorem ipsum. {GOOD}"), "it has a place that was left to be filled in"),
    "repeated": (document("Buy it now, my friend. " * 9), "it repeats itself"),
    "long": (document(f"{GOOD * 30}"[:2201]), "instagram: 2201 characters, at most 2200"),
    "tags": (document(hashtags=["a"] * 29), "instagram: 31 hashtags, at most 30"),
}


@pytest.mark.parametrize("what", FAULTS)
def test_each_fault_of_a_text_is_a_reason(what: str) -> None:
    made, reason = FAULTS[what]
    if what == "tags":
        made = {**made, "content": f"{GOOD} #sea #gulls"}
    quality = Scorer(ScoringSettings()).quality(intent(), made)
    assert reason in quality.reasons
    assert quality.score == 1 / (1 + len(quality.reasons))


def test_a_title_has_its_own_limit_and_only_where_there_is_one() -> None:
    scorer = Scorer(ScoringSettings())
    long = document(title="x" * 301)
    assert scorer.quality(intent(), long).reasons == ()
    assert scorer.quality(intent(platforms=("reddit",)), long).reasons == (
        "reddit: a title of 301 characters, at most 300",
    )


def test_an_empty_text_is_worth_nothing() -> None:
    quality = Scorer(ScoringSettings()).quality(intent(), {"content": " \n"})
    assert (quality.score, quality.reasons) == (0, ("it is empty",))


def test_a_message_may_be_short() -> None:
    quality = Scorer(ScoringSettings()).quality(intent("message_generation"), {"message": "Hi!"})
    assert quality.score == 1


def test_a_text_that_was_cut_off_is_half_as_good() -> None:
    quality = Scorer(ScoringSettings()).quality(intent(), document(), cut=True)
    assert (quality.score, quality.reasons) == (0.5, ("it was cut off",))


BANNED = {
    "a word": (["gulls"], GOOD, True),
    "in another case": (["GULLS"], GOOD, True),
    "hidden by what nobody sees": (["gulls"], GOOD.replace("gulls", "gu\u200blls"), True),
    "a part of a word": (["gull"], GOOD, False),
    "a phrase": (["by the sea"], GOOD, True),
    "a phrase that is cut": (
        ["by the"],
        "I stand by. The sea is far away today, my friends.",
        False,
    ),
    "a sign": (["c++"], f"{GOOD} I write c++.", True),
    "characters": (["無料"], "今日は無料です。どうぞ、いらっしゃいませ。お待ちしています。", True),
}


@pytest.mark.parametrize("what", BANNED)
def test_banned_terms_are_found_as_whole_words(what: str) -> None:
    terms, text, found = BANNED[what]
    score, reasons = compliance(intent(), document(text), banned=terms)
    assert (score, reasons) == ((0.5, (f"banned: {terms[0]}",)) if found else (1, ()))


@pytest.mark.parametrize("place", [{"title": "A scam"}, {"hashtags": ["#scam"]}])
def test_banned_terms_are_found_wherever_others_read(place: dict[str, Any]) -> None:
    assert compliance(intent(), document(**place), banned=("scam",))[0] == 0.5


def test_what_is_wrong_with_a_text_may_be_named_to_who_asked() -> None:
    checked = intent("content_validation")
    said = {"verdict": "rejected", "problems": ["It says scam."], "content": GOOD}
    assert compliance(checked, said, banned=("scam",)) == (1, ())


DISCLOSED = {"instagram": "#ad", "story": "paid partnership"}


@pytest.mark.parametrize(
    ("wanted", "what", "missing"),
    [
        (intent(), document(f"{GOOD} #AD"), ()),
        (intent(), document(hashtags=["ad"]), ()),
        (intent(), document(f"{GOOD} #adventure"), ("#ad",)),
        (intent(platforms=("reddit",)), document(), ()),
        (intent(content_type="Story"), document(), ("#ad", "paid partnership")),
        (intent(content_type="story"), document(f"{GOOD} Paid  Partnership #ad"), ()),
        (
            intent("message_generation", platforms=("instagram",), send_to_only_fans=True),
            {"message": GOOD},
            (),
        ),
    ],
)
def test_each_place_has_its_disclosures(
    wanted: WorkflowIntent, what: dict[str, Any], missing: tuple[str, ...]
) -> None:
    score, reasons = compliance(wanted, what, disclosures=DISCLOSED)
    assert reasons == tuple(f"not disclosed: {text}" for text in missing)
    assert score == 1 / (1 + len(missing))


def test_only_strict_intents_are_refused_unless_the_operator_says_all() -> None:
    strict = intent(only_fans_context={"compliance_level": "strict"})
    reporting = Scorer(ScoringSettings(banned=("gulls",)))
    refusing = Scorer(ScoringSettings(banned=("gulls",), on_violation="refuse"))
    bad = reporting.compliance(intent(), document())
    good = reporting.compliance(intent(), document("Nothing is wrong with this text at all."))
    asked = [(scorer, one) for scorer in (reporting, refusing) for one in (intent(), strict)]
    assert [scorer.refuses(one, bad) for scorer, one in asked] == [False, True, True, True]
    assert not any(scorer.refuses(one, good) for scorer, one in asked)


def test_a_score_counts_more_reasons_than_it_names() -> None:
    terms = tuple(f"w{number}" for number in range(50))
    score, reasons = compliance(intent(), document(" ".join(terms)), banned=terms)
    assert (score, len(reasons)) == (1 / 51, 20)


CONTENTS = st.text(max_size=200) | st.sampled_from(["buy now ", "#ad "]).map(lambda text: text * 20)


@examples(100)
@given(INTENTS, CONTENTS, st.lists(WORDS, max_size=3), st.booleans())
def test_scores_lie_between_nothing_and_one_and_only_one_has_no_reason(
    wanted: WorkflowIntent, text: str, tags: list[str], cut: bool
) -> None:
    what = {"content": text, "message": text, "hashtags": tags}
    scorer = Scorer(ScoringSettings(banned=("now",), disclosures={"instagram": "#ad"}))
    for found in (scorer.quality(wanted, what, cut=cut), scorer.compliance(wanted, what)):
        assert 0 <= found.score <= 1
        assert (found.score == 1) == (found.reasons == ())


@examples(100)
@given(INTENTS, CONTENTS, st.sampled_from(["spam", "buy now", "c++", "無料"]))
def test_a_banned_term_in_a_text_never_raises_its_score(
    wanted: WorkflowIntent, text: str, term: str
) -> None:
    scorer = Scorer(ScoringSettings(banned=("spam", "buy now", "c++", "無料")))
    plain, worse = text, f"{text} {term}"
    before = scorer.compliance(wanted, {"content": plain, "message": plain})
    after = scorer.compliance(wanted, {"content": worse, "message": worse})
    assert after.score <= before.score
    assert f"banned: {term}" in after.reasons
