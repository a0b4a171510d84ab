"""What may be asked is a plain value, whose later parts have defaults."""

from proxy.api import Choices, Deployed, Deployments


class Offered:
    def choices(self) -> Choices:
        return Choices(
            "asker", (Deployed("one", "openai", "m"),), (), False, 9, False, "never", None, 1.0,
            False, False, 0.05,
        )  # fmt: skip


def test_what_is_not_said_has_its_usual_meaning() -> None:
    offered: Deployments = Offered()
    choices = offered.choices()
    [one] = choices.deployments
    assert (one.zone, one.weight, one.declared, one.weight_written) == ("global", 1, None, False)
    assert not choices.hedges_written
