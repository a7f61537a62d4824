# SPDX-License-Identifier: Apache-2.0
"""Add observations and follow-up actions to a result, and mark actions as done. Pure."""

from collections.abc import Sequence
from datetime import date
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from stemtide.exercises.results.stored import (
    MAX_ACTIONS,
    MAX_NOTES,
    FollowUp,
    ResultError,
    ResultFile,
    StoredObservation,
)

_Part = TypeVar("_Part", bound=BaseModel)


def add_action(
    result: ResultFile, text: str, *, owner: str, due: date, is_private: bool = False
) -> ResultFile:
    """Return a result with one more action. Its number is never used again.

    raises: ResultError.
    """
    if is_private and owner not in result.cast:
        raise ResultError(f"a private action needs an owner of the cast: {', '.join(result.cast)}")
    number = max((action.number for action in result.actions), default=0) + 1
    if number > MAX_ACTIONS:
        raise ResultError(f"a result holds at most {MAX_ACTIONS} actions: agree on fewer")
    fields = {"number": number, "text": text, "owner": owner, "due": due, "is_private": is_private}
    return result.model_copy(update={"actions": (*result.actions, _checked(FollowUp, fields))})


def finish_action(result: ResultFile, number: int, *, on: date) -> ResultFile:
    """Return a result in which an action is done. raises: ResultError."""
    actions = {action.number: action for action in result.actions}
    if number not in actions:
        numbers = ", ".join(map(str, actions)) or "none: add one with exercise action add"
        raise ResultError(f"there is no action {number}; there are {numbers}")
    if done_on := actions[number].done_on:
        raise ResultError(f"action {number} is done since {done_on.isoformat()}")
    actions[number] = actions[number].model_copy(update={"done_on": on})
    return result.model_copy(update={"actions": tuple(actions.values())})


def add_note(
    result: ResultFile, text: str, *, by: str, at_min: float, about: str = ""
) -> ResultFile:
    """Return a result with one more observation. about: a party that alone reads it.

    raises: ResultError.
    """
    if about and about not in result.cast:
        raise ResultError(f"there is no party {about}; the cast has {', '.join(result.cast)}")
    if at_min > result.duration_min:
        raise ResultError(
            f"the exercise ended at minute {result.duration_min:g}: name an earlier minute"
        )
    if len(result.observations) >= MAX_NOTES:
        raise ResultError(f"a result holds at most {MAX_NOTES} observations")
    fields = {"at_min": at_min, "by": by, "text": text, "about": about}
    return result.model_copy(
        update={"observations": (*result.observations, _checked(StoredObservation, fields))}
    )


def open_actions(results: Sequence[ResultFile]) -> list[tuple[ResultFile, FollowUp]]:
    """Return the actions that are not done, with their results, the first due first."""
    rows = [
        (result, action)
        for result in results
        for action in result.actions
        if action.done_on is None
    ]
    return sorted(rows, key=lambda row: (row[1].due, row[1].number))


def _checked(model: type[_Part], fields: dict[str, Any]) -> _Part:
    """Return a part of a result. raises: ResultError with the first problem."""
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        key = detail["loc"][0]
        raise ResultError(f"{key}: {detail['msg']}") from error
