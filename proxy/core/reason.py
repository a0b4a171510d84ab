"""The closed lists of the product's words: arms and reasons.

Every reason that a log line, a metric, a header or an error body can carry is
listed here once, with the sentence that the documentation prints. A reason
tells either why a request went where it went (a decision) or why it did not
get a normal answer (a fault); a fault also says whose it is and which status
the client sees.
"""

from enum import StrEnum
from typing import NamedTuple


class Arm(StrEnum):
    """One of the two sides of a rollout."""

    # The hash of an enumeration's member is computed in Python; that of its text is not.
    __hash__ = str.__hash__

    LEGACY = "legacy"
    NEW = "new"


class Reason(StrEnum):
    """Why a request took its way, or why it failed. A closed list."""

    __hash__ = str.__hash__

    # decisions
    UNMATCHED = "unmatched"
    ROUTE = "route"
    DISABLED = "disabled"
    BLACKLIST = "blacklist"
    WHITELIST = "whitelist"
    CONDITIONS = "conditions"
    PERCENTAGE = "percentage"
    REMAINDER = "remainder"
    MISSING_KEY = "missing_key"
    ERROR = "error"
    ASSIGNED = "assigned"
    ANSWERED = "answered"
    KILLED = "killed"
    ROLLED_BACK = "rolled_back"
    WRITE_AFFINITY = "write_affinity"
    RULE = "rule"
    FAILOVER = "failover"
    DECLINED = "declined"
    # faults of the client
    BAD_REQUEST = "bad_request"
    HEAD_TOO_LARGE = "head_too_large"
    URL_TOO_LONG = "url_too_long"
    HEAD_TIMEOUT = "head_timeout"
    BODY_TIMEOUT = "body_timeout"
    BODY_TOO_LARGE = "body_too_large"
    VERSION_NOT_SUPPORTED = "version_not_supported"
    CODING_NOT_SUPPORTED = "coding_not_supported"
    CONNECT_REFUSED = "connect_refused"
    CLIENT_LEFT = "client_left"
    # faults of an upstream
    UPSTREAM_REFUSED = "upstream_refused"
    UPSTREAM_UNRESOLVED = "upstream_unresolved"
    UPSTREAM_TLS = "upstream_tls"
    UPSTREAM_CONNECT_TIMEOUT = "upstream_connect_timeout"
    UPSTREAM_FIRST_BYTE_TIMEOUT = "upstream_first_byte_timeout"
    UPSTREAM_IDLE_TIMEOUT = "upstream_idle_timeout"
    UPSTREAM_CLOSED = "upstream_closed"
    UPSTREAM_INVALID = "upstream_invalid"
    UPSTREAM_CUT = "upstream_cut"
    UPSTREAM_TOO_LARGE = "upstream_too_large"
    # faults of a plugin
    PLUGIN_FAILED = "plugin_failed"
    PLUGIN_TIMEOUT = "plugin_timeout"
    QUARANTINED = "quarantined"
    # our own limits
    POOL_FULL = "pool_full"
    NO_HEALTHY_ENDPOINT = "no_healthy_endpoint"
    TOO_MANY_CONNECTIONS = "too_many_connections"
    INTERNAL = "internal"


class Fault(NamedTuple):
    """How a fault reason is shown: HTTP status (0: no answer is sent), whose it is, a sentence."""

    status: int
    blame: str
    detail: str


FAULTS: dict[Reason, Fault] = {
    Reason.BAD_REQUEST: Fault(400, "client", "The request could be read in two ways."),
    Reason.HEAD_TOO_LARGE: Fault(
        431, "client", "The request head is larger than this proxy takes."
    ),
    Reason.URL_TOO_LONG: Fault(
        414, "client", "The request target is longer than this proxy takes."
    ),
    Reason.HEAD_TIMEOUT: Fault(408, "client", "The request head did not arrive in time."),
    Reason.BODY_TIMEOUT: Fault(408, "client", "The request body stopped arriving."),
    Reason.BODY_TOO_LARGE: Fault(
        413, "client", "The request body is larger than this route takes."
    ),
    Reason.VERSION_NOT_SUPPORTED: Fault(505, "client", "This HTTP version is not spoken here."),
    Reason.CODING_NOT_SUPPORTED: Fault(501, "client", "This transfer coding is not spoken here."),
    Reason.CONNECT_REFUSED: Fault(
        405, "client", "CONNECT is not offered: this is no forward proxy."
    ),
    Reason.CLIENT_LEFT: Fault(0, "client", "The client left before the answer was complete."),
    Reason.UPSTREAM_REFUSED: Fault(502, "upstream", "The upstream refused the connection."),
    Reason.UPSTREAM_UNRESOLVED: Fault(502, "upstream", "The upstream's name does not resolve."),
    Reason.UPSTREAM_TLS: Fault(502, "upstream", "The TLS handshake with the upstream failed."),
    Reason.UPSTREAM_CONNECT_TIMEOUT: Fault(
        504, "upstream", "The upstream did not accept a connection in time."
    ),
    Reason.UPSTREAM_FIRST_BYTE_TIMEOUT: Fault(
        504, "upstream", "The upstream did not begin to answer in time."
    ),
    Reason.UPSTREAM_IDLE_TIMEOUT: Fault(504, "upstream", "The upstream stopped in mid-answer."),
    Reason.UPSTREAM_CLOSED: Fault(
        502, "upstream", "The upstream closed the connection without an answer."
    ),
    Reason.UPSTREAM_INVALID: Fault(502, "upstream", "The upstream's answer is not valid HTTP/1.1."),
    Reason.UPSTREAM_CUT: Fault(502, "upstream", "The upstream's answer was cut short."),
    Reason.UPSTREAM_TOO_LARGE: Fault(
        502, "upstream", "The upstream's answer is larger than this route can rewrite."
    ),
    Reason.PLUGIN_FAILED: Fault(500, "plugin", "A plugin of this route failed."),
    Reason.PLUGIN_TIMEOUT: Fault(504, "plugin", "A plugin of this route took too long."),
    Reason.QUARANTINED: Fault(
        503, "plugin", "A plugin of this route failed too often and is switched off."
    ),
    Reason.POOL_FULL: Fault(503, "proxy", "All connections to the upstream are busy."),
    Reason.NO_HEALTHY_ENDPOINT: Fault(503, "upstream", "No endpoint of the upstream is healthy."),
    Reason.TOO_MANY_CONNECTIONS: Fault(
        503, "proxy", "This proxy holds as many connections as it may."
    ),
    Reason.INTERNAL: Fault(500, "proxy", "The proxy failed; this is a fault of ours."),
}

DECISIONS: dict[Reason, str] = {
    Reason.UNMATCHED: "No route matched; the default upstream answered.",
    Reason.ROUTE: "The route has one destination; there was nothing to decide.",
    Reason.DISABLED: "The rollout is not enabled; legacy answered.",
    Reason.BLACKLIST: "The key is on the rollout's blacklist; legacy answered.",
    Reason.WHITELIST: "The verified key is on the rollout's whitelist; new answered.",
    Reason.CONDITIONS: "A condition of the rollout does not hold; legacy answered.",
    Reason.PERCENTAGE: "The key's bucket lies below the percentage; new answered.",
    Reason.REMAINDER: "The key's bucket lies at or above the percentage; legacy answered.",
    Reason.MISSING_KEY: "The request carries no key; the rollout's missing_key rule answered.",
    Reason.ERROR: "The decision failed; legacy answered.",
    Reason.ASSIGNED: "A plugin of the route pinned the arm.",
    Reason.ANSWERED: "A plugin answered before there was a decision.",
    Reason.KILLED: "The kill switch is on; legacy answered.",
    Reason.ROLLED_BACK: "The rollout, or the caller's part of it, is rolled back; legacy answered.",
    Reason.WRITE_AFFINITY: "The caller has just written; the arm that was written to answered.",
    Reason.RULE: "One of the rollout's rules named the arm.",
    Reason.FAILOVER: "New failed, and it was safe to ask legacy; legacy answered.",
    Reason.DECLINED: "A plugin of new left a request that is none of its kind to legacy.",
}

TIMEOUTS = frozenset(
    (
        Reason.UPSTREAM_CONNECT_TIMEOUT,
        Reason.UPSTREAM_FIRST_BYTE_TIMEOUT,
        Reason.UPSTREAM_IDLE_TIMEOUT,
        Reason.PLUGIN_TIMEOUT,
    )
)
"""An upstream, or the plugin in its place, took too long."""

CONNECTS = frozenset(
    (
        Reason.UPSTREAM_REFUSED,
        Reason.UPSTREAM_UNRESOLVED,
        Reason.UPSTREAM_TLS,
        Reason.UPSTREAM_CONNECT_TIMEOUT,
        Reason.NO_HEALTHY_ENDPOINT,
    )
)
"""No connection could be had: nothing was sent."""
