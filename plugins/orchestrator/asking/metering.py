"""What is counted of attempts and deployments, as metrics ``crossfade_orchestrator_…``."""

from collections.abc import Callable

from proxy.api import Services
from proxy.api.resilience import State
from proxy.api.workflows import ProviderHealth

__all__ = ["Meters"]


class Meters:
    """The metrics; one for the application."""

    def __init__(self, services: Services) -> None:
        """Make them all, so that they are there before they count."""
        one = ("deployment",)
        self.attempts = services.counter(
            "attempts",
            "Calls to providers that have ended; outcome is answered or how they failed.",
            (*one, "outcome"),
        )
        self.seconds = services.counter(
            "attempt_seconds", "Seconds that calls to providers took, all together.", one
        )
        self.fallbacks = services.counter(
            "fallbacks",
            "Attempts at another deployment than the one before; after is how that failed.",
            ("after",),
        )
        self.hedges = services.counter(
            "hedges", "Attempts beside a slow first one; outcome is won or lost.", ("outcome",)
        )
        self.exhausted = services.counter(
            "retry_budget_exhausted", "Attempts that the retry budget did not allow.", ("route",)
        )
        self._first_byte = services.gauge(
            "first_byte_seconds",
            "Seconds to the first byte, a moving mean; stream is true or false.",
            (*one, "stream"),
        )
        self._state = services.gauge(
            "breaker_state",
            "1 for how the deployment's breaker stands, 0 for the other states.",
            (*one, "state"),
        )
        self._throttled = services.gauge(
            "throttled", "1 while the deployment has asked to be left alone, else 0.", one
        )
        self._openings = services.counter(
            "breaker_openings", "Times that a breaker has opened, or would have.", one
        )
        self.opened: Callable[[str], None] = lambda _: None
        """Told of a deployment whose breaker has opened."""
        self._opened: dict[str, int] = {}
        self._shown: dict[str, ProviderHealth] = {}

    def stands(self, one: ProviderHealth, openings: int) -> None:
        """Show how a deployment stands; `openings` is how often its breaker has opened."""
        before, self._shown[one.deployment] = self._shown.get(one.deployment), one
        if before is None or before.state != one.state:
            for state in State:
                self._state.set(state == one.state, deployment=one.deployment, state=state.value)
        if before is None or before.throttled != one.throttled:
            self._throttled.set(one.throttled, deployment=one.deployment)
        # What was taken over from before a reload has been counted there.
        more = openings - self._opened.get(one.deployment, openings)
        self._opened[one.deployment] = openings
        if more > 0:
            self._openings.add(more, deployment=one.deployment)
            self.opened(one.deployment)

    def first_byte(self, deployment: str, seconds: float, *, stream: bool) -> None:
        """Show the mean time to the first byte."""
        self._first_byte.set(seconds, deployment=deployment, stream=str(stream).lower())
