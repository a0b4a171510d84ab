"""OpenAPI documents are made of models: what they say is what is read and written."""

from typing import Any, Literal

import pytest
from pydantic import BaseModel

from proxy.api.documents import Document
from proxy.api.openapi import ANYBODY, Operation, Parameter, openapi, words


class Asked(BaseModel):
    """What is asked."""

    name: str
    many: int = 1


class Answer(Document):
    """What is answered."""

    how_many: int
    more: str | None = None


class Refusal(Document):
    """Why not."""

    error: str


GET = Operation(
    "get",
    "/api/things",
    "Show things.",
    {400: (Refusal,), 200: (Answer,)},
    (Parameter("kind", words(Literal["a", "b"]), "Only these."),),
)
POST = Operation(
    "post",
    "/api/things",
    "Make one.",
    {201: (Answer,), 400: (Refusal, Answer)},
    (Parameter("Idempotency-Key", {"type": "string"}, "Once.", place="header"),),
    body=Asked,
    needs="admin",
    id="make",
)
SAID = openapi("Things", "All of them.", (GET, POST), "/api/openapi.json")


def operation(method: str) -> Any:
    return SAID["paths"]["/api/things"][method]


def test_it_names_itself_and_every_operation() -> None:
    assert (SAID["openapi"], SAID["info"]) == (
        "3.1.0",
        {"title": "Things", "version": "2", "description": "All of them."},
    )
    assert {path: list(one) for path, one in SAID["paths"].items()} == {
        "/api/things": ["get", "post"],
        "/api/openapi.json": ["get"],
    }


def test_what_is_answered_has_all_its_fields_and_what_is_asked_those_without_a_default() -> None:
    schemas = SAID["components"]["schemas"]
    assert schemas["Answer"]["required"] == ["howMany", "more"]
    assert schemas["Asked"]["required"] == ["name"]


def test_each_status_has_its_model_or_one_of_several() -> None:
    assert list(operation("get")["responses"]) == ["200", "400"]
    several = operation("post")["responses"]["400"]["content"]["application/json"]["schema"]
    assert several == {
        "anyOf": [{"$ref": "#/components/schemas/Refusal"}, {"$ref": "#/components/schemas/Answer"}]
    }


def test_parameters_say_where_they_stand() -> None:
    [kind] = operation("get")["parameters"]
    assert (kind["in"], kind["required"], kind["schema"]["enum"]) == ("query", False, ["a", "b"])
    assert [one["in"] for one in operation("post")["parameters"]] == ["header"]


@pytest.mark.parametrize(
    ("method", "named", "needs"), [("get", "get-things", "caller"), ("post", "make", "admin")]
)
def test_who_may_ask_and_how_it_is_called_is_said(method: str, named: str, needs: str) -> None:
    said = operation(method)
    assert (said["operationId"], said["x-crossfade-needs"]) == (named, needs)
    assert said["security"] == [{"token": []}, {"session": []}]


def test_what_anybody_may_ask_needs_no_token() -> None:
    said = openapi("T", "s", (GET._replace(needs=ANYBODY),), "/o")["paths"]["/api/things"]["get"]
    assert not {"security", "x-crossfade-needs"} & said.keys()


def test_a_stream_of_events_is_told_of_good_answers_alone() -> None:
    said = openapi("T", "s", (GET._replace(events=True),), "/o")["paths"]["/api/things"]["get"]
    content = {status: list(one["content"]) for status, one in said["responses"].items()}
    assert content == {
        "200": ["application/json", "text/event-stream"],
        "400": ["application/json"],
    }
