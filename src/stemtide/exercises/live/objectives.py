# SPDX-License-Identifier: Apache-2.0
"""Judge objectives while an exercise still runs: met, missed, or open."""

from stemtide.exercises.results import figures
from stemtide.exercises.results.bounds import bounds_text, value_text
from stemtide.exercises.results.figures import ObjectiveResult
from stemtide.exercises.results.files import objective_row
from stemtide.exercises.results.record import RunRecord
from stemtide.exercises.results.stored import ObjectiveRow
from stemtide.protocol.exercises import RunObjectiveIn
from stemtide.scenarios.measures import MEASURES, MeasureMethod, Unit


def objectives_so_far(
    record: RunRecord, *, minutes: float, is_over: bool
) -> tuple[RunObjectiveIn, ...]:
    """Return the objectives with their values. minutes: the clock of the exercise."""
    rows = []
    for result in figures.judge(record):
        row = ObjectiveRow.model_validate(objective_row(result))
        rows.append(
            RunObjectiveIn(
                text=result.objective.text,
                value="" if result.figure.value is None else value_text(row),
                bounds=bounds_text(row),
                is_met=result.is_met if is_over else _is_met_so_far(result, minutes=minutes),
            )
        )
    return tuple(rows)


def _is_met_so_far(result: ObjectiveResult, *, minutes: float) -> bool | None:
    """Whether an objective is met; None while it can still become so."""
    if result.is_met:
        return True
    objective, value = result.objective, result.figure.value
    definition = MEASURES[objective.measure]
    if value is None:
        is_late = (
            definition.way is MeasureMethod.FIRST
            and objective.at_most is not None
            and minutes > objective.at_most
        )
        return False if is_late else None
    if definition.unit is Unit.NUMBER and objective.at_least is not None:
        return None if value < objective.at_least else False
    return False
