# SPDX-License-Identifier: Apache-2.0
"""Results of checks: a line for the operator each, with the remedy."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How good a result is. A failure needs somebody to act."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """A result of one check. remedy: "" where nothing is to be done."""

    check: str
    level: Level
    text: str
    remedy: str = ""
