"""Prints the table; takes a minute."""

from scripts.simulation.campaign import HARMFUL, HARMLESS, Found, play

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
    """Print both halves."""
    for title, scenarios, shown in (
        ("false rollbacks", HARMLESS, harmless),
        ("found / median tick", HARMFUL, harmful),
    ):
        rows = {scenario.name: play(scenario, RUNS, SEED) for scenario in scenarios}
        names = list(next(iter(rows.values())))
        print(f"| {title} | {' | '.join(names)} |\n|---|{'---|' * len(names)}")
        for name, found in rows.items():
            print(f"| {name} | {' | '.join(shown(each) for each in found.values())} |")
        print()


if __name__ == "__main__":
    main()
