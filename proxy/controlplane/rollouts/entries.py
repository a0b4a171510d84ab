"""What the audit says of a change."""

from collections.abc import Mapping
from typing import Any

from proxy.controlplane.rollouts.change_request import Actor
from proxy.core.commands import Brake, Command, Declare
from proxy.core.ramp_table import word
from proxy.core.rollout_json import changed
from proxy.core.rollout_state import RolloutState
from proxy.stores.rollouts import AuditEntry

__all__ = ["RESTORE", "action_of", "entry_data", "entry_of"]

RESTORE = "restore"
"""The action of putting back what a store has lost."""

_LATE = "made while the store was lost"


def action_of(command: Command | None) -> str:
    """Return the command's name in the audit: ``set_percentage`` for SetPercentage."""
    return RESTORE if command is None else word(type(command))


def entry_of(
    before: RolloutState,
    after: RolloutState,
    command: Command | None,
    actor: Actor,
    why: str,
    *,
    at: float,
    idempotency_key: str = "",
    late: bool = False,
) -> AuditEntry:
    """Return the entry for a change of the stored state `before`, made at `at` (Unix seconds).

    `late`: it was in force before it could be stored.
    """
    was, became = changed(before, after)
    return AuditEntry(
        at=at,
        rollout=before.name,
        actor=actor.name,
        role=actor.role,
        action=action_of(command),
        reason=f"{why} ({_LATE})" if late else why,
        before=was,
        after=became,
        version=max(before.version, after.version) + 1,
        evidence=_evidence(before, command),
        idempotency_key=idempotency_key,
    )


def entry_data(entry: AuditEntry) -> dict[str, Any]:
    """Return an entry as plain JSON values, as listeners get it; the idempotency key stays here."""
    return {
        "at": entry.at,
        "rollout": entry.rollout,
        "actor": entry.actor,
        "role": entry.role,
        "action": entry.action,
        "reason": entry.reason,
        "before": dict(entry.before),
        "after": dict(entry.after),
        "version": entry.version,
        "evidence": dict(entry.evidence),
    }


def _evidence(before: RolloutState, command: Command | None) -> Mapping[str, Any]:
    if isinstance(command, Brake):
        return command.evidence
    if isinstance(command, Declare):
        split, share = before.declared.salt, before.share
        if split and split != command.declared.salt and 0 < share < 100:
            # Independent splits: so many of those on new are on legacy by the other one.
            return {"rebucketed": True, "predicted_to_legacy": share * (100 - share) / 100}
    return {}
