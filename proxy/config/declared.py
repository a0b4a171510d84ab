"""What the configuration says of a rollout, as the rollout's state remembers it."""

import hashlib
import json

from proxy.config.models import Config, Rollout
from proxy.core.bucket import ALGORITHM
from proxy.core.rollout_state import Declared

__all__ = ["declared_of"]


def declared_of(config: Config, name: str) -> Declared:
    """Return what `config` says of the rollout `name`. Raises KeyError if it has none."""
    rollout = config.rollouts[name]
    return Declared(
        percentage=rollout.percentage,
        whitelist=frozenset(rollout.whitelist),
        blacklist=frozenset(rollout.blacklist),
        rules=_rules(rollout),
        salt=f"{ALGORITHM.decode()}:{hashlib.sha256(rollout.salt.encode()).hexdigest()[:16]}",
        plan=None if rollout.ramp is None else rollout.ramp.plan,
    )


def _rules(rollout: Rollout) -> str:
    """SHA-256, hex, of what decides beside the lists and the percentage.

    The order of conditions has no meaning, that of rules has.
    """
    said = rollout.model_dump(
        mode="json", include={"enabled", "conditions", "rules", "missing_key"}
    )
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
