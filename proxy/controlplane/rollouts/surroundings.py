"""What the ramp loop reaches: the rollouts, the fleet, what is observed, judges, alerts."""

from collections.abc import Callable
from typing import NamedTuple

import aiohttp

from proxy.api.events import Alert
from proxy.api.judging import Question, Verdict
from proxy.config.models import Config
from proxy.controlplane.rollouts.authority import Rollouts
from proxy.controlplane.rollouts.observing import Watch
from proxy.controlplane.rollouts.webhook import client
from proxy.stores.rollouts import FleetStore

__all__ = ["Surroundings"]


class Surroundings(NamedTuple):
    """See the module. What is called must neither wait nor do I/O."""

    rollouts: Rollouts
    fleet: FleetStore | None
    """What replicas share; None where there is only this one."""
    watch: Watch
    judge: Callable[[Question], list[Verdict]]
    """Asks all judges (`PluginHost.judge`)."""
    config: Callable[[], Config]
    """The configuration that serves."""
    legacy_up: Callable[[str], bool]
    """Whether legacy of a rollout has an endpoint that is not known to be down."""
    callers: Callable[[str], tuple[int, int]]
    """How many requests of a rollout had a key, and how many had none, since the start."""
    alert: Callable[[Alert], None]
    session: Callable[[], aiohttp.ClientSession] = client
    """Makes the client for webhooks; the loop closes it."""
