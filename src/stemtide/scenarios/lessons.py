# SPDX-License-Identifier: Apache-2.0
"""Follow a learner through the hints of a scenario, by the ledger. Pure."""

from collections.abc import Collection
from dataclasses import dataclass

from stemtide.scenarios.schema import Hint, HintWords, Lesson


@dataclass(frozen=True, slots=True)
class HintState:
    """A hint in a language. is_next: the first one that is not done.

    page: None while it needs a crisis.
    """

    number: int
    words: HintWords
    language: str
    page: str | None
    is_done: bool
    is_next: bool


def hint_states(
    lesson: Lesson, *, kinds: Collection[str], crisis: str = "", language: str = "en"
) -> list[HintState]:
    """Return the hints with their states, in order.

    language: as BCP 47 names it, such as de. crisis: its id; "" without one.
    kinds:    of the ledger entries of the learner's party so far.
    """
    done = [not set(hint.done_by).isdisjoint(kinds) for hint in lesson.hints]
    upcoming = done.index(False) if False in done else None
    return [
        HintState(
            number + 1,
            *hint.words(language),
            page=_page(hint, crisis=crisis),
            is_done=done[number],
            is_next=number == upcoming,
        )
        for number, hint in enumerate(lesson.hints)
    ]


def _page(hint: Hint, *, crisis: str) -> str | None:
    """Return the address of the page of a hint; None if there is no crisis yet."""
    if "{crisis}" in hint.page and not crisis:
        return None
    return hint.page.replace("{crisis}", crisis)
