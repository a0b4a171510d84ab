"""The two classes that a plugin is made of."""

from proxy.api import Application, Settings, Use


class Named(Settings):
    name: str = ""


class Desk(Application):
    settings: Named


class Visit(Use):
    version = "1.2"
    settings: Named
    application: Desk


def test_a_use_holds_its_settings_and_its_application() -> None:
    desk = Desk(Named(name="front"))
    visit = Visit(Named(name="first"), desk)
    assert (visit.settings.name, visit.application.settings.name) == ("first", "front")


def test_a_use_without_an_application_has_none() -> None:
    assert Use(Settings()).application is None


def test_the_version_is_empty_unless_it_is_said() -> None:
    assert (Visit.version, Desk.version, Use.version) == ("1.2", "", "")
