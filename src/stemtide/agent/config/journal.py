# SPDX-License-Identifier: Apache-2.0
"""Parse the [journal] table of agent.toml: how earlier uploads are remembered."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from stemtide.agent.config import values

_GB = 1000


def _orientations(value: object) -> int:
    number = values.number(1, 8)(value)
    if number not in (1, 8):
        raise ValueError(f"must be 1 or 8, not {number}")
    return number


@dataclass(frozen=True, slots=True)
class JournalSettings:
    """How the agent remembers the fingerprints of uploads.

    enabled:      whether there is a journal at all.
    days:         after so many days an upload is forgotten.
    max_mb:       size of the file, in 10**6 bytes, above which the earliest uploads are forgotten.
    orientations: PDQ hashes kept of each picture: 8, or 1, from which the others are estimated.
    key_file:     the file with the key; None: journal.key in the agent's folder.
    """

    enabled: bool = True
    days: Annotated[int, values.number(1, 3650)] = 30
    max_mb: Annotated[int, values.number(1, 1000 * _GB)] = 4 * _GB
    orientations: Annotated[int, _orientations] = 1
    key_file: Path | None = None
