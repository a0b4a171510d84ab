"""What operators set by hand: the percentage, the lists, and a time without the brake."""

from dataclasses import replace

from proxy.core import commands as ask
from proxy.core.position import by_hand, check_percentage, refuse_up
from proxy.core.ramp_table import NotAllowedError
from proxy.core.rollout_state import Mark, RolloutState

__all__ = ["LONGEST_OVERRIDE", "MOST_KEYS", "edit_lists", "override_safety", "set_percentage"]

MOST_KEYS = 10_000
"""A list takes no more keys by hand."""

LONGEST_OVERRIDE = 3600.0
"""Seconds for which the brake may be told to only watch."""

_LONGEST_KEY = 512


def set_percentage(state: RolloutState, command: ask.SetPercentage, mark: Mark) -> RolloutState:
    """Set the percentage; lower is always possible. A ramp under way is paused."""
    check_percentage(command.percentage)
    if command.percentage > state.percentage:
        refuse_up(state, "a higher percentage")
    return by_hand(state, command.percentage, mark)


def override_safety(state: RolloutState, command: ask.OverrideSafety, mark: Mark) -> RolloutState:
    """Let the brake only watch for a while; a later word replaces an earlier one."""
    if not 0 < command.seconds <= LONGEST_OVERRIDE:
        raise NotAllowedError(
            f"the brake cannot be suspended for {command.seconds:g} s",
            f"more than 0 and at most {LONGEST_OVERRIDE:.0f} s are possible",
        )
    return replace(state, unsafe_until=mark.at + command.seconds)


def edit_lists(state: RolloutState, command: ask.EditLists, _: Mark) -> RolloutState:
    """Change the lists. Never tells a key: they are users."""
    _check_keys(command.whitelist | command.blacklist)
    for name, add, remove in (
        ("whitelist", command.whitelist, command.unwhitelist),
        ("blacklist", command.blacklist, command.unblacklist),
    ):
        if add & remove:
            raise NotAllowedError(
                f"{len(add & remove)} key(s) are to be put on the {name} and taken off it",
                "ask for one of the two",
            )
    white = (state.whitelist | command.whitelist) - command.unwhitelist
    black = (state.blacklist | command.blacklist) - command.unblacklist
    if white & black:
        raise NotAllowedError(
            f"{len(white & black)} key(s) would be on the whitelist and on the blacklist",
            "take them off the one list in the same request that puts them on the other",
        )
    for name, before, after in (
        ("whitelist", state.whitelist, white),
        ("blacklist", state.blacklist, black),
    ):
        if len(after) > max(MOST_KEYS, len(before)):
            raise NotAllowedError(
                f"the {name} would hold {len(after)} keys",
                f"at most {MOST_KEYS} are possible; use a condition for so many",
            )
    return replace(state, whitelist=white, blacklist=black)


def _check_keys(keys: frozenset[str]) -> None:
    for key in keys:
        try:
            fits = 0 < len(key.encode()) <= _LONGEST_KEY
        except UnicodeEncodeError:  # a lone surrogate, which no store can keep
            fits = False
        if not fits:
            raise NotAllowedError(
                "a key is empty, too long, or no text", f"keys have 1 to {_LONGEST_KEY} bytes"
            )
