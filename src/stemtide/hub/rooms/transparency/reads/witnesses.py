# SPDX-License-Identifier: Apache-2.0
"""Read who watches the log: witnesses, and the heads that they cosigned."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Exists, OuterRef, QuerySet

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.transparency.models import Cosignature, Log, OfferedHead, Witness
from stemtide.hub.rooms.transparency.reads.restarts import check_whole


@dataclass(frozen=True, slots=True)
class WitnessRow:
    """A witness as it is shown. party: its title; "" for one that the operator listed.

    size: of the last head that it cosigned; 0 before the first. trouble: of a listed one.
    """

    name: str
    key: str
    party: str
    address: str
    size: int
    seen_at: datetime | None
    trouble: str


@needs_no_viewer("every party is asked to cosign it")
def offered() -> str:
    """Return the signed head that witnesses are asked to cosign. raises: NotFoundError."""
    check_whole()
    head = _heads().first()
    if head is None:
        raise NotFoundError("no head was offered to witnesses yet: start the hub, and wait")
    return head.note


@needs_no_viewer("what a head says is public, sooner or later; strangers see no party's name")
def cosigned(*, now: datetime, is_member: bool) -> str:
    """Return the newest head that a witness cosigned, with its cosignatures.

    Strangers get one as old as heads must be for them, with the cosignatures of listed witnesses:
    those of parties' agents would show who takes part.

    raises: NotFoundError.
    """
    check_whole()
    lines = Cosignature.objects.filter(witness__removed_at=None)
    heads = _heads()
    if not is_member:
        lines = lines.filter(witness__party=None)
        heads = heads.filter(offered_at__lte=now - timedelta(hours=settings.LOG_LAG_HOURS))
    head = heads.filter(Exists(lines.filter(head=OuterRef("pk")))).first()
    if head is None:
        raise NotFoundError("no witness that you may see has cosigned a head of this log yet")
    rows = lines.filter(head=head).order_by("signed_at", "pk").values_list("line", flat=True)
    return head.note + "".join(rows)


@needs_no_viewer("strangers see only those that the operator listed")
def witnesses(*, is_member: bool) -> list[WitnessRow]:
    """Return the witnesses of the log, by name."""
    rows = Witness.objects.filter(removed_at=None).select_related("party").order_by("key")
    if not is_member:
        rows = rows.filter(party=None)
    return [_row(row) for row in rows]


@needs_no_viewer("a number says nothing about a party")
def count_of_parties() -> int:
    """Return how many parties have a witness."""
    rows = Witness.objects.filter(removed_at=None, party__isnull=False)
    return rows.values("party").distinct().count()


@dataclass(frozen=True, slots=True)
class DueWitness:
    """A listed witness that is to be asked. size: of the head that it cosigned last."""

    pk: int
    key: str
    address: str
    size: int


@needs_no_viewer("the hub asks them itself")
def due(now: datetime) -> Sequence[DueWitness]:
    """Return the listed witnesses that lack the newest offered head, and may be asked now."""
    head = _heads().first()
    if head is None:
        return []
    rows = Witness.objects.filter(removed_at=None, next_at__lte=now).exclude(address="")
    lines = Cosignature.objects.filter(head=head, witness=OuterRef("pk"))
    rows = rows.exclude(Exists(lines)).order_by("next_at")
    return [DueWitness(row.pk, row.key, row.address, row.size) for row in rows]


def _heads() -> QuerySet[OfferedHead]:
    """Return the offered heads of the log as it is, the newest first."""
    log = Log.objects.first()
    heads = OfferedHead.objects.order_by("-size")
    return heads.filter(origin=log.origin) if log else heads.none()


def _row(row: Witness) -> WitnessRow:
    """Return a witness as it is shown."""
    return WitnessRow(
        name=row.key.partition("+")[0],
        key=row.key,
        party=row.party.title if row.party else "",
        address=row.address,
        size=row.size,
        seen_at=row.seen_at,
        trouble=row.trouble,
    )
