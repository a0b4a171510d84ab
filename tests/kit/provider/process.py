"""The stand-in as a process, and its remote control: for kill campaigns, benchmarks, the demo."""

import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.kit.provider.steps import Step
from tests.kit.running import ROOT
from tests.kit.wire import DEADLINE


class ProviderProcess:
    """`python -m tests.kit.provider`, started on entering and ended on leaving.

    `port` 0 takes any; `log` is the file for each call's begin and end.
    """

    def __init__(self, *, port: int = 0, log: Path | None = None, latency: float = 0.0) -> None:
        self.port = port
        self._latency = latency
        self._log = log
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start it and wait until it listens; after `stop` on the same port again."""
        log = () if self._log is None else ("--log", str(self._log))
        how = ("--port", str(self.port), "--latency", str(self._latency), *log)
        command = [sys.executable, "-m", "tests.kit.provider", *how]
        process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        )
        self._process = process
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, f"the stand-in ended with {process.wait(DEADLINE)} before it listened"
        self.port = json.loads(line)["port"]

    def stop(self) -> None:
        """End it; calls under way are cut off."""
        if self._process is None:
            return
        process, self._process = self._process, None
        process.terminate()
        try:
            process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(DEADLINE)
        if process.stdout is not None:
            process.stdout.close()

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None, "the stand-in was not started"
        return self._process.pid

    @property
    def url_openai(self) -> str:
        """The base URL of the OpenAI dialect."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def url_azure(self) -> str:
        """The endpoint of the Azure dialect."""
        return f"http://127.0.0.1:{self.port}"

    def script(self, name: str, step: Step, *, times: int = 1, dialect: str = "") -> None:
        """Queue a step for the next calls; see `Provider.script`."""
        self._say("POST", "/_script", _script(name, step, times, dialect))

    def stand(self, name: str, step: Step | None, *, dialect: str = "") -> None:
        """Treat every call like this from now on; see `Provider.stand`."""
        self._say("POST", "/_script", _script(name, step, None, dialect))

    def clear(self) -> None:
        """Forget all that was scripted."""
        self._say("DELETE", "/_script", None)

    def down(self, seconds: float) -> None:
        """Have it refuse connections for so long."""
        self._say("POST", "/_down", {"seconds": seconds})

    def calls(self) -> list[dict[str, Any]]:
        """All calls that arrived (the latest 10,000), as `Entry.to_json` has them."""
        calls: list[dict[str, Any]] = json.loads(self._say("GET", "/_log", None))["calls"]
        return calls

    def counts(self) -> dict[str, int]:
        """All calls counted by how they ended; besides ``arrived`` and ``executed``."""
        counts: dict[str, int] = json.loads(self._say("GET", "/_log", None))["counts"]
        return counts

    def _say(self, method: str, path: str, document: Any) -> bytes:
        body = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(self.url_azure + path, data=body, method=method)
        with urllib.request.urlopen(request, timeout=DEADLINE) as answer:
            said: bytes = answer.read()
        return said


def _script(name: str, step: Step | None, times: int | None, dialect: str) -> dict[str, Any]:
    spoken = None if step is None else step.to_json()
    return {"name": name, "step": spoken, "times": times, "dialect": dialect}
