"""What the stand-in does with one call: answer, refuse, hang, cut or leave, as a script says."""

from dataclasses import asdict, dataclass, field, fields, replace
from email.utils import formatdate
from random import Random
from typing import Any, Literal, NamedTuple

Drop = Literal["", "close", "reset"]
Then = Literal["", "cut", "reset", "hang", "error"]


class Tokens(NamedTuple):
    """What a call used, as a provider counts: cached is part of prompt, reasoning of completion.

    So are cache writes, audio and images that came, and audio that went out.
    0 for `prompt` or `completion`: counted from the text, four characters to a token.
    """

    prompt: int = 0
    cached: int = 0
    completion: int = 0
    reasoning: int = 0
    cache_write: int = 0
    audio_input: int = 0
    image_input: int = 0
    audio_output: int = 0


COUNTED = Tokens()
TIERS = ("", "default", "flex", "priority")


class Draw(NamedTuple):
    """What chance has made of a call."""

    tokens: Tokens
    tier: str
    usage: bool


def drawn(seed: int, number: int) -> Draw:
    """Draw what the call of this number uses, and whether it says so; always the same."""
    chance = Random(f"{seed} {number}")
    prompt = round(10 ** chance.uniform(0, 5.3))
    completion = round(10 ** chance.uniform(0, 4.2))
    left, inside = prompt, []
    for _ in range(4):
        part = chance.choice((0, chance.randint(0, left)))
        left -= part
        inside.append(part)
    cached, cache_write, audio_input, image_input = inside
    reasoning = chance.choice((0, chance.randint(0, completion)))
    audio_output = chance.choice((0, chance.randint(0, completion - reasoning)))
    tokens = Tokens(
        prompt, cached, completion, reasoning, cache_write, audio_input, image_input, audio_output
    )
    return Draw(tokens, chance.choice(TIERS), chance.random() < 0.9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """How one call is treated. The functions below make the usual ones."""

    name: str = "answered"
    """What the log says of it."""
    status: int = 200
    code: str = ""
    kind: str = ""
    message: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    drop: Drop = ""
    """End the connection instead of answering, after the request was read."""
    hang: Literal["", "head", "body"] = ""
    """Wait for the client to leave: instead of the head, or instead of the body."""
    before: float = 0.0
    """Seconds until the head."""
    after: float = 0.0
    """Seconds from the head to the first byte of the body."""
    pause: float = 0.0
    """Seconds between the chunks of a stream."""
    content: str | None = None
    """What the model says; None: something that fits the schema, or words."""
    chunks: int = 8
    """In how many pieces a stream brings the content."""
    raw: str | None = None
    """A body to send instead of an answer."""
    choices: bool = True
    finish: str = "stop"
    tokens: Tokens = COUNTED
    tier: str = ""
    """The service tier that the answer names; empty: that of the dialect, or none."""
    usage: bool = True
    """Whether the answer says what it used; it is charged all the same."""
    billed: bool = True
    """Whether a call that was executed is charged."""
    seed: int | None = None
    """Have chance say tokens, tier and usage, for each call anew (see `drawn`)."""
    stop_after: int = -1
    """Do `then` after so many pieces of content, in a whole answer in the middle of it."""
    then: Then = ""

    @property
    def executed(self) -> bool:
        """Whether the model has worked (and will be paid): the answer was begun, or kept back."""
        return self.status == 200 and not self.drop and self.then != "error"

    def of_call(self, number: int) -> "Step":
        """The step for the call of this number: what chance has to say is said."""
        if self.seed is None:
            return self
        draw = drawn(self.seed, number)
        return replace(self, seed=None, tokens=draw.tokens, tier=draw.tier, usage=draw.usage)

    def to_json(self) -> dict[str, Any]:
        """The step in words of JSON, as `POST /_script` takes it."""
        return asdict(self)

    @classmethod
    def from_json(cls, said: dict[str, Any]) -> "Step":
        """The step of such words. Raises ValueError for words that it does not know."""
        if unknown := said.keys() - {one.name for one in fields(cls)}:
            raise ValueError(f"a step does not know {', '.join(sorted(unknown))}")
        return cls(**{**said, "tokens": Tokens(*said.get("tokens", ()))})


ANSWERS = Step()

# -- answers -----------------------------------------------------------------------


def answer(content: str | None = None, **how: Any) -> Step:
    """Answer well; `how` are fields of `Step`, such as chunks, pause, before, tokens, usage."""
    return Step(content=content, **how)


def at_random(seed: int, **how: Any) -> Step:
    """Answer well; what each call uses, its tier, and whether it says so, are drawn."""
    return Step(seed=seed, **how)


def filtered(content: str = "I") -> Step:
    """Answer with text that the content filter has cut off."""
    return Step(name="filtered", content=content, finish="content_filter")


def truncated(content: str = '{"title": "Half a') -> Step:
    """Answer with text that ends where max_tokens ended it."""
    return Step(name="truncated", content=content, finish="length")


def wrong_content(content: str = "Sorry, here is no JSON.") -> Step:
    """Answer with something else than the document that was asked for."""
    return Step(name="wrong content", content=content)


def empty_choices() -> Step:
    """Answer without any choice."""
    return Step(name="empty choices", choices=False)


def bad_json(raw: str = '{"id": "chatcmpl-1", "choices": [') -> Step:
    """Answer with a body that is no JSON (a stream: with an event that is none)."""
    return Step(name="bad JSON", raw=raw)


# -- refusals ----------------------------------------------------------------------


def status(
    number: int,
    *,
    code: str = "",
    kind: str = "",
    message: str = "",
    retry_after_ms: float | None = None,
    retry_after: float | None = None,
    retry_at: float | None = None,
    should_retry: bool | None = None,
) -> Step:
    """Refuse with this status.

    `retry_after_ms` and `retry_after` (seconds) go out as the headers of these names,
    `retry_at` (Unix seconds) as Retry-After with an HTTP date, `should_retry` as x-should-retry.
    """
    headers: dict[str, str] = {}
    if retry_after_ms is not None:
        headers["retry-after-ms"] = f"{retry_after_ms:g}"
    if retry_after is not None:
        headers["retry-after"] = f"{retry_after:g}"
    if retry_at is not None:
        headers["retry-after"] = formatdate(retry_at, usegmt=True)
    if should_retry is not None:
        headers["x-should-retry"] = "true" if should_retry else "false"
    return Step(
        name=code or str(number),
        status=number,
        code=code,
        kind=kind,
        message=message,
        headers=headers,
    )


def insufficient_quota() -> Step:
    """Refuse: there is nothing left to spend."""
    return status(429, code="insufficient_quota", kind="insufficient_quota")


def invalid_request() -> Step:
    """Refuse: the request is wrong."""
    return status(400, code="invalid_value", kind="invalid_request_error")


def context_length_exceeded() -> Step:
    """Refuse: the text is too long for the model."""
    return status(400, code="context_length_exceeded", kind="invalid_request_error")


def content_filter() -> Step:
    """Refuse: the filter did not like the prompt (Azure)."""
    return status(400, code="content_filter")


def unauthorized() -> Step:
    """Refuse: the key is wrong."""
    return status(401, code="invalid_api_key", kind="invalid_request_error")


def forbidden() -> Step:
    """Refuse: the key may not."""
    return status(403, code="unsupported_country_region_territory", kind="request_forbidden")


def not_found() -> Step:
    """Refuse: there is no such deployment or model."""
    return status(404, code="DeploymentNotFound")


# -- trouble -----------------------------------------------------------------------


def hang_before_head() -> Step:
    """Work, and never answer; ends when the client leaves."""
    return Step(name="hang before head", hang="head")


def hang_after_head() -> Step:
    """Send the head and nothing more."""
    return Step(name="hang after head", hang="body")


def slow_first_byte(seconds: float) -> Step:
    """Answer well, but so late."""
    return Step(before=seconds)


def cut_after(chunks: int = 2, *, reset: bool = False, of: int = 8) -> Step:
    """End the connection after so many pieces of content; a whole answer: in its middle."""
    then: Then = "reset" if reset else "cut"
    return Step(name="cut", stop_after=chunks, then=then, chunks=of)


def end_after(chunks: int = 2, *, of: int = 8) -> Step:
    """End a stream in good order after so many pieces of content: no reason, no ``[DONE]``."""
    return Step(name="ended early", stop_after=chunks, chunks=of)


def hang_after(chunks: int = 2, *, of: int = 8) -> Step:
    """Send so many pieces of content and nothing more; a whole answer: half of it."""
    return Step(name="hang", stop_after=chunks, then="hang", chunks=of)


def error_in_stream(after: int = 0, *, code: str = "server_error") -> Step:
    """Send 200 and then an error object: in a stream after so many pieces of content."""
    return Step(name="error in 200", stop_after=after, then="error", code=code, kind=code)


def close_before_head(*, reset: bool = False) -> Step:
    """End the connection after the request was read, without an answer."""
    return Step(name="reset" if reset else "closed", drop="reset" if reset else "close")
