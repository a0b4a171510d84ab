"""What the platforms take: how long a text may be, how many hashtags."""

from collections.abc import Mapping
from typing import NamedTuple

from proxy.api import WorkflowIntent

__all__ = ["PLATFORMS", "Limits", "is_strict", "limits_of", "places_of"]


class Limits(NamedTuple):
    """What one platform takes, in characters (code points) and hashtags; None: no bound."""

    characters: int | None = None
    tags: int | None = None
    title: int | None = None

    def __str__(self) -> str:
        """The limits in words, as a prompt says them."""
        said = (
            f"the text at most {self.characters} characters" if self.characters else "",
            f"at most {self.tags} hashtags" if self.tags else "",
            f"the title at most {self.title} characters" if self.title else "",
        )
        return ", ".join(one for one in said if one)


PLATFORMS: Mapping[str, Limits] = {
    "instagram": Limits(characters=2200, tags=30),
    "tiktok": Limits(characters=150, tags=100),
    "reddit": Limits(title=300),
    "onlyfans": Limits(characters=1000),
}
"""Those whose limits are known, by their names in lower case."""


def places_of(intent: WorkflowIntent) -> tuple[str, ...]:
    """Return where the text goes, each place once, as the caller says it, in lower case.

    A message to OnlyFans goes there alone, whatever platforms are named besides.
    """
    named = dict.fromkeys(platform.strip().casefold() for platform in intent.platforms)
    if intent.send_to_only_fans or intent.only_fans_context is not None:
        named = {} if intent.type == "message_generation" else named
        named["onlyfans"] = None
    return tuple(named)


def limits_of(intent: WorkflowIntent) -> dict[str, Limits]:
    """Return the limits that the text has to keep, by platform.

    Platforms whose limits are not known are left out: every name in the result is one of ours,
    none a caller's word.
    """
    return {place: PLATFORMS[place] for place in places_of(intent) if place in PLATFORMS}


def is_strict(intent: WorkflowIntent) -> bool:
    """Whether a text that breaks the rules is refused, whatever the operator says."""
    only_fans = intent.only_fans_context
    return only_fans is not None and only_fans.compliance_level == "strict"
