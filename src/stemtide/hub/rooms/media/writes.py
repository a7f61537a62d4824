# SPDX-License-Identifier: Apache-2.0
"""Write previews: add, open, destroy, re-encrypt."""

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import Q

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.platform.permissions import check_person_may_write
from stemtide.hub.platform.retention.columns import basis_columns
from stemtide.hub.platform.retention.rules import check_not_held
from stemtide.hub.rooms.ledger.rules.ledger import CLOCK
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.media import reads, rules
from stemtide.hub.rooms.media.keys import Keys
from stemtide.hub.rooms.media.models import Look, Preview
from stemtide.hub.rooms.media.thumbnails import remake
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads import clusters, signals
from stemtide.hub.rooms.signals.reads.sharing.bulk import check_refused
from stemtide.hub.rooms.signals.rules.signals import RefusedContentError, check_counted
from stemtide.hub.rooms.signals.writes.waiting import count_refused
from stemtide.protocol.enums import SignalState
from stemtide.protocol.law.retention import RowClass
from stemtide.protocol.messages.previews import PreviewIn, PreviewKind, PreviewOut, Purpose

DESTROY_AT_ONCE = 200
"""Previews that one transaction of destroy_due destroys."""

DESTROY_BATCHES = 20
"""The most transactions of one run of destroy_due: the scheduler has other work."""


def add(
    uid: UUID, *, body: PreviewIn, by: Actor, now: datetime, keys: Keys, most: timedelta
) -> PreviewOut:
    """Add a preview of a signal: re-encoded in a sandbox, then encrypted.

    keys: the first one encrypts. most: the longest retention of a preview at this hub.

    1. Check whether it may be sent at all.  2. Re-encode it, which takes a while, outside any
       transaction.  3. Check again under the lock, store and record it.

    raises: NotFoundError, NotAllowedError, ConflictError, InvalidError naming the field.
    """
    _check_add(signals.find(uid, viewer=by.party), by=by)  # 1
    rules.check_expiry(body.expires_at, now=now, most=most)
    if body.excerpt is not None:  # 2
        kind, whole, veil = PreviewKind.EXCERPT, body.excerpt.encode(), b""
    else:
        check_refused(0, by=by.party, through=by.ref, now=now)
        try:
            kind, (whole, veil) = PreviewKind.STILL, remake(body.blob)
        except RefusedContentError:
            before = count_refused(1, by=by.party, now=now, through=by.ref)
            check_counted(1, before=before, through=by.ref, now=now)
            raise
    sealed, sealed_veil = keys.seal(whole), keys.seal(veil) if veil else b""
    with transaction.atomic():  # 3
        ledger.lock_ledger()
        if body.excerpt is None:
            check_refused(0, by=by.party, through=by.ref, now=now)
        row = signals.find(uid, viewer=by.party)
        _check_add(row, by=by)
        preview = Preview.objects.create(
            uid=uuid4(),
            signal=row,
            kind=kind,
            whole=sealed,
            veil=sealed_veil,
            size_bytes=len(whole),
            added_at=now,
            expires_at=body.expires_at,
            **basis_columns(RowClass.PREVIEW, kind=by.kind),
        )
        detail: dict[str, object] = {"preview": str(preview.uid), "is": kind.value}
        _record("preview.added", row, by=by, now=now, detail=detail)
        return reads.describe(preview)


def _check_add(row: Signal, *, by: Actor) -> None:
    """Refuse a preview that a party may not send."""
    if by.role is not None:
        check_person_may_write(by.role)
    rules.check_add(reads.facts(row, viewer=by.party), kind=by.kind, name=by.party.name)


@transaction.atomic
def open_look(uid: UUID, *, purpose: Purpose, by: Actor, now: datetime) -> UUID:
    """Start a look at a signal's previews, behind their veil; return the look's id.

    The other variants of its cluster count as seen with it.

    raises: NotFoundError, NotAllowedError, ConflictError if no preview is stored.
    """
    ledger.lock_ledger()
    row = signals.find(uid, viewer=by.party)
    rules.check_look(reads.facts(row, viewer=by.party), kind=by.kind, role=by.role)
    assert row.crisis is not None  # noqa: S101  # check_look requires a crisis
    cluster = clusters.cluster_of(uid, crisis=row.crisis.uid, viewer=by.party)
    look = Look.objects.create(
        uid=uuid4(),
        person=reads.person(by=by),
        crisis=row.crisis,
        signal=row,
        cluster=cluster.key if cluster else row.uid,
        purpose=purpose,
        opened_at=now,
    )
    _record("preview.opened", row, by=by, now=now, detail={"purpose": purpose.value})
    return look.uid


@transaction.atomic
def reveal(uid: UUID, *, by: Actor, now: datetime) -> None:
    """Remove the veil in a look that the same person started.

    raises: NotFoundError, NotAllowedError, ConflictError for an expired look.
    """
    ledger.lock_ledger()
    look = reads.own_look(uid, by=by)
    rules.check_reveal(opened_at=look.opened_at, now=now)
    facts = reads.facts(look.signal, viewer=by.party)
    rules.check_look(facts, kind=by.kind, role=by.role)
    if look.revealed_at is None:
        look.revealed_at = now
        look.save(update_fields=["revealed_at"])
        detail: dict[str, object] = {"purpose": look.purpose}
        _record("preview.revealed", look.signal, by=by, now=now, detail=detail)


@transaction.atomic
def destroy(uid: UUID, *, by: Actor, now: datetime, on_hold: Collection[UUID]) -> PreviewOut:
    """Destroy a preview before its date: the ciphertext is deleted, its record stays.

    on_hold: previews on a legal hold.

    raises: NotFoundError, NotAllowedError, ConflictError if it is held, or destroyed already.
    """
    ledger.lock_ledger()
    matching = Preview.objects.select_related("signal__shared_by", "signal__crisis").filter(uid=uid)
    preview = matching.first()
    # Not the signal's own error, which would name it.
    if preview is None or not reads.previews(preview.signal.uid, viewer=by.party):
        raise NotFoundError("there is no preview {uid} that your party may see", uid=uid)
    row = preview.signal
    if by.role is not None:
        check_person_may_write(by.role)
    rules.check_destroy(
        reads.facts(row, viewer=by.party),
        destroyed_at=preview.destroyed_at,
        kind=by.kind,
        name=by.party.name,
    )
    check_not_held(uid, on_hold=on_hold)
    _empty(preview, now=now)
    _record("preview.destroyed", row, by=by, now=now, detail={"preview": str(preview.uid)})
    return reads.describe(preview)


def destroy_due(now: datetime, *, except_for: Collection[UUID] = ()) -> int:
    """Destroy previews past their date, and those of ended signals; return how many.

    What one run does not finish, the next one goes on with.

    except_for: those on a legal hold.
    """
    count = 0
    for _ in range(DESTROY_BATCHES):
        destroyed = _destroy_some(now, except_for=except_for)
        count += destroyed
        if not destroyed:
            break
    return count


@transaction.atomic
def _destroy_some(now: datetime, *, except_for: Collection[UUID]) -> int:
    """Destroy one batch, so that other writers are not blocked."""
    is_due = Q(expires_at__lte=now) | ~Q(signal__state=SignalState.LIVE)
    due = Preview.objects.filter(is_due, destroyed_at=None).exclude(uid__in=except_for)
    if not due.exists():
        return 0
    ledger.lock_ledger()
    # Another scheduler process may have destroyed them first.
    previews = list(due.select_related("signal__crisis")[:DESTROY_AT_ONCE])
    for preview in previews:
        _empty(preview, now=now)
        _append("preview.destroyed", preview.signal, actor=CLOCK, now=now, detail=_name(preview))
    return len(previews)


@transaction.atomic
def destroy_again(uid: UUID, *, actor: str, now: datetime) -> bool:
    """Destroy a preview that a restored backup has again; return whether it had it."""
    ledger.lock_ledger()
    stored = Preview.objects.filter(uid=uid, destroyed_at=None).select_related("signal__crisis")
    preview = stored.first()
    if preview is not None:
        _empty(preview, now=now)
        _append("preview.destroyed", preview.signal, actor=actor, now=now, detail=_name(preview))
    return preview is not None


@transaction.atomic
def reseal(*, keys: Keys, actor: str, now: datetime) -> int:
    """Re-encrypt previews of older keys with the newest one; return how many.

    raises: KeyFileError if a preview cannot be decrypted: then nothing is changed.
    """
    ledger.lock_ledger()
    count = 0
    for preview in Preview.objects.filter(destroyed_at=None):
        if keys.is_sealed_by_first(preview.whole):
            continue
        preview.whole = keys.seal(keys.unseal(preview.whole))
        preview.veil = keys.seal(keys.unseal(preview.veil)) if preview.veil else b""
        preview.save(update_fields=["whole", "veil"])
        count += 1
    ledger.append(
        "previews.resealed", actor=actor, subject="previews", now=now, detail={"count": count}
    )
    return count


def _empty(preview: Preview, *, now: datetime) -> None:
    """Delete the ciphertext from a row."""
    preview.whole = preview.veil = b""
    preview.destroyed_at = now
    preview.save(update_fields=["whole", "veil", "destroyed_at"])


def _name(preview: Preview) -> dict[str, object]:
    """Return the ledger detail that names a preview."""
    return {"preview": str(preview.uid)}


def _record(kind: str, row: Signal, *, by: Actor, now: datetime, detail: dict[str, object]) -> None:
    """Append an act of a person or machine to the ledger."""
    _append(kind, row, actor=by.party.ref, now=now, detail=detail | {"through": by.ref})


def _append(
    kind: str, row: Signal, *, actor: str, now: datetime, detail: dict[str, object]
) -> None:
    """Append an act on a signal to the ledger."""
    ledger.append(
        kind,
        actor=actor,
        subject=row.ref,
        now=now,
        detail=detail,
        exercise=row.exercise,
        crisis=row.crisis.uid if row.crisis else None,
    )
