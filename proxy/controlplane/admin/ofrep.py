"""Rollouts as feature flags for OpenFeature: the OpenFeature Remote Evaluation Protocol, 0.3.

Each rollout is two flags: `<name>`, true where new answers, and `<name>.arm`, the arm as a
word. The decision is the one that the proxy makes of the same key and attributes; whoever may
ask here vouches for the key. See docs/reference/ofrep.md.

Protocol: https://github.com/open-feature/protocol, service/openapi.yaml.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import orjson
from aiohttp import hdrs, web
from pydantic import BaseModel, ConfigDict, Field, StrictStr, ValidationError
from typing_extensions import TypedDict

from proxy.controlplane.admin.auth import Refusal, Role
from proxy.controlplane.admin.bodies import field_problems
from proxy.controlplane.admin.questions import MOST_LETTERS, caller, spelt
from proxy.controlplane.admin.reply import json_answer
from proxy.controlplane.admin.routes import AdminRoute, Parameter, Refusing
from proxy.controlplane.status import AdminView
from proxy.core.bucket import BUCKETS
from proxy.core.decide import Explanation, explain
from proxy.core.identity import Identity
from proxy.core.reason import Arm, Reason
from proxy.dataplane.compile_rollouts import attributes_asked
from proxy.dataplane.generation import Generation
from proxy.settings.problems import nearest

__all__ = ["ARM_FLAG", "OFREP_ROUTES", "REASONS", "OfrepAnswers"]

ARM_FLAG: Final = ".arm"
"""Ends the name of the flag that tells a rollout's arm as a word."""

REASONS: Mapping[Reason, str] = {
    Reason.KILLED: "DISABLED",
    Reason.DISABLED: "DISABLED",
    Reason.ROLLED_BACK: "DISABLED",
    Reason.BLACKLIST: "TARGETING_MATCH",
    Reason.ASSIGNED: "TARGETING_MATCH",
    Reason.WHITELIST: "TARGETING_MATCH",
    Reason.WRITE_AFFINITY: "TARGETING_MATCH",
    Reason.CONDITIONS: "TARGETING_MATCH",
    Reason.RULE: "TARGETING_MATCH",
    Reason.PERCENTAGE: "SPLIT",
    Reason.REMAINDER: "SPLIT",
    Reason.MISSING_KEY: "DEFAULT",
    Reason.ERROR: "ERROR",
}
"""Why an arm was decided -> the same in the words of OpenFeature."""

_STALE = "STALE"
_LONGEST_KEY = 256
_TAG: Final = re.compile(r'"([\x21\x23-\x7e\x80-\xff]*)"')


class Context(BaseModel):
    """Who is asked about; all else in it are attributes."""

    model_config = ConfigDict(extra="allow")

    targeting_key: StrictStr | None = Field(
        None, alias="targetingKey", max_length=MOST_LETTERS, description="The key."
    )


class EvaluationBody(BaseModel):
    """What is sent to be evaluated."""

    context: Context | None = None


# Written as a call: one of the protocol's words is not a name of ours.
_Evaluated = TypedDict(  # noqa: UP013
    "_Evaluated",
    {
        "key": str,
        "value": bool | str,
        "variant": str,
        "reason": str,
        "metadata": dict[str, bool | int | float | str],
    },
)


class _Failed(TypedDict):
    errorCode: str
    errorDetails: str


class _FailedFlag(_Failed, TypedDict):
    key: str


class _Bulk(TypedDict):
    flags: list[_Evaluated | _FailedFlag]


def _tell(refusal: Refusal) -> Mapping[str, object]:
    details = f"{refusal.detail} {refusal.hint}"
    return {"errorCode": "GENERAL", "errorDetails": details, **refusal.more}


_REFUSING = Refusing(_Failed, _tell)

OFREP_ROUTES: tuple[AdminRoute, ...] = (
    AdminRoute(
        "POST",
        "/ofrep/v1/evaluate/flags/{key}",
        Role.VIEWER,
        "[OFREP](ofrep.md): one flag, `<rollout>` (true where new answers) or `<rollout>.arm`.",
        "ofrep_flag",
        tag="ofrep",
        body=EvaluationBody,
        body_required=False,
        answers=_Evaluated,
        parameters=(Parameter("key", "path", "The flag."),),
        problems=(400, 404),
        refusing=_REFUSING,
    ),
    AdminRoute(
        "POST",
        "/ofrep/v1/evaluate/flags",
        Role.VIEWER,
        "[OFREP](ofrep.md): all flags of a caller. The `ETag` is of this very answer; with "
        "`If-None-Match` 304 while it stays the same.",
        "ofrep_flags",
        tag="ofrep",
        body=EvaluationBody,
        body_required=False,
        answers=_Bulk,
        parameters=(Parameter("If-None-Match", "header", "ETags that were seen."),),
        problems=(304, 400),
        answer_headers={"ETag": "Changes with the body."},
        refusing=_REFUSING,
    ),
)


class _Asked(NamedTuple):
    """A caller, and the generation that decides."""

    generation: Generation
    identity: Identity
    stale: bool


class OfrepAnswers:
    """Answers about flags."""

    def __init__(self, view: AdminView) -> None:
        """Ask the generation that serves in `view`."""
        self._view = view

    async def ofrep_flag(self, request: web.Request) -> web.Response:
        """Evaluate one flag. Raises Refusal (400, 404)."""
        key = request.match_info["key"]
        asked = await self._asked(request, key[:_LONGEST_KEY])
        flags = _flags(asked.generation)
        if key not in flags:
            hint = nearest(key, flags) or "Flags are called as the rollouts, and <rollout>.arm."
            raise _refusal(404, "FLAG_NOT_FOUND", "There is no such flag.", hint, key)
        found = _evaluated(key, _explained(asked, flags[key]), asked, flags[key])
        if "errorCode" in found:
            detail, hint = "There is no targetingKey.", _SEND_KEY
            raise _refusal(400, "TARGETING_KEY_MISSING", detail, hint, key)
        return json_answer(200, found)

    async def ofrep_flags(self, request: web.Request) -> web.Response:
        """Evaluate all flags. Raises Refusal (400)."""
        asked = await self._asked(request, "")
        flags = _flags(asked.generation)
        found = {name: _explained(asked, name) for name in asked.generation.rollouts}
        body = orjson.dumps(
            {"flags": [_evaluated(key, found[flags[key]], asked, flags[key]) for key in flags]}
        )
        # Of the body and nothing else: another context, or another moment, may mean other values.
        tag = hashlib.sha256(body).hexdigest()[:32]
        known = ",".join(request.headers.getall(hdrs.IF_NONE_MATCH, ()))
        headers = {hdrs.ETAG: f'"{tag}"'}
        if known.strip() == "*" or tag in _TAG.findall(known):
            return web.Response(status=304, headers=headers)
        return web.Response(body=body, content_type="application/json", headers=headers)

    async def _asked(self, request: web.Request, key: str) -> _Asked:
        """Return who is asked about; `key` is the flag's. Raises Refusal (400)."""
        generation = self._view.generation
        context = _context(await request.read(), key)
        attributes = {}
        for name in attributes_asked(generation.config):
            value = (context.model_extra or {}).get(name)
            if value is None:
                continue
            text = spelt(value)
            if text is None or len(text) > MOST_LETTERS:
                detail = f"The attribute {name} is no text, number or boolean of usual length."
                raise _refusal(400, "INVALID_CONTEXT", detail, "Send it as text.", key)
            attributes[name] = text
        lower = generation.config.identity.lower
        identity = caller(context.targeting_key or "", attributes, verified=True, lower=lower)
        return _Asked(generation, identity, bool(self._view.rollouts.degraded))


def _context(raw: bytes, key: str) -> Context:
    hint = 'Send {"context": {"targetingKey": "user-1"}}.'
    try:
        return EvaluationBody.model_validate_json(raw or b"{}").context or Context()
    except ValidationError as error:
        problems = field_problems(error)
    if not problems[0]["field"]:
        raise _refusal(400, "PARSE_ERROR", "The body is no JSON object.", hint, key)
    told = "; ".join(f"{one['field']}: {one['problem']}" for one in problems)
    raise _refusal(400, "INVALID_CONTEXT", f"The context does not fit: {told}.", hint, key)


def _refusal(status: int, code: str, detail: str, hint: str, key: str) -> Refusal:
    named = {"key": key[:_LONGEST_KEY]} if key else {}
    return Refusal(status, detail, hint, more={**named, "errorCode": code})


_SEND_KEY = "The rollout is between 0 and 100 per cent: send the user's key as targetingKey."


def _flags(generation: Generation) -> dict[str, str]:
    """Return all flags by name, each with its rollout, in order.

    A rollout may be called as the flag of another: it is found by its own name.
    """
    found = {f"{name}{ARM_FLAG}": name for name in generation.rollouts}
    found |= {name: name for name in generation.rollouts}
    return dict(sorted(found.items()))


def _explained(asked: _Asked, rollout: str) -> Explanation:
    return explain(asked.generation.rollouts[rollout], asked.identity)


def _evaluated(key: str, found: Explanation, asked: _Asked, rollout: str) -> dict[str, Any]:
    """Return what a flag is for the caller, or that it cannot be told without a key."""
    decision = found.decision
    if decision.reason is Reason.MISSING_KEY and 0 < found.threshold < BUCKETS:
        return {"key": key, "errorCode": "TARGETING_KEY_MISSING", "errorDetails": _SEND_KEY}
    new = decision.arm is Arm.NEW
    reason = REASONS[decision.reason]
    stale = asked.stale and decision.reason is not Reason.ERROR
    in_words = key != rollout
    return {
        "key": key,
        "value": str(decision.arm) if in_words else new,
        "variant": str(decision.arm) if in_words else "on" if new else "off",
        "reason": _STALE if stale else reason,
        "metadata": dict(_metadata(found, asked.generation, rollout)),
    }


def _metadata(
    found: Explanation, generation: Generation, rollout: str
) -> Iterator[tuple[str, int | float | str]]:
    state = generation.learned.get(rollout)
    yield "generation", generation.number
    yield "version", 0 if state is None else state.version
    yield "percentage", found.threshold * 100 / BUCKETS
    yield "reason_code", found.decision.reason.value
    if found.bucket is not None:
        yield "bucket", found.bucket
