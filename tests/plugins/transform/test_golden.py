"""What a profile makes of requests and results, in files: each file below golden/ is a case."""

import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from plugins.transform import Transform
from proxy.api import Body, WorkflowIntent, json_reply
from proxy.api.testing import isolated, request

GOLDEN = Path(__file__).parent / "golden"
CASES = {
    f"{path.parent.name}/{path.stem}": orjson.loads(path.read_bytes())
    for path in sorted(GOLDEN.glob("*/*.json"))
}
SETTINGS = {"profile": "huntaze-campaigns"}


def said(case: dict[str, Any]) -> bytes:
    """What the client sends."""
    return orjson.dumps(case["request"]["body"])


def legacys_own(document: Any) -> bytes:
    """A document as the case has it, keys in that order, on one line and without escapes."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


@pytest.mark.parametrize("name", CASES)
async def test_each_request_becomes_its_intent_and_each_result_its_legacy_answer(
    name: str,
) -> None:
    case = CASES[name]
    caller, where = case["request"].get("caller"), case["request"]["path"]
    asked = request("POST", where, key=caller, verified=caller is not None)
    result = json_reply(
        case["result"]["body"],
        case["result"]["status"],
        {"X-Workflow-Id": "0197-w1", "Retry-After": "12", "X-Provider": "azure"},
    )
    async with isolated(Transform, SETTINGS) as plugin:
        passed = await plugin.through(asked, result, said(case), arm="new")
    assert passed.body is not None
    assert passed.body.json() == case["intent"]
    assert WorkflowIntent.model_validate_json(passed.body.data, strict=True)
    wanted = case["response"]
    assert (passed.reply.status, passed.reply.json()) == (wanted["status"], wanted["body"])
    assert dict(passed.reply.headers.items()) == wanted["headers"]
    if passed.reply.status == 200 and where == "/api/campaigns":
        assert passed.reply.body == legacys_own(wanted["body"])


@pytest.mark.parametrize("name", CASES)
async def test_on_legacy_each_of_them_passes_byte_for_byte(name: str) -> None:
    case = CASES[name]
    where, data = case["request"]["path"], said(case)
    answer = json_reply(case["result"]["body"], case["result"]["status"], {"X-Provider": "legacy"})
    async with isolated(Transform, SETTINGS) as plugin:
        passed = await plugin.through(request("POST", where), answer, data, arm="legacy")
    assert passed.body == Body("POST", where, "", data)
    assert (passed.reply.status, passed.reply.body) == (answer.status, answer.body)
    assert passed.reply.headers.items() == answer.headers.items()


def test_there_are_cases_at_all() -> None:
    assert len(CASES) > 20
