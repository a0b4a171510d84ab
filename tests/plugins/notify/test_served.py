"""In a real proxy: an alert of the proxy's reaches people, once, over a reload as well."""

import asyncio
from typing import Any

import jwt
from typer.testing import CliRunner

from plugins.notify.paths import ALERTS
from proxy.api.testing import RealProxy, real_proxy
from proxy.cli.main import app
from tests.kit.waiting import until
from tests.plugins.notify.receiving import Receiver, receiver

KEY = "a secret that only the legacy system and the proxy know, of enough bytes"
CONFIG = """
identity:
  key: [jwt:sub]
  jwt: {bearer: true, secret: "${JWT_SECRET}"}
routes: []
plugins:
  notify:
    store: sqlite:alerts.db
    channels:
      ops: {webhook: {url: "${HOOK}", secret: "${SECRET}"}}
"""


async def come(there: Receiver, count: int) -> None:
    await until(lambda: len(there.got) >= count, f"{count} requests have come")


async def tells_as(there: Receiver, said: list[str], env: dict[str, str], name: str) -> bool:
    """Whether tests of the channel come from a proxy of this name, soon."""
    for _ in range(100):
        await asyncio.to_thread(CliRunner().invoke, app, said, env=env)
        if there.got[-1].json["source"] == name:
            return True
    return False


async def listed(proxy: RealProxy) -> Any:
    token = jwt.encode({"sub": "mia", "role": "admin"}, KEY, "HS256")
    reply = await proxy.get(ALERTS, headers={"Authorization": f"Bearer {token}"})
    return reply.json()["data"]["alerts"] if reply.status == 200 else reply.text


async def test_an_alert_of_the_proxy_is_told_once_and_listed() -> None:
    async with receiver() as there:
        env = {"JWT_SECRET": KEY, "HOOK": there.url, "SECRET": "0123456789abcdef"}
        async with real_proxy(CONFIG, env=env) as proxy:
            config = proxy.folder / "config.yaml"
            sound = config.read_text("utf-8")
            for broken in (f"{sound}\nnonsense: 1\n", f"{sound}\nmore_nonsense: 1\n"):
                config.write_text(broken, "utf-8")
                await come(there, 1)
            assert there.got[0].json["alerts"][0]["name"] == "config_refused"
            said = ["notify", "test", "ops", "--config", str(config)]
            config.write_text(sound, "utf-8")
            environment = env | {"NO_COLOR": "1"}
            result = await asyncio.to_thread(CliRunner().invoke, app, said, env=environment)
            assert (result.exit_code, result.output) == (0, "ops has taken it: 200 ok\n")
            names = [one["name"] for one in await listed(proxy)]
            assert names == ["config_refused"]
            assert len(there.got) == 2
            config.write_text(sound.replace("  notify:", "  notify:\n    name: anew"), "utf-8")
            assert await tells_as(there, said, environment, "anew")
            assert [one["name"] for one in await listed(proxy)] == names
