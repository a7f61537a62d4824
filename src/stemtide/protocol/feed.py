# SPDX-License-Identifier: Apache-2.0
"""The feed: what changed after a position, and the snapshot that a new agent starts from."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field, field_validator

from stemtide.fingerprints.kinds import MATCH_WITHIN_BITS, MAX_VALUE_BYTES, Kind
from stemtide.protocol.handling import Pap, Tlp
from stemtide.protocol.words import Provenance, Reach, Severity, SignalState

MAX_PAGE = 10_000
"""Entries in one page of the feed."""

MAX_PAGE_VALUE_BYTES = MAX_VALUE_BYTES
"""Bytes of long values in one page, so that one always fits: 8 MiB of hex."""


History = Annotated[str, Field(pattern=r"^([0-9a-f]{16})?$")]
"""What tells a feed up to a position from another one; "" for what is not known."""


class FeedSignal(BaseModel):
    """A live signal as it stands at a position: put it in, or put it over what you had.

    Readers ignore fields they do not know, so that an old agent follows a new hub.

    value:    hex, whole, also where it is as long as its content.
    reach:    of a url that is more than one address; None: that address alone, or another kind.
    ideology: a name of ideologies.toml; entity: as a list of terrorist entities names it.
    disputed_by_you: the party whose feed this is says itself that the signal is wrong.
    """

    op: Literal["put"] = "put"
    position: int
    id: UUID
    kind: Kind
    value: str
    quality: int | None
    within_bits: int | None
    content: UUID | None
    labels: list[str]
    severity: Severity
    provenance: Provenance
    confidence: int
    tlp: Tlp
    pap: Pap
    disputed: bool
    crisis: UUID | None
    exercise: bool
    shared_by: str
    shared_at: AwareDatetime
    expires_at: AwareDatetime | None
    # Later than the rest: an older hub does not send them, and an older agent kept none.
    reach: Reach | None = None
    ideology: str | None = None
    entity: str | None = None
    disputed_by_you: bool = False

    @field_validator("within_bits")
    @classmethod
    def _limit_distance(cls, bits: int | None) -> int | None:
        """Return the distance, limited to 31: an older hub may send a signal with a longer one."""
        return bits if bits is None else min(bits, MATCH_WITHIN_BITS)


class Tombstone(BaseModel):
    """A signal that no longer matches: take it out, and undo what was done because of it."""

    op: Literal["drop"] = "drop"
    position: int
    id: UUID
    state: SignalState


FeedEntry = Annotated[FeedSignal | Tombstone, Field(discriminator="op")]


class FeedPage(BaseModel):
    """A page of the feed, oldest position first.

    hub:  the hub's own id; another id means another history: start again from the snapshot.
    next: the position to ask after next time, also when entries is empty.
    head: the highest position of the hub; more: whether another page waits,
          also where this one is short because its long values are.
    history: send it with `next`. A hub that has another one at that position was set back to a
             backup since, and answers 409. "" at position 0, and from an older hub.
    """

    hub: UUID
    entries: list[FeedEntry]
    next: int
    head: int
    more: bool
    history: History = ""


class SnapshotHead(BaseModel):
    """First line of a snapshot (JSON lines): follow the feed after position once it is loaded.

    history: as of a FeedPage.
    """

    hub: UUID
    position: int
    history: History = ""


class SnapshotTail(BaseModel):
    """Last line of a snapshot: how many signals lay between. Without it the snapshot is torn."""

    signals: int


class Wake(BaseModel):
    """What the stream says: something that you may see lies at or before this position."""

    position: int
