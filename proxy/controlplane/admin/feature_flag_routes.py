"""The routes of the legacy application's feature-flag API, and what is sent to them."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field
from typing_extensions import TypedDict

from proxy.controlplane.admin.auth import Refusal, Role
from proxy.controlplane.admin.bodies import Body, Reason
from proxy.controlplane.admin.feature_flag_view import FlagConfig, FlagView
from proxy.controlplane.admin.preconditions import MATCH_PARAMETER, ONCE_PARAMETER
from proxy.controlplane.admin.rollout_bodies import Percentage
from proxy.controlplane.admin.rollout_lists import Key
from proxy.controlplane.admin.routes import AdminRoute, Parameter, Refusing
from proxy.core.by_hand import MOST_KEYS

__all__ = [
    "FEATURE_FLAG_ROUTES",
    "PATH",
    "ActionBody",
    "FlagBody",
    "NamedFlagBody",
]

PATH = "/api/admin/feature-flags"
"""Where the legacy application had it."""

_UNSAID = "unsaid"

Keys = Annotated[tuple[Key, ...], Field(max_length=MOST_KEYS)]


class FlagBody(Body):
    """What shall be otherwise; what is left out stays. Defaults here are never used."""

    name: Annotated[str, Field(max_length=64)] = ""
    enabled: bool = True
    percentage: Percentage = Field(0.0, alias="rolloutPercentage")
    whitelist: Keys = Field((), alias="userWhitelist", description="All keys of the list.")
    blacklist: Keys = Field((), alias="userBlacklist", description="All keys of the list.")
    conditions: dict[str, Any] = Field({}, description="Only as they are.")
    triggers: dict[str, Any] | None = Field(
        None, alias="rollbackTriggers", description="Only as they are."
    )
    reason: Reason = _UNSAID


class NamedFlagBody(FlagBody):
    """The same, with the name that the path does not say."""

    name: Annotated[str, Field(min_length=1, max_length=64)]


class ActionBody(Body):
    """What shall be done; `value` is how many percentage points up or down."""

    action: Literal["enable", "disable", "rollback", "increase", "decrease"]
    value: Percentage = 10.0
    reason: Reason = _UNSAID


class _Refused(TypedDict):
    success: bool
    error: str
    hint: str


class _ShownAll(TypedDict):
    flags: list[FlagView]
    total: int


class _ListAnswer(TypedDict):
    success: bool
    data: _ShownAll


class _ShowAnswer(TypedDict):
    success: bool
    data: FlagView


class _ChangedFlag(FlagView, TypedDict):
    """How it was, and how it is."""

    previousConfig: FlagConfig
    newConfig: FlagConfig


class _ChangeAnswer(TypedDict):
    success: bool
    data: _ChangedFlag


_WORDS: Mapping[int, str] = {
    401: "Authentication required",
    403: "Insufficient permissions",
    500: "Internal server error",
}


def _tell(refusal: Refusal) -> Mapping[str, object]:
    error = _WORDS.get(refusal.status, refusal.detail)
    hint = refusal.hint if error == refusal.detail else f"{refusal.detail} {refusal.hint}"
    return {"success": False, "error": error, "hint": hint, **refusal.more}


_REFUSING = Refusing(_Refused, _tell)
_NAME = Parameter("name", "path", "The rollout.")
_ONE = f"{PATH}/{{name}}"


def _reading(path: str, says: str, answer: str, answers: object) -> AdminRoute:
    one = path == _ONE
    return AdminRoute(
        "GET",
        path,
        Role.VIEWER,
        says,
        answer,
        tag="feature flags",
        answers=answers,
        parameters=(_NAME,) if one else (),
        problems=(404,) if one else (),
        answer_headers={"ETag": "The rollout's version in quotes."} if one else {},
        refusing=_REFUSING,
    )


def _writing(method: str, path: str, says: str, answer: str, body: type[Body]) -> AdminRoute:
    return AdminRoute(
        method,
        path,
        Role.OPERATOR,
        says,
        answer,
        tag="feature flags",
        body=body,
        answers=_ChangeAnswer,
        parameters=(*((_NAME,) if path == _ONE else ()), MATCH_PARAMETER, ONCE_PARAMETER),
        problems=(400, 404, 409, 412, 503),
        answer_headers={"ETag": "The rollout's version in quotes."},
        refusing=_REFUSING,
    )


_CHANGES = "Changes what is said of the rollout `name`; what is left out stays."
FEATURE_FLAG_ROUTES: tuple[AdminRoute, ...] = (
    _reading(
        PATH,
        "All rollouts in the shape of the legacy application's feature flags.",
        "feature_flags_list",
        _ListAnswer,
    ),
    _writing("POST", PATH, f"{_CHANGES} It makes none.", "feature_flags_post", NamedFlagBody),
    _writing("PUT", PATH, _CHANGES, "feature_flags_put", NamedFlagBody),
    _reading(
        _ONE,
        "One rollout in that shape. Keys on its lists are shown to operators alone.",
        "feature_flag_show",
        _ShowAnswer,
    ),
    _writing(
        "PUT",
        _ONE,
        "Changes what is said of it; what is left out stays. `enabled: false` kills it, "
        "`enabled: true` (admins) takes that back.",
        "feature_flag_put",
        FlagBody,
    ),
    _writing(
        "POST",
        _ONE,
        "`enable` (admins), `disable`, `rollback`, or `increase` and `decrease` by `value`, 10 "
        "percentage points unless said.",
        "feature_flag_act",
        ActionBody,
    ),
)
