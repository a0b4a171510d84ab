"""A new generation keeps what was learned and what did not change, and fails without a trace."""

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from proxy.config import ConfigError
from proxy.controlplane.generations import (
    GenerationBuilder,
    discard,
    prepare,
    rehearse,
    retire,
)
from proxy.controlplane.material import read
from proxy.core.reason import Reason
from proxy.dataplane.access_log import KeyHash
from proxy.dataplane.generation import Generation
from proxy.pluginhost.host import PluginHost
from proxy.pluginhost.importing import loaded
from tests.kit.certificates import Authority
from tests.kit.inside import configuration

URLS = ["http://127.0.0.1:3000", "http://127.0.0.1:3001"]


def built(before: Generation | None = None, **legacy: Any) -> Generation:
    settings = {"endpoints": URLS, "outlier": {"failures": 2}} | legacy
    config = configuration(upstreams={"legacy": settings})
    return builder().build(config, before)


def builder() -> GenerationBuilder:
    return GenerationBuilder(asyncio.get_running_loop().time, KeyHash(b"x"))


async def test_a_reload_does_not_forgive_a_failing_endpoint() -> None:
    now = asyncio.get_running_loop().time()
    first = built()
    upstream = first.upstreams["legacy"]
    for _ in range(2):
        upstream.report(upstream.endpoints[0], now, Reason.UPSTREAM_CUT, 0)
    upstream.endpoints[1].health.checked(passed=False, healthy_after=1, unhealthy_after=2)
    changed = built(first, timeouts={"connect": "1s"})
    unchanged = built(changed, timeouts={"connect": "1s"})
    moved = built(unchanged, endpoints=["http://127.0.0.1:3005", URLS[0]])
    for made in (changed, unchanged, moved):
        states = {state.endpoint: state for state in made.upstreams["legacy"].states(now)}
        assert states[URLS[0]].state == "ejected"
        assert states[URLS[0]].ejections == 1
    assert changed.upstreams["legacy"].endpoints[1].health.streak == 1
    assert moved.upstreams["legacy"].endpoints[0].health.available(now), "nothing is known of it"


async def test_generations_are_numbered() -> None:
    first = built()
    assert [first.number, built(first).number, built(built(first)).number] == [1, 2, 3]


async def test_an_unchanged_upstream_is_carried_over_with_its_connections() -> None:
    first = built()
    second = built(first)
    assert second.upstreams["legacy"] is first.upstreams["legacy"]
    retire(first, second)
    assert not any(e.pool.closed for e in second.upstreams["legacy"].endpoints)


async def test_a_changed_upstream_is_made_anew_and_the_old_one_retires() -> None:
    first = built()
    second = built(first, pool={"max": 3})
    assert second.upstreams["legacy"] is not first.upstreams["legacy"]
    retire(first, second)
    assert all(e.pool.closed for e in first.upstreams["legacy"].endpoints)
    assert not any(e.pool.closed for e in second.upstreams["legacy"].endpoints)


async def test_a_ca_file_is_read_again_though_its_name_stands(tmp_path: Path) -> None:
    ca = Authority(tmp_path).ca
    secure: dict[str, Any] = {"endpoints": ["https://127.0.0.1:3000"], "tls": {"ca": str(ca)}}
    first = built(**secure)
    before = first.upstreams["legacy"].endpoints[0]
    Authority(tmp_path, "Renewed")
    second = built(first, **secure)
    after = second.upstreams["legacy"].endpoints[0]
    assert after.health is before.health
    old, new = before.pool.rule.tls, after.pool.rule.tls
    assert old is not None
    assert new is not None
    assert old.get_ca_certs() != new.get_ca_certs()


async def test_a_ca_file_that_is_none_builds_nothing_and_harms_nothing(tmp_path: Path) -> None:
    first = built()
    broken = tmp_path / "ca.pem"
    broken.write_text("no certificate")
    for path in (broken, tmp_path / "missing.pem"):
        with pytest.raises((ssl.SSLError, OSError)):
            built(first, endpoints=["https://127.0.0.1:1"], tls={"ca": str(path)})
    assert not any(e.pool.closed for e in first.upstreams["legacy"].endpoints)


@pytest.mark.parametrize("verify", [True, False])
async def test_an_https_upstream_is_verified_unless_told_otherwise(verify: bool) -> None:
    made = built(endpoints=["https://127.0.0.1:3000"], tls={"verify": verify})
    context = made.upstreams["legacy"].endpoints[0].pool.rule.tls
    assert context is not None
    assert context.check_hostname is verify
    assert (context.verify_mode is ssl.CERT_REQUIRED) is verify


# with plugins

PLUGGED = """\
listen: 127.0.0.1:0
upstreams: {legacy: {url: "http://127.0.0.1:3000", tls: {ca: CA}}}
plugins: {path: plugins}
routes: [{name: all, match: {}, upstream: legacy, plugins: [hello]}]
"""

HELLO = """
from proxy.api import Application, Use, hook

class Hello(Use):
    @hook
    def edit_response(self, reply):
        pass

class Greeter(Application):
    @hook
    async def startup(self):
        raise ConnectionError
"""


@pytest.fixture
def plugged(tmp_path: Path) -> Path:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "hello.py").write_text(HELLO.partition("class Greeter")[0])
    file = tmp_path / "config.yaml"
    file.write_text(PLUGGED.replace(", tls: {ca: CA}", ""))
    return file


def written(file: Path, *, secured_by: Path) -> Path:
    file.write_text(PLUGGED.replace("CA", str(secured_by)).replace("http:", "https:"))
    return file


async def test_a_generation_is_made_with_the_plugins_of_its_configuration(plugged: Path) -> None:
    host = PluginHost(CollectorRegistry())
    made = await prepare(builder(), host, read(plugged, {}), None)
    assert made.plugins is not None
    assert len(made.plugins.chains["all"].edit_response) == 1
    await discard(made)
    assert (host.sets, host.codes) == (0, 0)


async def test_plugins_end_when_the_rest_of_their_generation_cannot_be_made(
    plugged: Path, tmp_path: Path
) -> None:
    ca = Authority(tmp_path).ca
    material = read(written(plugged, secured_by=ca), {})
    ca.unlink()
    host = PluginHost(CollectorRegistry())
    with pytest.raises(OSError, match="No such file"):
        await prepare(builder(), host, material, None)
    assert (host.sets, host.codes) == (0, 0)


def test_a_rehearsal_finds_what_is_wrong_with_a_plugin_and_starts_none(plugged: Path) -> None:
    plugin = plugged.parent / "plugins" / "hello.py"
    plugin.write_text(HELLO)
    assert rehearse(plugged, {}).sources.keys() == {"hello"}
    plugin.write_text(HELLO.replace("edit_response", "edit_reponse"))
    with pytest.raises(ConfigError, match="edit_response"):
        rehearse(plugged, {})
    plugin.unlink()
    with pytest.raises(ConfigError, match="hello"):
        rehearse(plugged, {})
    assert loaded() == ()
