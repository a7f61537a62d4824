# SPDX-License-Identifier: Apache-2.0
"""Write local features: send, remove, and forget those of ended signals."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.platform.exemptions import needs_no_entry
from stemtide.hub.platform.permissions import check_person_may_write
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.local_features import reads, rules
from stemtide.hub.rooms.local_features.models import LocalFeatures
from stemtide.hub.rooms.media.keys import Keys
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads import signals
from stemtide.matching.common.nearness import near_places
from stemtide.protocol.enums import SignalState
from stemtide.protocol.sync.local_features import LocalFeaturesIn, LocalFeaturesOut

FORGET_AT_ONCE = 500
"""Local features that one transaction of forget_ended empties."""


def send(
    uid: UUID, *, body: LocalFeaturesIn, by: Actor, now: datetime, keys: Keys
) -> LocalFeaturesOut:
    """Store local features of the picture behind a signal; they replace earlier ones.

    1. Refuse those that common pictures have, too, outside any transaction.  2. Ask the rules under
       the lock.  3. Store them encrypted, and move the signal up in the feed, so that agents ask.

    raises: NotFoundError, NotAllowedError, ConflictError, InvalidError.
    """
    value = bytes.fromhex(body.value)
    rules.check_narrow(near_places(value))  # 1
    sealed = keys.seal(value)
    with transaction.atomic():
        ledger.lock_ledger()
        row = signals.find(uid, viewer=by.party)
        if by.role is not None:
            check_person_may_write(by.role)
        rules.check_send(reads.facts(row), kind=by.kind, name=by.party.name)  # 2
        _empty(row, now=now)
        sent = _create(row, value=sealed, size_bytes=len(value), now=now)  # 3
        _record("local_features.sent", row, actor=by.party.ref, through=by.ref, now=now)
        return reads.describe(sent)


@transaction.atomic
def remove(uid: UUID, *, by: Actor, now: datetime) -> LocalFeaturesOut:
    """Remove the local features of a signal, here and at every agent. The signal stays.

    raises: NotFoundError, also if there are none; NotAllowedError, ConflictError.
    """
    ledger.lock_ledger()
    row = signals.find(uid, viewer=by.party)
    if by.role is not None:
        check_person_may_write(by.role)
    rules.check_remove(reads.facts(row), kind=by.kind, name=by.party.name)
    if reads.sent_at(row) is None:
        raise NotFoundError("this signal has no local features: there is nothing to remove")
    _empty(row, now=now)
    removed = _create(row, value=b"", size_bytes=0, now=now)
    _record("local_features.removed", row, actor=by.party.ref, through=by.ref, now=now)
    return reads.describe(removed)


@transaction.atomic
def remove_again(uid: UUID, *, actor: str, now: datetime, erased_at: datetime) -> bool:
    """Remove local features that a restored backup has again; return whether it had some.

    Those that were sent after the removal stay.
    """
    ledger.lock_ledger()
    stored = reads.stored().filter(signal__uid=uid, sent_at__lte=erased_at)
    features = stored.select_related("signal__crisis").first()
    if features is None:
        return False
    _empty(features.signal, now=now)
    _create(features.signal, value=b"", size_bytes=0, now=now)
    _record("local_features.removed", features.signal, actor=actor, through=actor, now=now)
    return True


@needs_no_entry("the end of the signal is in the ledger")
@transaction.atomic
def forget_ended(now: datetime) -> int:
    """Empty the local features of signals that ended; return how many."""
    ended = reads.stored().exclude(signal__state=SignalState.LIVE)
    if not ended.exists():
        return 0
    ledger.lock_ledger()
    numbers = list(ended.values_list("pk", flat=True)[:FORGET_AT_ONCE])
    return LocalFeatures.objects.filter(pk__in=numbers).update(value=b"", removed_at=now)


@needs_no_entry("the caller records previews.resealed for the same key")
@transaction.atomic
def reseal(*, keys: Keys) -> int:
    """Encrypt local features of older keys with the newest one; return how many.

    raises: KeyFileError if some cannot be decrypted: then nothing is changed.
    """
    ledger.lock_ledger()
    count = 0
    for row in reads.stored():
        if not keys.is_sealed_by_first(row.value):
            row.value = keys.seal(keys.unseal(row.value))
            row.save(update_fields=["value"])
            count += 1
    return count


def _empty(row: Signal, *, now: datetime) -> None:
    """Delete the ciphertext of a signal's local features."""
    reads.stored().filter(signal=row).update(value=b"", removed_at=now)


def _create(row: Signal, *, value: bytes, size_bytes: int, now: datetime) -> LocalFeatures:
    """Create a row with the next number. value: b"" if the signal has none any more."""
    return LocalFeatures.objects.create(
        signal=row,
        value=value,
        tlp=row.tlp,
        audience=row.audience,
        size_bytes=size_bytes,
        sent_at=now,
        removed_at=None if value else now,
    )


def _record(kind: str, row: Signal, *, actor: str, through: str, now: datetime) -> None:
    """Move the signal up in the feed, and append the act to the ledger."""
    row.position = ledger.take_positions(1, now=now)
    row.save(update_fields=["position"])
    ledger.append(
        kind,
        actor=actor,
        subject=row.ref,
        now=now,
        detail={"position": row.position, "through": through},
        exercise=row.exercise,
        crisis=row.crisis.uid if row.crisis else None,
    )
