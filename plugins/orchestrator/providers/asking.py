"""How a deployment is asked: where, as whom, in which words.

Where and as whom, the openai SDK says: for each deployment it writes one request, to nobody, of
which the URL and the headers are kept. The calls are then made with these by aiohttp. Sending
each through the SDK would cost three times as much CPU, and its view of a lost connection is
wrong: it calls a request that was sent, and maybe executed, one that could not connect.

The SDK also listens to the environment (OPENAI_BASE_URL, OPENAI_ORG_ID, OPENAI_CUSTOM_HEADERS,
proxies, …). Here only the configuration counts.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson
from yarl import URL

from ..deciding.calls import Call
from ..deciding.deployment import Deployment

if TYPE_CHECKING:
    import httpx2
    from openai import AzureOpenAI, OpenAI

__all__ = ["Asking", "UnaskableError", "body_of", "headers_of", "how_to_ask"]

_KEPT = ("authorization", "api-key", "openai-organization", "accept", "content-type", "user-agent")
_PATH = "/chat/completions"
# Models that think first take no max_tokens; some that do not, at Azure, take nothing else.
_THINKS = re.compile(r"o[1-9]|gpt-[5-9]")
_NO_NAME = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Asking:
    """How one deployment is asked."""

    url: URL
    headers: Mapping[str, str] = field(repr=False)
    """With the key."""
    id_header: str
    """In which the provider takes an id of ours."""
    limit_word: str
    """How it calls the limit of tokens."""


class UnaskableError(Exception):
    """The settings of a provider make no request; the text is for operators."""


class _WrittenError(Exception):
    """The SDK has written a request."""


def how_to_ask(deployment: Deployment) -> Asking:
    """Have the SDK write down how a deployment is asked. Raises UnaskableError.

    Imports the SDK, which takes a while: call it in a thread.
    """
    try:
        url, headers = _written_by_the_sdk(deployment)
        limit_word = _limit_word(deployment.model, url)
    except Exception as error:  # the SDK has many ways not to like an endpoint or a key
        says = f"the provider's settings make no request: {type(error).__name__}"
        raise UnaskableError(says) from None
    if not all(value.isascii() and value.isprintable() for value in headers.values()):
        raise UnaskableError("key and organization may hold visible ASCII characters alone")
    # An answer is short; not to unpack it saves time, and it cannot be a bomb.
    headers["accept-encoding"] = "identity"
    azure = deployment.kind == "azure"
    id_header = "x-ms-client-request-id" if azure else "x-client-request-id"
    return Asking(url, headers, id_header, limit_word)


def _written_by_the_sdk(deployment: Deployment) -> tuple[URL, dict[str, str]]:
    import httpx2

    written: list[httpx2.Request] = []

    def keep(request: httpx2.Request) -> httpx2.Response:
        written.append(request)
        raise _WrittenError  # there is nobody to answer

    with httpx2.Client(transport=httpx2.MockTransport(keep), trust_env=False) as nobody:
        body = {"model": deployment.settings.deployment or deployment.model}
        with suppress(_WrittenError):
            _client(deployment, nobody).post(_PATH, cast_to=httpx2.Response, body=body)
    (request,) = written
    headers = {name: request.headers[name] for name in _KEPT if request.headers.get(name)}
    return URL(str(request.url), encoded=True), headers


def _client(deployment: Deployment, http_client: "httpx2.Client") -> "OpenAI | AzureOpenAI":
    from openai import AzureOpenAI, OpenAI

    at = deployment.at
    key = at.key.get_secret_value()
    client: OpenAI | AzureOpenAI
    if deployment.kind == "azure":
        client = AzureOpenAI(
            azure_endpoint=at.endpoint,
            api_version=at.api_version,
            api_key=key,
            http_client=http_client,
            max_retries=0,
        )
    else:
        client = OpenAI(base_url=at.endpoint, api_key=key, http_client=http_client, max_retries=0)
    client.organization = at.organization
    client.project = None
    client._custom_headers = {}  # noqa: SLF001 (of the environment; nothing else empties them)
    return client


def headers_of(asking: Asking, call: Call) -> dict[str, str]:
    """Return the headers of a call; the attempt's id goes out under the provider's name, too."""
    headers = {**asking.headers, **call.headers}
    for name, value in call.headers.items():
        if name.lower().endswith("attempt-id"):
            headers[asking.id_header] = value
    return headers


def body_of(asking: Asking, call: Call, *, stream: bool) -> bytes:
    """Return the JSON text of a question."""
    deployment = call.deployment
    body: dict[str, Any] = {
        "model": deployment.settings.deployment or deployment.model,
        "messages": call.messages,
        asking.limit_word: call.max_tokens,
    }
    if call.temperature is not None:
        body["temperature"] = call.temperature
    if call.schema is not None:
        body["response_format"] = _format(deployment, call.schema)
    if stream:
        body["stream"] = True
        body["stream_options"] = {"include_usage": True}
    return orjson.dumps(body, default=dict)


def _limit_word(model: str, url: URL) -> str:
    """Return how the limit of tokens is called there.

    OpenAI itself wants `max_completion_tokens`. Everybody else knows `max_tokens`, and some know
    nothing else (Azure for some deployments of gpt-4o, compatible servers), but for models
    that think, which refuse it everywhere.
    """
    at_openai = f".{url.host}".endswith(".openai.com")
    thinks = _THINKS.match(model) is not None
    return "max_completion_tokens" if at_openai or thinks else "max_tokens"


def _format(deployment: Deployment, schema: Mapping[str, Any]) -> dict[str, Any]:
    if not deployment.settings.json_schema:
        return {"type": "json_object"}
    name = _NO_NAME.sub("_", str(schema.get("title") or "answer"))[:64]
    return {
        "type": "json_schema",
        "json_schema": {"name": name, "strict": True, "schema": schema},
    }
