"""Builds generations: what was declared becomes live upstreams, plugins, routes and rules.

Everything that can fail fails here, before the swap. What is learned (an endpoint's
health) and what is unchanged (a whole upstream with its connections, an instance of a
plugin) is carried over.
"""

import ssl
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from prometheus_client import CollectorRegistry

from proxy.config.models import Config
from proxy.config.models import Upstream as Declared
from proxy.controlplane.material import Material, read
from proxy.core.rollout_state import RolloutState
from proxy.dataplane.access_log import AccessLog, KeyHash
from proxy.dataplane.compile import compile_identifier
from proxy.dataplane.compile_rollouts import NOTHING
from proxy.dataplane.generation import NOT_OBSERVED, Generation, Observers
from proxy.dataplane.upstream import Upstream
from proxy.pluginhost.host import PluginHost
from proxy.pluginhost.plugin_set import PluginSet

__all__ = ["GenerationBuilder", "discard", "prepare", "rehearse", "retire"]


class GenerationBuilder:
    """Makes each generation out of a configuration and the generation before."""

    def __init__(
        self,
        clock: Callable[[], float],
        key_hash: KeyHash,
        observe: Callable[[Config], Observers] = lambda _: NOT_OBSERVED,
    ) -> None:
        """`clock` is the loop's (seconds); `key_hash` hides keys in the access log.

        `observe` returns what watches the rollouts of a configuration.
        """
        self._clock = clock
        self._key_hash = key_hash
        self._observe = observe

    def build(
        self,
        config: Config,
        before: Generation | None = None,
        plugins: PluginSet | None = None,
        learned: Mapping[str, RolloutState] = NOTHING,
    ) -> Generation:
        """Compile `config`. Raises OSError, ssl.SSLError or ValueError; nothing is changed then.

        `plugins` are those that `config` wants, ready to serve; `learned` is how the rollouts
        stand.
        """
        known = {} if before is None else before.upstreams
        upstreams = {
            name: self._upstream(name, declared, known.get(name))
            for name, declared in config.upstreams.items()
        }
        return Generation(
            number=1 if before is None else before.number + 1,
            config=config,
            upstreams=upstreams,
            identifier=compile_identifier(config),
            access_log=AccessLog(config.log.access, self._key_hash),
            plugins=plugins,
            learned=learned,
            observers=self._observe(config),
        )

    def _upstream(self, name: str, declared: Declared, before: Upstream | None) -> Upstream:
        # A CA file may have new content behind the same declaration: build those anew.
        if before is not None and before.declared == declared and declared.tls.ca is None:
            return before
        return Upstream(name, declared, _tls(declared), self._clock, before)


async def prepare(
    builder: GenerationBuilder,
    host: PluginHost,
    material: Material,
    before: Generation | None,
    learned: Mapping[str, RolloutState] = NOTHING,
) -> Generation:
    """Start the plugins and build the generation: ready to serve, and not yet serving.

    `learned` is how the rollouts will stand when it does.
    Raises ConfigError, OSError, ssl.SSLError or ValueError; nothing is changed then, and
    what was started has ended. What is not to serve after all needs `discard`.
    """
    serving = None if before is None else before.plugins
    plugins = await host.prepare(material.wanted, serving)
    try:
        return builder.build(material.config, before, plugins, learned)
    except BaseException:
        await plugins.discard()
        raise


async def discard(generation: Generation) -> None:
    """End what was started for a generation that never served."""
    if generation.plugins is not None:
        await generation.plugins.discard()


def rehearse(path: Path, env: Mapping[str, str]) -> Material:
    """Go the road of a reload up to the swap, with nothing opened and nobody started.

    Raises ConfigError, OSError or ValueError where a reload would be refused.
    """
    material = read(path, env)
    PluginHost(CollectorRegistry()).rehearse(material.wanted)
    GenerationBuilder(time.monotonic, KeyHash(b"")).build(material.config)
    return material


def retire(old: Generation, new: Generation) -> None:
    """Close the idle connections of upstreams that `new` does not carry on."""
    kept = {id(upstream) for upstream in new.upstreams.values()}
    for upstream in old.upstreams.values():
        if id(upstream) not in kept:
            upstream.retire()


def _tls(declared: Declared) -> ssl.SSLContext | None:
    """The context for https endpoints: verifying unless told otherwise, HTTP/1.1 by ALPN."""
    if declared.endpoints[0].scheme != "https":
        return None
    ca = None if declared.tls.ca is None else str(declared.tls.ca)
    context = ssl.create_default_context(cafile=ca)
    if not declared.tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1"])
    return context
