# SPDX-License-Identifier: Apache-2.0
"""Enums of exercises that a hub runs."""

from enum import StrEnum


class RunState(StrEnum):
    """State of a run. ready: its player has not begun."""

    READY = "ready"
    RUNNING = "running"
    PAUSED = "paused"
    ENDED = "ended"


class RunAct(StrEnum):
    """Act of a director on a run."""

    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    END = "end"


class PauseReason(StrEnum):
    """Reason for which a run is paused."""

    DIRECTOR = "director"
    REAL_CRISIS = "real_crisis"


class InstructionKind(StrEnum):
    """An instruction of the director to the player of a run.

    inject: do a step now. skip: never do it. speed: minutes of the exercise for each real minute.
    say: write a message in the name of a party that a bot plays.
    """

    INJECT = "inject"
    SKIP = "skip"
    SPEED = "speed"
    SAY = "say"


class RunStepState(StrEnum):
    """State of a step in a run.

    due:     it will be done at its minute.
    waiting: it waits for another step or a milestone.
    people:  people are expected to do it.
    done; skipped: a condition did not hold, or the director skipped it; refused: by the hub.
    """

    DUE = "due"
    WAITING = "waiting"
    PEOPLE = "people"
    DONE = "done"
    SKIPPED = "skipped"
    REFUSED = "refused"
