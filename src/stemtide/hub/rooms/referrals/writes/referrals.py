# SPDX-License-Identifier: Apache-2.0
"""Write referrals for their sender; writes for the addressee are in answers.py.

No word and no address of a referral enters the ledger: entries name rows by number.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from stemtide.fingerprints.url import canonical
from stemtide.hub.platform.errors import ConflictError
from stemtide.hub.platform.retention.columns import retention_columns
from stemtide.hub.rooms.ledger.rules.ledger import CLOCK
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.parties.writes.competences import next_state_reference
from stemtide.hub.rooms.referrals.models import Hold, Meeting, Referral
from stemtide.hub.rooms.referrals.reads import referrals as reads, search, targets
from stemtide.hub.rooms.referrals.reads.search import Surroundings
from stemtide.hub.rooms.referrals.rules import holds as holds_rules, referrals as rules
from stemtide.hub.rooms.signals.reads import similar
from stemtide.hub.rooms.signals.rules.signals import uuid_at
from stemtide.hub.rooms.signals.writes import signals
from stemtide.protocol.enums import SignalState, WithdrawReason
from stemtide.protocol.enums.referrals import ReferralState, RowOutcome, TakeBackReason
from stemtide.protocol.law.retention import RowClass
from stemtide.protocol.messages.referrals import (
    AssessIn,
    ContextIn,
    DropIn,
    ReferralOut,
    SendIn,
    TakeBackIn,
)
from stemtide.protocol.messages.signals import WithdrawIn

SERIES = "RF"
"""The series of file references of referrals."""

_SIGNAL_REASONS = {
    TakeBackReason.MISTAKE: WithdrawReason.MISTAKE,
    TakeBackReason.NOT_VIOLATING: WithdrawReason.NOT_VIOLATING,
    TakeBackReason.CONTEXT: WithdrawReason.CONTEXT,
}
"""The reason to withdraw a linked signal, by the referral's reason; OTHER for all others."""


@transaction.atomic
def assess(body: AssessIn, *, by: Actor, now: datetime) -> ReferralOut:
    """Record content that was assessed, to be referred or not.

    raises: NotAllowedError; InvalidError naming the field; ConflictError where one's own party
            refers the same address already.
    """
    row = _assess(body, by=by, now=now)
    return reads.referral(row.uid, viewer=by.party)


@transaction.atomic
def refer(body: AssessIn, *, assessment: SendIn, by: Actor, now: datetime) -> ReferralOut:
    """Assess and send a referral in one transaction. It waits if its content is held.

    raises: as assess() and send().
    """
    row = _assess(body, by=by, now=now)
    return send(row.uid, body=assessment, by=by, now=now)


@transaction.atomic
def send(uid: UUID, *, body: SendIn, by: Actor, now: datetime) -> ReferralOut:
    """Send a referral, after a search in numbered steps.

    1. Check the move and the role.  2. Search the address and its signals.
    3. If there is a hold on it, it waits, unless an emergency overrides that.
    4. Otherwise it goes to its provider; others who refer the same content are notified, and so
       is the sender.

    raises: NotFoundError, NotAllowedError; ConflictError where another authority's referral of
            the address awaits its answer and no reason is given, or where it waits already.
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    facts = reads.facts(row)
    rules.check_hand(facts, "send", by=by)  # 1
    near = similar.same_content(
        [signal.uid for signal in row.signals.all()], viewer=by.party, exercise=row.exercise
    )
    around = search.surroundings(  # 2
        [row.digest], viewer=by.party, exercise=row.exercise, now=now, near=near, but=row.pk
    )
    outcome = rules.verdict(around.around(row.digest, row.provider_id), again=True)
    holds = around.holds.get(row.digest, [])
    if outcome is RowOutcome.HELD and not body.override.strip():
        return _wait(row, facts, holds=holds, by=by, now=now)  # 3
    if outcome is RowOutcome.HELD:
        holds_rules.check_override(body.override)
        _override(row, holds=holds, reason=body.override, by=by, now=now)
        path = ["wait", "override"]
    else:
        rules.check_verdict(outcome, reference=row.reference, despite=body.despite)
        path = ["send"]
    row.despite = body.despite.strip()
    row.state = _walk(facts, path)
    return _send(row, around=around, near=near, by=by, now=now)  # 4


@transaction.atomic
def drop(uid: UUID, *, body: DropIn, by: Actor, now: datetime) -> ReferralOut:
    """Decide not to refer an assessed address.

    raises: NotFoundError, NotAllowedError, ConflictError.
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    row.state = rules.check_move(reads.facts(row), "drop", by=by)
    row.decided_at = row.decided_at or now
    row.drop_reason, row.drop_note = body.reason, body.note
    row.save()
    detail: dict[str, object] = {"reason": body.reason.value}
    return _record("referral.dropped", row, by=by, now=now, detail=detail)


@transaction.atomic
def take_back(uid: UUID, *, body: TakeBackIn, by: Actor, now: datetime) -> ReferralOut:
    """Withdraw a sent referral and, if asked for, the sender's signals linked to it.

    The provider is notified, and decides again about what it removed.

    raises: NotFoundError, NotAllowedError, ConflictError.
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    row.state = rules.check_move(reads.facts(row), "withdraw", by=by)
    row.withdrawn_at = now
    row.take_back_reason, row.take_back_note = body.reason, body.note
    row.save()
    count = _withdraw_signals(row, body.reason, by=by, now=now) if body.signals else 0
    detail: dict[str, object] = {
        "party": row.provider.ref,
        "reason": body.reason.value,
        "signals": count,
    }
    return _record("referral.withdrawn", row, by=by, now=now, detail=detail)


@transaction.atomic
def explain(uid: UUID, *, body: ContextIn, by: Actor, now: datetime) -> ReferralOut:
    """Give the context that the provider asked for, and send the referral again with it.

    raises: NotFoundError, NotAllowedError, ConflictError.
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    row.state = rules.check_move(reads.facts(row), "explain", by=by)
    row.save(update_fields=["state"])
    row.questions.filter(given_at=None).update(context=body.context, given_at=now)
    detail: dict[str, object] = {"party": row.provider.ref}
    return _record("referral.explained", row, by=by, now=now, detail=detail)


def _assess(body: AssessIn, *, by: Actor, now: datetime) -> Referral:
    """Make the row of an assessed referral."""
    rules.check_assess(kind=by.kind, role=by.role)
    url, spelled = rules.read_url(body.url)
    ledger.lock_ledger()
    provider = targets.provider(body.provider, exercise=body.exercise)
    crisis = targets.crisis(body.crisis, exercise=body.exercise, viewer=by.party)
    linked = targets.linked(body.signals, exercise=body.exercise, viewer=by.party)
    digest = canonical.digest(spelled).hex()
    around = search.surroundings([digest], viewer=by.party, exercise=body.exercise, now=now)
    own = around.around(digest, provider.pk)
    if rules.verdict(own, again=body.again) is RowOutcome.DUPLICATE:
        rules.check_verdict(RowOutcome.DUPLICATE, reference=own.reference)
    row = Referral.objects.create(
        uid=uuid_at(now),
        reference=next_state_reference(by.party, SERIES, now=now),
        sender=by.party,
        provider=provider,
        url=url,
        digest=digest,
        crisis=crisis,
        exercise=body.exercise,
        assessed_at=now,
        **rules.columns_of(body),
        **retention_columns(RowClass.REFERRAL, kind=by.kind, now=now),
    )
    row.signals.set(linked)
    _append("referral.assessed", row, by=by, now=now, detail={})
    return row


def _walk(facts: rules.ReferralFacts, path: list[str]) -> ReferralState:
    """Return the state after some moves of the sender, from the referral's present state.

    What waited for a hold that is over is freed first, as the clock would.
    """
    state = facts.state
    if state is ReferralState.HELD:
        path = path[1:] if path[0] == "wait" else ["free", *path]
    for name in path:
        at = rules.ReferralFacts(state=state, sender=facts.sender, provider=facts.provider)
        state = rules.move(at, name, side=CLOCK if name == "free" else "sender")
    return state


def _wait(
    row: Referral,
    facts: rules.ReferralFacts,
    *,
    holds: list[Hold],
    by: Actor,
    now: datetime,
) -> ReferralOut:
    """Keep a referral waiting for the holds on it, and notify their holders."""
    if facts.state is ReferralState.HELD:
        last = max(holds, key=lambda standing_hold: standing_hold.until)
        raise ConflictError(
            "it waits because of a hold of {holder}, until {until:%Y-%m-%d %H:%M} UTC at the "
            "latest: call {contact}, or send it with override in an emergency",
            holder=last.holder.title,
            until=last.until,
            contact=last.contact,
        )
    row.state = rules.move(facts, "wait", side="sender")
    row.decided_at = row.decided_at or now
    row.held_at, row.freed_at = now, None
    row.save()
    for hold in holds:
        meet(hold, [row], by=by, now=now)
    return _record("referral.held", row, by=by, now=now, detail={"holds": len(holds)})


def meet(hold: Hold, rows: Sequence[Referral], *, by: Actor, now: datetime) -> None:
    """Note that referrals wait for a hold, in one entry: its holder is alerted by that."""
    _pair(hold, rows, now=now, is_overridden=False)
    detail: dict[str, object] = {"party": hold.holder.ref, "count": len(rows)}
    ledger.append_by(
        "hold.met", by=by, subject=hold.ref, now=now, detail=detail, exercise=hold.exercise
    )


def _pair(hold: Hold, rows: Iterable[Referral], *, now: datetime, is_overridden: bool) -> None:
    """Create a row for each pair of hold and referral."""
    Meeting.objects.bulk_create(
        [Meeting(hold=hold, referral=row, met_at=now, is_overridden=is_overridden) for row in rows],
        update_conflicts=True,
        unique_fields=["hold", "referral"],
        update_fields=["met_at", "is_overridden"],
    )


def _override(row: Referral, *, holds: list[Hold], reason: str, by: Actor, now: datetime) -> None:
    """Record that a referral overrides holds in an emergency, and notify each holder."""
    row.override = reason.strip()
    for hold in holds:
        _pair(hold, [row], now=now, is_overridden=True)
        ledger.append_by(
            "hold.overridden",
            by=by,
            subject=hold.ref,
            now=now,
            detail={"party": hold.holder.ref, "referral": str(row.uid)},
            exercise=hold.exercise,
        )


def _send(
    row: Referral, *, around: Surroundings, near: frozenset[int], by: Actor, now: datetime
) -> ReferralOut:
    """Send a referral to its provider, and notify all who refer the same content."""
    row.decided_at = row.decided_at or now
    row.sent_at = now
    row.save()
    detail: dict[str, object] = {"party": row.provider.ref}
    _append("referral.sent", row, by=by, now=now, detail=detail)
    same = around.others.get((row.digest, row.provider_id), [])
    others = [
        *same,
        *search.unanswered_elsewhere(
            near, viewer=by.party, exercise=row.exercise, but=[referral.pk for referral in same]
        ),
    ]
    tell_overlaps(others, [row] if others else [], by=by, now=now)
    return reads.referral(row.uid, viewer=by.party)


def tell_overlaps(
    others: Iterable[Referral], own: Iterable[Referral], *, by: Actor, now: datetime
) -> None:
    """Record that authorities refer the same content: an entry for each side, which alerts it."""
    for referral in (*others, *own):
        detail: dict[str, object] = {"party": referral.sender.ref}
        _append("referral.overlapped", referral, by=by, now=now, detail=detail)


def _withdraw_signals(row: Referral, reason: TakeBackReason, *, by: Actor, now: datetime) -> int:
    """Withdraw the sender's live signals that a referral is linked to; how many."""
    body = WithdrawIn(reason=_SIGNAL_REASONS.get(reason, WithdrawReason.OTHER))
    mine = row.signals.filter(shared_by=by.party, state=SignalState.LIVE)
    uids = list(mine.values_list("uid", flat=True))
    for uid in uids:
        signals.withdraw(uid, body=body, by=by.party, now=now, actor_ref=by.ref, role=by.role)
    return len(uids)


def _append(
    kind: str, row: Referral, *, by: Actor, now: datetime, detail: dict[str, object]
) -> None:
    """Append an act on a referral to the ledger."""
    ledger.append_by(
        kind,
        by=by,
        subject=row.ref,
        now=now,
        detail=detail,
        exercise=row.exercise,
        crisis=row.crisis.uid if row.crisis else None,
    )


def _record(
    kind: str, row: Referral, *, by: Actor, now: datetime, detail: dict[str, object]
) -> ReferralOut:
    """Append to the ledger and return the referral."""
    _append(kind, row, by=by, now=now, detail=detail)
    return reads.referral(row.uid, viewer=by.party)
