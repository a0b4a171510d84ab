import logging
from types import MappingProxyType
from typing import Any

import orjson
import pytest

from plugins.orchestrator.deciding.calls import Call
from plugins.orchestrator.providers.asking import body_of, headers_of, how_to_ask
from plugins.orchestrator.settings import Kind
from tests.plugins.orchestrator.providers.asked import (
    KEY,
    PROMPT,
    SCHEMA,
    call,
    deployment,
    settings,
)

AZURE = "https://example.openai.azure.com"
ENVIRONMENT = {
    "OPENAI_API_KEY": "evil",
    "OPENAI_ADMIN_KEY": "evil",
    "OPENAI_BASE_URL": "http://evil.example/v1",
    "OPENAI_ORG_ID": "evil",
    "OPENAI_PROJECT_ID": "evil",
    "OPENAI_CUSTOM_HEADERS": "Authorization: evil\napi-key: evil\nUser-Agent: evil\nX: evil",
    "OPENAI_API_VERSION": "evil",
    "AZURE_OPENAI_API_KEY": "evil",
    "AZURE_OPENAI_AD_TOKEN": "evil",
    "AZURE_OPENAI_ENDPOINT": "http://evil.example",
    "HTTP_PROXY": "http://evil.example",
    "HTTPS_PROXY": "http://evil.example",
    "ALL_PROXY": "http://evil.example",
}


def body(stream: bool = False, structured: bool = False, **how: Any) -> dict[str, Any]:
    return said(call(settings(**how), structured=structured), stream=stream)


def said(what: Call, *, stream: bool = False) -> dict[str, Any]:
    made: dict[str, Any] = orjson.loads(body_of(how_to_ask(what.deployment), what, stream=stream))
    return made


def test_openai_is_asked_at_its_base_url_with_a_bearer_key() -> None:
    asking = how_to_ask(deployment(settings(at={"organization": "org-1"})))
    assert str(asking.url) == "https://api.openai.com/v1/chat/completions"
    assert asking.headers["authorization"] == f"Bearer {KEY}"
    assert asking.headers["openai-organization"] == "org-1"
    assert "api-key" not in asking.headers


def test_azure_is_asked_at_the_deployments_place_with_its_version_and_key() -> None:
    there = settings("azure", AZURE, at={"api_version": "2025-01-01"}, deployment="mini.eu-1")
    asking = how_to_ask(deployment(there))
    assert str(asking.url) == (
        f"{AZURE}/openai/deployments/mini.eu-1/chat/completions?api-version=2025-01-01"
    )
    assert asking.headers["api-key"] == KEY
    assert "authorization" not in asking.headers


@pytest.mark.parametrize("kind", ["openai", "azure"])
def test_the_environment_has_no_say_in_whom_is_asked(
    kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = settings(kind, "http://127.0.0.1:1/v1")
    expected = how_to_ask(deployment(there))
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
        monkeypatch.setenv(name.lower(), value)
    assert how_to_ask(deployment(there)) == expected
    assert "evil" not in f"{expected.url}{expected.headers}"


def test_the_key_is_not_shown_with_how_a_deployment_is_asked() -> None:
    assert KEY not in repr(how_to_ask(deployment(settings())))


def test_no_log_tells_of_a_request_that_was_never_sent(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    how_to_ask(deployment(settings()))
    assert caplog.records == []


@pytest.mark.parametrize(
    ("kind", "name"), [("openai", "x-client-request-id"), ("azure", "x-ms-client-request-id")]
)
def test_the_attempts_id_goes_out_under_the_providers_name_too(kind: Kind, name: str) -> None:
    there = settings(kind, AZURE)
    headers = headers_of(how_to_ask(deployment(there)), call(there))
    assert headers[name] == headers["x-attempt-id"] == "wf_1-1"
    assert headers["x-crossfade-workflow-id"] == "wf_1"


def test_a_plain_question_holds_model_messages_and_the_limit_alone() -> None:
    assert body() == {
        "model": "gpt-4o-mini",
        "messages": [
            {"role": "system", "content": "Write."},
            {"role": "user", "content": PROMPT},
        ],
        "max_completion_tokens": 200,
    }


def test_a_stream_is_asked_for_with_its_usage() -> None:
    asked = body(stream=True)
    assert (asked["stream"], asked["stream_options"]) == (True, {"include_usage": True})


def test_a_temperature_is_said_where_one_is_wanted() -> None:
    assert said(call(settings(), temperature=0.0))["temperature"] == 0.0


@pytest.mark.parametrize(
    ("kind", "endpoint", "model", "word"),
    [
        ("openai", "https://api.openai.com/v1", "gpt-4o-mini", "max_completion_tokens"),
        ("openai", "https://eu.api.openai.com/v1", "gpt-4o", "max_completion_tokens"),
        ("openai", "https://notopenai.com/v1", "gpt-4o", "max_tokens"),
        ("openai", "http://127.0.0.1:8000/v1", "llama-3", "max_tokens"),
        ("azure", AZURE, "gpt-4o", "max_tokens"),
        ("azure", AZURE, "gpt-35-turbo", "max_tokens"),
        ("azure", AZURE, "o3-mini", "max_completion_tokens"),
        ("azure", AZURE, "gpt-5-mini", "max_completion_tokens"),
    ],
)
def test_the_limit_is_called_as_the_place_and_the_model_know_it(
    kind: Kind, endpoint: str, model: str, word: str
) -> None:
    asked = body(kind=kind, endpoint=endpoint, model=model)
    assert {"max_tokens", "max_completion_tokens"} & asked.keys() == {word}


def test_a_schema_is_wanted_strictly_under_its_title() -> None:
    assert body(structured=True)["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "Message", "strict": True, "schema": SCHEMA},
    }


def test_a_deployment_without_schemas_is_asked_for_json() -> None:
    asked = body(structured=True, json_schema=False)
    assert asked["response_format"] == {"type": "json_object"}


@pytest.mark.parametrize(
    ("title", "name"),
    [("Plan für März", "Plan_f_r_M_rz"), ("x" * 80, "x" * 64), ("", "answer"), (None, "answer")],
)
def test_a_schemas_title_becomes_a_name_that_providers_take(title: str | None, name: str) -> None:
    asked = call(settings(), schema=MappingProxyType({**SCHEMA, "title": title}))
    assert said(asked)["response_format"]["json_schema"]["name"] == name
