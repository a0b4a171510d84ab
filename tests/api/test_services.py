"""What plugins may touch: the protocols, and what fulfils them."""

import inspect
from typing import Any

import pytest

from proxy.api import services
from proxy.api.testing import FakeServices, isolated
from proxy.api.testing.offers import AdminOffers, CommandOffers, EndpointOffers
from proxy.pluginhost.services import PluginServices


def methods(protocol: type) -> dict[str, inspect.Signature]:
    return {
        name: inspect.signature(function)
        for name, function in vars(protocol).items()
        if inspect.isfunction(function) and not name.startswith("_")
    }


def arguments(signature: inspect.Signature) -> list[tuple[str, Any, Any]]:
    return [(p.name, p.kind, p.default) for p in signature.parameters.values()]


PAIRS = [
    (services.Services, FakeServices),
    (services.Services, PluginServices),
    (services.EndpointRouter, EndpointOffers),
    (services.AdminRouter, AdminOffers),
    (services.Commands, CommandOffers),
]


@pytest.mark.parametrize(("protocol", "kind"), PAIRS, ids=lambda kind: kind.__name__)
def test_each_method_of_a_protocol_is_there_with_the_same_arguments(
    protocol: type, kind: type
) -> None:
    wanted = methods(protocol)
    assert wanted
    for name, signature in wanted.items():
        given = inspect.signature(getattr(kind, name))
        assert arguments(given) == arguments(signature), name


@pytest.mark.parametrize("name", services.__all__)
def test_each_method_of_a_protocol_is_explained(name: str) -> None:
    protocol = getattr(services, name)
    if inspect.isclass(protocol):
        for method in methods(protocol):
            assert getattr(protocol, method).__doc__, f"{name}.{method}"
    assert name in services.__all__


async def test_nobody_gets_services_without_a_plugin() -> None:
    with pytest.raises(ValueError, match="give the plugin's Use, its Application, or both"):
        async with isolated():
            raise AssertionError("it was started")
