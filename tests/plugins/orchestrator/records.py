"""Workflows as tests need them."""

from typing import Any

from plugins.orchestrator.workflows.record import Attempt, Workflow
from proxy.api import WorkflowIntent

INTENT = WorkflowIntent(type="content_planning", user_id="u1", data={"theme": "rain"})


def attempt(number: int = 1, **fields: Any) -> Attempt:
    made: dict[str, Any] = {
        "id": f"wf_1-{number}",
        "deployment": "mini",
        "kind": "openai",
        "model": "gpt-4o-mini",
        "state": "answered",
        "begun": 1000.0,
        "seconds": 0.5,
    }
    return Attempt(**{**made, **fields})


def workflow(**fields: Any) -> Workflow:
    made: dict[str, Any] = {
        "id": "wf_1",
        "user_id": "u1",
        "type": "content_planning",
        "status": "running",
        "request_id": "r-1",
        "trace_id": "t-1",
        "intent": INTENT,
        "created": 1000.0,
        "updated": 1001.0,
    }
    return Workflow(**{**made, **fields})
