"""Equal intents find each other's answers, others never do, and what is kept is bounded."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from plugins.orchestrator.cache import (
    LARGEST_ANSWER,
    Cache,
    MemoryAnswers,
    answers_of,
    cache_of,
    for_workflow,
)
from plugins.orchestrator.settings import OrchestratorSettings
from plugins.orchestrator.wording.prompting import Prompts
from proxy.api import StoreError, WorkflowIntent
from proxy.api.testing import FakeServices
from tests.kit.properties import examples
from tests.plugins.orchestrator.answers import NOW, SAID, TTL, kept, result, settings
from tests.plugins.orchestrator.intents import INTENTS, intent

PROMPTS = Prompts(None)


def cache(**said: object) -> Cache:
    return Cache(settings(**said), MemoryAnswers(TTL, 10, 100_000), lambda _: None)


def key(asked: WorkflowIntent, **said: object) -> str:
    return cache(**said).key_of(asked, PROMPTS.render(asked))


# what is equal


def test_who_only_says_that_they_are_somebody_does_not_find_the_answers_of_that_one() -> None:
    asked = intent(data={"theme": "gulls"})
    rendered = PROMPTS.render(asked)
    assert cache().key_of(asked, rendered) != cache().key_of(asked, rendered, claimed=True)
    shared = cache(cache={"shared": True})
    assert shared.key_of(asked, rendered) == shared.key_of(asked, rendered, claimed=True)


DIFFERENT: dict[str, Mapping[str, Any]] = {
    "another user": {"user_id": "bert"},
    "other data": {"data": {"theme": "gulls", "more": 1}},
    "other platforms": {"platforms": ("instagram", "tiktok")},
    "another kind of content": {"content_type": "story"},
    "another type": {"type": "campaign_execution"},
    "a forced provider": {"force_provider": "openai"},
    "a stream": {"stream": True},
    "another strictness": {"only_fans_context": {"compliance_level": "strict"}},
}


@pytest.mark.parametrize("what", DIFFERENT)
def test_what_would_be_asked_or_answered_otherwise_is_not_equal(what: str) -> None:
    plain = {"type": "content_planning", "user_id": "anna", "data": {"theme": "gulls"}}
    one = WorkflowIntent.model_validate(plain)
    other = WorkflowIntent.model_validate({**plain, **DIFFERENT[what]})
    assert key(one) != key(other)


def test_intents_for_other_models_are_not_equal() -> None:
    rules = {"rules": ({"priority": ("critical",), "providers": ("openai",)},)}
    critical = intent(priority="critical")
    assert key(intent()) == key(critical)  # where the rules do not care
    assert key(intent(), **rules) != key(critical, **rules)


@pytest.mark.parametrize(
    "said",
    [
        {"only_fans_context": {"compliance_level": "strict"}},
        {"platforms": ("tiktok",)},
        {"content_type": "story"},
    ],
)
def test_what_a_text_is_judged_by_counts_even_where_a_template_is_silent(
    said: dict[str, Any],
) -> None:
    plain, judged = intent(), intent(**said)
    silent = PROMPTS.render(plain)
    assert cache().key_of(plain, silent) != cache().key_of(judged, silent)


@pytest.mark.parametrize(
    "said",
    [
        {"max_tokens": 100},
        {"temperature": 0.5},
        {"scoring": {"banned": ("scam",)}},
        {"cache": {"shared": True}},
        {"deployments": {"mini": {**SAID["deployments"]["mini"], "zone": "eu"}}},
        {"rules": ({"models": ("gpt-4o-mini",)},)},
    ],
)
def test_under_other_settings_nothing_is_equal(said: dict[str, object]) -> None:
    assert key(intent()) != key(intent(), **said)


def test_what_does_not_change_the_answer_does_not_matter() -> None:
    one = intent("message_generation", data={"a": 1, "b": 2})
    other = intent(
        "message_generation",
        data={"b": 2, "a": 1},
        priority="low",
        recipient_id="fan",
        deferrable=True,
    )
    assert key(one) == key(other)


def test_users_share_answers_only_where_the_operator_says_so() -> None:
    shared = {"cache": {"shared": True}}
    assert key(intent()) != key(intent(user_id="bert"))
    assert key(intent(), **shared) == key(intent(user_id="bert"), **shared)


@examples(100)
@given(INTENTS)
def test_a_key_says_nothing_of_what_is_asked(asked: WorkflowIntent) -> None:
    made = key(asked)
    assert made == key(asked)
    assert len(made) == 32
    assert set(made) <= set("0123456789abcdef")


# what is kept


async def test_an_answer_is_found_again_as_that_of_nobody() -> None:
    kept_here = cache()
    await kept_here.put("k", result(), NOW)
    found = await kept_here.get("k", NOW + 1)
    assert found is not None
    assert (found.workflow_id, found.trace_id) == ("", "")
    mine = for_workflow(found, "wf_2", "trace-2")
    free: dict[str, Any] = {
        "attempts": 0,
        "fallbacks": 0,
        "tokens": 0,
        "cost_nano_usd": 0,
        "seconds": 0.0,
    }
    assert mine == result(workflow_id="wf_2", trace_id="trace-2", cached=True, **free)


@pytest.mark.parametrize(
    "one",
    [
        result(status="failed"),
        result(status="queued"),
        result(cached=True),
        result("x" * LARGEST_ANSWER),
    ],
)
async def test_what_is_no_fresh_answer_or_too_large_is_not_kept(one: Any) -> None:
    kept_here = cache()
    await kept_here.put("k", one, NOW)
    assert await kept_here.get("k", NOW) is None


async def test_an_answer_expires() -> None:
    kept_here = cache()
    await kept_here.put("k", result(), NOW)
    assert await kept(kept_here, "k", NOW + TTL - 0.001) == "Hello."
    assert await kept(kept_here, "k", NOW + TTL) is None
    assert await kept(kept_here, "k", NOW) is None  # it is gone


async def test_what_was_used_last_stays() -> None:
    kept_here = Cache(settings(), MemoryAnswers(TTL, 2, 100_000), lambda _: None)
    await kept_here.put("a", result("A"), NOW)
    await kept_here.put("b", result("B"), NOW)
    assert await kept(kept_here, "a") == "A"
    await kept_here.put("c", result("C"), NOW)
    assert [await kept(kept_here, one) for one in "abc"] == ["A", None, "C"]


class Broken:
    """A store that cannot be asked, or holds what is no answer."""

    def __init__(self, value: bytes | None = None) -> None:
        self.value = value

    async def get(self, key: str, now: float) -> bytes | None:
        if self.value is None:
            raise StoreError("gone")
        return self.value

    async def put(self, key: str, value: bytes, now: float) -> None:
        raise StoreError("gone")


@pytest.mark.parametrize("value", [None, b"", b"{", b'{"workflowId": 5}', b"\xff"])
async def test_a_store_that_fails_has_nothing_and_is_counted(value: bytes | None) -> None:
    counted: list[str] = []
    broken = Cache(settings(), Broken(value), counted.append)
    assert await broken.get("k", NOW) is None
    await broken.put("k", result(), NOW)
    assert counted == ["failed", "failed"]


async def test_each_look_and_each_answer_is_counted() -> None:
    services = FakeServices()
    counted = cache_of(settings(), services)
    await counted.get("k", NOW)
    await counted.put("k", result(), NOW)
    await counted.put("l", result("x" * LARGEST_ANSWER), NOW)
    await counted.get("k", NOW)
    await services.close()
    outcomes = ("miss", "stored", "too_large", "hit", "failed")
    assert [services.value("cache", outcome=one) for one in outcomes] == [1, 1, 1, 1, 0]


def test_the_bounds_are_those_of_the_settings() -> None:
    said = OrchestratorSettings.model_validate(
        {**SAID, "cache": {"ttl": "5s", "entries": 3, "size": "2KiB"}}
    )
    answers = answers_of(said.cache, FakeServices())
    assert isinstance(answers, MemoryAnswers)
    assert vars(answers).items() >= {"_ttl": 5.0, "_most": 3, "_largest": 2048}.items()


KEYS = st.sampled_from("abcdef")


class Memory(RuleBasedStateMachine):
    """Memory against a model that looks at everything each time."""

    @initialize(entries=st.integers(1, 4), size=st.integers(500, 3000))
    def begin(self, entries: int, size: int) -> None:
        self.entries, self.largest, self.now = entries, size, NOW
        self.memory = MemoryAnswers(TTL, entries, size)
        self.model: list[tuple[str, bytes, float]] = []
        """Key, value, end; what was used last comes last."""

    @rule(key=KEYS, length=st.integers(0, 2000))
    def put(self, key: str, length: int) -> None:
        value = b"x" * length
        _now(self.memory.put(key, value, self.now))
        self.model = [one for one in self.model if one[0] != key]
        if self._size([(key, value, 0.0)]) > self.largest:
            return
        self.model.append((key, value, self.now + TTL))
        while len(self.model) > self.entries or self._size(self.model) > self.largest:
            self.model.pop(0)

    @rule(key=KEYS)
    def get(self, key: str) -> None:
        found = next((one for one in self.model if one[0] == key), None)
        if found is not None:
            self.model.remove(found)
            if found[2] > self.now:
                self.model.append(found)
            else:
                found = None
        assert _now(self.memory.get(key, self.now)) == (found and found[1])

    @rule(seconds=st.sampled_from([0.5, 20.0, 59.5, 60.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def it_keeps_its_bounds(self) -> None:
        if hasattr(self, "memory"):
            assert len(self.memory) == len(self.model) <= self.entries
            assert self.memory.size == self._size(self.model) <= self.largest

    def _size(self, entries: list[tuple[str, bytes, float]]) -> int:
        return sum(len(key) + len(value) + 300 for key, value, _ in entries)


def _now(coroutine: Any) -> Any:
    """What a coroutine returns that has nothing to wait for."""
    try:
        coroutine.send(None)
    except StopIteration as ended:
        return ended.value
    raise AssertionError("it waits")


TestMemory = Memory.TestCase
TestMemory.settings = examples(60)
