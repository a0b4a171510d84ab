"""An exchange on a route with a rollout: the arm is decided, observed, and rescued by legacy.

What new fails at is asked of legacy where that is safe and nobody has seen a byte of the
failure: nothing was sent to new; or the method is idempotent (RFC 9110 section 9.2.2) and
the body, if there is one, is still here; or the route says ``replay: allow`` and the
request names itself by an Idempotency-Key. The failure counts against new all the same.
Never the other way round: away from legacy needs evidence.
"""

from time import perf_counter
from typing import TYPE_CHECKING

from proxy.core.framing import Decoded, Framing
from proxy.core.message import IDEMPOTENT, SAFE, RequestHead, ResponseHead
from proxy.core.reason import CONNECTS, FAULTS, TIMEOUTS, Arm, Reason
from proxy.core.window import NO_COHORT, NO_TAG, Kind
from proxy.dataplane.decided import Decided
from proxy.dataplane.exchange import Exchange
from proxy.dataplane.generation import Destination
from proxy.dataplane.record import Ending
from proxy.dataplane.upstream import Endpoint
from proxy.dataplane.upstream_connection import UpstreamConnection

if TYPE_CHECKING:
    from proxy.core.decide import Decision
    from proxy.core.identity import Identity

__all__ = ["SplitExchange"]

# So much of a body is kept for a second attempt; a longer one is sent once.
_KEPT_MOST = 64 * 1024
_NOTHING_SAID = 0


class SplitExchange(Exchange):
    """See the module."""

    # Whether something may have been done with the request, by an upstream or a plugin.
    _sent = False
    # When the head of the answer came (perf_counter); 0 before.
    _headed = 0.0
    # A plugin's answer is sent in parts.
    _streaming = False
    # The stretch of the window in which the arm was decided.
    _turn = 0
    # What is remembered of the decision; None where it is one of those that are not.
    _decided: Decided | None = None

    def _decide(self, *, trusted: bool) -> Destination:
        """Find out who asks, and which arm answers."""
        generation, bound, door = self.generation, self._bound, self._client.door
        identity = generation.identify(self._head, trusted=trusted, now=door.wall_clock())
        to = generation.decide(bound, identity, reads=self.method in SAFE)
        self._remember(identity, to)
        return to

    def _remember(self, identity: "Identity", to: Destination) -> None:
        """Keep what may be wanted: of the decision for those who ask, of the body for legacy."""
        bound = self._bound
        if bound.window is not None:
            self._turn = bound.window.turn
        if bound.remembers():
            door, generation = self._client.door, self.generation
            self._decided = decided = Decided(
                self._outgoing.request_id,
                door.wall_clock(),
                bound.name,
                bound.asks,
                identity,
                to.decision,
                generation.number,
                generation.config,
                bound.state,
            )
            door.decided.append(decided)
        if self._body is not None and to.decision.arm is Arm.NEW and self._may_repeat():
            self._body.keep(_KEPT_MOST)

    def _remember_instead(self, decision: "Decision") -> None:
        """Keep what has taken the place of the decision, so that whoever asks is told."""
        first, kept = self._decided, self._client.door.decided
        if first is not None:
            for place in range(len(kept) - 1, -1, -1):
                if kept[place] is first:
                    self._decided = kept[place] = first._replace(decision=decision)
                    return

    def _send(self, connection: UpstreamConnection, endpoint: Endpoint, head: RequestHead) -> None:
        self._sent = True
        super()._send(connection, endpoint, head)

    def response(self, head: ResponseHead, framing: Framing, first: Decoded) -> None:
        """Pass on the final head, unless legacy is asked instead."""
        if not self._given_up(head.status):
            super().response(head, framing, first)

    # the rescue

    def _given_up(self, status: int, *, by_rule: bool = False) -> bool:
        """Note that the arm answers with `status`; true if legacy is asked instead.

        `by_rule`: a rule of the operator's refuses, which says nothing of the arm.
        """
        if self._headed:
            return False
        self._headed = perf_counter()
        self._upstream_status = status
        if by_rule and status < 500:
            self._sent = False
        if status < 500 or not self._may_rescue():
            return False
        self._let_go(None)
        self._rescue(None)
        return True

    def _fault(self, reason: Reason, detail: str = "") -> None:
        self._let_go(reason)
        if reason is Reason.QUARANTINED and self._answering:
            self._sent = False  # the plugin was not even asked
        if _blames_arm(reason, self._answering) and self._may_rescue():
            self._rescue(reason)
        else:
            super()._fault(reason, detail)

    def _may_rescue(self) -> bool:
        to = self._destination
        return (
            to.decision.arm is Arm.NEW
            and self._bound.rescues
            and self._answer.status == _NOTHING_SAID
            and not self._client.ended
            and (not self._sent or (self._may_repeat() and self._body_is_here()))
        )

    def _may_repeat(self) -> bool:
        """Whether the request may be sent again although it was sent."""
        if self.method in IDEMPOTENT and self._head.method in IDEMPOTENT:
            return True
        return self._bound.replays and bool(self._head.by_name.get(b"idempotency-key"))

    def _body_is_here(self) -> bool:
        return self._body is None or self._body.rewindable

    def left_to_legacy(self, status: int, *, failed: bool) -> bool:
        """Have legacy answer what a plugin did nothing with; false where it may or can not.

        `status` is what would be told of it, and what new has `failed` with.
        """
        if self._destination.decision.arm is not Arm.NEW or (failed and not self._bound.rescues):
            return False
        if failed:
            self._headed, self._upstream_status = perf_counter(), max(status, 500)
            self._rescue(None)
        else:
            self._to_legacy(Reason.DECLINED)
        return True

    def _rescue(self, fault: Reason | None) -> None:
        """Ask legacy for what new has failed at."""
        self._observe(fault, self._headed or perf_counter())
        self._client.door.accounting.rescued(self._bound.name)
        self._to_legacy(Reason.FAILOVER)

    def _to_legacy(self, reason: Reason) -> None:
        """Begin anew with legacy; nobody has seen anything of new."""
        bound, was = self._bound, self._destination
        self._sent = False
        self._headed = 0.0
        self._upstream_status = 0
        self._retried = False
        self._tried = ()
        decision = was.decision._replace(arm=Arm.LEGACY, reason=reason, tag=-1)
        self._destination = to = Destination(bound, was.identity, decision)
        self._remember_instead(decision)
        self._answer.expose(self.generation.exposed(to.arm, to.reason))
        if self._body is not None:
            self._body.rewind()
        self._set_off()

    def _set_off(self) -> None:
        """Begin anew, for the destination that has taken the place of another."""
        self._attempt(fresh=False)

    # what became of it

    def _finished(self, ending: Ending) -> None:
        """Count for the arm, and remember where something was written."""
        self._observe(ending.fault, self._headed or perf_counter())
        to, affinity = self._destination, self._bound.affinity
        if affinity is not None and self.method not in SAFE and to.decision.arm is not None:
            key = to.identity.key
            if key is not None and self._sent:
                affinity.wrote(key, to.decision.arm, self._client.door.wall_clock())

    @property
    def _answering(self) -> str:
        """The plugin that is the arm, as long as it is what can fail.

        Once it has answered, those that edit its answer can; then its stream again.
        """
        if self._headed and not self._streaming:
            return ""
        return self._destination.goal.plugin

    def _observe(self, fault: Reason | None, headed: float) -> None:
        """Count what the arm did, if the caller could have met either; `headed` is when."""
        bound, to = self._bound, self._destination
        window, tag = bound.window, to.decision.tag
        if window is None or tag < 0 or (fault is None and not self._sent):
            return
        kind = Kind.ANSWERED if fault is None else _kind(fault, self._answering)
        if kind < 0:
            return
        cohort = ""
        if bound.cohort:
            cohort = to.identity.attributes.get(bound.cohort) or NO_COHORT
        window.observe(
            bound.name,
            cohort,
            to.decision.arm is Arm.NEW,
            tag if self._turn == window.turn else NO_TAG,
            kind,
            self._upstream_status or self._answer.status,
            headed - self._started,
            self._client.door.wall_clock(),
        )


def _kind(fault: Reason, plugin: str) -> int:
    """Return what a fault says about the arm, one of `Kind`; -1 for the client's own."""
    if fault is Reason.CLIENT_LEFT:
        return Kind.LEFT
    if fault not in FAULTS or FAULTS[fault].blame == "client":
        return -1
    if fault in CONNECTS:
        return Kind.CONNECT
    if not _blames_arm(fault, plugin):
        return Kind.OWN
    return Kind.TIMEOUT if fault in TIMEOUTS else Kind.FAILED


def _blames_arm(fault: Reason, plugin: str) -> bool:
    """Whether the arm failed: its upstream, or the `plugin` that answers in its place."""
    if fault not in FAULTS:
        return False
    blame = FAULTS[fault].blame
    return blame == "upstream" or (blame == "plugin" and plugin != "") or fault is Reason.POOL_FULL
