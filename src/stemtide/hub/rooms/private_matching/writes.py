# SPDX-License-Identifier: Apache-2.0
"""Write private matching: evaluate blinded digests, follow the feed, and change the key."""

from datetime import UTC, datetime

from cryptography.fernet import InvalidToken
from django.db import transaction
from django.db.models import F

from stemtide.hub.platform import encryption
from stemtide.hub.platform.errors import InvalidError
from stemtide.hub.platform.exemptions import needs_no_entry, needs_no_lock
from stemtide.hub.rooms.ledger.reads import ledger as ledger_reads
from stemtide.hub.rooms.ledger.rules.ledger import CLOCK
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.private_matching import reads, rules
from stemtide.hub.rooms.private_matching.models import (
    EvaluatedSignal,
    EvaluationCount,
    MatchEpoch,
)
from stemtide.hub.rooms.private_matching.reads import ChangedSignal
from stemtide.hub.rooms.signals.long_values import batches
from stemtide.protocol.private_match.messages import BlindedIn, EvaluatedOut
from stemtide.protocol.private_match.oprf import ElementError, OprfServer, new_seed
from stemtide.protocol.private_match.rows import SealedSignal, input_of, seal, tag_of

BATCH = 2000
"""Signals that are evaluated at once: some 0.2 s of one core."""

_BATCHES = 4
_REMOVED_AT_ONCE = 20_000


@needs_no_entry("that a party asked is counted by the day; which digests, nobody records")
@needs_no_lock("one row of one party, changed in one statement")
@transaction.atomic
def note_request(*, by: Party, now: datetime) -> None:
    """Note that a party asked today, so that the scheduler evaluates."""
    today = now.astimezone(UTC).date()
    own = EvaluationCount.objects.filter(party=by)
    # Never back a day: a machine whose clock is behind would give the party a second day's count.
    if own.filter(day__gte=today).exists() or own.filter(day__lt=today).update(day=today, count=0):
        return
    EvaluationCount.objects.get_or_create(party=by, defaults={"day": today, "count": 0})


@needs_no_entry("digests are counted, and nothing else is recorded of them")
def evaluate(body: BlindedIn, *, by: Party, now: datetime) -> EvaluatedOut:
    """Evaluate blinded digests with the key of an epoch, and count them for the party.

    raises: ConflictError for an epoch that is not in use; InvalidError for what is no element;
            RateLimitError.
    """
    server = reads.server(body.epoch)
    try:
        evaluated, proof = server.evaluate([bytes.fromhex(text) for text in body.blinded])
    except ElementError as error:
        field = f"blinded.{error.row}"
        raise InvalidError(
            field,
            "is no element of ristretto255, or its identity: send the blinded element of RFC 9497",
        ) from error
    _spend(len(body.blinded), by=by, now=now)
    return EvaluatedOut(
        epoch=body.epoch, evaluated=[element.hex() for element in evaluated], proof=proof.hex()
    )


@transaction.atomic
def _spend(count: int, *, by: Party, now: datetime) -> None:
    """Count digests for a party. raises: RateLimitError if they are too many for one day."""
    note_request(by=by, now=now)
    row = EvaluationCount.objects.select_for_update().get(party=by)
    rules.check_spend(count, spent=row.count, now=now)
    EvaluationCount.objects.filter(party=by).update(count=F("count") + count)


def follow_feed(now: datetime) -> int:
    """Evaluate signals that changed, begin and end epochs; return how many signals were read.

    1. End epochs that the next one replaced, and drop their keys.  2. Begin the next epoch if it is
       due.  3. Evaluate for each open epoch.  4. Begin the next one early if the newest has become
       too full.  5. Nothing of 2 to 4 happens if no party asks.
    """
    _end_due(now)
    _remove_ended()
    if not reads.is_wanted(now):
        return 0
    epochs = reads.open_epochs()
    if not epochs or rules.is_due(epochs[-1].created_at, now=now):
        epochs.append(_open_epoch(now))
    count = sum(_evaluate_changes(epoch, now=now) for epoch in epochs)
    if count and reads.is_next_due(now):
        _open_epoch(now)
    return count


@transaction.atomic
def _open_epoch(now: datetime) -> MatchEpoch:
    """Create an epoch with a new key."""
    ledger.lock_ledger()
    newest = MatchEpoch.objects.filter(ended_at=None).last()
    if newest is not None and not reads.is_next_due(now):
        return newest  # of another scheduler
    seed = new_seed()
    epoch = MatchEpoch.objects.create(
        seed=encryption.encrypt(seed.hex(), use=reads.SEED_USE),
        public_key=OprfServer(seed).public_key.hex(),
        created_at=now,
    )
    detail: dict[str, object] = {"public_key": epoch.public_key}
    ledger.append("match_epoch.opened", actor=CLOCK, subject=epoch.ref, now=now, detail=detail)
    return epoch


def _end_due(now: datetime) -> None:
    """End epochs that the next one replaced; of a hub that no party asks, all of them."""
    epochs, is_wanted = reads.open_epochs(), reads.is_wanted(now)
    begun = [epoch.began_at for epoch in epochs if epoch.began_at]
    for epoch in epochs:
        later = [at for at in begun if epoch.began_at and at > epoch.began_at]
        is_replaced = bool(later) and rules.is_over(min(later), now=now)
        if is_replaced or not is_wanted:
            _end(epoch, now=now)


@transaction.atomic
def _end(epoch: MatchEpoch, *, now: datetime) -> None:
    """End an epoch: without its key, nobody can evaluate for it any more."""
    ledger.lock_ledger()
    ended = MatchEpoch.objects.filter(pk=epoch.pk, ended_at=None).update(ended_at=now, seed="")
    if ended:
        ledger.append("match_epoch.ended", actor=CLOCK, subject=epoch.ref, now=now)


@transaction.atomic
def _remove_ended() -> None:
    """Remove rows of epochs that ended, some at a time."""
    rows = EvaluatedSignal.objects.filter(epoch__ended_at__isnull=False)
    for pks in batches(list(rows.values_list("pk", flat=True)[:_REMOVED_AT_ONCE])):
        EvaluatedSignal.objects.filter(pk__in=pks).delete()


def _evaluate_changes(epoch: MatchEpoch, *, now: datetime) -> int:
    """Evaluate what changed since an epoch's position; it begins once it has no more to do."""
    count = 0
    try:
        server = reads.server_of(epoch)
    except InvalidToken:  # the hub has another secret.key now
        _end(epoch, now=now)
        return 0
    for _ in range(_BATCHES):
        head = ledger_reads.heads().positions
        changes = reads.changed(after=epoch.position, until=head, limit=BATCH)
        is_last = len(changes) < BATCH
        position = head if is_last else changes[-1].position
        if position > epoch.position:
            rows = [_evaluated(epoch, server, change) for change in changes if change.is_kept]
            _store(epoch, rows, removed=[change.pk for change in changes], position=position)
            count += len(changes)
        if is_last:
            _begin_use(epoch, now=now)
            break
    return count


def _evaluated(epoch: MatchEpoch, server: OprfServer, change: ChangedSignal) -> EvaluatedSignal:
    output = server.output_of(input_of(change.kind, change.value))
    return EvaluatedSignal(
        epoch=epoch,
        signal_id=change.pk,
        tag=tag_of(output) - reads.TAG_OFFSET,
        sealed=seal(SealedSignal(change.uid, change.action), output=output),
    )


@transaction.atomic
def _store(
    epoch: MatchEpoch, rows: list[EvaluatedSignal], *, removed: list[int], position: int
) -> None:
    """Replace the rows of signals, unless another scheduler did."""
    unchanged = MatchEpoch.objects.filter(pk=epoch.pk, position=epoch.position, ended_at=None)
    if unchanged.update(position=position):
        for pks in batches(removed):
            EvaluatedSignal.objects.filter(epoch=epoch, signal__in=pks).delete()
        EvaluatedSignal.objects.bulk_create(rows, batch_size=500)
    epoch.refresh_from_db()


@transaction.atomic
def _begin_use(epoch: MatchEpoch, *, now: datetime) -> None:
    """Give clients an epoch whose signals are all evaluated."""
    if epoch.began_at is None and epoch.ended_at is None:
        rows = EvaluatedSignal.objects.filter(epoch=epoch).count()
        MatchEpoch.objects.filter(pk=epoch.pk, began_at=None).update(
            began_at=now, prefix_bits=rules.prefix_bits(rows)
        )
        epoch.refresh_from_db()
