# SPDX-License-Identifier: Apache-2.0
"""Convert pydantic's validation errors to field problems, the same for hub and agent."""

import re
from collections.abc import Iterable, Sequence

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from stemtide.protocol.problems import WHOLE, FieldProblem

_NAMED = re.compile(r"([a-z_]+)(?: and [a-z_]+)*: (.+)", re.DOTALL)
_MESSAGES = {
    "missing": "is missing: it must be given",
    "extra_forbidden": "is not known here: leave it out",
    "timezone_aware": "needs a time zone: write it as 2026-01-31T12:00:00Z",
    "int_type": "should be a whole number, without quotes: write it as 90",
    "bool_type": "should be true or false, without quotes",
    "datetime_type": 'should be a time in quotes: write it as "2026-01-31T12:00:00Z"',
    "date_type": 'should be a date in quotes: write it as "2026-01-31"',
    "uuid_type": "should be an id in quotes",
    "model_type": "should be a JSON object",
    "model_attributes_type": "should be a JSON object",
}
"""Our wording of errors whose original message names no remedy."""


def without_echoes(errors: Iterable[ErrorDetails]) -> list[ErrorDetails]:
    """Drop "too short" errors of lists whose items were refused."""
    errors = list(errors)
    inner = {error["loc"][:upto] for error in errors for upto in range(len(error["loc"]))}
    return [error for error in errors if error["type"] != "too_short" or error["loc"] not in inner]


def field_problem(error: ErrorDetails) -> FieldProblem:
    """Convert an error of pydantic to a field problem in our wording, with the field's path."""
    path = [str(part) for part in error["loc"]]
    original = error["msg"].removeprefix("Value error, ").removeprefix("Input ")
    message = _MESSAGES.get(error["type"], original)
    named = _NAMED.fullmatch(message) if error["type"] == "value_error" else None
    if named:  # rules about several fields start their message with the field
        path, message = [*path, named[1]], named[2]
    in_rows = len(path) > 1 and path[0] in {"signals", "rows"} and path[1].isdigit()
    return FieldProblem(
        field=".".join(path) or WHOLE, message=message, row=int(path[1]) if in_rows else None
    )


def summary(fields: Sequence[FieldProblem]) -> str:
    """Return the first three problems on one line."""
    shown = "; ".join(f"{field.field}: {field.message}" for field in fields[:3])
    return f"{shown}; and {len(fields) - 3} more" if len(fields) > 3 else shown  # noqa: PLR2004  # as many as were shown


def field_problems(error: ValidationError) -> list[FieldProblem]:
    """Return the field problems of a message that failed validation."""
    return [field_problem(echoe) for echoe in without_echoes(error.errors(include_url=False))]
