# SPDX-License-Identifier: Apache-2.0
"""The only writers of re-checks: follow what providers say, take what is due, note what was seen.

A visit is taken by one clock: the row count of a conditional UPDATE says which. It is made outside
every transaction, then noted. A clock that dies in between leaves a lease; when that is over the
visit is made again.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Q

from stemtide.fingerprints.url.canonical import UrlError, canonical
from stemtide.hub.platform.egress.probe import Seen
from stemtide.hub.rooms.ledger.reads import ledger as ledger_reads
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.orders.models import Order
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.rechecks import reads, rules
from stemtide.hub.rooms.rechecks.models import Cursor, Recheck, Visit
from stemtide.hub.rooms.rechecks.reads import Errand
from stemtide.hub.rooms.rechecks.rules import Finding, News, Standing
from stemtide.hub.rooms.referrals.models import Referral
from stemtide.hub.rooms.signals.rules.signals import uuid_at
from stemtide.protocol.enums.rechecks import Verdict
from stemtide.protocol.messages.rechecks import RecheckOut, plan

CLOCK = "clock"

ENTRIES = 500
"""Ledger entries read at one look of the clock."""

_MINUTE = timedelta(minutes=1)

_KINDS = {
    News.GONE: "recheck.confirmed",
    News.STILL_THERE: "recheck.contradicted",
    News.RETURNED: "recheck.returned",
}


def follow_requests(now: datetime) -> int:
    """Begin and end re-checks after what requests became; returns how many requests were looked at.

    1 A look without a lock: nothing new, nothing done.
    2 In turn, the entries after the cursor; those about referrals and orders name what changed.
    3 What a provider says is gone is checked from then on; what it does not say any more is not.
    4 Where outcomes were reported, what agents met again of linked signals is noted, once each.
    5 The cursor moves in the same transaction.
    """
    cursor = Cursor.objects.first()
    if cursor is not None and cursor.number >= ledger_reads.heads().entries:
        return 0
    return _read_on(now)


@transaction.atomic
def _read_on(now: datetime) -> int:
    """Steps 2 to 5 of follow_requests."""
    ledger.take_turn()
    cursor, _ = Cursor.objects.get_or_create(pk=1)
    entries = ledger_reads.unabridged(after=cursor.number, limit=ENTRIES, by=CLOCK)
    changed = reads.claims({one.subject for one in entries}, by=CLOCK)
    for asked in changed:
        if reads.is_claimed(asked, by=CLOCK):
            _begin(asked, now=now)
        else:
            _end(asked, now=now)
    if any(entry.kind in {"outcomes.reported", "outlier.decided"} for entry in entries):
        _note_met(now)
    if entries:
        cursor.number = entries[-1].number
        cursor.save(update_fields=["number"])
    return len(changed)


def _note_met(now: datetime) -> None:
    """Record that agents met again what is said to be gone: once, for those who see the signals."""
    for row in reads.newly_met(by=CLOCK):
        row.met_at = now
        row.save(update_fields=["met_at"])
        detail: dict[str, object] = {
            "parties": [one.name for one in reads.told_of_met(row, by=CLOCK)],
            "request": row.request.ref,
        }
        _append("recheck.met", row, detail=detail, now=now)


def _begin(asked: Referral | Order, *, now: datetime) -> None:
    """Check the addresses of a request from now on; those that are checked already go on."""
    of = {"order" if isinstance(asked, Order) else "referral": asked}
    running = set(Recheck.objects.filter(**of, ended_at=None).values_list("place", flat=True))
    missing = [address for address in _addresses(asked) if address[0] not in running]
    if not missing:
        return
    since = asked.answered_at or now
    before = reads.met(asked, by=CLOCK)
    for place, url in missing:
        facts = {
            "url": url,
            "host": _host(url),
            "exercise": asked.exercise,
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


def _end(asked: Referral | Order, *, now: datetime) -> None:
    """Stop checking what the provider does not say is gone any more, or nobody asks for."""
    of = {"order" if isinstance(asked, Order) else "referral": asked}
    Recheck.objects.filter(**of, ended_at=None).update(ended_at=now, next_at=None)


def _addresses(asked: Referral | Order) -> Iterator[tuple[int, str]]:
    """Place and address of everything that a request names."""
    if isinstance(asked, Order):
        yield from ((address.place, address.url) for address in asked.addresses.all())
    else:
        yield 0, asked.url


def _host(url: str) -> str:
    """Whom a visit goes to; "" for what is no address."""
    try:
        return (urlsplit(f"//{canonical(url)}").hostname or "")[:255]
    except (UrlError, ValueError):
        return ""


def claim_due(now: datetime, *, limit: int) -> list[Errand]:
    """Take visits that are due, the longest due first, each by one clock alone.

    A host gets so many in a minute and no more; those of others do not wait for it.
    """
    lately = Recheck.objects.filter(taken_at__gt=now - _MINUTE).order_by()
    counts = dict(lately.values_list("host").annotate(Count("pk")))
    most = plan().visits_per_minute
    taken: list[Errand] = []
    while len(taken) < limit:
        full = [host for host, count in counts.items() if count >= most]
        due = Recheck.objects.filter(next_at__lte=now, ended_at=None).exclude(host__in=full)
        rows = list(due.order_by("next_at", "pk")[: limit - len(taken)])
        if not rows:
            break
        for row in rows:
            if counts.get(row.host, 0) < most and _take(row, now=now):
                counts[row.host] = counts.get(row.host, 0) + 1
                taken.append(reads.errand(row, by=CLOCK))
    return taken


def _take(row: Recheck, *, now: datetime) -> bool:
    """Try to be the one that makes a visit."""
    same = Recheck.objects.filter(pk=row.pk, taken=row.taken, next_at=row.next_at, ended_at=None)
    row.taken += 1
    return bool(same.update(taken=row.taken, taken_at=now, next_at=now + rules.LEASE))


@transaction.atomic
def note(errand: Errand, *, seen: Seen, finding: Finding, now: datetime) -> bool:
    """Write down what a visit came to; False where another clock has taken it over, or it ended.

    Only a verdict that says something new is recorded in the ledger: gone, still there, returned.
    """
    ledger.take_turn()
    same = Q(uid=errand.uid, taken=errand.taken, ended_at=None)
    row = Recheck.objects.select_related("referral", "order").filter(same).first()
    if row is None:
        return False
    Visit.objects.create(
        recheck=row,
        at=now,
        verdict=finding.verdict,
        reason=finding.reason,
        status=seen.status,
        hops=seen.hops,
        size_bytes=seen.size_bytes,
        digest=seen.digest,
        content_type=seen.content_type,
        asked_by=row.asked_by,
    )
    settled = Verdict(row.settled) if row.settled else None
    standing = Standing(since=row.since, settled=settled, repeats=row.repeats)
    news = rules.news_of(standing, finding=finding)
    row.next_at = rules.next_visit(standing, finding=finding, now=now)
    _apply(row, finding=finding, now=now)
    row.save()
    if news:
        _record(_KINDS[news], row, finding=finding, now=now)
    return True


def _apply(row: Recheck, *, finding: Finding, now: datetime) -> None:
    """What a row holds after a visit."""
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
    ledger.take_turn()
    row = reads.find(uid, viewer=by.party)
    rules.check_ask(
        role=by.role,
        is_side=reads.is_side(row, viewer=by.party),
        is_over=row.ended_at is not None,
        visited_at=reads.visited_at(row, viewer=by.party),
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


def _record(kind: str, row: Recheck, *, finding: Finding, now: datetime) -> None:
    """Append what a visit found to the ledger, for both sides."""
    detail: dict[str, object] = {
        "parties": [side.name for side in reads.sides(row, by=CLOCK)],
        "reason": finding.reason.value,
        "request": row.request.ref,
    }
    _append(kind, row, detail=detail, now=now)


def _append(kind: str, row: Recheck, *, detail: dict[str, object], now: datetime) -> None:
    """Append an act of the clock on a re-check to the ledger."""
    ledger.append(kind, actor=CLOCK, subject=row.ref, now=now, detail=detail, exercise=row.exercise)
