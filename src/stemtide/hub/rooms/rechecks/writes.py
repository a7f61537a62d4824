# SPDX-License-Identifier: Apache-2.0
"""The only writers of re-checks: follow what providers say, take what is due, note what was seen.

A visit is a job (platform/jobs.py): if a scheduler dies during one, it is made again.
"""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Q

from stemtide.egress.probe import Probe
from stemtide.fingerprints.url.canonical import UrlError, canonical
from stemtide.hub.platform.exemptions import needs_no_entry, needs_no_lock
from stemtide.hub.platform.jobs import claim
from stemtide.hub.rooms.ledger.rules.ledger import CLOCK
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.ledger.writes.followers import LedgerFollower
from stemtide.hub.rooms.orders.models import Order
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.rechecks import reads, rules
from stemtide.hub.rooms.rechecks.models import Recheck, Visit
from stemtide.hub.rooms.rechecks.reads import Errand
from stemtide.hub.rooms.rechecks.rules import AddressState, News, VisitResult
from stemtide.hub.rooms.referrals.models import Referral
from stemtide.hub.rooms.signals.rules.signals import uuid_at
from stemtide.protocol.enums.rechecks import Verdict
from stemtide.protocol.messages.rechecks import RecheckOut, plan

FOLLOWER = LedgerFollower("rechecks", batch=500)
"""Reads one batch per scheduler tick."""

_MINUTE = timedelta(minutes=1)

_KINDS = {
    News.GONE: "recheck.confirmed",
    News.STILL_THERE: "recheck.contradicted",
    News.RETURNED: "recheck.returned",
}


def follow_requests(now: datetime) -> int:
    """Begin and end re-checks after changes of requests; return how many requests were read.

    1 Entries about referrals and orders name the requests that changed.
    2 What a provider says is gone is checked from then on; what it does not say any more is not.
    3 Where outcomes were reported, what agents met again of linked signals is noted, once each.
    """
    if not FOLLOWER.is_behind():
        return 0
    with FOLLOWER.next_entries() as entries:
        changed = reads.claims({entry.subject for entry in entries})
        for request in changed:
            if reads.is_claimed(request):
                _begin(request, now=now)
            else:
                _end(request, now=now)
        if any(entry.kind in {"outcomes.reported", "outlier.decided"} for entry in entries):
            _note_met(now)
    return len(changed)


def _note_met(now: datetime) -> None:
    """Record that agents met removed content again, once, for the parties that see the signals."""
    for row in reads.newly_met():
        row.met_at = now
        row.save(update_fields=["met_at"])
        detail: dict[str, object] = {
            "parties": [party.name for party in reads.told_of_met(row)],
            "request": row.request.ref,
        }
        _append("recheck.met", row, detail=detail, now=now)


def _begin(request: Referral | Order, *, now: datetime) -> None:
    """Check the addresses of a request from now on; those that are checked already go on."""
    of = {"order" if isinstance(request, Order) else "referral": request}
    running = set(Recheck.objects.filter(**of, ended_at=None).values_list("place", flat=True))
    missing = [address for address in _addresses(request) if address[0] not in running]
    if not missing:
        return
    since = request.answered_at or now
    before = reads.met(request)
    for place, url in missing:
        facts = {
            "url": url,
            "host": _host(url),
            "exercise": request.exercise,
            "since": since,
            "next_at": since + plan().after[0],
            "met_before": before,
            "met_at": None,
            "repeats": 0,
            "ended_at": None,
        }
        Recheck.objects.update_or_create(
            **of, place=place, defaults=facts, create_defaults=facts | {"uid": uuid_at(now)}
        )


def _end(request: Referral | Order, *, now: datetime) -> None:
    """End re-checks of content that the provider no longer calls gone, or nobody asks for."""
    of = {"order" if isinstance(request, Order) else "referral": request}
    Recheck.objects.filter(**of, ended_at=None).update(ended_at=now, next_at=None)


def _addresses(request: Referral | Order) -> Iterator[tuple[int, str]]:
    """Return the place and address of everything that a request names."""
    if isinstance(request, Order):
        yield from ((address.place, address.url) for address in request.addresses.all())
    else:
        yield 0, request.url


def _host(url: str) -> str:
    """Return the host that a visit goes to; "" for a text that is no address."""
    try:
        return (urlsplit(f"//{canonical(url)}").hostname or "")[:255]
    except (UrlError, ValueError):
        return ""


@needs_no_entry("it is a lease; what the visit found is recorded")
def claim_due(now: datetime, *, limit: int) -> list[Errand]:
    """Take visits that are due, the longest due first, each by one clock alone.

    A host gets so many in a minute and no more; those of others do not wait for it.
    """
    lately = Recheck.objects.filter(taken_at__gt=now - _MINUTE).order_by()
    counts = dict(lately.values_list("host").annotate(Count("pk")))
    most = plan().visits_per_minute
    claimed: list[Errand] = []
    while len(claimed) < limit:
        full = [host for host, count in counts.items() if count >= most]
        due = Recheck.objects.filter(next_at__lte=now, ended_at=None).exclude(host__in=full)
        rows = list(due.order_by("next_at", "pk")[: limit - len(claimed)])
        if not rows:
            break
        for row in rows:
            if counts.get(row.host, 0) < most and claim(
                row, until=now + rules.LEASE, count="taken", taken_at=now
            ):
                counts[row.host] = counts.get(row.host, 0) + 1
                claimed.append(reads.errand(row))
    return claimed


@transaction.atomic
def note(errand: Errand, *, response: Probe, finding: VisitResult, now: datetime) -> bool:
    """Record a visit; False if another scheduler has taken it over, or it ended.

    Only a verdict that says something new is recorded in the ledger: gone, still there, returned.
    """
    ledger.lock_ledger()
    same = Q(uid=errand.uid, taken=errand.taken, ended_at=None)
    row = Recheck.objects.select_related("referral", "order").filter(same).first()
    if row is None:
        return False
    Visit.objects.create(
        recheck=row,
        at=now,
        verdict=finding.verdict,
        reason=finding.reason,
        status=response.status,
        hops=response.hops,
        size_bytes=response.size_bytes,
        digest=response.digest,
        content_type=response.content_type,
        asked_by=row.asked_by,
    )
    settled = Verdict(row.settled) if row.settled else None
    standing = AddressState(since=row.since, settled=settled, repeats=row.repeats)
    news = rules.news_of(standing, finding=finding)
    row.next_at = rules.next_visit(standing, finding=finding, now=now)
    _apply(row, finding=finding, now=now)
    row.save()
    if news:
        _record(_KINDS[news], row, finding=finding, now=now)
    return True


def _apply(row: Recheck, *, finding: VisitResult, now: datetime) -> None:
    """Return the values of a row after a visit."""
    row.verdict, row.reason, row.asked_by = finding.verdict, finding.reason, ""
    row.repeats = row.repeats + 1 if finding.verdict is Verdict.UNCLEAR else 0
    if finding.verdict is Verdict.GONE:
        row.gone_at = row.gone_at or now
    if finding.verdict is Verdict.THERE and row.settled == Verdict.GONE:
        row.returned_at = now
    if finding.verdict is not Verdict.UNCLEAR:
        row.settled = finding.verdict


@transaction.atomic
def ask(uid: UUID, *, by: Actor, now: datetime) -> RecheckOut:
    """Ask for a visit now; the clock makes it within seconds, as its host allows.

    raises: NotFoundError, NotAllowedError, ConflictError.
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    rules.check_ask(
        role=by.role,
        is_side=reads.is_side(row, viewer=by.party),
        is_over=row.ended_at is not None,
        visited_at=reads.visited_at(row),
        next_at=row.next_at,
        now=now,
    )
    row.next_at, row.asked_by, row.repeats = now, by.party.name, 0
    row.save(update_fields=["next_at", "asked_by", "repeats"])
    ledger.append_by(
        "recheck.requested",
        by=by,
        subject=row.ref,
        now=now,
        detail={"request": row.request.ref},
        exercise=row.exercise,
    )
    return reads.describe(row, viewer=by.party)


def _record(kind: str, row: Recheck, *, finding: VisitResult, now: datetime) -> None:
    """Append the finding of a visit to the ledger, for both sides."""
    detail: dict[str, object] = {
        "parties": [side.name for side in reads.sides(row)],
        "reason": finding.reason.value,
        "request": row.request.ref,
    }
    _append(kind, row, detail=detail, now=now)


def _append(kind: str, row: Recheck, *, detail: dict[str, object], now: datetime) -> None:
    """Append an act of the clock on a re-check to the ledger."""
    ledger.append(kind, actor=CLOCK, subject=row.ref, now=now, detail=detail, exercise=row.exercise)


@needs_no_entry("the purge, its caller, records itself")
@needs_no_lock("the purge, its caller, holds it")
def forget(*, referrals: Collection[int] = (), orders: Collection[int] = ()) -> None:
    """Erase the visits to addresses of requests, by primary key of the request."""
    Recheck.objects.filter(Q(referral__in=referrals) | Q(order__in=orders)).delete()
