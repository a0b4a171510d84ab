"""What operators are told about the plugins in use."""

from pathlib import Path

import pytest

from tests.pluginhost.hosting import GREETER, Hosting, application, use

APPLICATION = """
class Login(Settings):
    user: str = "crossfade"
    token: Secret

class Service(Application):
    version = "1.2"
    settings: Login
    says = ""

    @hook
    async def startup(self, services):
        services.spawn(self.wait(services), "wait")

    async def wait(self, services):
        await services.sleep(1000)

    @hook
    def health(self):
        if self.says == "fail":
            raise ValueError(self.says)
        return self.says
"""


@pytest.fixture
def hosting(tmp_path: Path) -> Hosting:
    hosting = Hosting(tmp_path)
    hosting.write("hello", GREETER)
    hosting.write("service", APPLICATION, GREETER)
    return hosting


async def test_a_plugin_is_told_with_all_that_belongs_to_it(hosting: Hosting) -> None:
    plugins = await hosting.prepare(
        application("service", token="hush-hush"),
        use("service", "campaigns", text="hi", on_error="refuse"),
        use("hello", "other"),
    )
    hello, service = plugins.reports()
    assert (hello.name, hello.settings, hello.background_tasks) == ("hello", None, 0)
    assert (service.name, service.version, service.kind) == ("service", "1.2", "directory")
    assert service.place == str(hosting.folder / "service.py")
    assert service.module == f"crossfade_plugins.service_{service.digest[:16]}"
    assert service.hooks == ("edit_response", "startup", "health")
    assert service.settings == {"user": "crossfade", "token": "**********"}
    assert (service.health, service.background_tasks) == ("", 1)
    [told] = service.uses
    assert (told.route, told.arm, told.destination, told.on_error) == (
        "campaigns",
        "",
        False,
        "refuse",
    )
    assert told.settings == {"text": "hi"}
    await hosting.host.close()


async def test_faults_are_told_for_each_use(hosting: Hosting) -> None:
    plugins = await hosting.prepare(use("hello", "campaigns"), use("hello", "other"))
    guard = plugins.instances.uses[1].guard
    for _ in range(10):
        guard.calls += 1
        guard.fault("edit_response", KeyError())
    well, badly = plugins.reports()[0].uses
    assert (well.calls, well.faults, well.last_fault, well.quarantined) == (0, 0, "", "")
    assert (badly.calls, badly.faults) == (10, 10)
    assert badly.last_fault == "edit_response: KeyError"
    assert badly.quarantined == guard.quarantined != ""
    await hosting.host.close()


HEALTH = {
    "": "",
    "cannot reach hush-hush": "cannot reach **********",
    "fail": "it cannot say (health: ValueError)",
}


@pytest.mark.parametrize("says", HEALTH)
async def test_health_is_what_the_application_says(hosting: Hosting, says: str) -> None:
    plugins = await hosting.prepare(application("service", token="hush-hush"))
    plugins.applications[0].application.says = says  # type: ignore[attr-defined]
    assert plugins.reports()[0].health == HEALTH[says]
    await hosting.host.close()


async def test_a_quarantined_application_is_told_so_and_not_asked(hosting: Hosting) -> None:
    plugins = await hosting.prepare(application("service", token="hush-hush"))
    plugins.applications[0].guard.quarantined = "too many faults"
    [service] = plugins.reports()
    assert service.health == "quarantined: too many faults"
    assert service.quarantined == "too many faults"
    await hosting.host.close()
