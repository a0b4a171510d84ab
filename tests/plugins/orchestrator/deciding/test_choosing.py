"""Who may serve an intent and in which order, and why the others may not."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.orchestrator.deciding.calls import FailureClass
from plugins.orchestrator.deciding.choosing import Choice, Chooser, Wish
from plugins.orchestrator.settings import OrchestratorSettings
from tests.kit.properties import examples
from tests.plugins.orchestrator.deployed import LARGE_PRICE, PRICE, names, settings
from tests.plugins.orchestrator.intents import intent

PLAN = intent("content_planning")
MESSAGE = intent("message_generation")
ANY_RULE: list[dict[str, Any]] = [{"providers": []}]


def choose(
    said: OrchestratorSettings,
    wish: Wish,
    draw: float = 0.0,
    latency: dict[str, float] | None = None,
) -> Choice:
    return Chooser(said).choose(wish, (latency or {}).get, draw)


def test_a_plan_goes_to_azure_and_a_message_to_openai_and_the_other_stands_by() -> None:
    both = settings()
    assert names(choose(both, Wish(PLAN)).order) == ["azure-mini", "mini"]
    assert names(choose(both, Wish(MESSAGE)).order) == ["mini", "azure-mini"]


@pytest.mark.parametrize(("kind", "name"), [("azure", "azure-mini"), ("openai", "mini")])
def test_a_forced_provider_wins_over_every_rule_and_nobody_stands_in_for_it(
    kind: Any, name: str
) -> None:
    for said in (PLAN, MESSAGE):
        forced = said.model_copy(update={"force_provider": kind})
        choice = choose(settings(), Wish(forced))
        assert names(choice.order) == [name]
        assert list(choice.left_out) == [f"{kind} is forced"]


def test_a_kind_that_the_rule_does_not_name_is_left_out_with_the_reason() -> None:
    choice = choose(settings(rules=[{"providers": ["openai"]}]), Wish(PLAN))
    assert names(choice.order) == ["mini"]
    assert choice.left_out == {"rule 1 wants openai": ("azure-mini",)}


def test_kinds_come_before_models_and_models_in_the_order_of_the_rule() -> None:
    said = settings(
        {
            "small": {"provider": "openai", "model": "small"},
            "large": {"provider": "openai", "model": "large"},
            "azure-small": {"provider": "azure", "model": "small"},
            "azure-large": {"provider": "azure", "model": "large"},
        },
        rules=[{"providers": ["azure", "openai"], "models": ["large", "small"]}],
    )
    choice = choose(said, Wish(PLAN))
    assert names(choice.order) == ["azure-large", "azure-small", "large", "small"]
    assert choice.wanted == "large"
    assert choice.stand_ins == ("small",)


def test_a_model_that_nobody_has_named_is_left_out() -> None:
    said = settings(
        {
            "mini": {"provider": "openai"},
            "other": {"provider": "openai", "model": "other"},
            "third": {"provider": "openai", "model": "third"},
        },
        rules=[{"models": ["gpt-4o-mini"]}],
        other_model={"gpt-4o-mini": ["other"]},
    )
    choice = choose(said, Wish(MESSAGE))
    assert names(choice.order) == ["mini", "other"]
    assert choice.stand_ins == ("other",)
    assert choice.allowed == ("gpt-4o-mini",)
    (reason,) = choice.left_out
    assert reason.startswith("the model is none that is wanted (gpt-4o-mini)")


def test_who_takes_no_schema_comes_after_who_does_where_one_is_wanted() -> None:
    said = settings(
        {
            "loose": {"provider": "openai", "json_schema": False},
            "strict": {"provider": "second"},
        },
        rules=ANY_RULE,
    )
    assert names(choose(said, Wish(PLAN, structured=True)).order) == ["strict", "loose"]
    assert names(choose(said, Wish(PLAN)).order) == ["loose", "strict"]


def test_who_is_too_small_is_left_out() -> None:
    said = settings(
        {
            "short": {"provider": "openai", "context": 4000},
            "long": {"provider": "second", "context": 8000},
        },
        rules=ANY_RULE,
    )
    choice = choose(said, Wish(PLAN, tokens=4001))
    assert names(choice.order) == ["long"]
    assert choice.left_out == {"too small: about 4001 tokens are wanted": ("short",)}


def test_where_the_wanted_model_is_too_small_its_larger_one_is_asked() -> None:
    said = settings(
        {
            "mini": {"provider": "openai", "context": 4000},
            "long": {"provider": "openai", "model": "long"},
            "other": {"provider": "openai", "model": "other"},
        },
        rules=[{"models": ["gpt-4o-mini"]}],
        larger_model={"gpt-4o-mini": "long"},
    )
    assert choose(said, Wish(PLAN, tokens=9000)).wanted == "long"
    assert names(choose(said, Wish(PLAN, tokens=9000)).order) == ["long"]
    # Within reach it is anyway, for the case that the estimate was too low.
    assert names(choose(said, Wish(PLAN)).order) == ["mini", "long"]


def test_where_nobody_is_large_enough_that_is_the_failure() -> None:
    choice = choose(settings(), Wish(PLAN, tokens=10_000_000))
    assert choice.order == ()
    assert choice.failure is not None
    assert choice.failure.kind is FailureClass.CONTEXT_LENGTH


@pytest.mark.parametrize(
    ("force", "kind"), [("azure", FailureClass.INVALID), (None, FailureClass.AUTH)]
)
def test_where_there_is_nobody_it_is_the_askers_fault_only_if_he_forced_it(
    force: Any, kind: FailureClass
) -> None:
    said = settings({"mini": {"provider": "openai"}}, rules=[{"providers": ["azure"]}])
    choice = choose(said, Wish(PLAN.model_copy(update={"force_provider": force})))
    assert choice.failure is not None
    assert choice.failure.kind is kind
    assert "(1)" in choice.failure.says


def test_the_billing_lock_leaves_out_azure_and_says_so() -> None:
    choice = choose(settings(billing_lock=True), Wish(PLAN))
    assert names(choice.order) == ["mini"]
    assert choice.left_out == {"billing_lock is on": ("azure-mini",)}


ZONES: dict[str, dict[str, Any]] = {
    "eu": {"provider": "azure", "zone": "eu"},
    "us": {"provider": "second", "zone": "us"},
    "eu-2": {"provider": "openai", "zone": "eu"},
    "world": {"provider": "openai", "zone": "global"},
}


def test_what_begins_in_a_zone_stays_there() -> None:
    said = settings(ZONES, rules=[{"providers": ["azure", "openai"]}])
    choice = choose(said, Wish(PLAN))
    assert names(choice.order) == ["eu", "eu-2"]
    assert choice.left_out == {"the request stays in zone eu": ("us", "world")}


def test_what_begins_anywhere_may_go_anywhere() -> None:
    said = settings({**ZONES, "eu": {"provider": "azure"}}, rules=ANY_RULE)
    assert len(choose(said, Wish(PLAN)).order) == 4


def test_a_zone_that_is_wanted_is_the_only_one() -> None:
    said = settings(ZONES, rules=ANY_RULE)
    assert names(choose(said, Wish(PLAN, zone="us")).order) == ["us"]
    assert choose(said, Wish(PLAN, zone="ch")).failure is not None


PRICED: dict[str, dict[str, Any]] = {
    "dear": {"provider": "openai", "price": LARGE_PRICE},
    "cheap": {"provider": "second", "price": PRICE},
    "unknown": {"provider": "azure"},
}
TIMES = {"dear": 0.1, "cheap": 3.0, "unknown": 0.5}


@pytest.mark.parametrize(
    ("score", "order"),
    [
        ("cost", ["cheap", "dear", "unknown"]),
        ("latency", ["dear", "unknown", "cheap"]),
        ("balanced", ["dear", "cheap", "unknown"]),
    ],
)
def test_among_equals_of_the_rule_the_score_decides(score: str, order: list[str]) -> None:
    said = settings(PRICED, rules=ANY_RULE, score=score)
    assert names(choose(said, Wish(PLAN), latency=TIMES).order) == order


def test_who_was_not_measured_lately_is_tried() -> None:
    said = settings(PRICED, rules=ANY_RULE, score="latency")
    choice = choose(said, Wish(PLAN), latency={"dear": 0.1, "cheap": 0.2})
    assert choice.order[0].name == "dear"
    choice = choose(said, Wish(PLAN), 0.99, latency={"dear": 0.1, "cheap": 0.2})
    assert choice.order[0].name == "unknown"


def test_weights_share_among_equals_by_the_number_that_is_drawn() -> None:
    said = settings(
        {
            "three": {"provider": "openai", "weight": 3},
            "one": {"provider": "second", "weight": 1},
            "none": {"provider": "azure", "weight": 0},
        },
        rules=ANY_RULE,
    )
    firsts = [choose(said, Wish(PLAN), draw / 8).order[0].name for draw in range(8)]
    assert firsts == ["three"] * 6 + ["one"] * 2
    for draw in (0.0, 0.5, 0.99):
        assert choose(said, Wish(PLAN), draw).order[-1].name == "none"


def test_weights_do_not_outweigh_a_price_that_is_clearly_worse() -> None:
    heavy = {**PRICED, "dear": {**PRICED["dear"], "weight": 1000}}
    said = settings(heavy, rules=ANY_RULE, score="cost")
    assert {choose(said, Wish(PLAN), draw / 10).order[0].name for draw in range(10)} == {"cheap"}


def test_the_decision_says_how_it_came_about() -> None:
    said = settings(PRICED, rules=[{"providers": ["azure", "openai"]}], score="cost")
    why = choose(said, Wish(PLAN)).why
    assert (
        why == "rule 1 wants azure or openai; gpt-4o-mini at unknown, by cost and weight out of 3"
    )


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "provider": st.sampled_from(["azure", "openai", "second"]),
                "model": st.sampled_from(["a", "b", "c"]),
                "weight": st.integers(0, 5),
                "zone": st.sampled_from(["global", "eu"]),
                "context": st.sampled_from([1000, 9000]),
            }
        ),
        min_size=1,
        max_size=8,
    ).filter(lambda deployments: any(one["weight"] for one in deployments)),
    st.sampled_from([[], ["azure"], ["openai", "azure"]]),
    st.sampled_from([[], ["a"], ["b", "a"]]),
    st.integers(0, 10_000),
    st.floats(0, 1, exclude_max=True),
)
@examples(200)
def test_everybody_is_either_asked_in_the_end_or_left_out_for_a_reason(
    deployments: list[dict[str, Any]], kinds: list[str], models: list[str], tokens: int, draw: float
) -> None:
    by_name = {f"d{number}": one for number, one in enumerate(deployments)}
    known = [model for model in models if any(one["model"] == model for one in deployments)]
    said = settings(by_name, rules=[{"providers": kinds, "models": known}], other_model={})
    choice = choose(said, Wish(PLAN, tokens=tokens), draw)
    left_out = [name for group in choice.left_out.values() for name in group]
    assert sorted([*names(choice.order), *left_out]) == sorted(by_name)
    assert (choice.order == ()) == (choice.failure is not None)
    for one in choice.order:
        assert not kinds or one.kind in kinds
        assert not known or one.model in known
        assert one.settings.context >= tokens
        first = choice.order[0].settings.zone
        assert first == "global" or one.settings.zone == first
