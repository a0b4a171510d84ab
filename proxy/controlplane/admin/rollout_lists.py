"""The whitelist and the blacklist of a rollout: shown to operators, edited by keys."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from proxy.controlplane.admin.auth import Refusal
from proxy.controlplane.admin.bodies import Body, Reasoned
from proxy.core.by_hand import MOST_KEYS
from proxy.core.commands import EditLists
from proxy.core.key import normalise_value
from proxy.core.rollout_state import RolloutState

__all__ = ["ListsBody", "ListsView", "edit_of", "lists_view"]

_MOST_AT_ONCE = 1000


def _is_key(text: str) -> str:
    if normalise_value(text) is None:
        raise ValueError("is no key: it is empty or not Unicode")
    return text


Key = Annotated[str, Field(min_length=1, max_length=512), AfterValidator(_is_key)]
Keys = Annotated[tuple[Key, ...], Field(max_length=_MOST_AT_ONCE)]


def _spelt(keys: Iterable[str], *, lower: bool = False) -> frozenset[bytes | None]:
    return frozenset(normalise_value(key, lower=lower) for key in keys)


class ListEdit(Body):
    """Keys to put on a list, and keys to take off it."""

    add: Keys = ()
    remove: Keys = ()

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if _spelt(self.add) & _spelt(self.remove):
            raise ValueError("a key is both added and removed")
        return self


class ListsBody(Reasoned):
    """Changes of both lists; what is left out stays."""

    whitelist: ListEdit = ListEdit()
    blacklist: ListEdit = ListEdit()


@dataclass(frozen=True, slots=True)
class ListsView:
    """The keys themselves, in order, and the version of the rollout."""

    name: str
    version: int
    whitelist: tuple[str, ...]
    blacklist: tuple[str, ...]


def lists_view(state: RolloutState) -> ListsView:
    """Return the lists as they are shown to operators."""
    lists = tuple(sorted(state.whitelist)), tuple(sorted(state.blacklist))
    return ListsView(state.name, state.version, *lists)


def edit_of(body: ListsBody, state: RolloutState, *, lower: bool) -> EditLists:
    """Return the command for an edit of `state`'s lists.

    Keys are the same if requests cannot tell them apart; `lower` says whether letters' case
    counts. Raises Refusal (409) where a key would be on both lists, or a list too long.
    """
    off_white = _like(state.whitelist, body.whitelist.remove, lower=lower)
    off_black = _like(state.blacklist, body.blacklist.remove, lower=lower)
    whitelist = (state.whitelist - off_white) | frozenset(body.whitelist.add)
    blacklist = (state.blacklist - off_black) | frozenset(body.blacklist.add)
    if _spelt(whitelist, lower=lower) & _spelt(blacklist, lower=lower):
        raise Refusal(
            409, "A key would be on both lists.", "Remove it from one of them in the same request."
        )
    for after, before in ((whitelist, state.whitelist), (blacklist, state.blacklist)):
        if len(after) > max(MOST_KEYS, len(before)):
            raise Refusal(
                409,
                f"A list would have more than {MOST_KEYS} keys.",
                "Use a condition on an attribute for so many callers.",
            )
    return EditLists(
        frozenset(body.whitelist.add), off_white, frozenset(body.blacklist.add), off_black
    )


def _like(listed: Iterable[str], keys: Iterable[str], *, lower: bool) -> frozenset[str]:
    wanted = _spelt(keys, lower=lower)
    return frozenset(key for key in listed if normalise_value(key, lower=lower) in wanted)
