"""How property tests run: the same cases each time, without a limit per case."""

from hypothesis import HealthCheck, settings


def examples(count: int, *, steps: int = 50) -> settings:
    """Run `count` cases (of `steps` steps, for state machines), the same in every run."""
    return settings(
        max_examples=count,
        stateful_step_count=steps,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
