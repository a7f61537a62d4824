# SPDX-License-Identifier: Apache-2.0
"""Add this hub's erasures to the list of erasures, and repeat those of a list after a restore."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from stemtide.hub.backups import erasure_list
from stemtide.hub.backups.erasure_list import Erasure
from stemtide.hub.backups.manifest import BackupError
from stemtide.hub.rooms.complaints.writes import complaints
from stemtide.hub.rooms.ledger.reads import ledger as reads
from stemtide.hub.rooms.local_features import writes as local_features
from stemtide.hub.rooms.media import writes as previews
from stemtide.hub.rooms.orders.writes import orders
from stemtide.hub.rooms.parties.writes import parties, people
from stemtide.hub.rooms.retention.reads.rows import PURGED, purged
from stemtide.hub.rooms.retention.writes import purges
from stemtide.hub.rooms.rights import writes as rights
from stemtide.hub.rooms.situation.writes import leads

_REPEATS: dict[str, tuple[Callable[[str], Any], Callable[..., bool]]] = {
    "complaint.erased": (UUID, complaints.erase_again),
    "key.revoked": (str, parties.revoke_again),
    "local_features.removed": (UUID, local_features.remove_again),
    "lead.erased": (UUID, leads.erase_again),
    "order.discarded": (UUID, orders.discard_again),
    "person.erased": (int, people.erase_again),
    "preview.destroyed": (UUID, previews.destroy_again),
    "rights_request.erased": (UUID, rights.erase_again),
}
"""How each is repeated: the type of its row's name, and the write."""

_BY_TIME = frozenset({"person.erased", "local_features.removed"})
"""Acts after which a row of the same name can be new, and must stay: after a restore a hub gives
numbers of lost rows to new ones, and local features can be sent again."""

KINDS = frozenset(_REPEATS)
"""Acts that end something for good."""

_PURGES: dict[str, tuple[Callable[[str], Any], Callable[..., bool]]] = {
    f"{row_class.value}.purged": (UUID, partial(purges.purge_again, row_class))
    for row_class in PURGED
}
"""Purges, row by row: their entries name no rows, so the rows themselves are asked."""


def add_to_list(path: Path) -> int:
    """Add all erasures of this hub to a file; return how many it has then.

    Entries of the file stay: a hub that was restored from an older backup does not know them.

    raises: BackupError for a list of another hub; OSError.
    """
    hub = reads.heads().hub
    listed = {(erasure.kind, erasure.subject): erasure for erasure in _recorded()}
    for erasure in erasure_list.read_list(path, hub=hub) if path.exists() else ():
        listed[erasure.kind, erasure.subject] = erasure
    in_order = sorted(listed.values(), key=lambda erasure: erasure.at)
    erasure_list.write_list(path, in_order, hub=hub)
    return len(in_order)


def repeat(erasures: Sequence[Erasure], *, actor: str, now: datetime) -> int:
    """Repeat those erasures whose rows are there as before; return how many.

    raises: BackupError for a line that names no row.
    """
    return sum(_repeat(erasure, actor=actor, now=now) for erasure in erasures)


def _recorded() -> Iterator[Erasure]:
    """Yield the erasures that the ledger has."""
    for entry in reads.of_kinds(KINDS):
        preview = entry.detail.get("preview")
        yield Erasure(
            kind=entry.kind,
            subject=f"preview:{preview}" if preview else entry.subject,
            at=entry.recorded_at,
        )
    for row_class, uid, at in purged():
        yield Erasure(kind=f"{row_class.value}.purged", subject=f"{row_class.value}:{uid}", at=at)


def _repeat(erasure: Erasure, *, actor: str, now: datetime) -> bool:
    """Repeat one erasure; return whether there was something to erase. raises: BackupError."""
    repeats = _REPEATS | _PURGES
    if erasure.kind not in repeats:  # of a newer version
        return False
    read, erase = repeats[erasure.kind]
    try:
        name = read(erasure.subject.partition(":")[2])
    except ValueError as error:
        raise BackupError(
            f"the list of erasures names {erasure.subject!r}, which is no row: give a list that"
            " `stemtide hub backup` or `stemtide hub erasures` wrote"
        ) from error
    since = {"erased_at": erasure.at} if erasure.kind in _BY_TIME else {}
    return erase(name, actor=actor, now=now, **since)
