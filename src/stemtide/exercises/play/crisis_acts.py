# SPDX-License-Identifier: Apache-2.0
"""Acts of bots on the crisis: each is a call of the API with the key of the party."""

from datetime import UTC, datetime

from stemtide.exercises.play.context import Context
from stemtide.protocol.enums import AdoptionAnswer, LeadBasis, ProposalAct
from stemtide.protocol.law import frameworks
from stemtide.protocol.messages.crises import (
    CheckIn,
    CloseIn,
    InviteIn,
    MeasureIn,
    ProposalIn,
    ReasonIn,
    TriageIn,
    WarningIn,
)
from stemtide.protocol.messages.situation import LeadIn, LeadPassIn, MessageIn
from stemtide.scenarios import acts


def warn(context: Context, act: acts.Warn) -> str:
    """Raise the early warning, which opens the crisis."""
    body = WarningIn(
        name=act.title,
        framework=context.scenario.framework,
        summary=act.summary,
        happened_at=datetime.now(UTC),
        countries=act.countries,
        exercise=context.world.exercise,
    )
    context.crisis = context.hub.warn_of_crisis(body).id
    return f"warns: {act.title}"


def triage(context: Context, act: acts.RateCrisis) -> str:
    """Rate harm and virality."""
    body = TriageIn(harm=act.harm, virality=act.virality)
    crisis = context.hub.triage_crisis(body, uid=context.open_crisis)
    return f"rates it: {crisis.triages[-1].outcome}"


def answer_checks(context: Context, act: acts.AnswerChecks) -> str:
    """Answer each test of the checklist."""
    for test in frameworks.framework(context.scenario.framework).tests:
        body = CheckIn(answer=act.others.get(test, act.answer), evidence="EXERCISE")
        context.hub.answer_check(body, uid=context.open_crisis, test=test)
    return "answers the checklist"


def consider_measure(context: Context, act: acts.ConsiderMeasure) -> str:
    """Record a national measure."""
    body = MeasureIn(country=act.country, measure=act.measure, insufficient=act.insufficient)
    context.hub.consider_measure(body, uid=context.open_crisis)
    return "records a national measure"


def propose(context: Context, act: acts.Propose) -> str:
    """Propose a move."""
    adopt = AdoptionAnswer.SUGGESTED if act.move is ProposalAct.CLOSE else None
    body = ProposalIn(act=act.move, reason=act.reason, adopt=adopt)
    crisis = context.hub.propose_move(body, uid=context.open_crisis)
    context.made[context.step] = [crisis.proposals[-1].id]
    return f"proposes: {act.move}"


def confirm(context: Context, act: acts.Confirm) -> str:
    """Confirm a proposal."""
    (proposal,) = context.things(act.of)
    context.hub.confirm_proposal(uid=context.open_crisis, proposal=proposal)
    return "confirms the proposal"


def decline_proposal(context: Context, act: acts.DeclineProposal) -> str:
    """Decline a proposal."""
    (proposal,) = context.things(act.of)
    body = ReasonIn(reason=act.reason)
    context.hub.decline_proposal(body, uid=context.open_crisis, proposal=proposal)
    return "declines the proposal"


def close(context: Context, act: acts.Close) -> str:
    """Close the warning; signals that are pre-selected stay."""
    body = CloseIn(reason=act.reason, adopt=AdoptionAnswer.SUGGESTED)
    context.hub.close_crisis(body, uid=context.open_crisis)
    return "closes the warning"


def deescalate(context: Context, act: acts.Deescalate) -> str:
    """Move the crisis to de-escalation."""
    context.hub.deescalate_crisis(ReasonIn(reason=act.reason), uid=context.open_crisis)
    return "moves the crisis to de-escalation"


def invite(context: Context, act: acts.Invite) -> str:
    """Invite parties."""
    body = InviteIn(parties=tuple(map(context.world.party_of, act.to)))
    context.hub.invite_parties(body, uid=context.open_crisis)
    return f"invites {', '.join(act.to)}"


def join(context: Context, _act: acts.Join) -> str:
    """Join the crisis."""
    context.hub.join_crisis(uid=context.open_crisis)
    return "joins"


def post(context: Context, act: acts.Post) -> str:
    """Write in the situation log."""
    body = MessageIn(kind=act.kind, text=act.text, urgency=act.urgency)
    context.hub.post_message(body, uid=context.open_crisis)
    return f"writes in the log: {act.text}"


def report_lead(context: Context, act: acts.ReportLead) -> str:
    """Report a threat to life, as part of the crisis if the party knows of it."""
    visible = {crisis.id for crisis in context.hub.list_crises()}
    body = LeadIn(
        level=act.level,
        bases=(LeadBasis.TCO_14_5,),
        country=act.country,
        to=context.world.party_of(act.to),
        facts=act.facts,
        reasons="EXERCISE. It names a time and a place.",
        callback="+000 000 (EXERCISE)",
        crisis=context.crisis if context.crisis in visible else None,
        exercise=context.world.exercise,
    )
    context.made[context.step] = [context.hub.report_lead(body).id]
    return f"reports a threat to life to {act.to}"


def receive_lead(context: Context, act: acts.ReceiveLead) -> str:
    """Confirm that the lead was read."""
    (lead,) = context.things(act.of)
    context.hub.receive_lead(uid=lead)
    return "reads the threat to life"


def pass_on_lead(context: Context, act: acts.PassOnLead) -> str:
    """Pass the lead on to investigators."""
    (lead,) = context.things(act.of)
    context.hub.pass_on_lead(LeadPassIn(), uid=lead)
    return "passes the threat to life on to investigators"
