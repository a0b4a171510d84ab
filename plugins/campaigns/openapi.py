"""The OpenAPI 3.1 document of the v2 API, made of the models that read and write it."""

from functools import cache
from typing import Any

from pydantic import ConfigDict

from proxy.api import WorkflowIntent
from proxy.api.openapi import ANYBODY, Operation, Parameter, openapi, words
from proxy.api.workflows import WorkflowStatus

from .answering import Failed, Ran
from .asking import OWN, REQUIRED
from .declining import Refusal
from .figures import Figures
from .health import Healthy
from .paths import COSTS, HEALTH, HYBRID, METRICS, OPENAPI, STATUS
from .questions import LIMIT_MOST, PERIODS, TIME_PATTERN
from .showing import ShownList, ShownOne
from .spending import GROUPINGS, Costs

__all__ = ["CampaignIntent", "document"]

_NAME = {"type": "string", "minLength": 1, "maxLength": 256}
_TIME = {"type": "string", "pattern": TIME_PATTERN}


def _leave_user_out(schema: dict[str, Any]) -> None:
    """Make it the schema of a body: an intent of whoever is calling."""
    schema["properties"].pop(OWN)
    schema["required"] = list(REQUIRED)


class CampaignIntent(WorkflowIntent):
    """What is wanted. In JSON: camel case; unknown keys are errors."""

    model_config = ConfigDict(json_schema_extra=_leave_user_out)


_USER = Parameter(OWN, _NAME, "For administrators: whose. Default: all users'.")
_REFUSED = {400: (Refusal,), 401: (Refusal,), 403: (Refusal,), 503: (Refusal,)}

_OPERATIONS = (
    Operation(
        "post",
        HYBRID,
        "Execute a campaign for whoever is calling. With `stream` a good answer is a stream of "
        "events; with `deferrable` it may be 202: come back to what `Location` names.",
        {
            200: (Ran,),
            202: (Ran,),
            400: (Refusal, Failed),
            401: (Refusal,),
            403: (Refusal,),
            402: (Failed,),
            409: (Failed,),
            413: (Failed,),
            422: (Failed,),
            429: (Failed,),
            500: (Failed,),
            502: (Failed,),
            503: (Failed,),
        },
        events=True,
        body=CampaignIntent,
        id="hybrid",
    ),
    Operation(
        "get",
        STATUS,
        "Show workflows, the newest first, or one with its result; one's own, for administrators "
        "all. As a stream: the present state, then each change.",
        {200: (ShownOne, ShownList), 404: (Refusal,), **_REFUSED},
        (
            Parameter("workflowId", _NAME, "This one alone."),
            Parameter(
                "limit", {"type": "integer", "minimum": 1, "maximum": LIMIT_MOST}, "Default: 10."
            ),
            Parameter("status", words(WorkflowStatus), "Only these."),
            Parameter("stream", {"type": "string", "enum": ["true", "false"]}, "As events."),
            _USER,
        ),
        events=True,
        id="status",
    ),
    Operation(
        "get",
        COSTS,
        "Sum up what campaigns have cost that began within at most 90 days.",
        {200: (Costs,), **_REFUSED},
        (
            Parameter("startDate", _TIME, "A date or a time; UTC without a zone.", required=True),
            Parameter("endDate", _TIME, "As `startDate`; a date is a whole day.", required=True),
            Parameter("groupBy", {"type": "string", "enum": list(GROUPINGS)}, "Default: day."),
            _USER,
        ),
        id="costs",
    ),
    Operation(
        "get",
        HEALTH,
        "Tell whether campaigns can be executed. Asks no provider.",
        {200: (Healthy,), 503: (Healthy,)},
        needs=ANYBODY,
        id="hybrid-orchestrator",
    ),
    Operation(
        "get",
        METRICS,
        "Show what was counted since the orchestrator was started, and what a period has cost.",
        {200: (Figures,), **_REFUSED},
        (Parameter("period", {"type": "string", "enum": list(PERIODS)}, "Default: 24h."),),
        needs="admin",
        id="orchestrator",
    ),
)


@cache
def document() -> dict[str, Any]:
    """Return the document."""
    says = "Campaigns are executed by generating models; money is in US dollars."
    return openapi("Campaigns, v2", says, _OPERATIONS, OPENAPI)
