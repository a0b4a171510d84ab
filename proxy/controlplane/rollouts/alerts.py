"""Which changes of a rollout a person should know of."""

from collections.abc import Iterator

from proxy.api.events import Alert
from proxy.core.rollout_state import RolloutState, ScopedHold

__all__ = ["alerts_of", "store_found", "store_lost"]


def alerts_of(before: RolloutState, after: RolloutState) -> Iterator[Alert]:
    """Yield an alert for each restraint that automation has newly put on a rollout."""
    name = after.name
    if after.rolled_back and not before.rolled_back:
        text = (
            f"Everybody is back on legacy: {_clause(after.rolled_back.why)}. Find the cause, then "
            f"begin again with `crossfade rollouts start {name}`."
        )
        yield Alert("rollout_rolled_back", name, text, "critical")
    if after.latched and not before.latched:
        text = (
            "It was rolled back twice within 24 hours. Nothing goes up before an admin "
            f"acknowledges that: `crossfade rollouts acknowledge {name}`."
        )
        yield Alert("rollout_latched", name, text, "critical")
    if after.frozen and not before.frozen:
        why = _clause(after.frozen.why)
        text = f"Legacy fails too: {why}. Nobody is moved until it is well again."
        yield Alert("rollout_frozen", name, text, "critical")
    for mark, was in ((after.held, before.held), (after.paused, before.paused)):
        if mark and not was:
            text = (
                f"The ramp has stopped: {_clause(mark.why)}. The percentage stays; go on with "
                f"`crossfade rollouts resume {name}`."
            )
            yield Alert("rollout_held", name, text)
    for hold in after.holds:
        if _scope(hold) not in {_scope(known) for known in before.holds}:
            yield _scope_held(name, hold)


def store_lost(store: str, problem: str) -> Alert:
    """Return the alert for a store that cannot be used any more."""
    text = (
        f"{_clause(problem)}. Requests are served as before; what leads toward legacy is in force "
        "here and stored later, and nothing goes up until the store is back."
    )
    return Alert("state_store_lost", store, text, "critical")


def store_found(store: str) -> Alert:
    """Return the alert for a store that can be used again."""
    return Alert("state_store_found", store, "The store is back; all is stored again.", "info")


def _scope(hold: ScopedHold) -> tuple[str, str]:
    return hold.route, hold.cohort


def _scope_held(name: str, hold: ScopedHold) -> Alert:
    # A cohort's value may name a customer: it is in the audit, and not in alerts.
    cohort, route = hold.cohort and "of one cohort", hold.route and f"on route {hold.route}"
    where = " ".join(filter(None, (cohort, route)))
    options = f" --route {hold.route}" if hold.route else ""
    options += " --cohort VALUE" if hold.cohort else ""
    text = (
        f"The callers {where} are back on legacy: {_clause(hold.mark.why)}. Let them take part "
        f"again with `crossfade rollouts release {name}{options}`."
    )
    if hold.cohort:
        text += f" `crossfade rollouts show {name}` says which value that is."
    return Alert("rollout_scope_rolled_back", name, text, "critical")


def _clause(text: str) -> str:
    """Return a text without its full stop: the sentence around it has one."""
    return text.rstrip(". ")
