# SPDX-License-Identifier: Apache-2.0
"""Signed snapshots: all signals of one reader at one position, and what changed between two.

A file is JSON lines in gzip. The first line is a SnapshotHead or a DeltaHead, which holds the
signed manifest; the others are what the manifest counts and digests. docs/understand/snapshots.md
"""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from stemtide.protocol.feed import History
from stemtide.protocol.handling import Pap, Tlp
from stemtide.protocol.signatures import Signed

MEDIA_TYPE = "application/gzip"

MAX_DROPS = 50_000
"""Signals that a delta takes out; one that would take out more begins too long ago."""

Position = Annotated[int, Field(ge=0, le=2**63 - 1)]
Count = Annotated[int, Field(ge=0, le=2**63 - 1)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Manifest(BaseModel):
    """What snapshots and deltas say of themselves.

    version: the feed's position at that moment. Of one hub and reader a later one is never lower.
    made_at: when the hub looked.
    view:    what the reader may see, as a digest: two versions with the same one may be bridged.
    history: of the feed at that position, as of a FeedPage; "" from an older hub.
    size_bytes, sha256: of the lines below the first, not compressed, each with its line's end.
    """

    model_config = ConfigDict(frozen=True)

    hub: UUID
    party: str
    exercise: bool
    version: Position
    made_at: AwareDatetime
    view: str = Field(pattern=r"^[0-9a-f]{32}$")
    size_bytes: Count
    sha256: Digest
    history: History = ""


class SnapshotManifest(_Manifest):
    """Of a whole snapshot: live signals by position, lowest first.

    tlp, pap: the strictest marks of any of them, which bind for the file; None where it is empty.
    """

    format: Literal["stemtide-snapshot-1"] = "stemtide-snapshot-1"
    signals: Count
    tlp: Tlp | None
    pap: Pap | None


class DeltaManifest(_Manifest):
    """Of a delta: Tombstones of what to take out, then signals to put in or over what was there.

    base: the version that it begins at. result: sha256 of the snapshot that it leads to.
    """

    format: Literal["stemtide-delta-1"] = "stemtide-delta-1"
    base: Position
    drops: Count
    puts: Count
    result: Digest


class WholeHead(BaseModel):
    """First line of a whole snapshot."""

    snapshot: Signed


class DeltaHead(BaseModel):
    """First line of a delta. snapshot: the head of the snapshot that it leads to."""

    delta: Signed
    snapshot: Signed


class SnapshotOffer(BaseModel):
    """What there is for a reader now.

    file_bytes: of the whole snapshot as it travels.
    oldest_base: the lowest version that a delta may begin at, if its view is this one.
    """

    version: Position
    made_at: AwareDatetime
    signals: Count
    sha256: Digest
    view: str
    file_bytes: Count
    oldest_base: Position


class HubKey(BaseModel):
    """A public key that the hub signs with. fingerprint: for comparing by telephone."""

    key: str
    fingerprint: str


class HubKeys(BaseModel):
    """The hub's id and its public keys, newest first: each thing is signed with all of them."""

    hub: UUID
    keys: list[HubKey]
