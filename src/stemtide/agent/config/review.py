# SPDX-License-Identifier: Apache-2.0
"""Parse the [review] table of agent.toml: the page on which people decide about held content."""

from dataclasses import dataclass
from typing import Annotated

from stemtide.agent.config import values


@dataclass(frozen=True, slots=True)
class ReviewSettings:
    """The review page.

    enabled:             whether there is a page at all.
    decide_within_hours: after so many hours held content counts as late.
    lock_min:            for so many minutes content that a person opened is theirs alone.
    idle_min:            a session without a request for so long has ended.
    session_hours:       a session ends after so many hours in any case.
    picture_url:         the provider's address of pictures; {ref} is replaced. "": no pictures.
    pictures_per_day:    pictures that one person is shown on one day.
    break_after_min:     after so many minutes with pictures a person must take a break.
    break_min:           how long that break lasts.
    blind_check_percent: so many of 100 decisions a colleague makes again, without seeing the first.
    """

    enabled: bool = False
    decide_within_hours: Annotated[int, values.number(1, 720)] = 24
    lock_min: Annotated[int, values.number(1, 60)] = 5
    idle_min: Annotated[int, values.number(1, 240)] = 30
    session_hours: Annotated[int, values.number(1, 24)] = 10
    picture_url: Annotated[str, values.picture_address] = ""
    pictures_per_day: Annotated[int, values.number(0, 1000)] = 60
    break_after_min: Annotated[int, values.number(1, 480)] = 60
    break_min: Annotated[int, values.number(1, 240)] = 15
    blind_check_percent: Annotated[int, values.number(0, 100)] = 5
