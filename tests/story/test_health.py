"""Health checks: an endpoint that is down is not asked, and is asked again once it is up."""

import json
from typing import Any

from tests.kit.answering import AnsweringUpstream, plain
from tests.kit.message import Request
from tests.kit.running import RunningProxy, wait_until
from tests.story.operator import Admin

GET = b"GET / HTTP/1.1\r\nHost: t\r\n\r\n"
HEALTH = {
    "path": "/healthy?deep=1",
    "interval": "100ms",
    "timeout": "1s",
    "healthy_after": 2,
    "unhealthy_after": 2,
}


class Patient:
    """An upstream whose health the test decides."""

    def __init__(self, name: bytes) -> None:
        self.healthy = True
        self._name = name
        self.upstream = AnsweringUpstream(self._answer)

    def _answer(self, request: Request) -> bytes:
        if request.target != b"/healthy?deep=1":
            return plain(self._name)
        return plain(b"") if self.healthy else plain(b"", b"503 Ill")


def state_of(admin: Admin, url: str) -> str:
    return admin.endpoints()[url]


def metric_of(admin: Admin, url: str, state: str) -> float | None:
    labels = f'{{endpoint="{url}",state="{state}",upstream="legacy"}}'
    return admin.metric(f"crossfade_upstream_endpoint_state{labels}")


def test_a_sick_endpoint_gets_no_request_until_it_is_well_again() -> None:
    one, two = Patient(b"one"), Patient(b"two")
    urls = [one.upstream.url, two.upstream.url]
    config: dict[str, Any] = {"upstreams": {"legacy": {"endpoints": urls, "health": HEALTH}}}
    with RunningProxy(config) as proxy, proxy.connect() as client:
        admin = Admin(proxy)
        assert {client.ask(GET).body for _ in range(8)} == {b"one", b"two"}
        one.healthy = False
        wait_until(lambda: state_of(admin, urls[0]) == "down", "one is found to be down")
        assert (metric_of(admin, urls[0], "down"), metric_of(admin, urls[0], "up")) == (1, 0)
        asked = one.upstream.count(b"/")
        assert {client.ask(GET).body for _ in range(20)} == {b"two"}
        assert one.upstream.count(b"/") == asked
        assert admin.ready() == (200, "serving")

        two.healthy = False
        wait_until(lambda: state_of(admin, urls[1]) == "down", "two is found to be down")
        answer = client.ask(GET)
        problem = json.loads(answer.body)
        assert (answer.status, problem["reason"]) == (503, "no_healthy_endpoint")
        assert int(answer.value(b"retry-after") or b"0") >= 1
        assert (
            admin.metric('crossfade_faults_total{blame="upstream",reason="no_healthy_endpoint"}')
            == 1
        )

        one.healthy = True
        wait_until(lambda: state_of(admin, urls[0]) == "up", "one is found to be up again")
        assert {client.ask(GET).body for _ in range(6)} == {b"one"}
        assert metric_of(admin, urls[0], "up") == 1
        said = proxy.output()
        assert said.count('"endpoint_down"') == 2
        assert said.count('"endpoint_up"') == 1
    one.upstream.close()
    two.upstream.close()


def test_a_reload_neither_forgives_nor_forgets_a_sick_endpoint() -> None:
    sick, well = Patient(b"sick"), Patient(b"well")
    sick.healthy = False
    urls = [sick.upstream.url, well.upstream.url]
    legacy: dict[str, Any] = {"endpoints": urls, "health": {**HEALTH, "healthy_after": 1}}
    with RunningProxy({"upstreams": {"legacy": legacy}}) as proxy, proxy.connect() as client:
        admin = Admin(proxy)
        wait_until(lambda: state_of(admin, urls[0]) == "down", "the sick one is down")
        changed = {"legacy": {**legacy, "pool": {"max": 9}}}
        admin.reload_and_wait(proxy, {"upstreams": changed})
        assert admin.endpoints() == {urls[0]: "down", urls[1]: "up"}
        assert {client.ask(GET).body for _ in range(6)} == {b"well"}
        sick.healthy = True
        wait_until(lambda: state_of(admin, urls[0]) == "up", "it is checked by the new file")
    sick.upstream.close()
    well.upstream.close()


def test_checks_that_the_file_no_longer_asks_for_end_with_the_reload() -> None:
    sick = Patient(b"sick")
    sick.healthy = False
    declared: dict[str, Any] = {"url": sick.upstream.url}
    config = {"upstreams": {"legacy": {**declared, "health": HEALTH}}}
    with RunningProxy(config) as proxy, proxy.connect() as client:
        admin = Admin(proxy)
        wait_until(lambda: state_of(admin, sick.upstream.url) == "down", "it is down")
        assert client.ask(GET).status == 503
        admin.reload_and_wait(proxy, {"upstreams": {"legacy": declared}})
        checks = sick.upstream.count(b"/healthy?deep=1")
        assert client.ask(GET).body == b"sick"
        for _ in range(50):
            assert client.ask(GET).body == b"sick"
        assert sick.upstream.count(b"/healthy?deep=1") <= checks + 1
    sick.upstream.close()
