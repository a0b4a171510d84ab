"""The OpenAPI document: complete, and true of the proxy that serves it."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from plugins.campaigns.openapi import document
from plugins.campaigns.paths import COSTS, HEALTH, HYBRID, METRICS, OPENAPI, STATUS
from tests.plugins.campaigns.served import Served
from tests.plugins.campaigns.test_served import ROOT

DOCUMENT = document()


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(found := value.get("$ref"), str):
            yield found
        for one in value.values():
            yield from references(one)
    elif isinstance(value, list):
        for one in value:
            yield from references(one)


def test_the_document_is_served_to_anybody(served: Served) -> None:
    assert served.ask(OPENAPI).json() == DOCUMENT


def test_the_document_has_every_path() -> None:
    told = {path: tuple(operations) for path, operations in DOCUMENT["paths"].items()}
    reads = dict.fromkeys((STATUS, COSTS, HEALTH, METRICS, OPENAPI), ("get",))
    assert told == {HYBRID: ("post",), **reads}


def test_the_document_refers_to_nothing_that_it_does_not_say() -> None:
    named = {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]}
    assert set(references(DOCUMENT)) == named


def test_a_body_never_says_whose_it_is() -> None:
    intent = DOCUMENT["components"]["schemas"]["CampaignIntent"]
    assert "userId" not in intent["properties"]
    assert intent["required"] == ["type", "platforms", "data"]


CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
]
tried = schemathesis.openapi.from_dict(DOCUMENT)


@tried.exclude(path=HEALTH).parametrize()
@settings(
    max_examples=15,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_the_proxy_answers_as_the_document_says(
    case: schemathesis.Case[Any], served: Served
) -> None:
    if isinstance(case.query, dict) and case.query.get("stream") == "true":
        case.query["stream"] = "false"  # it would not end
    headers = dict(ROOT)
    response = case.call(base_url=served.url, headers=headers)
    case.validate_response(response, headers=headers, checks=CHECKS)
    assert response.status_code < 500


@pytest.mark.parametrize("path", [STATUS, COSTS, METRICS])
def test_every_answer_to_nobody_is_in_the_document(path: str, served: Served) -> None:
    assert served.ask(path).status == 401
    assert "401" in DOCUMENT["paths"][path]["get"]["responses"]
