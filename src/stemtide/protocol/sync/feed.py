# SPDX-License-Identifier: Apache-2.0
"""Messages of the feed: changes after a position, and the snapshot that a new agent loads."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field, field_validator

from stemtide.fingerprints.kinds import MATCH_WITHIN_BITS, MAX_VALUE_BYTES, Kind
from stemtide.protocol.enums import PartyKind, Provenance, Reach, Severity, SignalState, Standing
from stemtide.protocol.handling import Pap, Tlp
from stemtide.protocol.sync.allowlists import ListVersion

MAX_PAGE = 10_000
"""Maximum entries of a page of the feed."""

MAX_PAGE_VALUE_BYTES = MAX_VALUE_BYTES
"""Maximum bytes of long values in a page: the longest value always fits (8 MiB of hex)."""


History = Annotated[str, Field(pattern=r"^([0-9a-f]{16})?$")]
"""Digest that identifies the history of a feed up to a position; "" if unknown."""


class FeedSignal(BaseModel):
    """A live signal as of a position: insert it, or replace the version that you have.

    Readers ignore unknown fields, so that an old agent can follow a new hub.

    value:    complete, in hex, however long.
    reach:    of a url that covers more than one address; None: that address alone, or another kind.
    ideology: a name of ideologies.toml; entity: as a list of terrorist entities names it.
    language: of the content (BCP 47), as its sharer stated it; None if unknown.
    disputed: by as many parties, or by such ones, that automatic action stops everywhere; also
              if the party that reads this feed disputes it.
    disputed_by_you: the party that reads this feed disputes the signal itself.
    confirmed_by: names of the parties that agree with the signal, without its sharer.
    lowered: it matched far more uploads than is plausible, so it leads to hold at most. Such a
             signal is also sent as disputed, which is what an older agent understands.
    cleared: an agency decided that its many matches are right: agents do not lower it.
    signature: of its sharer over these facts (protocol/signing/signatures.py); None without one.
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
    # Added later: an older hub does not send them, and an older agent did not store them.
    reach: Reach | None = None
    ideology: str | None = None
    entity: str | None = None
    disputed_by_you: bool = False
    confirmed_by: list[str] = []
    lowered: bool = False
    cleared: bool = False
    language: str | None = None
    signature: str | None = None

    @field_validator("within_bits")
    @classmethod
    def _limit_distance(cls, bits: int | None) -> int | None:
        """Return the distance, limited to 31: an older hub may send a signal with a longer one."""
        return bits if bits is None else min(bits, MATCH_WITHIN_BITS)


class FeedParty(BaseModel):
    """A party's standing as of a position. It applies to all that the party shared or confirmed.

    kind, standing: a word that a newer hub added is read as an observer, or as a new party, whose
                    word does not count.
    group: parties of one group count once; "" if it belongs to none.
    speaks_for_digests: its word alone is enough for exact digests.
    """

    position: int
    name: str
    kind: PartyKind
    standing: Standing
    group: str = ""
    speaks_for_digests: bool = False

    @field_validator("kind", mode="before")
    @classmethod
    def _read_kind(cls, word: object) -> object:
        """Return a kind; an observer for one that this version does not know."""
        return PartyKind.OBSERVER if isinstance(word, str) and word not in set(PartyKind) else word

    @field_validator("standing", mode="before")
    @classmethod
    def _read_standing(cls, word: object) -> object:
        """Return a standing; new for one that this version does not know."""
        return Standing.NEW if isinstance(word, str) and word not in set(Standing) else word


class Tombstone(BaseModel):
    """A signal that no longer matches: remove it, and undo what was done because of it."""

    op: Literal["drop"] = "drop"
    position: int
    id: UUID
    state: SignalState


FeedEntry = Annotated[FeedSignal | Tombstone, Field(discriminator="op")]


class FeedPage(BaseModel):
    """A page of the feed, oldest position first.

    hub:  the hub's id; if it changes, the history is another one: start again from the snapshot.
    next: the position to request next, also if entries is empty.
    head: the highest position of the hub; more: whether another page waits, also if this one is
          short because its values are long.
    history: send it with `next`. A hub with another history at that position was restored from a
             backup since, and responds 409. "" at position 0, and from an older hub.
    parties: parties whose standing changed after the position sent as `parties_after`, up to next;
             all of them for 0, none without it. Apply them in the same step as the entries.
    allowlist: version of the hub's allow-list; fetch its file if you have another. None from an
             older hub.
    """

    hub: UUID
    entries: list[FeedEntry]
    next: int
    head: int
    more: bool
    history: History = ""
    parties: list[FeedParty] = []
    allowlist: ListVersion | None = None


class SnapshotHead(BaseModel):
    """The first line of a snapshot (JSON lines). After loading it, follow the feed from position.

    history: as in FeedPage. parties: the standing of every party; None from an older hub.
    """

    hub: UUID
    position: int
    history: History = ""
    parties: list[FeedParty] | None = None


class SnapshotTail(BaseModel):
    """The last line of a snapshot, with its number of signals. Without it the file is truncated."""

    signals: int


class Wake(BaseModel):
    """An event of the stream: there is news for you at or before this position.

    previous, page: on a stream with entries. The page has what changed for you after the position
    `previous`, up to its own `next`. If you have read the feed up to `previous` or further, apply
    it as you would apply a page of the feed. If not, or if there is no page, read the feed.
    """

    position: int
    previous: int | None = None
    page: FeedPage | None = None
