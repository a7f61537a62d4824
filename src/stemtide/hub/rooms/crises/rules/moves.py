# SPDX-License-Identifier: Apache-2.0
"""Rules of moves: who may change the stage of a crisis, with whom, and when it is reviewed."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError
from stemtide.hub.platform.permissions import check_person_may_lead
from stemtide.hub.rooms.crises.rules.closing import check_answered, check_once_answered
from stemtide.hub.rooms.crises.rules.crises import Acting, CrisisFacts, check_in_room, check_leads
from stemtide.hub.rooms.parties.rules import proposals
from stemtide.protocol.enums import CheckAnswer, PartyKind, ProposalAct, ProposalState

WHAT = {ProposalAct.ACTIVATE: "activates the protocol", ProposalAct.CLOSE: "closes it"}

PROPOSING: dict[str, ProposalState] = {
    "confirm": ProposalState.CONFIRMED,
    "decline": ProposalState.DECLINED,
    "withdraw": ProposalState.WITHDRAWN,
    "run out": ProposalState.EXPIRED,
}
"""The moves of an open proposal. The diagram in the docs is generated from it."""


@dataclass(frozen=True, slots=True)
class ProposalFacts:
    """The facts that the rules need of a proposal.

    author, kind, country, group, author_ref, is_machine: who made it.
    is_stale: the checklist was answered again since.
    is_emergency: the crisis is active until the proposal is confirmed or ends.
    is_suspended: the party that made it is, so its half of the four eyes does not count.
    """

    act: ProposalAct
    state: ProposalState
    author: str
    kind: PartyKind
    country: str
    author_ref: str
    is_machine: bool
    expires_at: datetime
    is_stale: bool = False
    is_emergency: bool = False
    is_suspended: bool = False
    group: str = ""


def stage_of(facts: CrisisFacts, act: ProposalAct) -> str:
    """Return the stage to which a proposal would move the crisis."""
    framework = facts.framework
    return framework.active_stage if act is ProposalAct.ACTIVATE else framework.closed_stage


def check_propose(facts: CrisisFacts, *, by: Acting, act: ProposalAct) -> None:
    """Check that an authority or agency in the room proposes a move that needs two persons.

    A closure waits until it is answered which signals stay.
    """
    _check_propose(facts, by=by, act=act)
    if act is ProposalAct.CLOSE:
        check_answered(facts)


def _check_propose(facts: CrisisFacts, *, by: Acting, act: ProposalAct) -> None:
    """Check all of a proposal but the answer which signals stay."""
    check_leads(facts, by=by, act=WHAT[act])
    check_person_may_lead(by.role)
    to = stage_of(facts, act)
    _check_move(facts, to=to)
    if to not in facts.at.two_people:
        raise ConflictError("this step needs no second person at this stage: take it directly")
    if act is ProposalAct.ACTIVATE:
        _check_activation(facts)


def check_may_activate(facts: CrisisFacts, *, by: Acting) -> None:
    """Check that a person could propose activation, even if the checklist is incomplete."""
    act = ProposalAct.ACTIVATE
    check_leads(facts, by=by, act=WHAT[act])
    check_person_may_lead(by.role)
    _check_move(facts, to=stage_of(facts, act))


def check_none_pending(pending: ProposalFacts | None, *, by: Acting) -> None:
    """Check that no proposal of the same act waits.

    pending: the one that can still be confirmed.
    """
    if pending is not None and pending.author == by.name:
        raise ConflictError(
            "your party has already proposed this: wait for the confirmation, or withdraw it first"
        )
    if pending is not None:
        raise ConflictError(
            "{party} has already proposed this: confirm or decline that proposal",
            party=pending.author,
        )


def check_emergency(
    facts: CrisisFacts, *, by: Acting, is_used: bool, pending: ProposalFacts | None
) -> None:
    """Check that a person of an authority or agency activates a crisis before a second agrees.

    is_used: whether the party, or another of its group, did so in this crisis before. One owner
             cannot prolong alone what it may start alone.
    pending: an activation that waits for confirmation. One's own makes way.
    """
    check_propose(facts, by=by, act=ProposalAct.ACTIVATE)
    if by.role is None:
        raise NotAllowedError(
            "a key cannot activate as an emergency: a duty officer or coordinator does so at the "
            "desk"
        )
    if is_used:
        raise ConflictError(
            "your party or its group has activated this crisis as an emergency before: propose "
            "activation, and another party confirms it"
        )
    if pending is not None and pending.author != by.name:
        check_quorum(facts, by=by, proposal=pending)
        raise ConflictError(
            "{party} has proposed activation: confirm that proposal instead, which activates the "
            "crisis at once",
            party=pending.author,
        )


def check_confirm(
    facts: CrisisFacts, *, by: Acting, proposal: ProposalFacts, now: datetime
) -> None:
    """Check that the party may confirm a proposal: only another person than its author may.

    Activation needs a second party, as the framework says. For a closure a second person of the
    same party is enough, unless a machine's key acts on either side: two keys of one party may be
    used by one person.

    source: the four-eyes principle for activation and closure.
    """
    if proposal.is_emergency:
        check_leads(facts, by=by, act=WHAT[proposal.act])
        check_person_may_lead(by.role)
    else:
        _check_propose(facts, by=by, act=proposal.act)
    if proposal.act is ProposalAct.CLOSE:
        check_once_answered(facts)
    proposals.check_open(proposal, now=now)
    if proposal.is_suspended:
        raise ConflictError(
            "{party} is suspended, and its proposals do not count: decline it, and propose anew",
            party=proposal.author,
        )
    proposals.check_another_confirms(proposal.author_ref, by=by)
    if by.name == proposal.author and (by.role is None or proposal.is_machine):
        raise NotAllowedError(
            "a key proposed or confirms this: another party in the room must confirm it"
        )
    if proposal.act is ProposalAct.ACTIVATE:
        check_quorum(facts, by=by, proposal=proposal)
    if proposal.is_stale and not proposal.is_emergency:
        raise ConflictError("the checklist has changed since this proposal: propose it again")


def check_quorum(facts: CrisisFacts, *, by: Acting, proposal: ProposalFacts) -> None:
    """Check that two parties activate which the framework lets activate together.

    By default these are the authorities of two Member States, or an authority and an agency.
    Parties of one group count once, as in every confirmation: see protocol/trust/standing.py.
    """
    partners = facts.framework.activation.partners(proposal.kind)
    if by.kind not in partners:
        kinds = " or ".join(sorted(partners))
        raise NotAllowedError(
            "{party} proposed this, and {kinds} must confirm it: ask one",
            party=proposal.author,
            kinds=kinds,
        )
    both_authorities = by.kind is proposal.kind is PartyKind.AUTHORITY
    if by.name == proposal.author or (both_authorities and by.country == proposal.country):
        raise NotAllowedError(
            "activation needs the authority of another Member State, or an agency: ask one in "
            "the room to confirm"
        )
    if by.group and by.group == proposal.group:
        raise NotAllowedError(
            "{party} belongs to your group, and a group counts once: another party must confirm "
            "this",
            party=proposal.author,
        )


def check_refuse(facts: CrisisFacts, *, by: Acting, proposal: ProposalFacts, now: datetime) -> None:
    """Check that a leading party declines a proposal. Its own party withdraws it instead.

    An emergency activation is declined by an agency alone: it ends by itself without a second
    party, and no single authority may end what another began.
    """
    check_leads(facts, by=by, act=WHAT[proposal.act])
    check_person_may_lead(by.role)
    proposals.check_open(proposal, now=now)
    if proposal.is_emergency and by.kind is not PartyKind.AGENCY and by.name != proposal.author:
        raise NotAllowedError(
            "only an agency can decline an emergency activation: without a second party it ends "
            "by itself"
        )
    proposals.check_another_declines(proposal.author_ref, by=by)


def check_withdraw(
    facts: CrisisFacts, *, by: Acting, proposal: ProposalFacts, now: datetime
) -> None:
    """Check that the proposing party withdraws a proposal."""
    check_in_room(facts, by)
    check_person_may_lead(by.role)
    proposals.check_own_party_withdraws(proposal, by=by, now=now)


def check_close(facts: CrisisFacts, *, by: Acting) -> None:
    """Check that one person of the warning party, or of an agency, closes a warning."""
    to = facts.framework.closed_stage
    is_opener = by.name == facts.opened_by and to in facts.at.opener_may
    if by.kind is not PartyKind.AGENCY and not is_opener:
        raise NotAllowedError(
            "only {opened_by}, who opened this crisis, or an agency can close it: ask them",
            opened_by=facts.opened_by,
        )
    check_person_may_lead(by.role)
    _check_move(facts, to=to)
    if to in facts.at.two_people:
        raise ConflictError(
            "closing a crisis at {title!r} needs two people: propose it, and another person "
            "confirms",
            title=facts.at.title,
        )
    check_answered(facts)


def check_deescalate(facts: CrisisFacts, *, by: Acting) -> None:
    """Check that the party may de-escalate a crisis: authorities and agencies in the room may."""
    check_leads(facts, by=by, act="de-escalates a crisis")
    check_person_may_lead(by.role)
    _check_move(facts, to=facts.framework.calming_stage)


def check_resume(facts: CrisisFacts, *, by: Acting) -> None:
    """Check that a crisis that was calming down may become live again."""
    check_leads(facts, by=by, act="makes a crisis live again")
    check_person_may_lead(by.role)
    if facts.stage != facts.framework.calming_stage:
        raise ConflictError(
            "the crisis is at {title!r}: only a de-escalated crisis can resume",
            title=facts.at.title,
        )
    _check_move(facts, to=facts.framework.active_stage)


def check_keep(facts: CrisisFacts, *, by: Acting) -> None:
    """Check that an authority or agency in the room keeps a live crisis until the next review."""
    check_leads(facts, by=by, act="reviews a crisis")
    check_person_may_lead(by.role)
    if facts.at.review_after_h is None:
        raise ConflictError(
            "the crisis is at {title!r}, which needs no review", title=facts.at.title
        )


def next_spans(
    facts: CrisisFacts, *, next_h: int | None = None
) -> tuple[timedelta, timedelta] | None:
    """Return the time until a review is prompted and until it is due; None if no review is due.

    next_h: an earlier review than the framework asks for, in hours.

    raises: InvalidError if next_h is later than the framework allows.
    """
    prompt, review = facts.at.prompt_after_h, facts.at.review_after_h
    if prompt is None or review is None:
        return None
    if next_h is not None and next_h > review:
        raise InvalidError(
            "next_h", "is later than this stage allows: at most {review} hours", review=review
        )
    hours = next_h or review
    return timedelta(hours=min(prompt, hours)), timedelta(hours=hours)


def tail_of(facts: CrisisFacts) -> timedelta:
    """Return for how long a closed crisis takes signals: zero if it was never active."""
    framework = facts.framework
    days = framework.stages[framework.closed_stage].tail_days or 0
    return timedelta(days=0 if facts.stage == framework.first_stage else days)


def _check_activation(facts: CrisisFacts) -> None:
    """Check that a crisis is extraordinary and cross-border enough to activate.

    source: Regulation (EU) 2016/794 Art. 2(t); European Commission, IP/19/6009 (2019): for
            situations in which national measures do not suffice for a cross-border response.
    """
    framework = facts.framework
    if len(set(facts.countries)) < framework.needs_countries:
        raise ConflictError(
            "the crisis concerns {number} country: activation needs {needs_countries}; a "
            "crisis in one Member State is handled there",
            number=len(set(facts.countries)),
            needs_countries=framework.needs_countries,
        )
    open_tests = [test for test in framework.tests if facts.answers.get(test) != CheckAnswer.YES]
    if open_tests:
        raise ConflictError(
            "not every test of the checklist is answered yes: {open_tests}",
            open_tests=", ".join(open_tests),
        )
    if facts.measures < framework.needs_measures:
        raise ConflictError(
            "{measures} national measures are recorded: record at least {needs_measures}, "
            "and why it does not suffice",
            measures=facts.measures,
            needs_measures=framework.needs_measures,
        )


def _check_move(facts: CrisisFacts, *, to: str) -> None:
    """Check that the framework's data allows the move."""
    if to not in facts.at.moves:
        raise ConflictError(
            "this crisis is at {title!r} and cannot move to {next!r}",
            title=facts.at.title,
            next=facts.framework.stages[to].title,
        )
