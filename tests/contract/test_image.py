"""The image and the compose file: each step of theirs is run, or held against the repository."""

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from proxy.config import load
from tests.contract.dockerfile import ROOT, Step, image_steps, only, steps

IMAGE_UID = 10001
START_SECONDS = 20


class Builder:
    """Runs the first stage of the Dockerfile in a folder instead of a container."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._folder = root
        commands = root / "bin"
        commands.mkdir()
        (commands / "python").symlink_to(Path(sys.executable).resolve())
        path = f"{commands}:{os.environ['PATH']}"
        # What is compiled without optimising behaves the same, in a third of the time.
        self._environment = {**os.environ, "PATH": path, "CROSSFADE_OPTIMISE": "0"}

    def inside(self, text: str) -> str:
        """The text with the image's absolute paths put below the folder."""
        for path in ("/opt/crossfade", "/opt/build", "/src"):
            text = text.replace(path, f"{self.root}{path}")
        return text

    def do(self, step: Step) -> None:
        """Carry out one instruction. Raises CalledProcessError when a command fails."""
        if step.instruction == "WORKDIR":
            self._folder = Path(self.inside(step.arguments))
            self._folder.mkdir(parents=True, exist_ok=True)
        elif step.instruction == "COPY":
            self._copy(*step.arguments.split())
        elif step.instruction == "RUN":
            command = ["sh", "-ec", self.inside(step.arguments)]
            subprocess.run(command, cwd=self._folder, env=self._environment, check=True)

    def _copy(self, *names: str) -> None:
        *sources, target = names
        for source in sources:
            goal = self._folder / target
            if target.endswith("/"):
                goal.mkdir(parents=True, exist_ok=True)
            if (ROOT / source).is_dir():
                ignored = shutil.ignore_patterns("__pycache__", "*.so", "compiled.json")
                shutil.copytree(ROOT / source, goal, ignore=ignored)
            else:
                shutil.copy(ROOT / source, goal)


@pytest.fixture(scope="module")
def image() -> Iterator[Path]:
    """A folder in which all steps of the build stage were run."""
    # Not pytest's own temporary folder: the image's user must be able to enter it.
    with tempfile.TemporaryDirectory(prefix="crossfade-image-") as folder:
        Path(folder).chmod(0o755)
        builder = Builder(Path(folder))
        for step in image_steps():
            if step.stage == 0:
                builder.do(step)
        yield Path(folder)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def as_image_user() -> dict[str, Any]:
    """Arguments for Popen that take the image's user.

    Empty where we may not, or where that user could not reach the interpreter.
    """
    folders = Path(sys.executable).resolve().parents
    reachable = all(folder.stat().st_mode & stat.S_IXOTH for folder in folders)
    return {"user": IMAGE_UID, "group": IMAGE_UID} if os.geteuid() == 0 and reachable else {}


def until_healthy(check: list[str], process: "subprocess.Popen[bytes]") -> bool:
    """Repeat the health check as a container engine does."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if subprocess.run(check, capture_output=True, check=False).returncode == 0:
            return True
    return False


@pytest.mark.image
def test_the_built_image_serves_as_its_user_is_healthy_and_drains_on_sigterm(image: Path) -> None:
    port, admin = free_port(), free_port()
    text = (ROOT / "deploy" / "config.yaml").read_text(encoding="utf-8")
    config = image / "config.yaml"
    text = text.replace("0.0.0.0:8080", f"127.0.0.1:{port}").replace(":9090", f":{admin}")
    config.write_text(text, encoding="utf-8")
    # Compiled files record no path of ours, so the very commands of the image run from here.
    binaries = image / "opt/crossfade/bin"
    entry: list[str] = json.loads(only("ENTRYPOINT"))
    check: list[str] = json.loads(only("HEALTHCHECK").partition("CMD ")[2])
    entry = [str(binaries / entry[0]), *entry[1:-1], str(config)]
    check = [str(binaries / check[0]), *(part.replace(":9090", f":{admin}") for part in check[1:])]
    process = subprocess.Popen(
        entry,
        cwd="/",
        env={"PATH": os.environ["PATH"]},
        stdout=subprocess.DEVNULL,
        **as_image_user(),
    )
    try:
        assert until_healthy(check, process)
        with urllib.request.urlopen(f"http://127.0.0.1:{admin}/healthz", timeout=5) as answer:
            assert answer.status == 200
        process.send_signal(getattr(signal, only("STOPSIGNAL")))
        assert process.wait(timeout=20) == 0
        assert subprocess.run(check, capture_output=True, check=False).returncode != 0
    finally:
        process.kill()
        process.wait()


@pytest.mark.image
def test_the_image_holds_no_installer_and_nothing_but_the_product(image: Path) -> None:
    installed = {path.name for path in (image / "opt/crossfade").glob("lib/*/site-packages/*")}
    assert "proxy" in installed
    assert "aiohttp" in installed
    assert not {"pip", "setuptools", "tests", "scripts"} & installed


def test_everything_that_the_image_copies_is_in_the_repository_and_sent_to_the_builder() -> None:
    copied = {
        source
        for step in image_steps()
        if step.instruction == "COPY" and not step.arguments.startswith("--from")
        for source in step.arguments.split()[:-1]
    }
    sent = {
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    }
    assert copied == sent
    assert [source for source in copied if not (ROOT / source).exists()] == []


def test_the_image_runs_its_exec_form_entrypoint_without_root() -> None:
    assert json.loads(only("ENTRYPOINT"))[:2] == ["crossfade", "serve"]
    assert only("USER") == f"{IMAGE_UID}:{IMAGE_UID}"
    assert only("STOPSIGNAL") == "SIGTERM"


def test_a_dockerfile_is_read_with_its_stages_and_continued_lines() -> None:
    text = "# a\nFROM x AS b\nRUN one \\\n && two\n\nFROM y\nUSER 1\n"
    assert steps(text) == [
        Step(0, "FROM", "x AS b"),
        Step(0, "RUN", "one && two"),
        Step(1, "FROM", "y"),
        Step(1, "USER", "1"),
    ]


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text("utf-8"))
    return loaded


def test_every_service_of_the_compose_file_is_hardened_and_checked(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert set(services) == {"proxy", "legacy", "new", "redis"}
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        # The proxy's health check comes with its image.
        assert name == "proxy" or "healthcheck" in service, name


def test_the_files_that_the_compose_file_mounts_are_in_the_repository(
    compose: dict[str, Any],
) -> None:
    mounted = [
        volume.split(":")[0]
        for service in compose["services"].values()
        for volume in service.get("volumes", ())
    ]
    assert mounted
    assert [path for path in mounted if not (ROOT / "deploy" / path).resolve().is_file()] == []


def test_the_configuration_of_the_image_fits_the_services_of_the_compose_file(
    compose: dict[str, Any],
) -> None:
    config = load(ROOT / "deploy/config.yaml", {})
    for name, upstream in config.upstreams.items():
        (endpoint,) = upstream.endpoints
        _, _, app, port, *_ = compose["services"][name]["entrypoint"]
        assert (endpoint.host, str(endpoint.port)) == (name, port)
        assert app == name


def test_the_services_stop_later_than_the_proxy_drains(compose: dict[str, Any]) -> None:
    grace = int(compose["services"]["proxy"]["stop_grace_period"].removesuffix("s"))
    assert grace > load(ROOT / "deploy/config.yaml", {}).limits.drain
