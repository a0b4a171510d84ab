"""What a configuration says, set against what was learned."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from proxy.config.declared import declared_of
from proxy.config.models import Config
from proxy.core.rollout_state import Declared, RolloutState
from proxy.settings.problems import Problem

__all__ = ["restrained", "splits"]


def splits(config: Config, states: Mapping[str, RolloutState]) -> Iterator[Problem]:
    """Yield a problem for each rollout that `config` would split in another way.

    Only where that moves somebody: with a share between 0 and 100, unless the configuration
    says ``rebucket: true``.
    """
    for name, rollout in config.rollouts.items():
        state = states.get(name)
        if state is None or rollout.rebucket or not 0 < state.percentage < 100:
            continue
        split = state.declared.salt
        if split and split != declared_of(config, name).salt:
            share = state.percentage * (100 - state.percentage) / 100
            yield config.problem(
                ("rollouts", name, "salt"),
                "another salt than the one that this rollout was split with",
                "the same salt while the percentage is between 0 and 100 (it is "
                f"{state.percentage:g})",
                f"about {share:.3g} % of all keys would go from new back to legacy. Put the salt "
                f"back to keep everybody where they are, or set rollouts.{name}.rebucket to true "
                "to move them",
            )


def restrained(before: Declared, now: Declared) -> Declared:
    """Return that part of `now` that sends nobody to new who was not sent there by `before`."""
    return replace(
        before,
        percentage=min(before.percentage, now.percentage),
        whitelist=before.whitelist & now.whitelist,
        blacklist=before.blacklist | now.blacklist,
    )
