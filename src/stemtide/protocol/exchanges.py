# SPDX-License-Identifier: Apache-2.0
"""Exchanges with other hubs: their words, on which terms their records are taken, how one stands.

The wire formats are in exchange_stix.py, exchange_stopncii.py and exchange_misp.py, the words of
others that we know in exchange_words.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from stemtide.fingerprints.kinds import Kind
from stemtide.protocol.handling import Pap, Tlp
from stemtide.protocol.labels import LabelName
from stemtide.protocol.words import ExchangeKind, Severity, WithdrawReason


class ExchangeState(StrEnum):
    """Where an exchange stands. failing: it runs, and its last tries came to nothing."""

    RUNNING = "running"
    FAILING = "failing"
    PAUSED = "paused"
    REMOVED = "removed"


class OutgoingState(StrEnum):
    """Where a signal stands on its way to another hub. taking_back: its end is to be told there."""

    WAITING = "waiting"
    SENT = "sent"
    TAKING_BACK = "taking_back"
    ENDED = "ended"
    REFUSED = "refused"


class Fate(StrEnum):
    """What became of a record of a source.

    shared:    a new signal of the source's party. changed: it says other facts now.
    ended:     the source took it back, and its party's signal with it.
    confirmed: another party shares the value here already: noted, and nothing new.
    echo:      it is our own, come back.
    overruled: the value was withdrawn here, after the source last said it.
    left_out:  the terms do not take it. refused: it is wrong, or cannot be mapped.
    """

    SHARED = "shared"
    CHANGED = "changed"
    ENDED = "ended"
    CONFIRMED = "confirmed"
    ECHO = "echo"
    OVERRULED = "overruled"
    LEFT_OUT = "left_out"
    REFUSED = "refused"


class Terms(BaseModel):
    """On which terms records of a source are taken.

    kinds:       of signals; none named: all that the source's format can tell.
    labels, severity: where the source says none that we know.
    tlp:         where the source says none.
    tlp_loosest: what is marked looser gets this mark.
    tlp_strictest: what is marked stricter is left out; never red.
    pap:         where the source says none, and the loosest that is taken.
    confidence:  where the source says none, and the most that is believed.
    most_a_day:  new signals; a source that brings more has to wait.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kinds: tuple[Kind, ...] = ()
    labels: tuple[LabelName, ...] = Field(default=("perpetrator-content",), min_length=1)
    severity: Severity = Severity.MEDIUM
    tlp: Tlp = Tlp.AMBER
    tlp_loosest: Tlp = Tlp.GREEN
    tlp_strictest: Tlp = Tlp.AMBER
    pap: Pap = Pap.AMBER
    confidence: int = Field(default=50, ge=0, le=100)
    most_a_day: int = Field(default=200_000, ge=1, le=10_000_000)
    crisis: UUID | None = None
    exercise: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """One record as a source tells it, mapped and not yet judged.

    key:      its name there. version: changes whenever it does.
    said_at:  when the source last changed it; None where it does not say.
    facts:    a signal's fields as far as the source says them; None where it took the record back.
    is_exercise, is_disputed: as the source says.
    via:      ids of the hubs that it came through, the one that told us last.
    signals:  ids of signals that its name may stand for, if it is one of ours.
    makers:   names of who made it there.
    reason:   why it was taken back.
    part_of:  the name there of the record that this is one comparison of; "" for a whole record.
              What a record is in one version stands on one page; what it was before and is not
              told with it is not said any more. Where a record is taken back, its parts are.
    beside:   comparisons of the record that are no signals.
    """

    key: str
    version: str
    said_at: datetime | None = None
    facts: Mapping[str, Any] | None = None
    is_exercise: bool = False
    is_disputed: bool = False
    via: tuple[str, ...] = ()
    signals: tuple[UUID, ...] = ()
    makers: tuple[str, ...] = ()
    reason: WithdrawReason = WithdrawReason.OTHER
    part_of: str = ""
    beside: int = 0

    @property
    def whole(self) -> str:
        """The name there of the record that it is, or is part of."""
        return self.part_of or self.key


@dataclass(frozen=True, slots=True)
class Fault:
    """A record that cannot be taken. key: its name at the source; words: why."""

    key: str
    words: str


@dataclass(frozen=True, slots=True)
class Pull:
    """Some records of a source, and from where to go on. more: there are more now.

    events: what was read whole, by key: the version that it had.
    others: records that are none of signals, such as reports. notes: what an operator should know.
    """

    told: list[Told] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    checkpoint: dict[str, Any] = field(default_factory=dict)
    more: bool = False
    events: Mapping[str, str] = field(default_factory=dict)
    others: int = 0
    notes: tuple[str, ...] = ()


class ExchangeOut(BaseModel):
    """How an exchange stands.

    why: what is wrong, and since when, where it is failing. counts: records by their fate.
    hub: the other side's id, where it told one. waiting: what is still to be pushed.
    """

    name: str
    kind: ExchangeKind
    state: ExchangeState
    pulls: bool
    pushes: bool
    address: str
    party: str
    terms: Terms
    every_s: int
    added_at: AwareDatetime
    last_ok_at: AwareDatetime | None
    next_at: AwareDatetime | None
    failing_since: AwareDatetime | None
    why: str
    counts: dict[str, int]
    waiting: int
    hub: str


class ExchangeLineOut(BaseModel):
    """One line of an exchange's log."""

    at: AwareDatetime
    words: str
