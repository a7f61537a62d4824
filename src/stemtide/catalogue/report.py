# SPDX-License-Identifier: Apache-2.0
"""The report of a scan: matches, content that could not be read, and the numbers at its end."""

from dataclasses import dataclass, field
from typing import Protocol

from stemtide.catalogue.action import AgentDecision
from stemtide.fingerprints.kinds import Kind


@dataclass(frozen=True, slots=True)
class SignalMatch:
    """A signal that stored content matches.

    distance_bits: of a PDQ hash; 0 for other kinds. transform: what was done to the content.
    """

    signal: str
    kind: Kind
    distance_bits: int
    match_percent: int
    part: str
    transform: str
    labels: list[str]
    shared_by: str
    disputed: bool


@dataclass(frozen=True, slots=True)
class MatchedItem:
    """Content that signals match.

    location: "" if only its fingerprints were compared.
    decision: of the agent; None if it was not asked.
    """

    ref: str
    location: str
    matches: list[SignalMatch]
    decision: AgentDecision | None = None


@dataclass(frozen=True, slots=True)
class UnreadableItem:
    """Content of which not all could be read, or an entry that names no content.

    ref: its id, or the entry's position in the source.
    """

    ref: str
    location: str
    why: str


@dataclass(slots=True)
class ScanSummary:
    """The numbers of a run.

    listed:     pieces of content in the sources. looked: of them, looked at in this run.
    bytes:      size of what was looked at.
    waiting:    listed, and still to be looked at, because the budget of the run was used up.
    unreadable: content and entries that could not be read, or not all of it.
    matched:    pieces of content that signals matched in this run.
    acted:      of them, on which the agent acts.
    signals:    new signals that stored fingerprints were compared with.
    seconds:    duration of the run.
    """

    listed: int = 0
    looked: int = 0
    bytes: int = 0
    waiting: int = 0
    unreadable: int = 0
    matched: int = 0
    acted: int = 0
    signals: int = 0
    seconds: float = field(default=0.0)


class ScanReporter(Protocol):
    """Receiver of what a scan finds, in the order of events."""

    def matched(self, item: MatchedItem) -> None:
        """Take content that signals match."""

    def unreadable(self, item: UnreadableItem) -> None:
        """Take content that could not be read."""

    def listed(self, number: int) -> None:
        """Take the number of pieces of content that the sources list so far."""

    def progress(self, done: int, total: int) -> None:
        """Take the progress of looking at content: pieces done, of so many."""
