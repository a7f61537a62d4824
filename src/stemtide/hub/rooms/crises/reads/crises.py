# SPDX-License-Identifier: Apache-2.0
"""Read crises: the list, the stage of each, its checklist.

The whole life of a crisis is in life.py, its participants are in participants.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from django.db.models import Q, QuerySet

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.rooms.crises.models import Check, Crisis, Participation, Review
from stemtide.hub.rooms.crises.rules import crises as rules
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads.parties import marked_for
from stemtide.hub.rooms.parties.request_cache import cached
from stemtide.hub.rooms.parties.rules.parties import COORDINATING
from stemtide.protocol.enums import (
    CheckAnswer,
    JoinState,
    PartyKind,
    ReviewDecision,
    Role,
    SignalState,
)
from stemtide.protocol.law.frameworks import framework
from stemtide.protocol.messages.crises import ActorOut, CheckOut, CrisisOut, ReviewOut


@dataclass(frozen=True, slots=True)
class _Around:
    """Rows related to some crises, by the primary keys of the crises.

    states: the viewer's own. reviews: running ones. checks: the latest answers, by test.
    """

    states: Mapping[int, JoinState] = field(default_factory=dict)
    reviews: Mapping[int, Review] = field(default_factory=dict)
    checks: Mapping[int, Mapping[str, Check]] = field(default_factory=dict)


def crises(*, viewer: Party) -> list[CrisisOut]:
    """Return all crises that a party may see, the latest warning first."""
    rows = _candidates(viewer).select_related("opened_by")
    around = _all_around(viewer)
    return [
        _describe(row, viewer=viewer, around=around)
        for row in rows
        if _is_visible(row, viewer=viewer, around=around)
    ]


def crisis(uid: UUID, *, viewer: Party) -> CrisisOut:
    """Return a crisis that the viewer may see.

    raises: NotFoundError, also for a crisis that the viewer may not see.
    """
    return describe(find(uid, viewer=viewer), viewer=viewer)


def find(uid: UUID, *, viewer: Party) -> Crisis:
    """Return the row of a crisis, for rooms above and for writes.

    raises: NotFoundError, also for one that the viewer may not see.
    """
    return _find(uid, viewer=viewer)[0]


def _find(uid: UUID, *, viewer: Party) -> tuple[Crisis, _Around]:
    """Return a crisis and the viewer's part in it. raises: NotFoundError."""
    row = _row(uid)
    if row is not None:
        around = _around(viewer, only=row)
        if _is_visible(row, viewer=viewer, around=around):
            return row, around
    raise NotFoundError(
        "there is no crisis {uid} that your party may see: see the list of crises", uid=uid
    )


def find_in_room(uid: UUID, *, viewer: Party) -> Crisis:
    """Return the row of a crisis that the viewer takes part in.

    raises: NotFoundError as find() does; NotAllowedError for one that it has not joined.
    """
    row, around = _find(uid, viewer=viewer)
    rules.check_in_room(_own_facts(row, viewer=viewer, around=around), viewer)
    return row


def is_in_room(uid: UUID, *, party: Party) -> bool:
    """Whether a party takes part in a crisis; False also for one that there is not."""
    row = _row(uid)
    if row is None or (party.exercise and not row.exercise):
        return False
    return rules.is_in_room(_own_facts(row, viewer=party, around=_around(party, only=row)), party)


def took_part(uid: UUID, *, party: Party) -> bool:
    """Whether a party takes part in a crisis, or did until it ended."""
    row = _row(uid)
    if row is None or (party.exercise and not row.exercise):
        return False
    return rules.took_part(_own_facts(row, viewer=party, around=_around(party, only=row)), party)


def is_over_for(uid: UUID, *, party: Party) -> bool:
    """Whether a crisis has ended, and a party reads no more of its content."""
    row = _row(uid)
    if row is None:
        return False
    own = _own_facts(row, viewer=party, around=_around(party, only=row))
    return rules.is_over_for(own, party)


def over_for(*, viewer: Party) -> frozenset[UUID]:
    """Return the crises that have ended, and of whose content a party reads no more."""
    if viewer.kind in COORDINATING:
        return frozenset()
    return cached(("over", viewer), lambda: _over_for(viewer))


def _over_for(viewer: Party) -> frozenset[UUID]:
    """Return the crises that are over for a party, from the tables."""
    around = _around(viewer)
    ended = Crisis.objects.filter(ended_at__isnull=False).select_related("opened_by")
    return frozenset(
        row.uid
        for row in ended
        if rules.is_over_for(_own_facts(row, viewer=viewer, around=around), viewer)
    )


def is_active(row: Crisis, *, party: Party) -> bool:
    """Whether a crisis is active, and a party takes part in it."""
    is_now = row.stage == framework(row.framework).active_stage
    return is_now and is_in_room(row.uid, party=party)


def visible_ids(*, viewer: Party) -> frozenset[UUID] | None:
    """Return the crises that a party may see; None for all, if it coordinates."""
    if viewer.kind in COORDINATING and not viewer.exercise:
        return None
    around = _around(viewer)
    rows = _candidates(viewer).select_related("opened_by")
    return frozenset(row.uid for row in rows if _is_visible(row, viewer=viewer, around=around))


def visible_id(row: Crisis | None, *, viewer: Party) -> UUID | None:
    """Return the id of a crisis to a party that may see it; None to others, and for no crisis."""
    if row is None or not _is_visible(row, viewer=viewer, around=_around(viewer, only=row)):
        return None
    return row.uid


def facts_of(uid: UUID, *, viewer: Party) -> rules.CrisisFacts:
    """Return the facts that the rules need of a crisis, for pages before they show a button.

    raises: NotFoundError.
    """
    return facts(find(uid, viewer=viewer))


def facts(row: Crisis) -> rules.CrisisFacts:
    """Return the facts that the rules need of a crisis."""
    return cached(("facts", row.pk), lambda: _facts(row))


def _facts(row: Crisis) -> rules.CrisisFacts:
    """Return the facts of a crisis from the tables."""
    states = [
        (participation.party.name, participation.state) for participation in participations(row)
    ]
    of = framework(row.framework)
    is_answered, is_current = answer_state(row)
    return rules.CrisisFacts(
        framework=of,
        stage=row.stage,
        opened_by=row.opened_by.name,
        countries=tuple(row.countries),
        exercise=row.exercise,
        tail_ends_at=row.tail_ends_at,
        states={name: JoinState(state) for name, state in states},
        answers={test: CheckAnswer(check.answer) for test, check in _latest(row).items()},
        measures=cached(("measures counted", row.pk), row.measures.count),
        is_answered=is_answered,
        is_current=is_current,
    )


def answer_state(row: Crisis) -> tuple[bool, bool]:
    """Return whether it was ever said which signals stay, and whether of all present signals."""
    return cached(("answer", row.pk), lambda: _answer_state(row))


def _answer_state(row: Crisis) -> tuple[bool, bool]:
    """Return the state of the answer from the tables; it matters while the crisis is open."""
    if not framework(row.framework).stages[row.stage].is_open:
        return True, True
    live = row.signals.filter(state=SignalState.LIVE)
    if row.answered_to is None:
        has_none = not live.exists()
        return has_none, has_none
    return True, not live.filter(adoption=None, position__gt=row.answered_to).exists()


def participations(row: Crisis) -> list[Participation]:
    """Return the participations in a crisis, by party. The caller decides what to show of them."""
    rows = row.participations.select_related("party", "invited_by")
    return cached(("participations", row.pk), lambda: list(rows))


def describe(row: Crisis, *, viewer: Party) -> CrisisOut:
    """Return a crisis as the message of the API."""
    return _describe(row, viewer=viewer, around=_all_around(viewer, only=row))


def by_out(party: Party, *, ref: str, role: str, viewer: Party) -> ActorOut:
    """Return the actor of an act as a viewer may know it: persons only within their own party."""
    return ActorOut(
        party=party.name,
        role=Role(role) if role else None,
        ref=(ref or None) if party == viewer else None,
    )


def describe_review(row: Review, *, viewer: Party) -> ReviewOut:
    """Return a review period of a live crisis, with the decision of its review if there is one."""
    return ReviewOut(
        since=row.since,
        prompt_due=row.prompt_due,
        review_due=row.review_due,
        is_prompted=row.prompted_at is not None and not row.decision,
        is_overdue=row.required_at is not None and not row.decision,
        decision=ReviewDecision(row.decision) if row.decision else None,
        reason=row.reason,
        by=by_out(row.by, ref=row.by_ref, role=row.by_role, viewer=viewer) if row.by else None,
        at=row.at,
    )


def _row(uid: UUID) -> Crisis | None:
    """Return the row of a crisis for any viewer; None if there is none."""
    rows = Crisis.objects.select_related("opened_by").filter(uid=uid)
    return cached(("crisis", uid), rows.first)


def _describe(row: Crisis, *, viewer: Party, around: _Around) -> CrisisOut:
    """Return a crisis as the message of the API, from its related rows."""
    own = _own_facts(row, viewer=viewer, around=around)
    of, review = own.framework, around.reviews.get(row.pk)
    latest = around.checks.get(row.pk, {})
    is_insider = rules.is_insider(own, viewer)
    return CrisisOut(
        id=row.uid,
        name=row.name,
        framework=row.framework,
        stage=row.stage,
        stage_title=own.at.title,
        summary=row.summary,
        countries=row.countries,
        exercise=row.exercise,
        opened_by=row.opened_by.name,
        event=row.event,
        event_refs=row.event_refs,
        happened_at=row.happened_at,
        warned_at=row.warned_at,
        activated_at=row.activated_at,
        deescalated_at=row.deescalated_at,
        closed_at=row.closed_at,
        tail_ends_at=row.tail_ends_at,
        ended_at=row.ended_at,
        close_reason=row.close_reason if is_insider else "",
        accepts_signals=own.at.is_open or own.at.tail_days is not None,
        review=describe_review(review, viewer=viewer) if review and is_insider else None,
        your_state=_your_state(own, viewer),
        in_room=rules.is_in_room(own, viewer),
        checks=[
            _describe_check(test.name, test.question, latest, viewer=viewer, is_insider=is_insider)
            for test in of.tests.values()
        ],
    )


def _your_state(own: rules.CrisisFacts, viewer: Party) -> JoinState | None:
    """Return the viewer's own part in a crisis; None if it was not invited."""
    state = own.states.get(viewer.name)
    if state is not JoinState.JOINED and rules.is_in_room(own, viewer):
        return JoinState.LEADS
    return None if state is JoinState.UNINVITED else state


def _describe_check(
    test: str, question: str, latest: Mapping[str, Check], *, viewer: Party, is_insider: bool
) -> CheckOut:
    """Return a test with its latest answer if it has one; evidence and author for insiders only."""
    check = latest.get(test)
    if check is None or not is_insider:
        return CheckOut(
            test=test,
            question=question,
            answer=CheckAnswer(check.answer) if check else CheckAnswer.UNKNOWN,
            evidence="",
            answered_by=None,
            answered_at=None,
        )
    by = by_out(check.answered_by, ref=check.answered_ref, role=check.answered_role, viewer=viewer)
    return CheckOut(
        test=test,
        question=question,
        answer=CheckAnswer(check.answer),
        evidence=check.evidence,
        answered_by=by.party,
        answered_role=by.role,
        answered_ref=by.ref,
        answered_at=check.answered_at,
    )


def _latest(row: Crisis) -> dict[str, Check]:
    """Return the latest answer to each test."""
    return {check.test: check for check in _checks(row)}


def _checks(row: Crisis) -> list[Check]:
    """Return all answers to the checklist, oldest first."""
    rows = row.checks.select_related("answered_by")
    return cached(("checks", row.pk), lambda: list(rows))


def _own_facts(row: Crisis, *, viewer: Party, around: _Around) -> rules.CrisisFacts:
    """Return the facts that decide whether a party sees a crisis and takes part in it."""
    state = around.states.get(row.pk)
    return rules.CrisisFacts(
        framework=framework(row.framework),
        stage=row.stage,
        opened_by=row.opened_by.name,
        countries=tuple(row.countries),
        exercise=row.exercise,
        tail_ends_at=row.tail_ends_at,
        states={viewer.name: state} if state else {},
    )


def _is_visible(row: Crisis, *, viewer: Party, around: _Around) -> bool:
    """Whether a party may see a crisis; one that exists for an exercise sees no real one."""
    if viewer.exercise and not row.exercise:
        return False
    own = _own_facts(row, viewer=viewer, around=around)
    return rules.may_see(own, name=viewer.name, kind=PartyKind(viewer.kind))


def _candidates(viewer: Party) -> QuerySet[Crisis]:
    """Return the crises that a party may see, and perhaps more.

    The caller checks each with the rules.
    """
    crises = marked_for(viewer, Crisis.objects.all())
    if viewer.kind in COORDINATING:
        return crises
    invited = Participation.objects.filter(party=viewer).values("crisis")
    return crises.filter(Q(opened_by=viewer) | Q(pk__in=invited))


def _around(viewer: Party, *, only: Crisis | None = None) -> _Around:
    """Return the part of a party in one crisis, or in all of them."""
    return cached(("around", viewer, only), lambda: _read_around(viewer, only=only))


def _read_around(viewer: Party, *, only: Crisis | None) -> _Around:
    """Return the part of a party in one crisis, or in all, from the tables."""
    own = Participation.objects.filter(party=viewer)
    if only is not None:
        own = own.filter(crisis=only)
    return _Around(
        states={pk: JoinState(state) for pk, state in own.values_list("crisis_id", "state")}
    )


def _all_around(viewer: Party, *, only: Crisis | None = None) -> _Around:
    """Return the related rows with all that a description needs."""
    if only is not None:
        here = only.reviews.filter(decision="")
        return _Around(
            states=_around(viewer, only=only).states,
            reviews={
                review.crisis_id: review
                for review in cached(("running", only.pk), lambda: list(here))
            },
            checks={only.pk: _latest(only)},
        )
    crises = _candidates(viewer)
    running = Review.objects.filter(decision="", crisis__in=crises)
    checks = Check.objects.filter(crisis__in=crises).select_related("answered_by")
    latest: dict[int, dict[str, Check]] = {}
    for check in checks:
        latest.setdefault(check.crisis_id, {})[check.test] = check
    return _Around(
        states=_around(viewer, only=only).states,
        reviews={review.crisis_id: review for review in running},
        checks=latest,
    )
