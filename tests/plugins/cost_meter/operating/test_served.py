"""In a real proxy: what is spent is answered to users, and reported to operators by commands."""

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import jwt
from typer.testing import CliRunner

from proxy.api.testing import RealProxy, real_proxy
from proxy.cli.main import app

SECRET = "a secret that only the legacy system and the proxy know, of enough bytes"
CONFIG = """
identity:
  key: [jwt:sub]
  jwt: {bearer: true, secret: "${JWT_SECRET}"}
routes:
  - {name: campaigns, match: {path: /campaigns}, upstream: legacy}
  - name: everything-else
    match: {path: "/**"}
    upstream: legacy
plugins:
  path: [plugins]
  spender: {}
  cost_meter:
    journal: sqlite:costs.db
    baseline: {campaigns: "0.01"}
"""
EACH = 1000 * 150 + 100 * 600
"""gpt-4o-mini: 0.15 and 0.60 USD for a million tokens, in nano-USD for these."""


def bearer(user: str, role: str = "") -> dict[str, str]:
    claims = {"sub": user, **({"role": role} if role else {})}
    return {"Authorization": f"Bearer {jwt.encode(claims, SECRET, 'HS256')}"}


@asynccontextmanager
async def spending() -> AsyncIterator[RealProxy]:
    source = Path(__file__).with_name("spender.py").read_text(encoding="utf-8")
    env = {"JWT_SECRET": SECRET}
    async with real_proxy(CONFIG, plugins={"spender": source}, env=env) as proxy:
        for user, arm in (("ann", "new"), ("ann", "new"), ("bob", "legacy")):
            path = f"/spend?arm={arm}&model=gpt-4o-mini"
            reply = await proxy.post(path, headers=bearer(user))
            assert reply.json() == {"allowed": True}
        yield proxy


async def costs(proxy: RealProxy, *words: str) -> tuple[int, str]:
    """Run a command `crossfade costs …`; its exit code and what it prints."""
    said = ["costs", *words, "--config", str(proxy.folder / "config.yaml")]
    env = {"NO_COLOR": "1", "JWT_SECRET": SECRET}
    result = await asyncio.to_thread(CliRunner().invoke, app, said, env=env)
    return result.exit_code, result.output


async def report(proxy: RealProxy, attempts: int) -> Any:
    """The report by arm and model, once all attempts are written."""
    for _ in range(100):
        code, text = await costs(proxy, "--by", "arm", "--by", "model", "--json")
        found = json.loads(text)  # of the default command
        if code == 0 and found["total"]["attempts"] == attempts:
            break
    return found


async def test_what_is_spent_is_answered_and_reported_exactly() -> None:
    async with spending() as proxy:
        found = await report(proxy, 3)
        assert found["total"]["nanoUsd"] == str(3 * EACH)
        shown = [(one["arm"], one["model"], one["nanoUsd"]) for one in found["rows"]]
        assert shown == [
            ("new", "gpt-4o-mini", str(2 * EACH)),
            ("legacy", "gpt-4o-mini", str(EACH)),
        ]
        assert found["savings"]["usd"] == "0.01958"
        await _users_see_their_own(proxy)
        await _every_method_is_answered_here(proxy)
        await _commands_print_and_end_as_they_say(proxy)


async def _users_see_their_own(proxy: RealProxy) -> None:
    for user, nano in (("ann", 2 * EACH), ("bob", EACH), ("cleo", 0)):
        reply = await proxy.get("/api/v2/costs/stats", headers=bearer(user))
        assert reply.json()["data"]["monthly"]["costNanoUsd"] == str(nano), reply.text
    every = await proxy.get("/api/v2/costs/stats", headers=bearer("root", "ADMIN"))
    assert every.json()["data"]["monthly"]["costNanoUsd"] == str(3 * EACH)
    assert (await proxy.get("/api/v2/costs/stats")).status == 401
    assert (await proxy.get("/api/v2/costs/openapi.json")).status == 200
    other = await proxy.get("/api/v2/costs/forecast?userId=ann", headers=bearer("bob"))
    assert other.status == 403


async def _every_method_is_answered_here(proxy: RealProxy) -> None:
    path, headers = "/api/v2/costs/stats", bearer("ann")
    got = await proxy.get(path, headers=headers)
    head = await proxy.request("HEAD", path, headers=headers)
    assert (head.status, head.body) == (200, b"")
    assert head.headers.get("Content-Length") == got.headers.get("Content-Length")
    for method in ("PATCH", "DELETE", "X-OTHER"):
        refused = await proxy.request(method, path, headers=headers)
        assert (refused.status, refused.headers.get("Allow")) == (405, "GET, HEAD, OPTIONS")


async def _commands_print_and_end_as_they_say(proxy: RealProxy) -> None:
    code, text = await costs(proxy, "report", "--by", "user", "--csv", "--since", "1h")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert (code, [one["user"] for one in rows]) == (0, ["ann", "bob"])
    code, text = await costs(proxy, "daily")
    assert (code, "openai" in text) == (0, True)
    code, text = await costs(proxy, "rows", "--since", "1h")
    assert (code, text.count("wf_")) == (0, 3), text
    code, text = await costs(proxy, "prices")
    assert (code, "gpt-4o-mini" in text) == (0, True), text
    assert await costs(proxy, "verify") == (0, "totals are the sums of their rows\n")
    code, text = await costs(proxy, "report", "--by", "colour")
    assert (code, "by: some of user" in text) == (1, True), text
    assert (await costs(proxy, "budgets"))[0] == 0
    assert (await costs(proxy, "forecast"))[0] == 0
    assert (await costs(proxy, "reconcile", "nowhere.csv"))[0] == 2
