# SPDX-License-Identifier: Apache-2.0
"""Write signals: share, withdraw, expire."""

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from stemtide.hub.platform.errors import ConflictError, InvalidError
from stemtide.hub.platform.exemptions import needs_no_entry
from stemtide.hub.platform.permissions import check_person_may_write
from stemtide.hub.rooms.approvals.reads import approvals as approvals_reads
from stemtide.hub.rooms.approvals.writes import approvals
from stemtide.hub.rooms.ledger.rules.ledger import CLOCK
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.ledger.writes.transactions import part
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.signals import bulk_sql, long_values
from stemtide.hub.rooms.signals.models import ContentItem, Signal
from stemtide.hub.rooms.signals.reads import signals as reads
from stemtide.hub.rooms.signals.reads.sharing import bulk, second_looks
from stemtide.hub.rooms.signals.reads.sharing.bulk import BulkContext, BulkPlan
from stemtide.hub.rooms.signals.rules import checks, signals as rules
from stemtide.hub.rooms.signals.rules.checks import ParsedRows
from stemtide.hub.rooms.signals.rules.signals import (
    BulkRefusedError,
    SignalDraft,
)
from stemtide.hub.rooms.signals.writes import mass_ends, waiting
from stemtide.hub.rooms.signals.writes.endings import terms
from stemtide.hub.rooms.signals.writes.opinions import dispute_until_decided, give_opinion
from stemtide.hub.rooms.signals.writes.outcomes import report_outcomes
from stemtide.protocol.enums import PartyKind, Role, SignalState, WithdrawReason
from stemtide.protocol.messages.signals import (
    BulkOut,
    RowError,
    SharedSignal,
    SignalIn,
    SignalOut,
    WithdrawIn,
)
from stemtide.protocol.trust.second_look import WaitingAct, WaitReason
from stemtide.traces import spans

__all__ = [
    "BulkRefusedError",
    "expire_due",
    "give_opinion",
    "report_outcomes",
    "share",
    "share_approved",
    "share_many",
    "share_parsed",
    "withdraw",
    "withdraw_shares",
]

Turn = Callable[[], AbstractContextManager[None]]
"""Opens a transaction that holds the write lock."""

EXPIRE_AT_ONCE = 1000
"""Signals that one transaction of expire_due changes, so that other writers get their turn."""


def share(
    body: SignalIn, *, by: Party, now: datetime, actor_ref: str | None = None
) -> SharedSignal:
    """Share one signal. Sharing it again with the same facts returns the existing one.

    raises: NotAllowedError for observers; InvalidError naming the field; RateLimitError.
    """
    try:
        rules.check_share(kind=PartyKind(by.kind))
        ready = checks.read([body], now=now)
        out = _share(ready, by=by, now=now, partial=False, through=actor_ref, is_bulk=False)
    except BulkRefusedError as refused:
        first = refused.errors[0]
        if refused.is_routed:
            raise rules.refused_content() from refused
        if first.field == "conflict":
            raise ConflictError(first.message) from refused
        raise InvalidError(first.field, first.message) from refused
    placed = out.signals[0]
    assert placed is not None  # noqa: S101  # a refused row raised above
    return placed


def share_many(
    bodies: Sequence[SignalIn | RowError],
    *,
    by: Party,
    now: datetime,
    partial: bool = False,
    actor_ref: str | None = None,
) -> BulkOut:
    """Share many signals at once: all or none; with partial, all valid ones.

    bodies: in the order sent; a RowError marks a row that could not be parsed.

    raises: NotAllowedError for observers; BulkRefusedError naming every bad row; RateLimitError.
    """
    rules.check_share(kind=PartyKind(by.kind))
    ready = checks.read(bodies, now=now)
    return share_parsed(ready, by=by, now=now, partial=partial, actor_ref=actor_ref)


def share_parsed(
    ready: ParsedRows,
    *,
    by: Party,
    now: datetime,
    partial: bool = False,
    actor_ref: str | None = None,
    turn: Turn | None = None,
) -> BulkOut:
    """Share signals as share_many does, from rows that were parsed before.

    turn: opens the transaction. If given, rows are also checked before it opens, so that a refused
    bulk blocks nobody; concurrent changes are checked again inside.

    raises: NotAllowedError for observers; BulkRefusedError naming every bad row; RateLimitError.
    """
    through = actor_ref
    return _share(ready, by=by, now=now, partial=partial, through=through, is_bulk=True, turn=turn)


def share_approved(
    ready: ParsedRows,
    *,
    by: Party,
    now: datetime,
    reasons: Collection[WaitReason],
    through: str | None,
) -> BulkOut:
    """Share rows that somebody has given a second look, by the rules of now, the valid ones.

    reasons: for which they waited. Rows that need it for another reason wait again.
    """
    return _share(
        ready, by=by, now=now, partial=True, through=through, is_bulk=True, approved=reasons
    )


def _share(
    ready: ParsedRows,
    *,
    by: Party,
    now: datetime,
    partial: bool,
    through: str | None,
    is_bulk: bool,
    turn: Turn | None = None,
    approved: Collection[WaitReason] | None = None,
) -> BulkOut:
    """Share parsed rows; a share that is rolled back still counts its refused values.

    raises: as _share_at_once, and RefusedTooOftenError.
    """
    rules.check_share(kind=PartyKind(by.kind))
    with waiting.counting_refused(by=by, now=now, through=through):
        out = _share_at_once(
            ready,
            by=by,
            now=now,
            partial=partial,
            through=through,
            is_bulk=is_bulk,
            turn=turn,
            approved=approved,
        )
    spans.note_shared(
        row.id for row in out.signals if row and row.created and row.state is SignalState.LIVE
    )
    return out


def _share_at_once(
    ready: ParsedRows,
    *,
    by: Party,
    now: datetime,
    partial: bool,
    through: str | None,
    is_bulk: bool,
    turn: Turn | None = None,
    approved: Collection[WaitReason] | None = None,
) -> BulkOut:
    """Share parsed rows in one transaction, in numbered steps.

    1. With a turn, check the rows before it.  2. Wait for the lock, and check them against existing
    signals.  3. Refuse the whole, unless partial; count refused values under the lock.  4. Place
    the new ones in the feed and ledger.  5. Ask for a second look at those that need it.
    """
    plan = None
    if turn is not None:  # 1
        plan = bulk.plan(ready, by=by, now=now, through=through)
        _check_plan(plan, partial=partial)
        long_values.check_budget([*plan.new, *plan.waiting], by=by, now=now)
    with turn() if turn else transaction.atomic():
        ledger.lock_ledger()  # 2
        if plan is None or not plan.still_holds(by=by):
            plan = bulk.plan(ready, by=by, now=now, approved=approved, through=through)
            _check_plan(plan, partial=partial)  # 3
        waiting.count_refused(plan.refused, by=by, now=now, through=through)
        if approved is None:  # these were counted when they were sent
            long_values.spend_budget([*plan.new, *plan.waiting], by=by, now=now)
            waiting.count(plan.new, by=by, now=now)
        for act in rules.group_by_act(plan.new):  # 4
            _place(act, context=plan.context, by=by, now=now, through=through, is_bulk=is_bulk)
        waiting.ask([*plan.new, *plan.waiting], by=by, now=now, through=through)  # 5
    return _bulk_result(ready.count, plan)


def _check_plan(plan: BulkPlan, *, partial: bool) -> None:
    """Refuse a bulk that has bad rows, unless partial. raises: BulkRefusedError."""
    if plan.errors and not partial:
        raise BulkRefusedError(sorted(plan.errors, key=lambda error: error.row))


def _bulk_result(rows: int, plan: BulkPlan) -> BulkOut:
    """Return the result of a bulk, row by row."""
    signals: list[SharedSignal | None] = [None] * rows
    for row, draft in plan.placed.items():
        signals[row] = SharedSignal(
            id=draft.uid,
            position=draft.position,
            created=row == draft.row and draft.is_new,
            state=SignalState.WAITING if draft.is_waiting else SignalState.LIVE,
            waiting_for=draft.wait.words if draft.wait else [],
        )
    return BulkOut(
        created=len(plan.new),
        waiting=len(plan.waiting),
        existing=len(plan.placed) - len(plan.new) - len(plan.waiting),
        refused=rows - len(plan.placed),
        signals=signals,
        errors=sorted(plan.errors, key=lambda error: error.row),
    )


def _place(
    drafts: list[SignalDraft],
    *,
    context: BulkContext,
    by: Party,
    now: datetime,
    through: str | None,
    is_bulk: bool,
) -> None:
    """Give drafts of one mark and crisis their positions, store them, and append to the ledger."""
    first = ledger.take_positions(len(drafts), now=now)
    for position, draft in enumerate(drafts, start=first):
        draft.position = position
    exercise = drafts[0].body.exercise
    uids = {draft.facts.content for draft in drafts if draft.facts.content}
    items = content_items(uids, exercise=exercise, by=by, now=now)
    long_values.store(drafts)
    bulk_sql.insert(drafts, items=items, crises=context.crises, by=by, now=now)
    detail: dict[str, object] = {"first": first, "last": first + len(drafts) - 1}
    if is_bulk:
        kind, subject = "signals.shared", by.ref
        detail["count"] = len(drafts)
    else:
        kind, subject = "signal.shared", f"signal:{drafts[0].uid}"
        detail = {"position": first}
    if through:
        detail["through"] = through
    ledger.append(
        kind,
        actor=by.ref,
        subject=subject,
        now=now,
        detail=detail,
        exercise=exercise,
        crisis=drafts[0].body.crisis,
    )


@needs_no_entry("the share records itself")
def content_items(
    uids: set[UUID], *, exercise: bool, by: Party, now: datetime
) -> dict[UUID | None, int | None]:
    """Return the primary keys of content items, creating those that do not exist."""
    pks: dict[UUID | None, int | None] = {None: None}
    pks.update(reads.content_items(uids, exercise=exercise, by=by).items())
    created = ContentItem.objects.bulk_create(
        ContentItem(uid=uid, shared_by=by, exercise=exercise, added_at=now)
        for uid in uids
        if uid not in pks
    )
    pks.update((item.uid, item.pk) for item in created)
    return pks


@transaction.atomic
def withdraw(
    uid: UUID,
    *,
    body: WithdrawIn,
    by: Party,
    now: datetime,
    actor_ref: str | None = None,
    role: Role | None = None,
    is_counted: bool = True,
) -> SignalOut:
    """Withdraw a signal: it no longer matches, and the feed tells everyone who received it.

    One that waits for a second look is taken back: nobody received it. Beyond those of a day, the
    withdrawal itself waits for a second look: the signal is live, and disputed.

    role: of the person who acts for the party; None for a machine.
    is_counted: False if it must not wait: it was looked at, the law or the operator ends it, or a
                newer version of it follows in the same transaction.

    raises: NotFoundError, NotAllowedError, ConflictError saying when it was withdrawn or expired.
    """
    check_person_may_write(role)
    ledger.lock_ledger()
    waits = approvals_reads.waiting_signal(uid, viewer=by)
    if waits is not None:
        approvals.take_back_signal(waits, by=Actor(by, actor_ref or "", role), now=now)
        return reads.describe_taken_back(waits, body=body, viewer=by, now=now)
    row = reads.find(uid, viewer=by)
    rules.check_withdraw(reads.facts(row), kind=PartyKind(by.kind), name=by.name)
    if is_counted and mass_ends.is_beyond(
        WaitingAct.WITHDRAW, by=by, exercise=row.exercise, now=now
    ):
        return _withdraw_unseen(row, body=body, by=by, now=now, through=actor_ref)
    return _withdraw(row, body=body, by=by, now=now, through=actor_ref)


def _withdraw_unseen(
    row: Signal, *, body: WithdrawIn, by: Party, now: datetime, through: str | None
) -> SignalOut:
    """Ask for a second look at a withdrawal; until it is decided, agents hold at most."""
    waits = approvals_reads.waiting_end(row.uid, WaitingAct.WITHDRAW, viewer=by)
    if waits is not None and waits.party == by:
        return reads.describe(row, viewer=by)
    note = "its withdrawal waits for a second look"
    before = dispute_until_decided(row, note=note, by=by, now=now, through=through)
    mass_ends.ask(
        row, WaitingAct.WITHDRAW, body=body, before=before, by=by, now=now, through=through
    )
    return reads.describe(row, viewer=by)


def _withdraw(
    row: Signal, *, body: WithdrawIn, by: Party, now: datetime, through: str | None
) -> SignalOut:
    """Withdraw a signal in the open transaction, and append to the ledger."""
    row.state = SignalState.WITHDRAWN
    row.position = ledger.take_positions(1, now=now)
    row.stamp_s = bulk_sql.next_stamp(now)
    row.withdrawn_at = now
    row.withdraw_reason = body.reason
    row.withdraw_note = body.note
    row.erase_due = terms.due_once_ended(row, now=now)
    row.save()
    detail: dict[str, object] = {"reason": body.reason.value, "position": row.position}
    return _record("signal.withdrawn", row, by=by, now=now, detail=detail, through=through)


@needs_no_entry("withdraw records each")
@transaction.atomic
def withdraw_shares(
    contents: Collection[UUID],
    *,
    body: WithdrawIn,
    by: Party,
    now: datetime,
    actor_ref: str | None = None,
    role: Role | None = None,
) -> tuple[int, int]:
    """Withdraw the party's signals of pieces of content that it shared.

    Return how many ended, and how many withdrawals wait for a second look. Signals that wait for
    one themselves are taken back.
    """
    uids = [*reads.live_of(contents, by=by), *second_looks.waiting_of(contents, by=by)]
    outs = [
        withdraw(uid, body=body, by=by, now=now, actor_ref=actor_ref, role=role) for uid in uids
    ]
    waiting = sum(out.state is SignalState.LIVE for out in outs)
    return len(outs) - waiting, waiting


def _record(
    kind: str,
    row: Signal,
    *,
    by: Party,
    now: datetime,
    detail: dict[str, object],
    through: str | None,
) -> SignalOut:
    """Append to the ledger, and return the signal's present state."""
    if through:
        detail["through"] = through
    ledger.append(
        kind,
        actor=by.ref,
        subject=row.ref,
        now=now,
        detail=detail,
        exercise=row.exercise,
        crisis=row.crisis.uid if row.crisis else None,
    )
    return reads.describe(row, viewer=by)


def end_unconfirmed(
    uids: Iterable[UUID], *, exercise: bool, crisis: UUID | None, now: datetime
) -> int:
    """Withdraw signals that were shared at once and that nobody confirmed; return how many.

    exercise, crisis: those of all of them. Call it in the transaction of the decision.
    """
    pks: list[int] = []
    for batch in long_values.batches(uids):
        live = Signal.objects.filter(uid__in=batch, state=SignalState.LIVE)
        pks += live.order_by("position").values_list("pk", flat=True)
    if not pks:
        return 0
    detail = terms.end(pks, state=SignalState.WITHDRAWN, now=now)
    for numbers in long_values.batches(pks):
        reason = WithdrawReason.UNCONFIRMED
        Signal.objects.filter(pk__in=numbers).update(withdrawn_at=now, withdraw_reason=reason)
    ledger.append(
        "signals.unconfirmed",
        actor=CLOCK,
        subject="signals",
        now=now,
        detail=detail,
        exercise=exercise,
        crisis=crisis,
    )
    return len(pks)


@needs_no_entry("terms.expire records each batch")
def expire_due(now: datetime) -> int:
    """Turn live signals past their time into tombstones; return how many.

    Each batch is its own transaction with a ledger entry, so that other writers are not blocked.
    """
    due = Signal.objects.filter(state=SignalState.LIVE, expires_at__lte=now).order_by()
    count = 0
    for exercise, crisis in list(due.values_list("exercise", "crisis__uid").distinct()):
        marked = due.filter(exercise=exercise, crisis__uid=crisis)
        while marked.exists():
            count += _expire_some(marked, exercise=exercise, crisis=crisis, now=now)
    return count


@part()
def _expire_some(
    marked: QuerySet[Signal], *, exercise: bool, now: datetime, crisis: UUID | None = None
) -> int:
    """Expire one batch, of one mark and crisis."""
    # Another scheduler process may have expired them first.
    pks = list(marked.order_by("position").values_list("pk", flat=True)[:EXPIRE_AT_ONCE])
    if not pks:
        return 0
    terms.expire(pks, exercise=exercise, crisis=crisis, now=now)
    return len(pks)
