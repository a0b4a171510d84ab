"""What does not fit together has a place and a wish; the words are in `golden/`."""

from typing import Any

import pytest

from plugins.orchestrator.misfits import misfits
from plugins.orchestrator.settings import OrchestratorSettings
from tests.plugins.orchestrator.answers import SAID, settings


def test_settings_that_fit_have_no_misfits() -> None:
    assert list(misfits(settings())) == []


def test_of_very_many_names_some_are_named() -> None:
    deployments = {f"d{n}": {"provider": "openai", "model": f"model-{n}"} for n in range(50)}
    said: dict[str, Any] = {**SAID, "deployments": deployments, "larger_model": {"model-1": "m"}}
    with pytest.raises(ValueError, match="model-19 and 30 more") as caught:
        OrchestratorSettings.model_validate(said)
    assert "model-20" not in str(caught.value)


def test_a_ring_of_larger_models_is_found_whatever_its_length() -> None:
    names = ["a", "b", "c", "d"]
    deployments = {name: {"provider": "openai", "model": name} for name in names}
    chain: dict[str, Any] = {**SAID, "deployments": deployments}
    chain["larger_model"] = {"a": "b", "b": "c", "c": "d"}
    assert OrchestratorSettings.model_validate(chain).larger_model["c"] == "d"
    chain["larger_model"]["d"] = "b"
    with pytest.raises(ValueError, match="leads back") as caught:
        OrchestratorSettings.model_validate(chain)
    assert str(caught.value).count("leads back") == 3  # not for a, which only leads to the ring


def test_cheaper_models_are_deployed_and_lead_nowhere_back() -> None:
    deployments = {name: {"provider": "openai", "model": name} for name in "ab"}
    said: dict[str, Any] = {**SAID, "deployments": deployments, "cheaper_model": {"a": "b"}}
    assert OrchestratorSettings.model_validate(said).cheaper_model == {"a": "b"}
    with pytest.raises(ValueError, match="a cheaper model: this one leads back"):
        OrchestratorSettings.model_validate({**said, "cheaper_model": {"a": "b", "b": "a"}})
    with pytest.raises(ValueError, match="one of a, b") as caught:
        OrchestratorSettings.model_validate({**said, "cheaper_model": {"a": "c"}})
    assert "cheaper_model" in str(caught.value)
