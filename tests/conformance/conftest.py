"""One proxy for all plain cases, and a fresh stage for each test."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.judge import TRUSTED, Stage
from tests.kit.running import RunningProxy
from tests.kit.upstream import ScriptedUpstream


@pytest.fixture(scope="session")
def legacy_upstream() -> Iterator[ScriptedUpstream]:
    """The upstream that most routes lead to."""
    upstream = ScriptedUpstream()
    yield upstream
    upstream.close()


@pytest.fixture(scope="session")
def new_upstream() -> Iterator[ScriptedUpstream]:
    """The other upstream: the new arm."""
    upstream = ScriptedUpstream()
    yield upstream
    upstream.close()


def plain_config(legacy: ScriptedUpstream, new: ScriptedUpstream) -> dict[str, Any]:
    """Two upstreams, the second also under a name that replaces Host."""
    return {
        "upstreams": {
            "legacy": {"url": legacy.url},
            "new": {"url": new.url},
            "renamed": {"url": legacy.url, "host": "replace"},
        },
        "identity": {
            "key": ["header:X-User-Id"],
            "trusted_proxies": [f"{TRUSTED}/32"],
        },
        "routes": [
            {"name": "renamed", "match": {"path": "/renamed/**"}, "upstream": "renamed"},
            {"name": "everything", "match": {"path": "/**"}, "upstream": "legacy"},
        ],
    }


@pytest.fixture(scope="session")
def plain_proxy(
    legacy_upstream: ScriptedUpstream, new_upstream: ScriptedUpstream
) -> Iterator[RunningProxy]:
    """The proxy with every limit at its default."""
    with RunningProxy(plain_config(legacy_upstream, new_upstream)) as proxy:
        yield proxy


def set_stage(
    proxy: RunningProxy, upstream: ScriptedUpstream, other: ScriptedUpstream
) -> Iterator[Stage]:
    """Give a test both sides, and clear them away after it."""
    stage = Stage(proxy, upstream, other, [])
    yield stage
    for client in stage.clients:
        if not client.closed:
            client.reset()
    proxy.settle()
    upstream.retire()
    other.retire()
    said = proxy.new_faults()
    assert not said, f"the proxy's output tells of faults:\n{said[-4000:]}"


@pytest.fixture
def stage(
    plain_proxy: RunningProxy, legacy_upstream: ScriptedUpstream, new_upstream: ScriptedUpstream
) -> Iterator[Stage]:
    """The default proxy, its upstreams, and clients."""
    yield from set_stage(plain_proxy, legacy_upstream, new_upstream)
