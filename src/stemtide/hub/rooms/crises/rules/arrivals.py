# SPDX-License-Identifier: Apache-2.0
"""Rules of messages from neighbours: which change something here, and why others do not."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from stemtide.protocol.activations import WINDOW, ActivationReport
from stemtide.protocol.enums import NeighbourStatus

AN_HOUR = timedelta(hours=1)
MAX_AN_HOUR = 60
"""Messages of one neighbour that are stored in an hour; more are answered with 429."""

KEPT = 200
"""Refused and waiting messages of one neighbour that are kept; the oldest go first."""


EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
"""No activation began before it. Times near the ends of the calendar break pages."""

AHEAD = timedelta(days=3652)
"""How far in the future the end of an activation can be."""


@dataclass(frozen=True, slots=True)
class Before:
    """The latest message about the same activation that was not refused."""

    sequence: int
    framework: str
    version: str
    type: str
    status: NeighbourStatus


def clock_error(at: datetime, *, now: datetime) -> str:
    """Return why the time of a message is not accepted; "" if it is."""
    minutes = abs(round((at - now).total_seconds() / 60))
    if at > now + WINDOW:
        return f"clock: the message is {minutes} minutes in the future"
    if at < now - WINDOW:
        return f"clock: the message is {minutes} minutes old"
    return ""


def form_error(activation: ActivationReport, *, now: datetime) -> str:
    """Return why an activation cannot be stored or shown, whoever sent it; "" if it can."""
    if "\\u0000" in activation.model_dump_json():
        return "a text holds the character U+0000: leave it out"
    for name, at in _times(activation).items():
        if at is not None and not EARLIEST <= at <= now + AHEAD:
            return f"{name} is before 1970 or more than ten years in the future"
    return ""


def activation_error(activation: ActivationReport, *, speaks_for: str, now: datetime) -> str:
    """Return why an activation is not accepted from this neighbour; "" if it is.

    speaks_for: its framework, if the neighbour's party speaks for that and is not suspended.
    """
    if activation.framework != speaks_for:
        return f"framework: the party of this neighbour does not speak for {activation.framework}"
    if activation.started_at > now + WINDOW:
        return "started_at is in the future"
    if activation.ended_at is not None and activation.ended_at < activation.started_at:
        return "ended_at is before started_at"
    return ""


def _times(activation: ActivationReport) -> dict[str, datetime | None]:
    """Return the times of an activation, by their fields."""
    return {
        "started_at": activation.started_at,
        "ended_at": activation.ended_at,
        "event.happened_at": activation.event.happened_at,
    }


def contradiction(activation: ActivationReport, *, before: Before | None) -> str:
    """Return how an activation contradicts what its neighbour told before; "" if it does not."""
    if before is None:
        return ""
    if activation.sequence <= before.sequence:
        return f"sequence {activation.sequence} is not above {before.sequence}, sent before"
    same = (before.framework, before.version, before.type)
    if (activation.framework, activation.version, activation.type) != same:
        return "framework, version or type differ from what was told before"
    if before.status is NeighbourStatus.ENDED and activation.status is not NeighbourStatus.ENDED:
        return "it has ended: a new activation needs a new id"
    return ""


def shares_reference(refs: Collection[str], others: Collection[str]) -> bool:
    """Whether two events have a name in common, whatever its case."""
    return not {ref.casefold() for ref in refs}.isdisjoint(ref.casefold() for ref in others)
