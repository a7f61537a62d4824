# SPDX-License-Identifier: Apache-2.0
"""Read private matching: the epoch for clients, buckets of rows, and what is still to evaluate."""

import base64
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from django.db.models import Q, QuerySet

from stemtide.fingerprints.kinds import Kind
from stemtide.hub.platform import encryption
from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.private_matching import rules
from stemtide.hub.rooms.private_matching.models import (
    EvaluatedSignal,
    EvaluationCount,
    MatchEpoch,
)
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads.signals import visible
from stemtide.protocol.enums import Action, SignalState, Standing
from stemtide.protocol.handling import Pap
from stemtide.protocol.private_match.messages import (
    MAX_BLINDED,
    MAX_BUCKETS,
    Bucket,
    BucketsIn,
    BucketsOut,
    PrivateMatchOut,
)
from stemtide.protocol.private_match.oprf import OprfServer
from stemtide.protocol.private_match.rows import KINDS, SUITE, TAG_BITS, pack_row

SEED_USE = "private matching"
"""The use for which seeds are encrypted."""

TAG_OFFSET = 2 ** (TAG_BITS - 1)
"""What a stored tag is less than the tag."""


class ChangedSignal(NamedTuple):
    """A signal of the feed that is to be evaluated, or removed. is_kept: whether it matches."""

    pk: int
    position: int
    uid: UUID
    kind: Kind
    value: bytes
    action: Action
    is_kept: bool


def describe(*, viewer: Party, now: datetime) -> PrivateMatchOut:
    """Return the epoch in use. raises: NotEvaluatedError if there is none yet."""
    epoch = _begun().last()
    if epoch is None or epoch.began_at is None:
        raise rules.NotEvaluatedError(
            "the hub begins to evaluate its digests, as nobody asked for a week: ask again in some"
            " seconds, with a million signals in some minutes"
        )
    return PrivateMatchOut(
        epoch=epoch.pk,
        suite=SUITE,
        public_key=epoch.public_key,
        began_at=epoch.began_at,
        prefix_bits=epoch.prefix_bits,
        kinds=list(KINDS),
        max_blinded=MAX_BLINDED,
        max_buckets=MAX_BUCKETS,
        left_today=rules.MAX_A_DAY - spent(party=viewer, now=now),
    )


def buckets(body: BucketsIn, *, viewer: Party, now: datetime) -> BucketsOut:
    """Return buckets, with the rows of live signals that a party may see, by tag.

    Signals of suspended parties are left out, as they lead to nothing at agents.

    raises: ConflictError for an epoch that is not in use; InvalidError for other buckets;
            NotEvaluatedError if they have too many rows.
    """
    bits = _prefix_bits(body.epoch)
    rules.check_buckets(body.buckets, bits=bits)
    width = 2 ** (TAG_BITS - bits)
    rows = EvaluatedSignal.objects.filter(
        visible(viewer, "signal__"),
        Q(signal__expires_at=None) | Q(signal__expires_at__gt=now),
        ~Q(signal__shared_by__standing=Standing.SUSPENDED),
        epoch=body.epoch,
        signal__state=SignalState.LIVE,
        signal__exercise=False,
    ).order_by("tag", "pk")
    parts, count = [], 0
    for number in body.buckets:
        first = number * width - TAG_OFFSET
        there = rows.filter(tag__range=(first, first + width - 1)).values_list("tag", "sealed")
        listed = list(there[: rules.MOST_ROWS - count + 1])
        count += len(listed)
        rules.check_rows(count)
        packed = b"".join(pack_row(tag + TAG_OFFSET, bytes(sealed)) for tag, sealed in listed)
        parts.append(Bucket(bucket=number, rows=base64.b64encode(packed).decode()))
    return BucketsOut(epoch=body.epoch, buckets=parts)


@needs_no_viewer("whoever knows the key of an epoch evaluates for everybody alike")
def server(epoch: int) -> OprfServer:
    """Return the key of an epoch in use. raises: ConflictError."""
    _prefix_bits(epoch)
    return server_of(MatchEpoch.objects.get(pk=epoch))


def server_of(epoch: MatchEpoch) -> OprfServer:
    """Return the key of an epoch. raises: cryptography.fernet.InvalidToken."""
    return OprfServer(bytes.fromhex(encryption.decrypt(epoch.seed, use=SEED_USE)))


def spent(*, party: Party, now: datetime) -> int:
    """Return how many digests a party looked up today (UTC)."""
    today = now.astimezone(UTC).date()
    row = EvaluationCount.objects.filter(party=party, day=today).first()
    return row.count if row else 0


@needs_no_viewer("the scheduler decides whether to work")
def is_wanted(now: datetime) -> bool:
    """Whether a party asked lately."""
    since = (now - rules.WANTED_FOR).astimezone(UTC).date()
    return EvaluationCount.objects.filter(day__gte=since).exists()


@needs_no_viewer("the scheduler decides whether another epoch begins")
def is_next_due(now: datetime) -> bool:
    """Whether there is no epoch, or the newest one is old, or its buckets are too full."""
    newest = MatchEpoch.objects.filter(ended_at=None).last()
    if newest is None or rules.is_due(newest.created_at, now=now):
        return True
    if newest.began_at is None:
        return False
    rows = EvaluatedSignal.objects.filter(epoch=newest).count()
    return rules.is_crowded(rows, bits=newest.prefix_bits)


@needs_no_viewer("the scheduler works on all of them")
def open_epochs() -> list[MatchEpoch]:
    """Return the epochs whose keys the hub has, oldest first."""
    return list(MatchEpoch.objects.filter(ended_at=None))


@needs_no_viewer("the scheduler evaluates the signals of all parties")
def changed(*, after: int, until: int, limit: int) -> list[ChangedSignal]:
    """Return signals that changed between two positions of the feed, lowest position first."""
    rows = Signal.objects.filter(kind__in=KINDS, position__gt=after, position__lte=until).order_by(
        "position"
    )
    return [_changed(row) for row in rows[:limit]]


def _changed(row: Signal) -> ChangedSignal:
    is_kept = row.state == SignalState.LIVE and not row.exercise
    action = rules.strongest_action(Pap(row.pap), is_disputed=row.is_disputed, flood=row.flood)
    value = bytes.fromhex(row.value) if is_kept else b""
    return ChangedSignal(
        row.pk, row.position, row.uid, Kind(row.kind), value, action, is_kept=is_kept
    )


def _begun() -> QuerySet[MatchEpoch]:
    return MatchEpoch.objects.filter(ended_at=None, began_at__isnull=False)


def _prefix_bits(epoch: int) -> int:
    """Return the prefix bits of an epoch in use. raises: ConflictError."""
    usable = dict(_begun().values_list("pk", "prefix_bits"))
    rules.check_epoch(epoch, usable=usable)
    return usable[epoch]
