"""What a configuration wants of the plugins."""

from proxy.pluginhost.wanted import Wanted
from tests.pluginhost.hosting import application, use


def test_a_plugin_is_wanted_once_however_often_it_is_named() -> None:
    named = application("statsd"), use("hello"), use("hello", "other"), use("statsd")
    wanted = Wanted((), named[:1], named[1:])
    assert wanted.named == named
    assert wanted.plugins == {"statsd", "hello"}
