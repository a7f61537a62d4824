# SPDX-License-Identifier: Apache-2.0
"""Read certificates of erasures: for everybody, without content."""

import hashlib
import json
from datetime import datetime

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.snapshots.builder import hub_keys
from stemtide.hub.rooms.transparency.models import Leaf, Purge
from stemtide.hub.rooms.transparency.reads import log
from stemtide.hub.rooms.transparency.reads.openings import opening
from stemtide.hub.rooms.transparency.rules.purges import leaves_digest
from stemtide.protocol.tlog.merkle import leaf_hash
from stemtide.protocol.tlog.notes import Note, NoteError, NoteKey


@needs_no_viewer("certificates are public once the head over their entry is")
def purges(*, now: datetime, is_member: bool) -> list[dict[str, object]]:
    """Return the certificates under the head that a reader may see, the oldest first.

    raises: NotFoundError before there is such a head.
    """
    size = log.head(now=now, is_member=is_member).size
    rows = Purge.objects.filter(entry__lt=size).order_by("entry")
    return [{"entry": row.entry, "class": row.row_class, "erased": row.count} for row in rows]


@needs_no_viewer("a certificate is public once the head over its entry is")
def purge(entry: int, *, now: datetime, is_member: bool) -> str:
    """Return a certificate as JSON, with what is needed to check it.

    note:    the signed certificate. leaves: number and hash of each leaf whose salt was erased.
    opening: of the leaf of its entry, which has the SHA-256 of the note.

    raises: NotFoundError.
    """
    size = log.head(now=now, is_member=is_member).size
    row = Purge.objects.filter(entry=entry, entry__lt=size).first()
    if row is None:
        raise NotFoundError("there is no certificate of an erasure in entry {entry}", entry=entry)
    facts = {"note": row.note, "leaves": row.leaves, "opening": opening(entry).facts()}
    return json.dumps(facts, indent=1, ensure_ascii=False) + "\n"


def fault(row: Purge) -> str:
    """Return the fault of a certificate; "" if it is whole."""
    try:
        note = Note.read(row.note)
        origin = note.text.splitlines()[1]
        note.check([NoteKey(origin, key.raw) for key in hub_keys().public])
    except (NoteError, IndexError) as error:
        return f"is not signed by the hub: {error}"
    stored = Entry.objects.filter(number=row.entry, kind="rows.purged").first()
    digest = hashlib.sha256(row.note.encode()).hexdigest()
    if stored is None or stored.detail.get("certificate") != digest:
        return "is another than the ledger says"
    leaves = [(int(number), str(leaf)) for number, leaf in row.leaves]
    if f"leaves {len(leaves)} {leaves_digest(leaves)}" not in note.text.splitlines():
        return "names other leaves than those that are listed"
    hashes = dict(leaves)
    stored_leaves = Leaf.objects.filter(number__in=list(hashes)).values_list("number", "data")
    changed = [n for n, data in stored_leaves if leaf_hash(bytes(data)).hex() != hashes[n]]
    return f"names another leaf {changed[0]} than the log has" if changed else ""
