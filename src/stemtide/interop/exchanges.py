# SPDX-License-Identifier: Apache-2.0
"""Messages and records of exchanges with other hubs: states, terms, source records.

The wire formats are in stix/pulled.py, stopncii/pulled.py and misp/pulled.py, the mapping
of tags in vocabulary.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from stemtide.fingerprints.kinds import Kind
from stemtide.protocol.enums import ExchangeKind, Opinion, Outcome, Severity, WithdrawReason
from stemtide.protocol.handling import Pap, Tlp
from stemtide.protocol.labels import LabelName


class ExchangeState(StrEnum):
    """State of an exchange. failing: it runs, but its last attempts failed.

    proposed: it waits for a second person, and does not run before.
    """

    PROPOSED = "proposed"
    RUNNING = "running"
    FAILING = "failing"
    PAUSED = "paused"
    REMOVED = "removed"


class OutgoingState(StrEnum):
    """Delivery state of a signal to another hub. taking_back: its withdrawal is to be delivered.

    held_back: it has an audience, and the other side has no sharing group of only these parties.
    """

    WAITING = "waiting"
    SENT = "sent"
    TAKING_BACK = "taking_back"
    ENDED = "ended"
    REFUSED = "refused"
    HELD_BACK = "held_back"


class RecordOutcome(StrEnum):
    """Outcome of a record from a source.

    shared:    a new signal of the source's party. changed: its fields have changed.
    waiting:   a new signal, or its withdrawal, waits for a second look.
    ended:     the source withdrew it, and so was its party's signal.
    confirmed: another party already shares the value here; the record is only noted.
    echo:      it is our own signal, come back.
    overruled: the value was withdrawn here after the source last changed the record.
    left_out:  excluded by the terms. refused: invalid, or cannot be mapped.
    """

    SHARED = "shared"
    CHANGED = "changed"
    WAITING = "waiting"
    ENDED = "ended"
    CONFIRMED = "confirmed"
    ECHO = "echo"
    OVERRULED = "overruled"
    LEFT_OUT = "left_out"
    REFUSED = "refused"


class Terms(BaseModel):
    """Terms on which a source's records are taken: filters, defaults and limits.

    kinds:       kinds of signals; empty: all that the source's format can express.
    labels, severity: defaults if the source gives none that we know.
    tlp:         default if the source gives none.
    tlp_loosest: looser marks are raised to this one.
    tlp_strictest: records with a stricter mark are left out; never red.
    pap:         default if the source gives none, and the loosest mark that is taken.
    confidence:  default if the source gives none, and the upper limit.
    most_a_day:  new signals; a source that brings more has to wait.
    feedback:    whether opinions and counts of the source are taken, too.
    sharing_group: number of the group at a MISP to which it may pass on TLP:AMBER.
    organisations: which organisation of a MISP, by its UUID, is which party here, by its name.
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
    feedback: bool = False
    sharing_group: int | None = Field(default=None, ge=1, le=2_147_483_647)
    organisations: dict[UUID, str] = Field(default={})


@dataclass(frozen=True, slots=True)
class RecordError:
    """A record that cannot be taken. key: its name at the source; words: why."""

    key: str
    words: str


@dataclass(frozen=True, slots=True)
class SourceOpinion:
    """An opinion that a party of the source has of one of its records.

    key, version: of the opinion at the source.
    about: the key of the record; "" if the opinion is about none of them, or no longer.
    opinion: SEEN for an opinion that was taken back, or does not count there.
    author: who gave it there; "" if no other opinion is of the same author.
    tlp: its own mark; None if it has none that is stricter than its record's.
    ids: its ids there, of which one may be of this hub.
    """

    key: str
    version: str
    about: str
    opinion: Opinion
    note: str = ""
    author: str = ""
    tlp: Tlp | None = None
    ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceSighting:
    """How often the source's providers met content that matches one of its records.

    about: the key of the record. outcomes: uploads by outcome.
    """

    version: str
    about: str
    outcomes: Mapping[Outcome, int]
    last_at: datetime


@dataclass(frozen=True, slots=True)
class SingleSighting:
    """A sighting of one of the records of a source that gives no sums.

    key, version: of the sighting at the source. about: the key of the record.
    count: 0 for a sighting that was taken back, or does not count here.
    tlp, ids: as of an opinion.
    """

    key: str
    version: str
    about: str
    count: int
    last_at: datetime
    tlp: Tlp | None = None
    ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceFeedback:
    """Opinions and sightings of one page of a source, and those that cannot be read.

    sightings: sums, one for each record. merged: records that were merged, with the remaining one.
    """

    opinions: tuple[SourceOpinion, ...] = ()
    sightings: tuple[SourceSighting, ...] = ()
    faults: tuple[RecordError, ...] = ()
    single_sightings: tuple[SingleSighting, ...] = ()
    merged: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """A record of a source, mapped to our fields and not yet judged.

    key:      its name at the source. version: changes whenever the record does.
    said_at:  when the source last changed it; None if not stated.
    facts:    fields of a signal that the source states; None if it withdrew the record.
    is_exercise, is_disputed: as the source states.
    via:      ids of the hubs that passed it on, the latest last.
    signals:  ids of signals that its name may stand for, if it is one of ours.
    makers:   names of its authors at the source.
    reason:   why it was withdrawn.
    part_of:  the source's name of the record that this is one comparison of; "" for a whole record.
              All parts of one version come on one page: a part that is missing there has ended.
              If a record is withdrawn, so are its parts.
    beside:   number of comparisons of the record that are not signals.
    place:    its name at the source for opinions on it; "" if the source takes none.
    is_from_us: whether it was brought there by this hub alone, so that its tags are ours.
    audience: names of the parties here that may see it; empty if its marks decide that.
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
    place: str = ""
    is_from_us: bool = False
    audience: tuple[str, ...] = ()

    @property
    def whole(self) -> str:
        """Name at the source of the record that this is, or is part of."""
        return self.part_of or self.key


@dataclass(frozen=True, slots=True)
class Pull:
    """A batch of records of a source, and where to continue. more: whether more are available now.

    events: versions of the events that were read completely, by key.
    feedback: opinions and sightings of records.
    others: number of records that are not signals, such as reports. notes: for the operator.
    full_since: when reading everything anew began, if the batch is of such a reading: its records
              count as seen.
    is_whole: whether that reading is complete: records that were not seen since then have ended.
    """

    told: list[SourceRecord] = field(default_factory=list)
    faults: list[RecordError] = field(default_factory=list)
    checkpoint: dict[str, Any] = field(default_factory=dict)
    more: bool = False
    events: Mapping[str, str] = field(default_factory=dict)
    others: int = 0
    notes: tuple[str, ...] = ()
    feedback: SourceFeedback = SourceFeedback()
    full_since: datetime | None = None
    is_whole: bool = False


class ExchangeOut(BaseModel):
    """An exchange and its status.

    why: the error, and since when, if it is failing. counts: records by their outcome.
    hub: the other side's id, if it sent one. waiting: signals still to be pushed.
    inside: whether TLP:AMBER signals may go there. push_address: "" if it is the address.
    held_back: signals with an audience that fits no sharing group there.
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
    inside: bool = False
    push_address: str = ""
    held_back: int = 0


class WithdrawAllIn(BaseModel):
    """Withdraw all that an exchange brought. count: its live signals, as the caller saw them.

    The note must not contain personal data.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    count: int = Field(ge=0)
    reason: WithdrawReason
    note: str = Field(default="", max_length=500)


class WithdrawalOut(BaseModel):
    """A withdrawal of all that an exchange brought, and how far it is.

    by: the party that asked; "" for the operator. waiting: withdrawals that wait for a second look.
    restored: signals that were shared again. done_at, restored_at: null while it goes on.
    """

    by: str
    reason: WithdrawReason
    note: str
    total: int
    withdrawn: int
    waiting: int
    refused: int
    begun_at: AwareDatetime
    done_at: AwareDatetime | None
    restore_at: AwareDatetime | None
    restored: int
    restored_at: AwareDatetime | None


class BroughtOut(BaseModel):
    """The live signals that an exchange brought, and their last withdrawal.

    at_once: how many of them your party can withdraw today before a withdrawal waits for a second
    person.
    """

    live: int
    at_once: int
    withdrawal: WithdrawalOut | None


class ExchangeLineOut(BaseModel):
    """A line of an exchange's log."""

    at: AwareDatetime
    words: str
