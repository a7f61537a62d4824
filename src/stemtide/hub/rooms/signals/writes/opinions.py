# SPDX-License-Identifier: Apache-2.0
"""Write opinions of signals: confirmations and disputes. Write questions to sharers, too."""

from datetime import UTC, datetime
from uuid import UUID

from django.db import transaction

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.platform.exemptions import needs_no_entry
from stemtide.hub.platform.permissions import check_person_may_write
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.signals import bulk_sql
from stemtide.hub.rooms.signals.models import DisputeTally, OpinionRow, Signal, SignalQuestion
from stemtide.hub.rooms.signals.reads import opinions as opinion_reads, runaways, signals as reads
from stemtide.hub.rooms.signals.rules import (
    disputes as dispute_rules,
    opinions as opinion_rules,
    questions as question_rules,
    signals as rules,
)
from stemtide.hub.rooms.signals.rules.disputes import Dispute
from stemtide.hub.rooms.signals.writes import mass_ends
from stemtide.protocol.enums import Opinion, PartyKind, Role
from stemtide.protocol.messages.signals import (
    OpinionIn,
    QuestionAnswerIn,
    QuestionIn,
    SignalOut,
    SignalQuestionOut,
)
from stemtide.protocol.trust.second_look import WaitingAct

WEIGHED = ("is_disputed", "flood", "confirmations", "disputes", "position", "stamp_s")
"""Columns of a signal that opinions change."""


@transaction.atomic
def give_opinion(
    uid: UUID,
    *,
    body: OpinionIn,
    by: Party,
    now: datetime,
    actor_ref: str | None = None,
    role: Role | None = None,
) -> SignalOut:
    """Record a party's opinion about a signal; it replaces an earlier one.

    A signal gets a new feed position if the party confirms or disputes it, or no longer does.

    role: of the person who acts for the party; None for a machine.

    raises: NotFoundError, NotAllowedError for observers, ConflictError for an ended signal,
            InvalidError for a dispute without a reason, RateLimitError for too many new disputes
            in a day, or too many changes of this opinion.
    """
    check_person_may_write(role)
    opinion_rules.check_note(body.opinion, body.note)
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by)
    rules.check_opinion(reads.facts(row), kind=PartyKind(by.kind))
    before = row.opinions.filter(party=by).first()
    is_weighty = _store_opinion(row, body=body, by=by, now=now)
    _record_opinion(row, body.opinion, by=by, now=now, through=actor_ref, is_weighty=is_weighty)
    if body.opinion is Opinion.DISPUTE:
        _ask_second_look(row, body=body, before=before, by=by, now=now, through=actor_ref)
    return reads.describe(row, viewer=by)


@transaction.atomic
def send_question(uid: UUID, *, body: QuestionIn, by: Actor, now: datetime) -> SignalQuestionOut:
    """Send a question about a signal to its sharer. It replaces an answered one.

    The same question again changes nothing, so that an agent may repeat it.

    raises: NotFoundError, NotAllowedError for observers, ConflictError for an ended signal, one's
            own, or while an earlier question is open, RateLimitError.
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    present = row.questions.select_related("party").filter(party=by.party).first()
    if present and present.text == body.text and present.answered_at is None:
        return opinion_reads.describe_question(present)
    open_question = opinion_reads.question_facts(present) if present else None
    question_rules.check_question(
        reads.facts(row), open_question, kind=by.kind, name=by.name, role=by.role
    )
    question_rules.check_quota(
        opinion_reads.questions_today(by.party, exercise=row.exercise, now=now), now=now
    )
    values = {"text": body.text, "sent_at": now, "answer": "", "answered_at": None}
    question, _ = SignalQuestion.objects.update_or_create(
        signal=row, party=by.party, defaults=values
    )
    _record_question("question.sent", row, party=row.shared_by.name, by=by, now=now)
    return opinion_reads.describe_question(question)


@transaction.atomic
def answer_question(
    uid: UUID, party: str, *, body: QuestionAnswerIn, by: Actor, now: datetime
) -> SignalQuestionOut:
    """Answer, once, a party's question about one's own signal, also after the signal ended.

    raises: NotFoundError, NotAllowedError for all but the sharer, ConflictError.
    """
    ledger.lock_ledger()
    row = reads.find(uid, viewer=by.party)
    questions = row.questions.select_related("party", "signal__shared_by")
    question = questions.filter(party__name=party).first()
    if question is None or by.party not in (row.shared_by, question.party):
        raise NotFoundError("{party} has not sent a question about this signal", party=party[:60])
    question_rules.check_answer(opinion_reads.question_facts(question), name=by.name, role=by.role)
    question.answer, question.answered_at = body.text, now
    question.save(update_fields=["answer", "answered_at"])
    _record_question("question.answered", row, party=party, by=by, now=now)
    return opinion_reads.describe_question(question)


def _record_question(kind: str, row: Signal, *, party: str, by: Actor, now: datetime) -> None:
    """Append a question or its answer to the ledger, without its text. party: its addressee."""
    ledger.append_by(
        kind,
        by=by,
        subject=row.ref,
        now=now,
        detail={"party": f"party:{party}"},
        exercise=row.exercise,
        crisis=None,  # its timeline would show everybody who holds an upload that matches
    )


def dispute_until_decided(
    row: Signal, *, note: str, by: Party, now: datetime, through: str | None
) -> OpinionRow | None:
    """Let a signal count as disputed by a party while its withdrawal waits.

    Return the opinion that the party had of it before.
    """
    before = row.opinions.filter(party=by).first()
    _put_opinion(row, Opinion.DISPUTE, note=note, by=by, now=now)
    _record_opinion(row, Opinion.DISPUTE, by=by, now=now, through=through)
    return before


def restore_opinion(
    row: Signal, before: dict[str, str] | None, *, by: Party, now: datetime, through: str
) -> None:
    """Give back to a party the opinion that it had before a dispute that nobody approved.

    before: that opinion with its note; None for none. Nothing changes if the party has given
    another opinion since.
    """
    present = row.opinions.filter(party=by).first()
    if present is None or present.opinion != Opinion.DISPUTE:
        return
    earlier = before or {"opinion": Opinion.SEEN.value, "note": ""}
    opinion = Opinion(earlier["opinion"])
    _put_opinion(row, opinion, note=earlier["note"], by=by, now=now)
    _record_opinion(row, opinion, by=by, now=now, through=through)


def _record_opinion(
    row: Signal,
    opinion: Opinion,
    *,
    by: Party,
    now: datetime,
    through: str | None,
    is_weighty: bool = True,
) -> None:
    """Weigh a signal whose opinions changed, and append to the ledger.

    is_weighty: agents must learn of it, so that the signal gets a new feed position.
    """
    if is_weighty:
        follow_standing(by)
    weigh(row)
    row.stamp_s = bulk_sql.next_stamp(now)
    detail: dict[str, object] = {"opinion": opinion.value, "disputed": row.is_disputed}
    if is_weighty:
        row.position = ledger.take_positions(1, now=now)
        detail["position"] = row.position
    row.save(update_fields=WEIGHED)
    if through:
        detail["through"] = through
    ledger.append(
        "opinion.given",
        actor=by.ref,
        subject=row.ref,
        now=now,
        detail=detail,
        exercise=row.exercise,
        crisis=row.crisis.uid if row.crisis else None,
    )


def _ask_second_look(
    row: Signal,
    *,
    body: OpinionIn,
    before: OpinionRow | None,
    by: Party,
    now: datetime,
    through: str | None,
) -> None:
    """Ask for a second look at a dispute that stops a signal everywhere, beyond those of a day."""
    is_stopping = row.shared_by_id == by.pk or by.kind == PartyKind.AGENCY
    is_new = before is None or before.opinion != Opinion.DISPUTE
    if not (is_stopping and is_new):
        return
    if mass_ends.is_beyond(WaitingAct.DISPUTE, by=by, exercise=row.exercise, now=now):
        mass_ends.ask(
            row, WaitingAct.DISPUTE, body=body, before=before, by=by, now=now, through=through
        )


def _put_opinion(row: Signal, opinion: Opinion, *, note: str, by: Party, now: datetime) -> None:
    """Store a party's opinion without asking the limits."""
    values = {"opinion": opinion, "note": note, "given_at": now}
    OpinionRow.objects.update_or_create(signal=row, party=by, defaults=values)


def _store_opinion(row: Signal, *, body: OpinionIn, by: Party, now: datetime) -> bool:
    """Store a party's opinion within its limits; return whether agents must learn of it.

    raises: RateLimitError.
    """
    earlier = row.opinions.filter(party=by).first()
    before = earlier.opinion if earlier else ""
    is_weighty = _weight(before) != _weight(body.opinion)
    changes = _changed_today(earlier, now=now)
    if is_weighty:
        opinion_rules.check_changes(changes, to=body.opinion, now=now)
    if body.opinion is Opinion.DISPUTE and before != Opinion.DISPUTE:
        _count_dispute(by, is_own=row.shared_by_id == by.pk, now=now)
    OpinionRow.objects.update_or_create(
        signal=row,
        party=by,
        defaults={
            "opinion": body.opinion,
            "note": body.note,
            "given_at": now,
            "changes": changes + is_weighty,
        },
    )
    return is_weighty


@needs_no_entry("its callers record what changed the opinions")
def weigh(row: Signal) -> bool:
    """Set the columns that depend on opinions; return whether a mark changed."""
    opinions = list(row.opinions.select_related("party", "set_aside_by"))
    agreeing = [opinion for opinion in opinions if opinion.opinion == Opinion.AGREE]
    disputing = [opinion for opinion in opinions if opinion.opinion == Opinion.DISPUTE]
    # The sharer's own agreement confirms nothing.
    row.confirmations = sum(opinion.party_id != row.shared_by_id for opinion in agreeing)
    row.disputes = len(disputing)
    before = row.is_disputed, row.flood
    row.is_disputed = dispute_rules.stops_everywhere(
        [Dispute(opinion.party.trust, is_set_aside=opinion.is_set_aside) for opinion in disputing],
        sharer=row.shared_by.name,
    )
    row.flood = runaways.mark_of(row)
    return before != (row.is_disputed, row.flood)


@needs_no_entry("it only remembers as of which standing the party's word was weighed")
def follow_standing(party: Party) -> None:
    """Have what a party said or decided about signals weighed anew when its standing changes."""
    DisputeTally.objects.get_or_create(party=party, defaults={"weighed": party.position})


def _changed_today(earlier: OpinionRow | None, *, now: datetime) -> int:
    """Return how often a party has changed its opinion of a signal today (UTC)."""
    if earlier is None or earlier.given_at.astimezone(UTC).date() != now.astimezone(UTC).date():
        return 0
    return earlier.changes


def _weight(opinion: str) -> str:
    """Return an opinion that agents learn of; "" for one that they do not."""
    return opinion if opinion in (Opinion.AGREE, Opinion.DISPUTE) else ""


def _count_dispute(by: Party, *, is_own: bool, now: datetime) -> None:
    """Count a new dispute against its party's daily limit. raises: RateLimitError."""
    defaults = {"weighed": by.position}
    tally, _ = DisputeTally.objects.get_or_create(party=by, defaults=defaults)
    if not dispute_rules.is_limited(kind=PartyKind(by.kind), is_own=is_own):
        return
    today = now.astimezone(UTC).date()
    opened = tally.opened if tally.day == today else 0
    dispute_rules.check_quota(opened, now=now)
    tally.day, tally.opened = today, opened + 1
    tally.save(update_fields=["day", "opened"])
