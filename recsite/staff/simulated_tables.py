"""What a simulation of the loop found, as charts and tables of its staff page."""

from __future__ import annotations

from recsite.staff.charts import Chart, Series
from recsite.staff.simulated_arms import Group, SimulatedArms, Utility
from recsite.staff.tables import Cell, Column, Table, whole, words


def arm_charts(simulated: SimulatedArms) -> list[Chart]:
    """One a group of arms. Lines are named by the arms' keys; the table of arms says what those are."""
    return [_chart(f"simulated_{place}", one, simulated) for place, one in enumerate(simulated.groups, 1)]


def arm_tables(simulated: SimulatedArms) -> list[Table]:
    return [_arms_table(simulated), _claims_table(simulated)]


def _chart(key: str, group: Group, simulated: SimulatedArms) -> Chart:
    numbers = group.numbers
    series = []
    for arm in group.arms:
        along = [arm.rounds.get(number) for number in numbers]
        series.append(
            Series(
                arm.name,
                [None if one is None else one.mean for one in along],
                [None if one is None else one.lower for one in along],
                [None if one is None else one.upper for one in along],
            )
        )
    title = f"Simulated: {group.title}. Utility by round, from random (0) to perfect (1)"
    names = [str(number) for number in numbers]
    return Chart(key, title, "number", names, series, simulated.made_at, empty="No arm of these has played a round.")


def _arms_table(simulated: SimulatedArms) -> Table:
    columns = [
        Column("Arm"),
        Column("What it does"),
        Column("Rounds", numeric=True, hint="That at least one world has played."),
        Column(
            "Late utility", numeric=True, hint="Of the last quarter of the rounds, with a 95% interval over worlds."
        ),
    ]
    rows = [
        [words(arm.name), words(arm.title), whole(len(arm.rounds)), _utility_cell(arm.late, sign="")]
        for arm in simulated.arms
    ]
    return Table("simulated_arms", "Simulated: the arms", columns, rows, "The file holds no arm.")


def _claims_table(simulated: SimulatedArms) -> Table:
    columns = [
        Column("Claim"),
        Column("Arms", hint="Whose late utilities are set beside each other, world by world."),
        Column("Difference", numeric=True, hint="With a 95% interval over worlds."),
        Column("Worlds", numeric=True),
        Column("This data", hint="Cannot tell: the interval holds 0, or fewer than two worlds have both."),
    ]
    rows = [
        [
            words(one.sentence),
            words(one.difference),
            _utility_cell(one.by, sign="+"),
            whole(one.worlds),
            words(one.verdict),
        ]
        for one in simulated.claims
    ]
    return Table("simulated_claims", "Simulated: what is claimed", columns, rows, "The file compares no arms.")


def _utility_cell(utility: Utility | None, *, sign: str) -> Cell:
    """`0.573 (0.559 to 0.587)`. sign: "+" for a difference."""
    if utility is None:
        return Cell("–")
    mean, lower, upper = utility.mean, utility.lower, utility.upper
    if lower is None or upper is None:
        return Cell(f"{mean:{sign}.3f}", mean)
    return Cell(f"{mean:{sign}.3f} ({lower:{sign}.3f} to {upper:{sign}.3f})", mean)
