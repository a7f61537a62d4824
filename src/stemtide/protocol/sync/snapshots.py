# SPDX-License-Identifier: Apache-2.0
"""Messages of signed snapshots (all signals of one reader at one position) and their deltas.

A file is JSON lines in gzip. The first line is a WholeHead or a DeltaHead, which holds the
signed manifest; the manifest has the number and digest of the others.
docs/understand/snapshots.md
"""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from stemtide.protocol.handling import Pap, Tlp
from stemtide.protocol.sync.feed import FeedParty, History
from stemtide.protocol.sync.signatures import Signed

MEDIA_TYPE = "application/gzip"

MAX_DROPS = 50_000
"""Maximum signals that a delta removes; beyond it the base is too old for a delta."""

MAX_PARTIES_BYTES = 40 * 1024
"""Maximum bytes of the parties in a manifest: readers take a first line of 64 KiB at most."""

Position = Annotated[int, Field(ge=0, le=2**63 - 1)]
Count = Annotated[int, Field(ge=0, le=2**63 - 1)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Manifest(BaseModel):
    """Metadata of snapshots and deltas.

    version: the feed position at the time. It never decreases for one hub and reader.
    made_at: when the hub read its signals.
    view:    digest of the reader's access: a delta needs two versions with the same view.
    history: of the feed at that position, as in FeedPage; "" from an older hub.
    size_bytes, sha256: of the lines after the first, uncompressed, including line ends.
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
    """Manifest of a full snapshot: live signals by position, lowest first.

    tlp, pap: the strictest marks of any of them, which apply to the file; None if it is empty.
    parties:  the standing of every party; None if they are too many for a first line, and from an
              older hub: ask the feed for them.
    """

    format: Literal["stemtide-snapshot-1"] = "stemtide-snapshot-1"
    signals: Count
    tlp: Tlp | None
    pap: Pap | None
    parties: list[FeedParty] | None = None


class DeltaManifest(_Manifest):
    """Manifest of a delta: Tombstones of signals to remove, then signals to insert or replace.

    base: the version that it starts at. result: sha256 of the resulting snapshot.
    """

    format: Literal["stemtide-delta-1"] = "stemtide-delta-1"
    base: Position
    drops: Count
    puts: Count
    result: Digest


class WholeHead(BaseModel):
    """First line of a full snapshot."""

    snapshot: Signed


class DeltaHead(BaseModel):
    """First line of a delta. snapshot: the head of the resulting snapshot."""

    delta: Signed
    snapshot: Signed


class SnapshotOffer(BaseModel):
    """The snapshot that is available to a reader now.

    file_bytes: of the full snapshot as transferred.
    oldest_base: the lowest version that a delta may start at, if its view is this one.
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
    """The hub's id and its public keys, newest first. Files are signed with all of them."""

    hub: UUID
    keys: list[HubKey]
