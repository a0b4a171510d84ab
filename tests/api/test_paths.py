"""What plugins are told about the readings of a path."""

from proxy.api import path_readings


def test_a_plugin_learns_every_reading_of_a_path_or_that_they_are_too_many() -> None:
    assert path_readings("/campaigns") == frozenset(("/campaigns",))
    assert path_readings("/x/../%61dmin") == frozenset(("/x/../admin", "/admin"))
    assert path_readings("/" + "a/../" * 500) is None
