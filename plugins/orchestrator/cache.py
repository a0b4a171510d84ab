"""Answers to earlier, equal intents: what counts as equal, what is kept, and for how long.

Equal is what would be asked in the same words, of the same models, in the same data zones,
under the same rules, and (unless users share answers) for the same user. Who asked and what it
cost is no part of what is kept. A store that fails is a cache that has nothing: no request
fails for it.
"""

from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b
from typing import Final, NamedTuple, Protocol

import orjson
from pydantic import ValidationError

from proxy.api import Services, StoreError, WorkflowIntent, WorkflowResult

from .deciding.rules import rules_of, ruling
from .settings import CacheSettings, OrchestratorSettings
from .wording.platforms import is_strict, places_of
from .wording.prompting import Rendered

__all__ = ["LARGEST_ANSWER", "Answers", "Cache", "MemoryAnswers", "cache_of"]

LARGEST_ANSWER: Final = 256 * 1024
"""Bytes of JSON above which an answer is not kept."""

_OVERHEAD: Final = 300
"""About how many bytes an entry takes besides its key and value."""


class Answers(Protocol):
    """Keeps values under keys for a while. Raises StoreError when it cannot be asked."""

    async def get(self, key: str, now: float) -> bytes | None:
        """Return the value of a key that has not expired; `now` in Unix seconds."""

    async def put(self, key: str, value: bytes, now: float) -> None:
        """Keep a value in place of what was there."""


class _Entry(NamedTuple):
    value: bytes
    expires: float
    size: int


class MemoryAnswers:
    """Keeps what was used last, within bounds of entries and bytes; gone with the process."""

    def __init__(self, ttl: float, entries: int, size: int) -> None:
        """Keep each value for `ttl` seconds, and of them at most so many, in so many bytes."""
        self._ttl = ttl
        self._most = entries
        self._largest = size
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self.size = 0
        """Bytes that are in use."""

    def __len__(self) -> int:
        return len(self._entries)

    async def get(self, key: str, now: float) -> bytes | None:
        """Return the value of a key that has not expired; `now` in Unix seconds."""
        found = self._entries.get(key)
        if found is None:
            return None
        if now >= found.expires:
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        return found.value

    async def put(self, key: str, value: bytes, now: float) -> None:
        """Keep a value in place of what was there; what was not used for longest makes room."""
        self._drop(key)
        size = len(key) + len(value) + _OVERHEAD
        if size > self._largest:
            return
        while self._entries and (
            len(self._entries) >= self._most or self.size + size > self._largest
        ):
            self._drop(next(iter(self._entries)))
        self._entries[key] = _Entry(value, now + self._ttl, size)
        self.size += size

    def _drop(self, key: str) -> None:
        gone = self._entries.pop(key, None)
        self.size -= gone.size if gone else 0


class Cache:
    """The answers of one orchestrator. Nothing here raises what a store raises."""

    def __init__(
        self, settings: OrchestratorSettings, answers: Answers, count: Callable[[str], None]
    ) -> None:
        """`count` is told of each look and each answer: hit, miss, stored, too_large, failed."""
        self._settings = settings
        self._answers = answers
        self._count = count
        self._rules = rules_of(settings)
        self._scoring = settings.scoring.model_dump_json()

    def key_of(self, intent: WorkflowIntent, rendered: Rendered, *, claimed: bool = False) -> str:
        """Return the same key for intents that are equal, and for no others: a digest.

        `claimed`: nobody vouches for the user, who so is another one than the one of that name.
        """
        settings = self._settings
        rule = ruling(intent, self._rules, "" if claimed else intent.user_id).rule
        kinds = (intent.force_provider,) if intent.force_provider else rule.providers
        deployments = settings.deployments.values()
        equal = (
            intent.type,
            None if settings.cache.shared else (intent.user_id, claimed),
            rendered.messages,
            rendered.schema,
            places_of(intent),  # what is judged, whether or not a template speaks of it
            intent.content_type,
            is_strict(intent),
            kinds,
            rule.models,
            sorted({deployment.zone for deployment in deployments}),
            settings.max_tokens,
            settings.temperature,
            self._scoring,
        )
        return blake2b(orjson.dumps(equal), digest_size=16).hexdigest()

    async def get(self, key: str, now: float) -> WorkflowResult | None:
        """Return an earlier answer, for nobody yet: see `for_workflow`."""
        try:
            value = await self._answers.get(key, now)
            found = None if value is None else WorkflowResult.model_validate_json(value)
        except (StoreError, ValidationError):
            self._count("failed")
            return None
        if found is not None and not _whole(found):
            self._count("failed")
            return None
        self._count("miss" if found is None else "hit")
        return found

    async def put(self, key: str, result: WorkflowResult, now: float) -> None:
        """Keep the answer of a workflow that is completed; all others are passed over."""
        if not _whole(result) or result.cached:
            return
        value = for_workflow(result, "", "").model_dump_json(by_alias=True).encode()
        if len(value) > LARGEST_ANSWER:
            self._count("too_large")
            return
        try:
            await self._answers.put(key, value, now)
        except StoreError:
            self._count("failed")
        else:
            self._count("stored")


def _whole(result: WorkflowResult) -> bool:
    """Whether it is an answer: other things may lie in a store that others write to as well."""
    return result.status == "completed" and result.error is None and bool(result.content.strip())


def for_workflow(result: WorkflowResult, workflow_id: str, trace_id: str) -> WorkflowResult:
    """Return an earlier result as that of another workflow, which it costs nothing."""
    return result.model_copy(
        update={
            "workflow_id": workflow_id,
            "trace_id": trace_id,
            "attempts": 0,
            "fallbacks": 0,
            "tokens": 0,
            "cost_nano_usd": 0,
            "seconds": 0.0,
            "cached": True,
        }
    )


def cache_of(settings: OrchestratorSettings, services: Services) -> Cache:
    """Return the cache that the settings ask for; what it does is counted as `cache`."""
    counter = services.counter(
        "cache", "Looks for earlier answers, and answers kept.", ("outcome",)
    )
    return Cache(
        settings, answers_of(settings.cache, services), lambda outcome: counter.add(outcome=outcome)
    )


def answers_of(settings: CacheSettings, services: Services) -> Answers:
    """Return where the answers are kept."""
    if settings.store == "memory":
        return MemoryAnswers(settings.ttl, settings.entries, settings.size)
    from .cache_redis import RedisAnswers

    return RedisAnswers(services.redis(settings.store), settings.ttl)
