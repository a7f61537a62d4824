# SPDX-License-Identifier: Apache-2.0
"""Write acts that wait: ask for a second look, approve, refuse, take back, expire."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from uuid import UUID, uuid4

from django.db import connection, transaction

from stemtide.hub.platform.database.bulk_insert import insert_rows, prepare, prepare_ids
from stemtide.hub.platform.exemptions import needs_no_entry, needs_no_lock
from stemtide.hub.rooms.approvals import acts, rules
from stemtide.hub.rooms.approvals.models import ENDED, AffectedSignal, Approval, WaitingSignal
from stemtide.hub.rooms.approvals.reads import approvals as reads
from stemtide.hub.rooms.crises.models import Crisis
from stemtide.hub.rooms.ledger.rules.ledger import CLOCK
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads import independence
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.protocol.approvals import ApprovalOut, ApproveIn, RefuseIn
from stemtide.protocol.enums import ApprovalState
from stemtide.protocol.messages.signals import MAX_BULK
from stemtide.protocol.trust.second_look import WaitingAct, WaitReason, Who, second_look

MOST_ENDED = 1000
"""Signals that one withdrawal or dispute ends: its decision is one transaction."""

_MOST = {
    WaitingAct.SHARE: MAX_BULK,
    WaitingAct.WITHDRAW: MOST_ENDED,
    WaitingAct.DISPUTE: MOST_ENDED,
}
"""Signals of one act that waits; further ones begin another. Orders never join."""

MAX_NAMED = 100
"""Rows that were refused when their share was approved, as the approval names them."""


_COUNT = """
INSERT INTO approvals_actcount AS had (party_id, act, exercise, day, count)
VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (party_id, act, exercise) DO UPDATE SET day = excluded.day, count =
  CASE WHEN had.day = excluded.day THEN had.count + excluded.count ELSE excluded.count END
"""


@dataclass(frozen=True, slots=True)
class WaitingRow:
    """A signal that is to wait. body: the message as JSON. notes: what was found, by reason."""

    uid: UUID
    kind: str
    value: str
    body: str
    notes: dict[WaitReason, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AffectedRow:
    """A signal that is to be withdrawn or disputed. body: the message as JSON.

    before: the opinion that the party had of it, with its note.
    """

    uid: UUID
    body: str
    before: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Asking:
    """An act for which a second look is asked.

    ref:     the person or key that asks. payload: what the act needs to be done later.
    is_done: it was done at once, in a crisis.
    signals: of a share. affected: of a withdrawal or dispute.
    """

    act: WaitingAct
    ref: str
    reasons: tuple[WaitReason, ...]
    payload: dict[str, object] = field(default_factory=dict)
    count: int = 1
    tlp: str = ""
    audience: str = ""
    crisis: UUID | None = None
    exercise: bool = False
    is_done: bool = False
    signals: Sequence[WaitingRow] = ()
    affected: Sequence[AffectedRow] = ()


def ask(asking: Asking, *, by: Party, now: datetime) -> Approval:
    """Ask for a second look at an act. Call it in the transaction of the act, with the ledger lock.

    Signals join an act of the same kind that waits since less than an hour, so that many small
    acts are one thing to look at.

    raises: RateLimitError if too many signals of the party wait.
    """
    ledger.lock_ledger()
    if asking.signals and not asking.is_done:
        waiting = reads.count_own_signals(party=by, exercise=asking.exercise)
        rules.check_room(waiting, more=len(asking.signals))
    row = _open_act(asking, by=by, now=now) or _new(asking, by=by, now=now)
    _insert_signals(asking, approval=row, by=by)
    AffectedSignal.objects.bulk_create(
        AffectedSignal(
            uid=signal.uid,
            approval=row,
            party=by,
            act=asking.act,
            body=signal.body,
            before=signal.before,
            is_open=not asking.is_done,
        )
        for signal in asking.affected
    )
    detail = _detail(row) | {"count": asking.count, "through": asking.ref}
    _append("approval.asked", row, actor=by.ref, now=now, detail=detail)
    return row


def _insert_signals(asking: Asking, *, approval: Approval, by: Party) -> None:
    """Store the signals of an act that waits. Most have the same notes, which are prepared once."""
    notes = cache(lambda items: prepare(WaitingSignal, "notes", dict(items)))
    shared = {
        "approval_id": approval.pk,
        "party_id": by.pk,
        "exercise": asking.exercise,
        "is_open": not asking.is_done,
    }
    of_all = {name: prepare(WaitingSignal, name, value) for name, value in shared.items()}
    uids = prepare_ids(signal.uid for signal in asking.signals)
    rows = [
        (uid, signal.kind, signal.value, signal.body, notes(tuple(signal.notes.items())))
        for uid, signal in zip(uids, asking.signals, strict=True)
    ]
    columns = ["uid", "kind", "value", "body", "notes"]
    insert_rows(WaitingSignal, columns, rows, shared=of_all)


def _open_act(asking: Asking, *, by: Party, now: datetime) -> Approval | None:
    """Return an act that waits and that further signals may join, counting them in it."""
    if asking.act not in _MOST:
        return None
    rows = Approval.objects.select_related("party", "crisis").filter(
        act=asking.act,
        state=ApprovalState.WAITING,
        party=by,
        asked_ref=asking.ref,
        tlp=asking.tlp,
        audience=asking.audience,
        exercise=asking.exercise,
        is_done=asking.is_done,
        asked_at__gt=now - rules.MERGES_FOR,
        expires_at__gt=now,
        count__lte=_MOST[asking.act] - asking.count,
    )
    row = next((row for row in rows if _is_alike(row, asking)), None)
    if row is not None:
        row.count += asking.count
        row.save(update_fields=["count"])
    return row


def _is_alike(row: Approval, asking: Asking) -> bool:
    """Whether an act that waits has the reasons and the crisis of another one."""
    crisis = row.crisis.uid if row.crisis else None
    return row.reasons == list(asking.reasons) and crisis == asking.crisis


def _new(asking: Asking, *, by: Party, now: datetime) -> Approval:
    """Store an act that waits."""
    who = second_look().deciders(asking.reasons)
    crisis = Crisis.objects.filter(uid=asking.crisis).first() if asking.crisis else None
    return Approval.objects.create(
        uid=uuid4(),
        act=asking.act,
        party=by,
        asked_ref=asking.ref,
        reasons=list(asking.reasons),
        who=f"|{'|'.join(role for role in Who if role in who)}|",
        payload=asking.payload,
        tlp=asking.tlp,
        audience=asking.audience,
        crisis=crisis,
        exercise=asking.exercise,
        count=asking.count,
        is_done=asking.is_done,
        asked_at=now,
        expires_at=rules.expiry(is_done=asking.is_done, now=now),
    )


@transaction.atomic
def approve(uid: UUID, *, body: ApproveIn, by: Actor, now: datetime) -> ApprovalOut:
    """Approve an act of another person: it is done now, by the rules of now.

    raises: NotFoundError, NotAllowedError, ConflictError; RefusalError if nothing of it can be done
            any more.
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    rules.check_approve(reads.facts(row), by=by, trust=by.party.trust, count=body.count, now=now)
    independence.check_second_person(by, first=row.asked_ref)
    _decide(row, ApprovalState.APPROVED, by=by, note=body.note, now=now)
    functions = acts.functions_of(WaitingAct(row.act))
    errors = functions.kept(row, now) if row.is_done else functions.do(row, now)
    row.not_done = [error.model_dump() for error in errors[:MAX_NAMED]]
    row.save(update_fields=["not_done"])
    _record("approval.approved", row, by=by, now=now, refused=len(errors))
    return reads.describe(row, viewer=by.party)


@transaction.atomic
def refuse(uid: UUID, *, body: RefuseIn, by: Actor, now: datetime) -> ApprovalOut:
    """Refuse an act of another person. What was done at once is undone.

    raises: NotFoundError, NotAllowedError, ConflictError.
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    rules.check_refuse(reads.facts(row), by=by, trust=by.party.trust, now=now)
    _end(row, ApprovalState.REFUSED, by=by, note=body.note, now=now)
    _record("approval.refused", row, by=by, now=now)
    return reads.describe(row, viewer=by.party)


@transaction.atomic
def take_back(uid: UUID, *, body: RefuseIn, by: Actor, now: datetime) -> ApprovalOut:
    """Take back an act of one's own party. What was done at once is undone.

    raises: NotFoundError, NotAllowedError, ConflictError.
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    rules.check_take_back(reads.facts(row), by=by, now=now)
    _end(row, ApprovalState.TAKEN_BACK, by=by, note=body.note, now=now)
    _record("approval.withdrawn", row, by=by, now=now)
    return reads.describe(row, viewer=by.party)


def drop(row: Approval, *, by: Actor | None, now: datetime) -> None:
    """Take back an act that has no object any more, if it waits. by: None for the clock."""
    if row.state != ApprovalState.WAITING:
        return
    _decide(row, ApprovalState.TAKEN_BACK, by=by, note="", now=now)
    if by is None:
        _append("approval.withdrawn", row, actor=CLOCK, now=now, detail=_detail(row))
    else:
        _record("approval.withdrawn", row, by=by, now=now)


def expire_due(now: datetime) -> int:
    """Expire the acts that nobody decided in time, each in a transaction; return how many."""
    due = Approval.objects.filter(state=ApprovalState.WAITING, expires_at__lte=now)
    return sum(_expire(pk, now=now) for pk in list(due.order_by().values_list("pk", flat=True)))


@needs_no_entry("the ledger has kept what was asked for and decided")
def forget_old(now: datetime) -> int:
    """Delete acts that were not approved, with their signals, past their retention; how many.

    Not orders, which refer to theirs.
    """
    rows = Approval.objects.filter(state__in=ENDED, decided_at__lt=now - rules.KEPT_FOR)
    pks = list(rows.exclude(act=WaitingAct.ORDER).order_by().values_list("pk", flat=True))
    Approval.objects.filter(pk__in=pks).delete()
    return len(pks)


@needs_no_entry("the purge, its caller, records itself")
@needs_no_lock("the purge, its caller, holds it")
def forget_signals(uids: Collection[UUID]) -> None:
    """Erase what signals said while they waited."""
    WaitingSignal.objects.filter(uid__in=uids).delete()
    AffectedSignal.objects.filter(uid__in=uids).delete()


@transaction.atomic
def _expire(pk: int, *, now: datetime) -> bool:
    """Expire one act, unless somebody decided it meanwhile; return whether it was expired."""
    ledger.lock_ledger()
    rows = Approval.objects.select_related("party", "crisis")
    row = rows.filter(pk=pk, state=ApprovalState.WAITING, expires_at__lte=now).first()
    if row is None:
        return False
    _end(row, ApprovalState.EXPIRED, now=now)
    _append("approval.expired", row, actor=CLOCK, now=now, detail=_detail(row))
    return True


def take_back_signal(signal: WaitingSignal, *, by: Actor, now: datetime) -> None:
    """Take back one signal that waits; its share ends if it was the last.

    raises: NotAllowedError, ConflictError.
    """
    ledger.lock_ledger()
    row = signal.approval
    rules.check_take_back(reads.facts(row), by=by, now=now)
    WaitingSignal.objects.filter(pk=signal.pk).update(is_open=False)
    row.count -= 1
    if row.count:
        row.save(update_fields=["count"])
    else:
        _end(row, ApprovalState.TAKEN_BACK, by=by, now=now)
    _record("approval.withdrawn", row, by=by, now=now, signal=str(signal.uid))


@needs_no_entry("the decision records it")
def close_signals(row: Approval) -> None:
    """Close the signals of a share: they will not travel."""
    row.signals.filter(is_open=True).update(is_open=False)


@needs_no_entry("the decision records it")
def close_affected(row: Approval) -> list[AffectedSignal]:
    """Return the signals that a withdrawal or dispute would have ended: it is decided now."""
    waiting = list(row.affected.filter(is_open=True))
    row.affected.filter(is_open=True).update(is_open=False)
    return waiting


@needs_no_entry("the decision records it, and the signals that they become")
def take_signals(row: Approval) -> list[WaitingSignal]:
    """Return the signals of a share that waits, and delete them: they are to travel now."""
    waiting = list(row.signals.filter(is_open=True))
    row.signals.filter(is_open=True).delete()
    return waiting


@needs_no_entry("it counts acts that record themselves")
def count_acts(
    act: WaitingAct, number: int, *, party: Party, exercise: bool, now: datetime
) -> None:
    """Add to the number of acts that a party did today (UTC)."""
    if number:
        day = now.astimezone(UTC).date()
        with connection.cursor() as cursor:
            cursor.execute(_COUNT, [party.pk, act.value, exercise, day, number])


def _end(
    row: Approval,
    state: ApprovalState,
    *,
    now: datetime,
    by: Actor | None = None,
    note: str = "",
) -> None:
    """End an act that is not approved: nothing of it is done, or it is undone."""
    _decide(row, state, by=by, note=note, now=now)
    acts.functions_of(WaitingAct(row.act)).end(row, now)


def _decide(
    row: Approval, state: ApprovalState, *, by: Actor | None, note: str, now: datetime
) -> None:
    """Store a decision. by: None for the clock."""
    row.state = state
    row.decided_by = by.party if by else None
    row.decided_ref = by.ref if by else CLOCK
    row.decided_at = now
    row.note = note
    row.save()


def _record(kind: str, row: Approval, *, by: Actor, now: datetime, **more: object) -> None:
    """Append a decision to the ledger: it names who asked and who decided."""
    detail = _detail(row) | {"through": by.ref} | more
    _append(kind, row, actor=by.party.ref, now=now, detail=detail)


def _detail(row: Approval) -> dict[str, object]:
    """Return an act as the ledger names it."""
    return {
        "act": row.act,
        "reasons": row.reasons,
        "count": row.count,
        "look": "after" if row.is_done else "before",
        "party": row.party.name,
        "asked_by": row.asked_ref,
    }


def _append(
    kind: str, row: Approval, *, actor: str, now: datetime, detail: dict[str, object]
) -> None:
    """Append to the ledger, with the marks of the act."""
    ledger.append(
        kind,
        actor=actor,
        subject=row.ref,
        now=now,
        detail=detail,
        exercise=row.exercise,
        crisis=row.crisis.uid if row.crisis else None,
    )
