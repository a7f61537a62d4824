# SPDX-License-Identifier: Apache-2.0
"""Write exchanges: add, pause, resume, remove; claim runs and record their results.

Records of a run are written by writes/pulls.py. A run is a job (platform/jobs.py): if a scheduler
dies during one, it is repeated from the same checkpoint.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from stemtide.hub.platform.errors import ConflictError
from stemtide.hub.platform.exemptions import needs_no_entry
from stemtide.hub.platform.jobs import claim
from stemtide.hub.rooms.exchanges import encryption
from stemtide.hub.rooms.exchanges.models import Exchange, Line, Record
from stemtide.hub.rooms.exchanges.reads import exchanges as reads
from stemtide.hub.rooms.exchanges.reads.exchanges import ClaimedRun
from stemtide.hub.rooms.exchanges.rules import exchanges as rules, feedback, proposals
from stemtide.hub.rooms.exchanges.sources.tx.pull import is_installed
from stemtide.hub.rooms.ledger.rules.ledger import CLOCK
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.signals.rules.signals import uuid_at
from stemtide.interop.exchanges import ExchangeOut, Terms
from stemtide.protocol.enums import (
    Direction,
    ExchangeKind,
    PartyKind,
    Standing,
)

KEPT_LINES = 500
"""Lines that are kept of each exchange's log."""

_RECORDS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class NewExchange:
    """The settings of a new exchange. push_address: "" if it is the same as the address."""

    name: str
    kind: ExchangeKind
    address: str
    account: str = ""
    secret: str = ""
    push_address: str = ""
    direction: Direction = Direction.PULL
    inside: bool = False
    every_s: int = 300


@transaction.atomic
def add(
    draft: NewExchange, *, terms: Terms, party: Party, actor: str, now: datetime
) -> ExchangeOut:
    """Add an exchange; its first run is due at once.

    raises: InvalidError, ConflictError.
    """
    row = create(draft, terms=terms, party=party, now=now)
    _record_added(row, actor=actor, now=now)
    return reads.describe(row)


@needs_no_entry("the caller records it as added or as proposed")
def create(
    draft: NewExchange, *, terms: Terms, party: Party, now: datetime, proposed_by: str = ""
) -> Exchange:
    """Create the row of an exchange; one that is proposed is paused until it is confirmed.

    raises: InvalidError, ConflictError.
    """
    rules.check_name(draft.name)
    rules.check_schedule(draft.every_s)
    rules.check_secret(draft.secret, account=draft.account)
    rules.check_terms(terms)
    rules.check_installed(draft.kind, is_installed=is_installed())
    rules.check_direction(draft.kind, draft.direction)
    address = rules.check_address(draft.kind, draft.address)
    push_address = rules.check_address(draft.kind, draft.push_address or draft.address)
    ledger.lock_ledger()
    if Exchange.objects.filter(name=draft.name).exists():
        raise ConflictError(
            "the name {name} is or was used by an exchange: choose another", name=draft.name
        )
    others = Exchange.objects.filter(party=party, removed_at=None).count()
    rules.check_sharer(kind=PartyKind(party.kind), exchanges=others)
    if terms.feedback:
        feedback.check_feedback(kind=draft.kind, party=PartyKind(party.kind))
    return Exchange.objects.create(
        uid=uuid_at(now),
        name=draft.name,
        kind=draft.kind,
        pulls=draft.direction is not Direction.PUSH,
        pushes=draft.direction is not Direction.PULL,
        inside=draft.inside,
        address=address,
        push_address=push_address,
        account=draft.account,
        secret=encryption.encrypt_secret(draft.secret),
        party=party,
        terms=terms.model_dump(mode="json"),
        every_s=draft.every_s,
        next_at=None if proposed_by else now,
        is_paused=bool(proposed_by),
        added_at=now,
        proposed_by=proposed_by,
    )


@transaction.atomic
def pause(name: str, *, actor: str, now: datetime, by: Actor | None = None) -> ExchangeOut:
    """Stop pulling and pushing until it is resumed. by: None for the operator.

    raises: NotFoundError, NotAllowedError, ConflictError.
    """
    row = _turn(name, by=by)
    if row.is_paused:
        raise ConflictError("this exchange is already paused")
    row.is_paused, row.next_at = True, None
    row.taken += 1  # a run in progress can no longer write
    row.save(update_fields=["is_paused", "next_at", "taken"])
    _record("exchange.paused", row, actor=actor, by=by, now=now)
    return reads.describe(row)


@transaction.atomic
def resume(name: str, *, actor: str, now: datetime, by: Actor | None = None) -> ExchangeOut:
    """Continue a paused exchange. by: None for the operator.

    raises: NotFoundError, NotAllowedError, ConflictError.
    """
    row = _turn(name, by=by)
    if not row.is_paused:
        raise ConflictError("this exchange is not paused")
    if row.proposed_by:
        raise ConflictError("this exchange waits for a second person: confirm it")
    row.is_paused, row.next_at, row.failures = False, now, 0
    row.save(update_fields=["is_paused", "next_at", "failures"])
    _record("exchange.resumed", row, actor=actor, by=by, now=now)
    return reads.describe(row)


@transaction.atomic
def remove(name: str, *, actor: str, now: datetime, by: Actor | None = None) -> None:
    """Remove an exchange and delete its secret. Its signals stay the party's.

    by: None for the operator.

    raises: NotFoundError, NotAllowedError, ConflictError.
    """
    row = _turn(name, by=by)
    if by is not None:
        proposals.check_remove(author=row.proposed_by, by=by)
    row.removed_at, row.next_at, row.secret = now, None, ""
    row.taken += 1
    row.save(update_fields=["removed_at", "next_at", "secret", "taken"])
    _record("exchange.removed", row, actor=actor, by=by, now=now)


@needs_no_entry("it is a lease; what the run brought is recorded")
def claim_due(now: datetime, *, limit: int, name: str = "") -> list[ClaimedRun]:
    """Claim due runs, the longest due first, each for one scheduler only.

    name: claim this exchange, due or not; a run in progress can then no longer write.

    Exchanges of a suspended party wait until the suspension is lifted.
    """
    rows = Exchange.objects.filter(removed_at=None, is_paused=False)
    rows = rows.exclude(party__standing=Standing.SUSPENDED)
    rows = rows.filter(name=name) if name else rows.filter(next_at__lte=now)
    return [
        reads.run_of(row)
        for row in rows.order_by("next_at", "pk")[:limit]
        if claim(row, until=now + rules.LEASE, count="taken")
    ]


@transaction.atomic
def note_done(run: ClaimedRun, *, more: bool, jitter: float, now: datetime) -> None:
    """Record a successful run, and when the next is due. more: there is more to pull now."""
    ledger.lock_ledger()
    row = reads.claimed_exchange(run)
    if row is None:
        return
    was_failing = row.failing_since is not None
    row.failures, row.failing_since, row.trouble = 0, None, ""
    row.last_ok_at = now
    due = rules.next_try(now, every_s=row.every_s, failures=0, jitter=jitter)
    row.next_at = min(due, now + rules.GO_ON_AFTER) if more else due
    row.save(update_fields=["failures", "failing_since", "trouble", "last_ok_at", "next_at"])
    if was_failing:
        write_line(row, "it works again", now=now)
        ledger.append("exchange.recovered", actor=CLOCK, subject=row.ref, now=now)


@transaction.atomic
def note_trouble(
    run: ClaimedRun,
    *,
    words: str,
    jitter: float,
    now: datetime,
    retry_after_s: float | None = None,
    answers: bool = False,
) -> None:
    """Record a failed run with its reason; the next one is due with a growing delay.

    retry_after_s: the wait that the other hub requested. answers: it responds, but brings more than
    the day allows, or refuses new signals: it is polled as often as ever, because withdrawals on
    both sides, and pulling, must not wait.
    """
    ledger.lock_ledger()
    row = reads.claimed_exchange(run)
    if row is None:
        return
    is_new = row.failing_since is None
    row.failures = 0 if answers else row.failures + 1
    row.failing_since = row.failing_since or now
    if row.trouble != words[:300]:
        write_line(row, f"failing: {words}", now=now)
    row.trouble = words[:300]
    row.next_at = rules.next_try(
        now, every_s=row.every_s, failures=row.failures, jitter=jitter, retry_after_s=retry_after_s
    )
    row.save(update_fields=["failures", "failing_since", "trouble", "next_at"])
    if is_new:
        detail: dict[str, object] = {"why": row.trouble}
        ledger.append("exchange.failed", actor=CLOCK, subject=row.ref, now=now, detail=detail)


@needs_no_entry("it is a line of the exchange's own log")
def write_line(row: Exchange, words: str, *, now: datetime) -> None:
    """Add a line to an exchange's log and delete the oldest."""
    # A key may be any text of another hub: unprintable characters become question marks.
    shown = "".join(character if character.isprintable() else "?" for character in words[:500])
    line = Line.objects.create(exchange=row, at=now, words=shown)
    if line.pk % 50 == 0:
        oldest = row.lines.values_list("pk", flat=True)[KEPT_LINES : KEPT_LINES + 1]
        for last in list(oldest):
            row.lines.filter(pk__lte=last).delete()


@needs_no_entry("the page that it belongs to is recorded")
def write_records(records: Iterable[Record]) -> None:
    """Insert or update records."""
    Record.objects.bulk_create(
        records,
        batch_size=_RECORDS_AT_ONCE,
        update_conflicts=True,
        unique_fields=["exchange", "key"],
        update_fields=[
            *("version", "signal", "waiting", "is_own", "is_disputed", "ended", "place", "seen_at"),
        ],
    )


def _record_added(row: Exchange, *, actor: str, now: datetime) -> None:
    """Append to the ledger that an exchange was added."""
    ledger.append(
        "exchange.added", actor=actor, subject=row.ref, now=now, detail=reads.entry_detail(row)
    )


def _turn(name: str, *, by: Actor | None) -> Exchange:
    """Take the write lock and return an exchange that the caller may manage."""
    ledger.lock_ledger()
    if by is not None:
        rules.check_manage(kind=by.kind)
    return reads.find(name)


def _record(kind: str, row: Exchange, *, actor: str, by: Actor | None, now: datetime) -> None:
    """Append an act on an exchange to the ledger."""
    ledger.append_by(kind, by=by, otherwise=actor, subject=row.ref, now=now)
