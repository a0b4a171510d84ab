"""What an operator can say: providers and deployments, rules for choosing, limits, stores."""

import re
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import parse_qs

from pydantic import AfterValidator, model_validator

from proxy.api import Duration, Period, Secret, Settings, Size, setting, store_url
from proxy.api.settings import BaseUrl, base_url, refuse_misfits
from proxy.api.workflows import Priority, WorkflowType

from .misfits import misfits
from .prices import Prices

Kind = Literal["azure", "openai"]

OPENAI = "https://api.openai.com/v1"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_FILE = re.compile(r"sqlite:(///)?[^/\0][^\0]*")
_TABLE = re.compile(r"dynamodb://[A-Za-z0-9_.-]{3,255}(?:\?([^#]*))?")


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(
            "1 to 64 letters, digits, dots, dashes or _, beginning with a letter or digit"
        )
    return str(text)


def _workflows_url(text: str) -> str:
    table = _TABLE.fullmatch(text)
    said = {} if table is None else parse_qs(table[1] or "", keep_blank_values=True)
    in_table = table is not None and said.keys() <= {"region", "endpoint"}
    for endpoint in said.get("endpoint", ()):
        base_url(endpoint)
    if not (text == "memory://" or in_table or _FILE.fullmatch(text)):
        raise ValueError("memory://, sqlite:path.db or dynamodb://table?region=…&endpoint=…")
    return str(text)


Name = Annotated[str, AfterValidator(_name)]


class DeploymentSettings(Settings):
    """One model at one provider."""

    provider: Name = setting(description="A name of `providers`.")
    model: Name = setting(
        description="The model, such as gpt-4o-mini. Deployments of one model stand in for "
        "each other."
    )
    deployment: Name | None = setting(
        default=None, description="Azure's name of the deployment. Default: that of the model."
    )
    weight: int = setting(
        default=1, ge=0, le=1000, description="Share among equals; 0: only after all others."
    )
    zone: Name = setting(
        default="global",
        description="The data zone it is in. What began in a zone other than `global` stays there.",
    )
    context: int = setting(
        default=128_000, ge=1, le=10_000_000, description="Tokens that prompt and answer may have."
    )
    json_schema: bool = setting(
        default=True, description="Whether it holds to a JSON schema; else it is asked for JSON."
    )
    price: Prices | None = setting(default=None, description="Without it, costs are not known.")


class ProviderSettings(Settings):
    """Where and as whom a provider is asked."""

    kind: Kind = setting(description="Azure OpenAI; or OpenAI, or what is compatible with it.")
    endpoint: BaseUrl = setting(
        default=OPENAI,
        description="For `azure` it has to be said: `https://NAME.openai.azure.com`.",
    )
    key: Secret = setting(description='The API key; write `"${VARIABLE}"`.')
    api_version: str = setting(
        default="2024-10-21", pattern=r"^[0-9a-z-]{1,32}$", description="Of Azure's API."
    )
    organization: str | None = setting(
        default=None,
        max_length=128,
        description="Whom OpenAI bills. Default: the owner of the key.",
    )
    timeout: Duration = setting(default=30.0, ge=0.1, le=600, description="For one attempt.")
    connections: int = setting(
        default=100, ge=1, le=10_000, description="At a time, from one process."
    )
    on_leave: Literal["drain", "abort"] = setting(
        default="drain",
        description="When the client of a stream leaves: read it to its end, since it is paid for "
        "and its usage comes last, or cut it.",
    )


class Rule(Settings):
    """Which models are asked for an intent: the first rule counts of which every `If` holds."""

    types: tuple[WorkflowType, ...] = setting(
        default=(), description="If it is of one of these types."
    )
    multi_platform: bool | None = setting(
        default=None, description="If it is for more than one platform; `false`: for one only."
    )
    priority: tuple[Priority, ...] = setting(
        default=(), description="If it has one of these priorities."
    )
    complexity: int | None = setting(
        default=None,
        ge=0,
        le=10,
        description="If it is at least so complex: 3, and 2 more for several platforms, 1 more "
        "for more than two, 2 for the priority critical, 1 for more than five keys of data.",
    )
    providers: tuple[Kind, ...] = setting(
        default=(), description="Kinds that may be asked, the preferred one first. Default: all."
    )
    models: tuple[Name, ...] = setting(
        default=(), description="Models that may be asked, the preferred one first. Default: all."
    )
    share: float = setting(
        default=100.0,
        ge=0,
        le=100,
        description="If the user is among this percentage of all users, the same ones each time; "
        "below 100 nobody is for whose id nobody vouches.",
    )


class BreakerSettings(Settings):
    """When a deployment is left alone. What is counted are calls of the last 30 seconds."""

    mode: Literal["on", "metrics_only"] = setting(
        default="on", description="`metrics_only` says what it would do, and does nothing."
    )
    min_calls: int = setting(
        default=10, ge=1, le=10_000, description="With fewer calls it does not open."
    )
    failure_rate: float = setting(
        default=0.5, gt=0, le=1, description="It opens when this share has failed."
    )
    slow_rate: float = setting(
        default=0.8, gt=0, le=1, description="It opens when this share was slow."
    )
    slow: Duration = setting(
        default=10.0, ge=0.01, description="Slow is a call without a first byte for so long."
    )
    connect_failures: int = setting(
        default=5,
        ge=1,
        le=1000,
        description="It opens when so many in a row found no connection, however few calls.",
    )
    failures: int = setting(
        default=10,
        ge=1,
        le=10_000,
        description="It opens when so many in a row failed, however well it was before.",
    )
    open: Duration = setting(
        default=15.0, ge=0.1, description="How long it stays open; then twice as long, and so on."
    )
    open_most: Duration = setting(default=300.0, ge=0.1, description="The longest it stays open.")
    probes: int = setting(
        default=3, ge=1, le=100, description="Calls that have to go well before it closes."
    )


class RetrySettings(Settings):
    """How often, and how fast, it is tried again."""

    attempts: int = setting(
        default=3, ge=1, le=3, description="Calls for one workflow, fallbacks and hedges counted."
    )
    budget: float = setting(
        default=0.2, ge=0, le=1, description="Further attempts, as a share of requests of 10 s."
    )
    budget_least: float = setting(
        default=2.0, ge=0, le=1000, description="Further attempts per second that are always free."
    )
    replay: Literal["safe", "allow"] = setting(
        default="safe",
        description="`allow`: after a timeout another is asked, though the first may have done "
        "the work.",
    )
    wait_most: Duration = setting(
        default=20.0, description="A longer Retry-After is not waited for."
    )


class HedgeSettings(Settings):
    """A second attempt beside a slow first one; both are paid for."""

    enabled: bool = setting(default=False, description="Whether there are any.")
    share: float = setting(default=0.05, ge=0, le=0.5, description="Of requests, at most.")
    after: Duration | None = setting(
        default=None,
        description="How slow. Default: slower than 95 % of the deployment's last 100.",
    )


class CacheSettings(Settings):
    """Answers to equal intents."""

    use: Literal["never", "last_resort", "always"] = setting(
        default="last_resort",
        description="`last_resort`: when no provider answers; `always`: before any is asked.",
    )
    store: Annotated[str, store_url("redis", also="memory")] = setting(
        default="memory", max_length=1024, description="`memory`, or `redis://host:6379/0`."
    )
    ttl: Duration = setting(default=3600.0, ge=1, description="How long an answer is kept.")
    entries: int = setting(
        default=1000, ge=1, le=1_000_000, description="Answers kept in memory, at most."
    )
    size: Size = setting(
        default=32 * 1024 * 1024, ge=1024, description="Memory that they take, at most."
    )
    shared: bool = setting(
        default=False, description="Whether one user gets what another one's equal intent made."
    )


Term = Annotated[str, setting(min_length=1, max_length=128)]


class ScoringSettings(Settings):
    """What generated text is judged by."""

    banned: tuple[Term, ...] = setting(
        default=(),
        max_length=1000,
        description="Words and phrases that must not occur, in whatever case.",
    )
    disclosures: dict[Name, Term] = setting(
        default={},
        max_length=100,
        description="By platform or content type: text that must occur, such as `#ad`.",
    )
    on_violation: Literal["report", "refuse"] = setting(
        default="report",
        description="`report`: such a text is handed out, with its score; `refuse`: it is not. "
        "Intents with `complianceLevel: strict` are always refused.",
    )


class OtelSettings(Settings):
    """Where spans go; needs the extra `crossfade[otel]`."""

    endpoint: BaseUrl = setting(description="An OTLP receiver over HTTP.")
    service: Name = setting(default="crossfade", description="The name of the service.")
    content: bool = setting(
        default=False, description="Whether prompts and answers are in the spans."
    )


class OrchestratorSettings(Settings):
    """All that stands under `plugins.orchestrator`."""

    providers: dict[Name, ProviderSettings] = setting(
        min_length=1, max_length=100, description="Where models are asked, by names of yours."
    )
    deployments: dict[Name, DeploymentSettings] = setting(
        min_length=1, max_length=1000, description="Which models are asked, by names of yours."
    )
    rules: tuple[Rule, ...] = setting(
        default=(), max_length=100, description="Which models for which intent. Default: see below."
    )
    larger_model: dict[Name, Name] = setting(
        default={}, description="By model: the one to ask when a text is too long for it."
    )
    cheaper_model: dict[Name, Name] = setting(
        default={},
        description="By model: the one to ask when a budget does not pay for it, and says that a "
        "cheaper one may be asked.",
    )
    over_budget: Literal["refuse", "legacy"] = setting(
        default="refuse",
        description="What a request gets for which no budget pays, on a route with an arm "
        "`legacy`: the refusal; or legacy's answer, and new is not blamed.",
    )
    other_model: dict[Name, tuple[Name, ...]] = setting(
        default={},
        description="By model: those that stand in where no deployment of its own can.",
    )
    score: Literal["cost", "latency", "balanced"] = setting(
        default="balanced", description="What decides among those that a rule holds equal."
    )
    deadline: Duration = setting(
        default=30.0,
        ge=0.1,
        le=600,
        description="For a workflow as a whole, waits and fallbacks with it.",
    )
    max_tokens: int = setting(
        default=1024, ge=1, le=131_072, description="The longest answer, in tokens."
    )
    temperature: float | None = setting(
        default=None, ge=0, le=2, description="How much chance. Default: the model's own."
    )
    prompts: Path | None = setting(
        default=None, description="A folder with templates that replace those of the plugin."
    )
    breaker: BreakerSettings = setting(
        default=BreakerSettings(), description="When a deployment is left alone."
    )
    hints: Annotated[str, store_url("redis")] | None = setting(
        default=None,
        max_length=1024,
        description="`redis://host:6379/0`, over which replicas tell each other of breakers that "
        "open: half of `min_calls` is then enough for half a minute. Default: none.",
    )
    retry: RetrySettings = setting(default=RetrySettings(), description="Attempts.")
    hedge: HedgeSettings = setting(default=HedgeSettings(), description="Second attempts.")
    cache: CacheSettings = setting(default=CacheSettings(), description="Earlier answers.")
    scoring: ScoringSettings = setting(
        default=ScoringSettings(), description="What generated text is judged by."
    )
    workflows: Annotated[str, AfterValidator(_workflows_url)] = setting(
        default="memory://",
        max_length=1024,
        description="Where workflows are kept: `memory://`, `sqlite:path` or "
        "`dynamodb://table?region=…&endpoint=…`.",
    )
    keep: Period = setting(
        default=24 * 3600.0, ge=60, description="How long ended workflows are kept."
    )
    queue: int = setting(
        default=1000, ge=0, le=100_000, description="Workflows that may wait for a provider."
    )
    queue_for: Duration = setting(
        default=3600.0, ge=1, description="How long one may wait; then it has failed."
    )
    billing_lock: bool = setting(default=False, description="Ask no deployment at Azure.")
    otel: OtelSettings | None = setting(default=None, description="Traces. Default: none.")

    @model_validator(mode="after")
    def _all_fits_together(self) -> Self:
        refuse_misfits(misfits(self))
        return self
