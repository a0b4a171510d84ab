"""However the file is changed and however a reload is asked for, the new file serves."""

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.kit.answering import AnsweringUpstream
from tests.kit.running import ROOT, RunningProxy, wait_until
from tests.story.operator import Admin, command


def to(upstream: AnsweringUpstream) -> dict[str, Any]:
    return {"upstreams": {"legacy": {"url": upstream.url}}}


def body_of(proxy: RunningProxy) -> bytes:
    with proxy.connect() as client:
        answer = client.ask(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n")
        assert answer.status == 200, answer.line
        return answer.body


def text_of(proxy: RunningProxy, upstream: AnsweringUpstream) -> str:
    return yaml.safe_dump({**proxy.config, **to(upstream)})


def rename_over(proxy: RunningProxy, text: str) -> None:
    proxy.write_text(text)


def write_in_place(proxy: RunningProxy, text: str) -> None:
    proxy.file.write_text(text)


def delete_and_recreate(proxy: RunningProxy, text: str) -> None:
    proxy.file.unlink()
    wait_until(lambda: "config_missing" in proxy.output(), "it is noticed that the file is gone")
    assert body_of(proxy) == b"old"
    proxy.file.write_text(text)


def send_sighup(proxy: RunningProxy, text: str) -> None:
    proxy.write_text(text)
    proxy.signal(signal.SIGHUP)


def post_reload(proxy: RunningProxy, text: str) -> None:
    proxy.write_text(text)
    code, outcome = Admin(proxy).reload()
    assert code == 200
    assert outcome["done"]
    assert outcome["generation"] == 2


def run_the_command(proxy: RunningProxy, text: str) -> None:
    proxy.write_text(text)
    words = [sys.executable, "-m", "proxy", "reload", "--config", str(proxy.file)]
    ended = subprocess.run(words, capture_output=True, cwd=ROOT, timeout=30, check=False)
    assert ended.returncode == 0, ended.stderr
    assert b"generation 2" in ended.stdout


WAYS = [
    rename_over,
    write_in_place,
    delete_and_recreate,
    send_sighup,
    post_reload,
    run_the_command,
]


@pytest.mark.parametrize("change", WAYS, ids=lambda way: way.__name__)
def test_a_changed_file_serves_whichever_way_it_was_changed(
    old: AnsweringUpstream,
    fresh: AnsweringUpstream,
    change: Callable[[RunningProxy, str], None],
) -> None:
    with RunningProxy(to(old)) as proxy:
        assert body_of(proxy) == b"old"
        change(proxy, text_of(proxy, fresh))
        admin = Admin(proxy)
        admin.wait_for_generation(2)
        assert body_of(proxy) == b"fresh"
        assert admin.reload()[1] == {
            "done": True,
            "changed": False,
            "generation": 2,
            "problems": [],
            "moves": [],
            "released": [],
            "dry_run": False,
        }
        assert admin.generation() == 2


class Mounted(RunningProxy):
    """A proxy whose file lies in a mounted ConfigMap: `config.yaml -> ..data -> ..2026_n`."""

    def write_text(self, text: str) -> None:
        """Write a new folder and swap the link to it, as the kubelet does."""
        folders = sorted(self.folder.glob("..2026_*"))
        fresh = self.folder / f"..2026_{len(folders):03}"
        fresh.mkdir()
        (fresh / "config.yaml").write_text(text)
        link = self.folder / "..data_tmp"
        link.symlink_to(fresh.name)
        link.replace(self.folder / "..data")
        if not self.file.is_symlink():
            self.file.symlink_to(Path("..data") / "config.yaml")
        for folder in folders:
            shutil.rmtree(folder)
            folder.mkdir()


def test_a_mounted_config_map_is_followed_through_its_swaps(
    old: AnsweringUpstream, fresh: AnsweringUpstream
) -> None:
    with Mounted(to(old)) as proxy:
        admin = Admin(proxy)
        assert body_of(proxy) == b"old"
        for number, upstream in enumerate((fresh, old, fresh), start=2):
            proxy.write(to(upstream))
            admin.wait_for_generation(number)
            assert body_of(proxy) == (b"old" if upstream is old else b"fresh")


BROKEN = "upstreams:\n  legacy: {url: 'http://127.0.0.1:1', timeouts: {connect: soon}}\n"


def test_a_broken_file_leaves_the_old_one_serving_and_says_where_it_is_wrong(
    old: AnsweringUpstream, fresh: AnsweringUpstream
) -> None:
    with RunningProxy(to(old)) as proxy:
        admin = Admin(proxy)
        assert admin.metric("crossfade_config_stale") == 0
        proxy.write_text(BROKEN)
        wait_until(admin.stale, "the file is found to be stale", 10)
        found = admin.status()
        assert found["generation"] == 1
        assert found["ready"]
        place = rf"{re.escape(str(proxy.file))}:2:\d+: upstreams\.legacy\.timeouts\.connect"
        assert any(re.match(place, said) for said in found["config"]["problems"]), found["config"]
        assert admin.metric("crossfade_config_stale") == 1
        assert admin.metric('crossfade_reloads_total{outcome="failed"}') == 1
        assert body_of(proxy) == b"old"
        proxy.write()
        wait_until(lambda: not admin.stale(), "the file is again the one that serves", 10)
        assert admin.generation() == 1
        proxy.write(to(fresh))
        admin.wait_for_generation(2)
        assert not admin.stale()
        assert admin.metric("crossfade_config_stale") == 0
        assert body_of(proxy) == b"fresh"


def test_a_refused_reload_tells_whoever_asked_and_check_would_have_told_it_before(
    old: AnsweringUpstream,
) -> None:
    with RunningProxy(to(old)) as proxy:
        address = f"http://127.0.0.1:{proxy.admin_port}"
        proxy.write_text(BROKEN)
        code, problem = Admin(proxy).reload()
        assert code == 409
        assert not problem["done"]
        assert any(":2:" in said for said in problem["problems"]), problem
        checked = command("check", "--config", str(proxy.file))
        assert checked.returncode == 2
        said = checked.stdout + checked.stderr
        assert all(one.splitlines()[0] in said for one in problem["problems"]), said
        ended = command("reload", "--admin", address)
        assert ended.returncode == 1
        assert "upstreams.legacy.timeouts.connect" in ended.stderr
        shown = command("status", "--admin", address)
        assert shown.returncode == 0
        assert "was refused" in shown.stdout
        assert "upstreams.legacy.timeouts.connect" in shown.stdout


def laughing(depth: int) -> str:
    """A few lines that mean a billion."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, depth)]
    return "\n".join(lines)


ODD: dict[str, bytes] = {
    "nothing": b"",
    "a NUL": b"upstreams: \0",
    "no UTF-8": b"upstreams: \xff\xfe",
    "half a file": b"upstreams: {legacy: {url: 'http://127.0",
    "a list": b"[1, 2, 3]",
    "very deep": b"[" * 5000,
    "deep and closed": b"a: " + b"[" * 3000 + b"]" * 3000,
    "a billion laughs": laughing(10).encode(),
    "itself": b"&a [*a]",
    "an object": b"!!python/object/apply:os.system ['true']",
    "a huge number": b"limits: {connections: " + b"9" * 5000 + b"}",
    "an unset variable": b"upstreams: {legacy: {url: '${NOT_SET_ANYWHERE}'}}",
    "two documents": b"{}\n---\n{}\n",
    "the same key twice": b"upstreams: {}\nupstreams: {}\n",
}


def test_no_file_however_odd_disturbs_what_serves(
    old: AnsweringUpstream, fresh: AnsweringUpstream
) -> None:
    with RunningProxy(to(old)) as proxy:
        admin = Admin(proxy)
        for name, content in ODD.items():
            proxy.file.write_bytes(content)
            code, problem = admin.reload()
            assert (code, bool(problem.get("problems"))) == (409, True), (name, problem)
            assert body_of(proxy) == b"old", name
        proxy.file.unlink()
        assert admin.reload()[0] == 409
        proxy.file.mkdir()
        assert admin.reload()[0] == 409
        proxy.file.rmdir()
        admin.reload_and_wait(proxy, to(fresh))
        assert admin.generation() == 2
        assert body_of(proxy) == b"fresh"
