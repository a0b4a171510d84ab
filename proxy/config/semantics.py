"""What the models cannot see: whether the parts of the file fit together.

The rules read the tree and not the models, so that they also speak when some
other part of the file is wrong; a rule passes over what is not there or not of
the right kind, which the models report.
"""

from collections.abc import Iterator

from proxy.config import destinations, exposure, files, ramping, splitting, trust, wiring
from proxy.config.tree import Tree
from proxy.settings.problems import Finding

RULES = (
    exposure.check_listeners_differ,
    exposure.check_admin_is_guarded,
    exposure.check_tokens_differ,
    wiring.check_names,
    wiring.check_default_upstream,
    wiring.check_routes,
    wiring.check_upstreams,
    destinations.check_destinations,
    splitting.check_lists,
    splitting.check_conditions,
    splitting.check_cohorts,
    splitting.check_rules,
    splitting.check_keys,
    ramping.check_steps,
    ramping.check_durations,
    ramping.check_absolute,
    ramping.check_replay,
    trust.check_jwt,
    trust.check_extractors,
    files.check,
)


def check(tree: Tree) -> Iterator[Finding]:
    """Everything that does not fit."""
    for rule in RULES:
        yield from rule(tree)
