"""The OpenAPI document says what is answered: real answers fit it."""

from typing import Any

import pytest

from plugins.cost_meter.serving.openapi import document
from plugins.cost_meter.serving.paths import BREAKDOWN, STATS, THRESHOLDS
from tests.plugins.cost_meter.serving.served import served_costs

QUERY = f"{BREAKDOWN}?startDate=2025-06-01&endDate=2025-06-15"


def fits(value: Any, schema: dict[str, Any], schemas: dict[str, Any]) -> bool:
    """Whether JSON fits a schema, as far as this document uses them."""
    if "$ref" in schema:
        return fits(value, schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if "anyOf" in schema:
        return any(fits(value, one, schemas) for one in schema["anyOf"])
    if "const" in schema:
        return bool(value == schema["const"])
    if "enum" in schema:
        return value in schema["enum"]
    if schema["type"] == "object":
        if not isinstance(value, dict):
            return False
        known = schema.get("properties")
        if known is None:
            return all(fits(one, schema["additionalProperties"], schemas) for one in value.values())
        return set(value) == set(schema["required"]) == set(known) and all(
            fits(value[name], one, schemas) for name, one in known.items()
        )
    if schema["type"] == "array":
        return isinstance(value, list) and all(fits(one, schema["items"], schemas) for one in value)
    kinds = {"string": str, "integer": int, "number": (int, float), "boolean": bool}
    kinds["null"] = type(None)
    return isinstance(value, kinds[schema["type"]])  # type: ignore[arg-type]


@pytest.mark.parametrize("path", [QUERY, STATS, THRESHOLDS, f"{STATS}?includeUsers=true"])
async def test_answers_are_as_the_document_says(path: str) -> None:
    said = document()
    async with served_costs() as costs:
        await costs.spent(costs.row("a"), costs.row("b", user="", estimated=True))
        reply = (await costs.ask(path, "root", admin=True)).json()
        answer = said["paths"][path.partition("?")[0]]["get"]["responses"]["200"]
        schema = answer["content"]["application/json"]["schema"]
        assert fits(reply, schema, said["components"]["schemas"])
        assert not fits(reply | {"more": 1}, schema, said["components"]["schemas"])


def test_amounts_are_numbers_and_their_exact_texts_digits() -> None:
    threshold = document()["components"]["schemas"]["AskedThreshold"]["properties"]["threshold"]
    assert threshold["type"] == "number"
    data = document()["components"]["schemas"]["BreakdownData"]["properties"]
    assert data["totalCost"]["type"] == "number"
    assert data["costNanoUsd"]["pattern"] == r"^-?\d+$"


def test_who_may_ask_what_is_said() -> None:
    needs = {
        (path, method): one.get("x-crossfade-needs")
        for path, methods in document()["paths"].items()
        for method, one in methods.items()
    }
    admins = {place for place, who in needs.items() if who == "admin"}
    assert admins == {("/api/v2/costs/optimization", "post"), ("/api/v2/costs/alerts", "post")}
