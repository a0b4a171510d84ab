"""What an operator does and sees: the admin listener, the log, the commands, the process."""

import http.client
import json
import os
import re
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from typer.testing import CliRunner

from proxy.cli.main import app
from tests.kit.running import RunningProxy, wait_until

ARMS = {"legacy": {"upstream": "legacy"}, "new": {"upstream": "new"}}
TRUSTED = "127.0.0.9"
"""The client address that the configurations here trust."""


class Ended(NamedTuple):
    """What came of a command."""

    returncode: int
    stdout: str
    stderr: str


class Admin:
    """The admin listener of a proxy, with or without a token."""

    def __init__(self, proxy: RunningProxy, token: str | None = None, port: int = 0) -> None:
        self._port = port or proxy.admin_port
        self._token = token

    def ask(
        self,
        path: str,
        method: str = "GET",
        body: Mapping[str, Any] | None = None,
        **fields: str,
    ) -> tuple[int, bytes]:
        """The status and the body of one request; `fields` are header fields."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        try:
            headers = {} if self._token is None else {"Authorization": f"Bearer {self._token}"}
            headers |= {name.replace("_", "-"): value for name, value in fields.items()}
            data = None if body is None else json.dumps(body).encode()
            connection.request(method, path, body=data, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def status(self) -> dict[str, Any]:
        """What `/status` says."""
        code, body = self.ask("/status")
        assert code == 200, (code, body)
        found: dict[str, Any] = json.loads(body)
        return found

    def rollout(self, name: str) -> dict[str, Any]:
        """How a rollout stands."""
        code, body = self.ask(f"/v1/rollouts/{name}")
        assert code == 200, (code, body)
        found: dict[str, Any] = json.loads(body)
        return found

    def audit(self, rollout: str) -> list[dict[str, Any]]:
        """The last changes of a rollout, the newest first."""
        code, body = self.ask(f"/v1/audit?rollout={rollout}")
        assert code == 200, (code, body)
        found: list[dict[str, Any]] = json.loads(body)["entries"]
        return found

    def tell(self, name: str, action: str, **fields: Any) -> dict[str, Any]:
        """Have something done to a rollout; how it stands then."""
        key = uuid.uuid4().hex
        body = {"reason": "a story", **fields}
        path = f"/v1/rollouts/{name}/{action}"
        code, answer = self.ask(path, "POST", body, Idempotency_Key=key)
        assert code == 200, (code, answer)
        found: dict[str, Any] = json.loads(answer)
        return found

    def set(self, name: str, percentage: float) -> None:
        """Set a rollout's percentage."""
        version = self.rollout(name)["version"]
        body = {"percentage": percentage, "reason": "a story"}
        path = f"/v1/rollouts/{name}"
        code, answer = self.ask(path, "PATCH", body, If_Match=f'"{version}"')
        assert code == 200, (code, answer)

    def generation(self) -> int:
        """The number of the generation that serves."""
        number: int = self.status()["generation"]
        return number

    def stale(self) -> bool:
        """Whether the file holds something that was refused."""
        found: bool = self.status()["config"]["stale"]
        return found

    def ready(self) -> tuple[int, str]:
        """The status of `/readyz` and its word."""
        code, body = self.ask("/readyz")
        return code, json.loads(body)["reason"]

    def reload(self) -> tuple[int, dict[str, Any]]:
        """Ask for a reload."""
        code, body = self.ask("/reload", "POST")
        return code, json.loads(body)

    def metric(self, series: str) -> float | None:
        """The value of one series, written as `/metrics` writes it; None if there is none."""
        text = self.ask("/metrics")[1].decode()
        found = re.search(rf"^{re.escape(series)} (\S+)$", text, re.MULTILINE)
        return None if found is None else float(found[1])

    def endpoints(self) -> dict[str, str]:
        """The state of each endpoint, by its URL."""
        return {one["endpoint"]: one["state"] for one in self.status()["endpoints"]}

    def reload_and_wait(self, proxy: RunningProxy, config: Mapping[str, Any]) -> None:
        """Write the file, ask for a reload, and hold it to having been done."""
        proxy.write(config)
        code, outcome = self.reload()
        assert code == 200, outcome

    def wait_for_generation(self, number: int) -> None:
        """Wait until that generation serves."""
        wait_until(lambda: self.generation() == number, f"generation {number} serves", 15)


def command(*words: str, env: Mapping[str, str] | None = None) -> Ended:
    """Run `crossfade` with these words, in this process: a new one takes half a second."""
    clean = {name: None for name in os.environ if name.startswith("CROSSFADE")}
    result = CliRunner().invoke(app, list(words), env={**clean, **(env or {})})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return Ended(result.exit_code, result.stdout, result.stderr)


def access_lines(proxy: RunningProxy) -> list[dict[str, Any]]:
    """The lines of the access log so far, whole lines only."""
    whole = proxy.output().rpartition("\n")[0].splitlines()
    events = (json.loads(line) for line in whole if line.startswith("{"))
    return [event for event in events if event["event"] == "request"]


def open_files(proxy: RunningProxy) -> int:
    """How many file descriptors the process holds."""
    return len(list(Path(f"/proc/{proxy.process.pid}/fd").iterdir()))


def resident_bytes(proxy: RunningProxy) -> int:
    """The resident memory of the process."""
    pages = Path(f"/proc/{proxy.process.pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
