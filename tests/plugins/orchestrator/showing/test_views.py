"""What is shown of a workflow is what its record says."""

from plugins.orchestrator.showing.views import notes_of, view_of
from plugins.orchestrator.workflows.record import Decision
from tests.plugins.orchestrator.records import attempt, workflow

FALLEN_BACK = (
    attempt(1, kind="azure", deployment="east", state="failed", failure="timeout", says="late"),
    attempt(2, begun=1000.6, tokens=(10, 5, 20, 0), nano_usd=1_200),
)


def test_costs_tokens_and_fallbacks_are_those_of_all_attempts() -> None:
    view = view_of(workflow(status="completed", attempts=FALLEN_BACK, updated=1001.5))
    assert (view.attempts, view.retries, view.fallbacks) == (2, 1, 1)
    assert (view.tokens, view.cost_nano_usd, view.seconds) == (35, 1_200, 1.5)
    assert view.provider_states == {"azure": "timeout", "openai": "completed"}
    assert view.costs == {"azure": 0, "openai": 1_200}


def test_a_cost_that_is_not_known_is_never_shown_as_nothing() -> None:
    unpriced = (attempt(tokens=(1, 1, 1, 1), nano_usd=None), FALLEN_BACK[1])
    assert view_of(workflow(attempts=unpriced)).cost_nano_usd is None


def test_estimates_count_and_are_told_apart_and_what_is_under_way_does_not_count_yet() -> None:
    lost = attempt(1, state="unknown", tokens=(8, 0, 100, 0), nano_usd=600, estimated=True)
    under_way = lost.model_copy(update={"id": "wf_1-3", "state": "begun"})
    shown = workflow(attempts=(lost, FALLEN_BACK[1], under_way))
    view = view_of(shown)
    assert (view.tokens, view.cost_nano_usd, view.estimated_nano_usd) == (143, 1_800, 600)
    assert view.costs == {"openai": 1_800}
    why = [note.why for note in notes_of(shown) if note.what == "unknown"]
    assert [", about 108 tokens, 0.000000600 USD" in one for one in why] == [True]


def test_an_unfinished_workflow_has_no_end() -> None:
    for status in ("running", "queued"):
        view = view_of(workflow(status=status))
        assert (view.completed_at, view.seconds) == (None, None)
    assert view_of(workflow()).provider_states == {"azure": "pending", "openai": "pending"}


def test_the_notes_of_a_workflow_tell_its_story_in_order() -> None:
    decisions = (
        Decision(at=1000.0, what="routed", why="by rule"),
        Decision(at=1000.55, what="fallback", why="the first was late"),
    )
    done = workflow(status="completed", attempts=FALLEN_BACK, decisions=decisions)
    notes = notes_of(done)
    assert [note.what for note in notes] == [
        "workflow",
        "routed",
        "failed",
        "fallback",
        "answered",
        "completed",
    ]
    assert "timeout, late" in notes[2].why
    assert "u1" not in str(notes)
