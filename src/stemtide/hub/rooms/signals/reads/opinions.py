# SPDX-License-Identifier: Apache-2.0
"""Read opinions: who confirms signals, and which ones a reader disputes. Read questions, too."""

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import BooleanField, Exists, ExpressionWrapper, OuterRef, Q, QuerySet

from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.signals.long_values import Row, batches
from stemtide.hub.rooms.signals.models import DisputeTally, OpinionRow, Signal, SignalQuestion
from stemtide.hub.rooms.signals.rules.disputes import DisputeFacts
from stemtide.hub.rooms.signals.rules.questions import QuestionFacts
from stemtide.hub.rooms.signals.rules.runaways import CLEARED, LOWERED
from stemtide.protocol.enums import Opinion, PartyKind, SignalState
from stemtide.protocol.messages.signals import OpinionOut, SetAsideOut, SignalQuestionOut
from stemtide.protocol.trust.standing import COUNTING

_WEIGHTY = (Opinion.AGREE, Opinion.DISPUTE)


def add_opinions(feed_rows: Iterable[dict[str, Any]], viewer: Party) -> list[Row]:
    """Replace the counts of opinions on rows of a feed by what its reader learns of them.

    These are confirmed_by, the names of the parties that confirm the signal, disputed_by_you, and
    disputed, which a reader's own dispute sets as well.
    Only signals that somebody confirms or disputes cost a query.
    """
    rows = list(feed_rows)
    opinions = judgements(rows)
    for row in rows:
        judged = opinions.get(row["id"], NO_JUDGEMENT)
        apply_judgement(row, judged, is_own=viewer.pk in judged.disputed_by)
    return list(rows)


def of_party(signals: Collection[int], *, viewer: Party) -> list[tuple[int, str]]:
    """Return the viewer's own opinions of signals, by the signals' primary keys."""
    rows = OpinionRow.objects.filter(party=viewer, signal__in=signals)
    return list(rows.values_list("signal_id", "opinion"))


def questions_of(row: Signal, *, viewer: Party) -> list[SignalQuestionOut]:
    """Return the questions about a signal: the sharer reads all, others their own party's."""
    rows = row.questions.select_related("party")
    if row.shared_by_id != viewer.pk:
        rows = rows.filter(party=viewer)
    return [describe_question(question) for question in rows]


def questions_today(viewer: Party, *, exercise: bool, now: datetime) -> int:
    """Return how many questions the viewer sent today (UTC) that are still there."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    rows = SignalQuestion.objects.filter(party=viewer, signal__exercise=exercise)
    return rows.filter(sent_at__gte=midnight).count()


def describe_question(row: SignalQuestion) -> SignalQuestionOut:
    """Return a question in its wire format."""
    return SignalQuestionOut(
        party=row.party.name,
        text=row.text,
        sent_at=row.sent_at,
        answer=row.answer,
        answered_at=row.answered_at,
    )


def question_facts(row: SignalQuestion) -> QuestionFacts:
    """Return the facts about a question that the rules need."""
    return QuestionFacts(
        party=row.party.name,
        sharer=row.signal.shared_by.name,
        is_answered=row.answered_at is not None,
    )


def disputed_today(viewer: Party, *, now: datetime) -> int:
    """Return how many disputes the viewer opened today (UTC) that count against its limit."""
    tally = DisputeTally.objects.filter(party=viewer, day=now.astimezone(UTC).date()).first()
    return tally.opened if tally else 0


class Judgement(NamedTuple):
    """Parties that confirm a signal, by name, and those that dispute it, as primary keys."""

    confirmed_by: list[str]
    disputed_by: frozenset[int]


NO_JUDGEMENT = Judgement([], frozenset())


@needs_no_viewer("apply_judgement tells each reader only of its own dispute")
def judgements(feed_rows: Iterable[Mapping[str, Any]]) -> dict[UUID, Judgement]:
    """Return the opinions of those rows of a feed that anybody confirms or disputes."""
    judged = [row["id"] for row in feed_rows if row["confirmations"] or row["disputes"]]
    confirmed_by, disputed_by = _opinions(judged)
    return {
        uid: Judgement(confirmed_by.get(uid, []), frozenset(disputed_by.get(uid, ())))
        for uid in judged
    }


@needs_no_viewer("is_own names the reader's part in it")
def apply_judgement(row: dict[str, Any], judged: Judgement, *, is_own: bool) -> None:
    """Replace the counts of opinions on a row of a feed. is_own: whether its reader disputes it."""
    del row["confirmations"], row["disputes"]
    row["confirmed_by"] = judged.confirmed_by
    row["disputed_by_you"] = is_own
    # Agents, older ones too, undo what they did because of a signal that is disputed.
    if row["signature"] is None:  # it would make the entries of those who sign nothing longer
        del row["signature"]
    flood = row.pop("flood")
    row["lowered"], row["cleared"] = flood == LOWERED, flood == CLEARED
    row["disputed"] = row["disputed"] or is_own or row["lowered"]


def disputed_for(viewer: Party) -> "ExpressionWrapper[Q]":
    """Return the SQL expression for whether a signal is disputed, or by the viewer itself."""
    own = OpinionRow.objects.filter(
        signal=OuterRef("pk"), party=viewer, opinion=Opinion.DISPUTE.value
    )
    is_own = Q(disputes__gt=0) & Q(Exists(own))
    return ExpressionWrapper(
        Q(is_disputed=True) | Q(flood=LOWERED) | is_own, output_field=BooleanField()
    )


def describe(row: OpinionRow, *, viewer: Party) -> OpinionOut:
    """Return one party's opinion in its wire format."""
    is_dispute = row.opinion == Opinion.DISPUTE
    return OpinionOut(
        party=row.party.name,
        opinion=Opinion(row.opinion),
        note=row.note,
        given_at=row.given_at,
        set_aside=_set_aside(row, viewer=viewer) if is_dispute else None,
    )


def _set_aside(row: OpinionRow, *, viewer: Party) -> SetAsideOut | None:
    """Return the decision that a dispute does not count, if there is one.

    Agencies and the disputing party read the answer, which is between them, and whether it was set
    aside with others.
    """
    if row.set_aside_at is None or row.set_aside_by is None or not row.is_set_aside:
        return None
    may_read = viewer.kind == PartyKind.AGENCY or viewer.pk == row.party_id
    return SetAsideOut(
        by=row.set_aside_by.name,
        reason=row.set_aside_reason,
        at=row.set_aside_at,
        dismissal=row.dismissal.uid if row.dismissal and may_read else None,
        answer=row.answer if may_read else "",
        answered_at=row.answered_at if may_read else None,
    )


@needs_no_viewer("the scheduler reads for all parties")
def opinions_about(signals: Collection[UUID]) -> list[OpinionRow]:
    """Return all opinions about signals, the oldest first."""
    rows = OpinionRow.objects.filter(signal__uid__in=signals)
    return list(rows.select_related("party", "signal__shared_by", "signal__crisis"))


def words(kind: str, *, signal: Signal, actor: str, party: str) -> str:
    """Return the words of a party with an act on an opinion; "" for other acts.

    kind: of the ledger entry. actor, party: who acted, and whom it concerns, as the ledger names
    them.
    """
    author, column = {
        "opinion.given": (actor, "note"),
        "dispute.dismissed": (party, "set_aside_reason"),
        "dispute.answered": (actor, "answer"),
    }.get(kind, ("", "note"))
    rows = OpinionRow.objects.filter(signal=signal, party__name=author.removeprefix("party:"))
    return rows.values_list(column, flat=True).first() or ""


def dispute_facts(row: OpinionRow) -> DisputeFacts:
    """Return the facts about a party's dispute that the rules need."""
    return DisputeFacts(
        party=row.party.name,
        kind=PartyKind(row.party.kind),
        is_open=row.opinion == Opinion.DISPUTE,
        is_set_aside=row.is_set_aside,
        is_answered=row.answered_at is not None,
        is_of_many=row.dismissal_id is not None,
    )


def _opinions(
    uids: Iterable[UUID],
) -> tuple[dict[UUID, list[str]], dict[UUID, list[int]]]:
    """Return the names of the parties that confirm each of these signals, and who disputes it.

    The sharer's own agreement confirms nothing.
    """
    confirmed_by: dict[UUID, list[str]] = {}
    disputed_by: dict[UUID, list[int]] = {}
    for batch in batches(uids):
        opinions = OpinionRow.objects.filter(signal__uid__in=batch, opinion__in=_WEIGHTY)
        columns = ("signal__uid", "signal__shared_by", "party", "party__name", "opinion")
        for uid, sharer, party, name, opinion in opinions.order_by("party__name").values_list(
            *columns
        ):
            if opinion == Opinion.AGREE and party != sharer:
                confirmed_by.setdefault(uid, []).append(name)
            elif opinion == Opinion.DISPUTE:
                disputed_by.setdefault(uid, []).append(party)
    return confirmed_by, disputed_by


def count_confirmed(party: Party, *, most: int) -> int:
    """Return how many real signals of a party others confirmed, at most so many.

    A party confirms a signal if it counts, is of another group, and agrees with it, or shares the
    same value later. A value that it had shared before was perhaps copied from it.
    """
    others = _independent(party)
    agreed = OpinionRow.objects.filter(
        signal=OuterRef("pk"), opinion=Opinion.AGREE, party__in=others
    )
    repeated = Signal.objects.filter(
        value=OuterRef("value"),
        kind=OuterRef("kind"),
        exercise=False,
        state=SignalState.LIVE,
        shared_by__in=others,
        shared_at__gt=OuterRef("shared_at"),
    )
    shared = Signal.objects.filter(shared_by=party, exercise=False)
    shared = shared.exclude(state=SignalState.WITHDRAWN)
    confirmed = shared.filter(Q(Exists(agreed)) | Q(Exists(repeated))).order_by()
    return len(confirmed.values_list("pk")[:most])


def _independent(party: Party) -> QuerySet[Party]:
    """Return the parties that count and are independent of this one."""
    others = Party.objects.filter(standing__in=COUNTING).exclude(pk=party.pk)
    return others.exclude(group=party.group) if party.group else others
