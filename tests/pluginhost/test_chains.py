"""What a route comes to: one attribute for each hook that is called in a request's life."""

from proxy.api.hookspecs import HOOKS
from proxy.pluginhost.chains import Chains


def attributes() -> dict[str, object]:
    chains = Chains()
    names = [name for name in dir(chains) if not name.startswith("_")]
    return {name: getattr(chains, name) for name in names}


def test_there_is_a_chain_for_every_hook_of_a_use_but_the_destination() -> None:
    hooks = {name for name, hook in HOOKS.items() if hook.scope != "application"}
    assert attributes().keys() - {"admit_waits", "by_arm", "of"} == hooks - {"dispatch"}


def test_chains_begin_empty_and_waiting_for_nothing() -> None:
    steps = attributes()
    assert (steps.pop("admit_waits"), steps.pop("by_arm")) == (False, {})
    steps.pop("of")
    assert set(steps.values()) == {()}
