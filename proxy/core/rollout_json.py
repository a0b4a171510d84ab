"""A rollout's state as plain JSON values, for stores and for the audit.

Both directions follow the dataclasses of `proxy.core.rollout_state`: a field that is added there
is stored. Reading is strict, so that a damaged or a newer state is never half understood.
"""

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import StrEnum
from math import isfinite
from types import NoneType, UnionType
from typing import Any, get_args, get_origin

from proxy.core.rollout_state import RolloutState

__all__ = ["changed", "plain", "state_from_json", "state_to_json"]

_TOLD_ELSEWHERE = frozenset({"name", "version", "declared", "evidence"})
_COUNTED = frozenset({"whitelist", "blacklist"})
_SCALARS = {str: "a text", bool: "true or false", int: "a whole number", float: "a number"}


def state_to_json(state: RolloutState) -> dict[str, Any]:
    """Return the state as plain JSON values; sets become sorted lists."""
    told: dict[str, Any] = plain(state)
    return told


def state_from_json(told: Mapping[str, Any]) -> RolloutState:
    """Return the state that `state_to_json` has told.

    What is missing has its default: an older version wrote it. Raises ValueError, saying where
    and what is wrong, for anything else: keys of a newer version, wrong kinds, and numbers that
    no rollout has.
    """
    state: RolloutState = _dataclass(RolloutState, told, "")
    count = 0 if state.plan is None else len(state.plan.steps)
    for where, percentage in (
        ("percentage", state.percentage),
        ("declared.percentage", state.declared.percentage),
    ):
        if not 0.0 <= percentage <= 100.0:
            raise ValueError(f"{where}: {percentage:g} is not within 0 and 100")
    if not -1 <= state.step < count:
        raise ValueError(f"step: {state.step} is none of the plan's {count} steps")
    if min(state.version, state.segment, state.run) < 0:
        raise ValueError("version, segment and run count from 0")
    return state


def changed(before: RolloutState, after: RolloutState) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what differs, as it was and as it is, in plain JSON values for the audit.

    Of the lists only how many keys they hold is told. The version and the evidence have their own
    places in an audit entry; what the configuration declares is in the configuration.
    """
    was: dict[str, Any] = {}
    now: dict[str, Any] = {}
    for each in fields(RolloutState):
        name = each.name
        old, new = getattr(before, name), getattr(after, name)
        if name in _TOLD_ELSEWHERE or old == new:
            continue
        was[name], now[name] = _told(name, old), _told(name, new)
    return was, now


def plain(value: Any) -> Any:
    """Return a value of `proxy.core.rollout_state` as plain JSON values."""
    if isinstance(value, StrEnum):
        return value.value
    if is_dataclass(value):
        return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return dict(value)
    return value


def _told(name: str, value: Any) -> Any:
    return len(value) if name in _COUNTED else plain(value)


def _dataclass(kind: Any, told: Any, where: str) -> Any:
    if not isinstance(told, Mapping):
        raise _wrong(where, "an object", told)
    known: dict[str, Field[Any]] = {each.name: each for each in fields(kind)}
    unknown = sorted(str(key) for key in told if key not in known)
    if unknown:
        raise ValueError(
            f"{_at(where)}the keys {', '.join(unknown)} are not known here: a newer version of"
            " Crossfade has written this; run that version, or a newer one"
        )
    inside = f"{where}." if where else ""
    values: dict[str, Any] = {}
    for name, each in known.items():
        if name in told:
            values[name] = _value(each.type, told[name], f"{inside}{name}")
        elif each.default is MISSING and each.default_factory is MISSING:
            raise ValueError(f"{inside}{name}: is missing")
    return kind(**values)


def _value(kind: Any, told: Any, where: str) -> Any:
    if isinstance(kind, UnionType):  # only `X | None` is used
        if told is None:
            return None
        kind = next(part for part in get_args(kind) if part is not NoneType)
    origin = get_origin(kind)
    if origin in (tuple, frozenset):
        return _several(origin, get_args(kind)[0], told, where)
    if origin is dict:
        if not isinstance(told, dict):
            raise _wrong(where, "an object", told)
        return dict(told)
    if is_dataclass(kind):
        return _dataclass(kind, told, where)
    if kind in _SCALARS:
        return _scalar(kind, told, where)
    try:
        return kind(told)
    except ValueError:
        raise _wrong(where, f"one of {', '.join(kind)}", told) from None


def _several(kind: Any, item: Any, told: Any, where: str) -> Any:
    if not isinstance(told, list):
        raise _wrong(where, "a list", told)
    return kind(_value(item, value, f"{where}[{index}]") for index, value in enumerate(told))


def _scalar(kind: Any, told: Any, where: str) -> Any:
    if kind is float and type(told) is int:
        return float(told)
    if type(told) is not kind or (kind is float and not isfinite(told)):
        raise _wrong(where, _SCALARS[kind], told)
    return told


def _wrong(where: str, wanted: str, told: Any) -> ValueError:
    # The kind and not the value: a list's entries are users' keys.
    return ValueError(f"{_at(where)}wanted {wanted}, found {type(told).__name__}")


def _at(where: str) -> str:
    return f"{where}: " if where else ""
