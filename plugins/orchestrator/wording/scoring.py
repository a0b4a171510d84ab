"""How good a text is, by rules that anybody can check: quality and compliance, 0 to 1.

Each thing that is wrong is a reason, and the score falls with their number: 1, 1/2, 1/3.
Quality says whether the text can be used where it is meant for; compliance, whether
it says what must be said, and nothing that must not. Only compliance may refuse a text.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from proxy.api import WorkflowIntent, WorkflowScore

from ..settings import ScoringSettings
from ..words import words_of
from .output import content_of
from .platforms import Limits, is_strict, limits_of, places_of

__all__ = ["Scorer"]

SHORTEST = 20
"""Characters below which a text says nothing; a message may be as short as it likes."""

REPEATED = 0.5
"""A text of which less than this share of its triples of words are different repeats itself."""

_FEWEST_WORDS = 30
_MOST_REASONS = 20
_LEFT_OPEN = re.compile(r"\{\{|\}\}|\[(?:your|insert|name|link|date)\b|lorem ipsum", re.IGNORECASE)
_HASHTAG = re.compile(r"#\w")

_Index = dict[str, list[tuple[list[str], str]]]
"""Terms by their first word: all their words, and how they are written."""


class Scorer:
    """Judges documents by the settings; it remembers nothing of them."""

    def __init__(self, settings: ScoringSettings) -> None:
        """Prepare the terms and the disclosures."""
        self._refuses = settings.on_violation == "refuse"
        self._banned: _Index = {}
        for term in settings.banned:
            words = words_of(term)
            self._banned.setdefault(words[0], []).append((words, term))
        self._disclosures = [
            (where.casefold(), words_of(text), text) for where, text in settings.disclosures.items()
        ]

    def quality(
        self, intent: WorkflowIntent, document: Mapping[str, Any], *, cut: bool = False
    ) -> WorkflowScore:
        """Return whether a document can be used; `cut`: the model stopped before its end."""
        text = content_of(intent, document)
        if not text.strip():
            return WorkflowScore(score=0.0, reasons=("it is empty",))
        reasons = ["it was cut off"] if cut else []
        if len(text) < SHORTEST and intent.type != "message_generation":
            reasons.append("it is shorter than a sentence")
        if _LEFT_OPEN.search(text):
            reasons.append("it has a place that was left to be filled in")
        if _repeats_itself(words_of(text)):
            reasons.append("it repeats itself")
        for platform, limits in limits_of(intent).items():
            reasons += [f"{platform}: {excess}" for excess in _excesses(document, text, limits)]
        return _score(reasons)

    def compliance(self, intent: WorkflowIntent, document: Mapping[str, Any]) -> WorkflowScore:
        """Return whether a document says what must be said, and no banned term; each once."""
        texts = [words_of(text) for text in _texts(intent, document)]
        banned = (term for words in texts for term in _banned_in(words, self._banned))
        reasons = [f"banned: {term}" for term in dict.fromkeys(banned)]
        places = {*places_of(intent), intent.content_type.strip().casefold()}
        for where, words, text in self._disclosures:
            if where in places and not _occurs(words, texts):
                reasons.append(f"not disclosed: {text}")
        return _score(dict.fromkeys(reasons))

    def refuses(self, intent: WorkflowIntent, compliance: WorkflowScore) -> bool:
        """Whether a text with this compliance must not leave the house."""
        return compliance.score < 1 and (self._refuses or is_strict(intent))


def _banned_in(words: Sequence[str], index: _Index) -> Iterator[str]:
    for place, word in enumerate(words):
        for term, written in index.get(word, ()):
            if words[place : place + len(term)] == term:
                yield written


def _score(reasons: Iterable[str]) -> WorkflowScore:
    said = tuple(reasons)
    return WorkflowScore(score=1 / (1 + len(said)), reasons=said[:_MOST_REASONS])


def _repeats_itself(words: Sequence[str]) -> bool:
    triples = list(zip(words, words[1:], words[2:], strict=False))
    return len(words) >= _FEWEST_WORDS and len(set(triples)) < REPEATED * len(triples)


def _excesses(document: Mapping[str, Any], text: str, limits: Limits) -> Iterator[str]:
    tags = len(document.get("hashtags", ())) + len(_HASHTAG.findall(text))
    title = document.get("title") or ""
    if limits.characters is not None and len(text) > limits.characters:
        yield f"{len(text)} characters, at most {limits.characters}"
    if limits.tags is not None and tags > limits.tags:
        yield f"{tags} hashtags, at most {limits.tags}"
    if limits.title is not None and len(title) > limits.title:
        yield f"a title of {len(title)} characters, at most {limits.title}"


def _texts(intent: WorkflowIntent, document: Mapping[str, Any]) -> Iterator[str]:
    """Yield all texts of a document that others get to see; its `problems` are for the caller."""
    yield content_of(intent, document)
    yield document.get("title") or ""
    yield from document.get("steps", ())
    for tag in document.get("hashtags", ()):
        yield f"#{tag.lstrip('#')}"


def _occurs(wanted: list[str], texts: Sequence[list[str]]) -> bool:
    return any(
        words[place : place + len(wanted)] == wanted
        for words in texts
        for place in range(len(words) - len(wanted) + 1)
    )
