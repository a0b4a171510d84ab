"""Prints the tables; takes a minute."""

from scripts.simulation.campaign import HARMFUL, HARMLESS, PATIENT, Found, play
from scripts.simulation.rules import patience_for, rules_for

RUNS = 2000
SEED = 1


def harmless(found: Found) -> str:
    """How often a rule was wrong."""
    return f"{found.share:.1%}".replace("%", " %")


def harmful(found: Found) -> str:
    """How often and how soon a rule was right."""
    share = f"{found.share:.0%}".replace("%", " %")
    return f"{share} / {found.median:.0f}" if found.at else share


def main() -> None:
    """Print all three."""
    for title, scenarios, shown, rules in (
        ("false rollbacks", HARMLESS, harmless, rules_for),
        ("found / median tick", HARMFUL, harmful, rules_for),
        ("rolled back / median tick", PATIENT, harmful, patience_for),
    ):
        rows = {scenario.name: play(scenario, RUNS, SEED, rules) for scenario in scenarios}
        names = list(next(iter(rows.values())))
        print(f"| {title} | {' | '.join(names)} |\n|---|{'---|' * len(names)}")
        for name, found in rows.items():
            print(f"| {name} | {' | '.join(shown(each) for each in found.values())} |")
        print()


if __name__ == "__main__":
    main()
