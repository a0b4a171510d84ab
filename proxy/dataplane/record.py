"""What is written down of a request that is over: the counters, and the access log."""

from typing import TYPE_CHECKING

from proxy.api.events import Outcome
from proxy.core.message import RequestHead
from proxy.core.reason import FAULTS, Reason
from proxy.dataplane.access_log import AccessEntry
from proxy.dataplane.generation import Destination, Generation
from proxy.dataplane.outgoing import OutgoingRequest

if TYPE_CHECKING:
    from proxy.dataplane.client_connection import ClientConnection

__all__ = ["Ending", "outcome", "record"]


class Ending:
    """How a request ended, and its sizes as the client saw it.

    `reason` is the `fault`, or else that of the decision.
    """

    __slots__ = ("bytes_in", "bytes_out", "fault", "reason", "seconds", "status")

    def __init__(
        self,
        reason: Reason,
        fault: Reason | None,
        seconds: float,
        bytes_in: int,
        bytes_out: int,
        status: int,
    ) -> None:
        """Keep the parts."""
        self.reason = reason
        self.fault = fault
        self.seconds = seconds
        self.bytes_in = bytes_in
        self.bytes_out = bytes_out
        self.status = status


def record(
    client: "ClientConnection",
    generation: Generation,
    to: Destination,
    head: RequestHead,
    out: OutgoingRequest,
    ending: Ending,
    endpoint: str | None,
) -> None:
    """Count the request, and log it if the access log wants it."""
    reason, status, seconds = ending.reason, ending.status, ending.seconds
    client.door.accounting.finished(
        to.route, to.arm, status, reason, seconds, ending.bytes_in, ending.bytes_out
    )
    log = generation.access_log
    if log.wants(status, reason, out.request_id):
        log.write(
            AccessEntry(
                request_id=out.request_id,
                trace_id=out.trace_id,
                client=client.peer,
                method=head.method,
                path=head.target,
                route=to.route,
                arm=to.arm,
                reason=reason,
                status=status,
                seconds=seconds,
                bytes_in=ending.bytes_in,
                bytes_out=ending.bytes_out,
                key=to.identity.key,
                endpoint=endpoint,
                generation=generation.number,
            )
        )


def outcome(to: Destination, ending: Ending, endpoint: str | None) -> Outcome:
    """Return what plugins are told of a request that is over."""
    fault = ending.fault
    return Outcome(
        to.route,
        to.arm,
        ending.reason,
        ending.status,
        ending.seconds,
        ending.bytes_in,
        ending.bytes_out,
        "" if fault is None else FAULTS[fault].blame,
        endpoint or "",
    )
