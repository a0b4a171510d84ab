"""What a change says in its header fields: which version it means, and that it is sent once."""

import hashlib
import re
from typing import Annotated, Final, NamedTuple

from aiohttp import hdrs, web
from pydantic import Field

from proxy.controlplane.admin.auth import Refusal
from proxy.controlplane.admin.routes import Parameter

__all__ = [
    "IDEMPOTENCY_KEY",
    "MATCH_PARAMETER",
    "MATCH_REQUIRED_PARAMETER",
    "ONCE_PARAMETER",
    "Expected",
    "expected_version",
    "idempotency_key",
]

IDEMPOTENCY_KEY: Final = "Idempotency-Key"

_TAG: Final = re.compile(r'[ \t]*(W/)?"([\x21\x23-\x7e\x80-\xff]*)"[ \t]*')
_VERSION: Final = re.compile(r"[0-9]{1,18}")
_KEY: Final = re.compile(r"[!-~]{1,128}")
_MOST_TAGS: Final = 20
# For the document, which has no need of what is read besides (bytes above ASCII).
_LIST: Final = rf'"[!#-~]*"([ \t]*,[ \t]*"[!#-~]*"){{0,{_MOST_TAGS - 1}}}'

ONCE_PARAMETER: Final = Parameter(
    IDEMPOTENCY_KEY,
    "header",
    "1 to 128 visible ASCII characters; the same request with the same key does nothing more.",
    Annotated[str, Field(pattern=f"^{_KEY.pattern}$")],
)
MATCH_PARAMETER: Final = Parameter(
    "If-Match",
    "header",
    "The ETag that was seen; without it, or for *, any version will do.",
    Annotated[str, Field(pattern=rf"^(\*|{_LIST})$")],
)
MATCH_REQUIRED_PARAMETER: Final = Parameter(
    "If-Match",
    "header",
    "The ETag that was seen.",
    Annotated[str, Field(pattern=f"^{_LIST}$")],
    required=True,
)
_SEND = 'Send the ETag of the answer that you have seen: If-Match: "7".'


class Expected(NamedTuple):
    """The versions that a change was meant for; any where `anything`."""

    versions: frozenset[int] = frozenset()
    anything: bool = False

    def among(self, current: int) -> int | None:
        """Return the version to insist on, where the rollout is at `current` as far as is known.

        None insists on none. A version that is none (a tag of somebody else's) is -1.
        """
        if self.anything or current in self.versions:
            return None if self.anything else current
        # Another replica may have gone on: whoever stores it knows.
        return max(self.versions, default=-1)


def expected_version(request: web.Request, *, required: bool) -> Expected:
    """Return what `If-Match` says (RFC 9110 section 13.1.1).

    Without the field, or for `*`, any version will do; not where one is `required`.
    Raises Refusal: 428 without a required one, 400 for what cannot be read, and for weak tags,
    which do not say that two answers are the same.
    """
    lines = request.headers.getall(hdrs.IF_MATCH, ())
    text = ",".join(lines).strip(" \t")
    if not lines:
        if required:
            raise Refusal(428, "This needs the version that you have seen.", _SEND)
        return Expected(anything=True)
    if text == "*":
        if required:
            raise Refusal(400, "If-Match: * does not say what you have seen.", _SEND)
        return Expected(anything=True)
    tags = _tags(text)
    return Expected(frozenset(int(tag) for tag in tags if _VERSION.fullmatch(tag)))


def _tags(text: str) -> list[str]:
    tags: list[str] = []
    place = 0
    while True:
        found = _TAG.match(text, place)
        if found is None or len(tags) >= _MOST_TAGS:
            raise Refusal(400, "If-Match is no list of entity tags in quotes.", _SEND)
        if found[1]:
            raise Refusal(400, "If-Match has a weak tag, which says too little.", _SEND)
        tags.append(found[2])
        place = found.end()
        if place == len(text):
            return tags
        if text[place] != ",":
            raise Refusal(400, "If-Match is no list of entity tags in quotes.", _SEND)
        place += 1


def idempotency_key(request: web.Request, body: bytes, *, required: bool) -> str:
    """Return what tells this request from every other, and is the same when it is sent again.

    Empty without the field. The key alone is not enough: the same key with another request
    must not be taken for done. Raises Refusal (400) for a key that is missing or unfit.
    """
    keys = request.headers.getall(IDEMPOTENCY_KEY, ())
    hint = f"Send {IDEMPOTENCY_KEY} with a fresh UUID, and the same one when you send it again."
    if not keys:
        if required:
            raise Refusal(400, f"This needs the field {IDEMPOTENCY_KEY}.", hint)
        return ""
    if len(keys) > 1 or not _KEY.fullmatch(keys[0]):
        raise Refusal(
            400, f"{IDEMPOTENCY_KEY} is not 1 to 128 visible ASCII characters, said once.", hint
        )
    asked = f"{request.method} {request.path}\n".encode("utf-8", "surrogateescape")
    return f"{keys[0]}.{hashlib.sha256(asked + body).hexdigest()[:12]}"
