# SPDX-License-Identifier: Apache-2.0
"""What pydantic finds wrong with a message, in our words: the same here and at the hub."""

import re
from collections.abc import Iterable, Sequence

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from stemtide.protocol.problems import WHOLE, FieldProblem

_NAMED = re.compile(r"([a-z_]+)(?: and [a-z_]+)*: (.+)", re.DOTALL)
_WORDS = {
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
"""Our words for kinds of error whose own words name no remedy."""


def without_echoes(errors: Iterable[ErrorDetails]) -> list[ErrorDetails]:
    """The same without lists called too short only because their items were refused."""
    errors = list(errors)
    inner = {error["loc"][:upto] for error in errors for upto in range(len(error["loc"]))}
    return [error for error in errors if error["type"] != "too_short" or error["loc"] not in inner]


def field_problem(error: ErrorDetails) -> FieldProblem:
    """One finding of pydantic in our words, with the path of the field."""
    path = [str(part) for part in error["loc"]]
    said = error["msg"].removeprefix("Value error, ").removeprefix("Input ")
    message = _WORDS.get(error["type"], said)
    named = _NAMED.fullmatch(message) if error["type"] == "value_error" else None
    if named:  # a rule about several fields names the one it means
        path, message = [*path, named[1]], named[2]
    in_rows = len(path) > 1 and path[0] in {"signals", "rows"} and path[1].isdigit()
    return FieldProblem(
        field=".".join(path) or WHOLE, message=message, row=int(path[1]) if in_rows else None
    )


def summary(fields: Sequence[FieldProblem]) -> str:
    """The first findings in one line."""
    shown = "; ".join(f"{field.field}: {field.message}" for field in fields[:3])
    return f"{shown}; and {len(fields) - 3} more" if len(fields) > 3 else shown  # noqa: PLR2004  # as many as were shown


def found_in(error: ValidationError) -> list[FieldProblem]:
    """What is wrong with a message that was read or made here, field by field."""
    return [field_problem(echoe) for echoe in without_echoes(error.errors(include_url=False))]
