# SPDX-License-Identifier: Apache-2.0
"""Erase the salts of leaves whose content is erased, and certify it. Decision 0190.

1 The caller is about to erase rows, in its transaction; their content is still there.
2 The content salts of all leaves about them go. The leaves stay, and so do all proofs.
3 A bulk has one salt for all its signals. It goes with the last of them; until then the digests of
  erased signals stay beside the leaf, so that the others can still be checked.
4 A signed certificate names the leaves, and the ledger has its digest.
"""

import hashlib
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from stemtide.hub.platform.exemptions import needs_no_entry, needs_no_lock
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.ledger.reads import ledger as ledger_reads
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.snapshots.builder import hub_keys
from stemtide.hub.rooms.transparency.models import ErasedDigest, Leaf, Log, Purge
from stemtide.hub.rooms.transparency.reads import contents
from stemtide.hub.rooms.transparency.rules.leaves import Thing, origin_of
from stemtide.hub.rooms.transparency.rules.purges import Certificate, rows_digest
from stemtide.protocol.law.retention import RowClass
from stemtide.protocol.tlog.merkle import leaf_hash
from stemtide.protocol.tlog.notes import sign

_AT_ONCE = 500


@needs_no_entry("certify, which follows, records it")
@needs_no_lock("the purge, its caller, holds it")
def forget_salts(
    refs: Collection[str], *, shared_at: Collection[datetime] = ()
) -> list[tuple[int, str]]:
    """Erase the content salts of all leaves about some rows; return number and hash of each leaf.

    refs: the rows as entries name them. shared_at: when those among them that are signals were.
    """
    gone = _forget_own(sorted(refs))
    uids = {ref.partition(":")[2] for ref in refs if ref.startswith("signal:")}
    return sorted(gone + _forget_bulks(uids, shared_at=set(shared_at)))


def _forget_own(refs: Sequence[str]) -> list[tuple[int, str]]:
    """Erase the salts of leaves of entries whose subject is one of the rows."""
    gone = []
    for begin in range(0, len(refs), _AT_ONCE):
        entries = Entry.objects.filter(subject__in=refs[begin : begin + _AT_ONCE]).order_by()
        gone += _erase_salts(list(entries.values_list("number", flat=True)))
    return gone


def _erase_salts(numbers: Sequence[int]) -> list[tuple[int, str]]:
    """Erase the content salts of leaves that have one."""
    gone = []
    for begin in range(0, len(numbers), _AT_ONCE):
        leaves = Leaf.objects.filter(number__in=numbers[begin : begin + _AT_ONCE])
        leaves = leaves.filter(content_salt__isnull=False)
        gone += [
            (number, leaf_hash(bytes(data)).hex())
            for number, data in leaves.values_list("number", "data")
        ]
        leaves.update(content_salt=None)
    return gone


def _forget_bulks(uids: set[str], *, shared_at: set[datetime]) -> list[tuple[int, str]]:
    """Erase the salts of bulks all of whose signals are gone; keep the digests of other ones."""
    bulks = Entry.objects.filter(kind=contents.BULK, recorded_at__in=shared_at).order_by()
    numbers = list(bulks.values_list("number", flat=True))
    log = Log.objects.first()
    proves_from = log.proves_from if log else None
    emptied = []
    for leaf in Leaf.objects.filter(number__in=numbers, content_salt__isnull=False):
        members = contents.unpack_ids(leaf.signals) if leaf.signals else []
        going = sorted(uids.intersection(members))
        if not going:
            continue
        erased_before = ErasedDigest.objects.filter(number=leaf.number)
        if erased_before.count() + len(going) == len(members):
            erased_before.delete()
            emptied.append(leaf.number)
            continue
        is_first = proves_from is None or leaf.number < proves_from
        ErasedDigest.objects.bulk_create(
            _erased_digest(leaf, uid, thing, index=members.index(uid), is_first=is_first)
            for uid, thing in contents.things_of(going).items()
        )
    return _erase_salts(emptied)


def _erased_digest(
    leaf: Leaf, uid: str, thing: Thing, *, index: int, is_first: bool
) -> ErasedDigest:
    """Return a leaf's digest of a signal that is erased. index: its place in the bulk."""
    salt = bytes(leaf.content_salt or b"")
    digest = thing.digest if is_first else thing.commitment(salt, index)
    return ErasedDigest(number=leaf.number, signal=UUID(uid), digest=digest)


@dataclass(frozen=True, slots=True)
class Erased:
    """Erased rows of one class and rule. ids: of the rows; leaves: without salt now."""

    row_class: RowClass
    rule: str
    ids: Sequence[str]
    leaves: Sequence[tuple[int, str]]
    exercise: bool


def certify(erased: Erased, *, actor: str, now: datetime) -> None:
    """Sign a certificate of an erasure, in the transaction that erases, and record it.

    The certificate has only a salted digest of the rows' ids.

    raises: SigningKeyError.
    """
    salt, uid = secrets.token_hex(32), uuid4()
    log = Log.objects.first()
    certificate = Certificate(
        origin=log.origin if log else origin_of(ledger_reads.heads().hub),
        uid=str(uid),
        row_class=erased.row_class,
        rule=erased.rule,
        count=len(erased.ids),
        at=now,
        leaves=erased.leaves,
        rows=rows_digest(erased.ids, salt=salt),
    )
    note = sign(certificate.text(), name=certificate.origin, keys=hub_keys().private)
    entry = ledger.append(
        "rows.purged",
        actor=actor,
        subject=f"purge:{uid}",
        now=now,
        detail={
            "class": erased.row_class.value,
            "rule": erased.rule,
            "count": len(erased.ids),
            "certificate": hashlib.sha256(note.encode()).hexdigest(),
        },
        exercise=erased.exercise,
    )
    Purge.objects.create(
        uid=uid,
        row_class=erased.row_class,
        rule=erased.rule,
        count=len(erased.ids),
        exercise=erased.exercise,
        note=note,
        leaves=[list(leaf) for leaf in erased.leaves],
        salt=salt,
        entry=entry.number,
        purged_at=now,
    )
