# SPDX-License-Identifier: Apache-2.0
"""Actions of a crisis' room: the name of each, its form, its write and its rule."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from stemtide.hub.desk.actions import Action, action_table, itself_blocked
from stemtide.hub.desk.crises import forms, targets
from stemtide.hub.rooms.crises.rules import (
    crises as rules,
    moves,
    participants,
    roles,
)
from stemtide.hub.rooms.crises.writes import (
    crises as writes,
    events as events_writes,
    moves as moves_writes,
    participants as participants_writes,
    roles as roles_writes,
)
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.protocol.enums import ProposalAct
from stemtide.protocol.enums.response import ResponseRole
from stemtide.protocol.messages.crises import ProposalIn, ReasonIn


def _proposal_of(act: ProposalAct) -> Callable[..., object]:
    """Return the write that proposes a step of the crisis."""

    def propose(uid: UUID, *, body: ReasonIn, by: Actor, now: datetime) -> object:
        return moves_writes.propose(
            uid, body=ProposalIn(act=act, reason=body.reason), by=by, now=now
        )

    return propose


ROOM_ACTIONS = action_table(
    Action(
        "join",
        forms.EmptyForm,
        participants_writes.join,
        _("Your party takes part now."),
        targets.crisis_itself(participants.check_join),
        block="next",
        title=_("Your party is asked to take part"),
        button=_("Join this crisis"),
        help=_("Taking part is voluntary. Your party may leave at any time."),
        is_primary=True,
    ),
    Action(
        "decline",
        forms.OptionalReasonForm,
        participants_writes.decline,
        _("Your party declined."),
        targets.crisis_itself(participants.check_decline),
        block="next",
        title=_("Decline the invitation"),
        button=_("Decline"),
    ),
    Action(
        "confirm",
        forms.EmptyForm,
        moves_writes.confirm,
        _("Confirmed: it is done."),
        targets.proposals(moves.check_confirm),
        block="next",
        blocked=targets.why_no_confirmation,
        is_step=True,
        title=_("Confirm what was proposed"),
        button=_("Confirm as the second person"),
        target_id=UUID,
        is_primary=True,
    ),
    Action(
        "refuse",
        forms.ReasonForm,
        moves_writes.refuse,
        _("The proposal is declined."),
        targets.proposals(moves.check_refuse),
        block="next",
        title=_("Decline what was proposed"),
        button=_("Decline the proposal"),
        target_id=UUID,
    ),
    Action(
        "withdraw",
        forms.EmptyForm,
        moves_writes.withdraw,
        _("The proposal is withdrawn."),
        targets.proposals(moves.check_withdraw),
        block="next",
        title=_("Withdraw your party's proposal"),
        button=_("Withdraw the proposal"),
        target_id=UUID,
    ),
    Action(
        "triage",
        forms.TriageForm,
        writes.triage,
        _("The rating is noted."),
        targets.crisis_itself(rules.check_triage),
        block="next",
        title=_("Triage: how grave, how fast"),
        button=_("Rate the warning"),
        help=_("Cheap, and never final: most warnings never become an activation."),
    ),
    Action(
        "propose-activate",
        forms.ReasonForm,
        _proposal_of(ProposalAct.ACTIVATE),
        _("Proposed. Another person confirms it."),
        targets.crisis_itself(moves.check_propose, act=ProposalAct.ACTIVATE),
        block="next",
        title=_("Propose activation"),
        button=_("Propose activation"),
        help=_(
            "Two parties activate together: the authorities of two Member States, or an authority "
            "and an agency. Your party proposes, the other confirms."
        ),
        blocked=itself_blocked(targets.why_no_activation),
        is_step=True,
    ),
    Action(
        "activate-now",
        forms.ReasonForm,
        moves_writes.activate_now,
        _("The crisis is active. A second party must confirm it in time."),
        targets.emergency,
        block="next",
        title=_("Activate now, as an emergency"),
        button=_("Activate now"),
        help=_(
            "The crisis becomes active at once. Without a second party's confirmation in time it "
            "becomes a warning again. Your party can do this once in a crisis."
        ),
    ),
    Action(
        "keep",
        forms.KeepForm,
        moves_writes.keep,
        _("Reviewed: it stays live."),
        targets.crisis_itself(moves.check_keep),
        block="next",
        blocked=targets.at_later_stage(moves.check_keep),
        title=_("Review: keep it live"),
        button=_("Keep it live"),
    ),
    Action(
        "deescalate",
        forms.ReasonForm,
        moves_writes.deescalate,
        _("The crisis is de-escalated."),
        targets.crisis_itself(moves.check_deescalate),
        block="next",
        blocked=targets.at_later_stage(moves.check_deescalate),
        title=_("De-escalate"),
        button=_("De-escalate"),
    ),
    Action(
        "resume",
        forms.ReasonForm,
        moves_writes.resume,
        _("It is live again."),
        targets.crisis_itself(moves.check_resume),
        block="next",
        blocked=targets.at_later_stage(moves.check_resume),
        title=_("Make it live again"),
        button=_("Make it live again"),
    ),
    Action(
        "propose-close",
        forms.ReasonForm,
        _proposal_of(ProposalAct.CLOSE),
        _("Proposed. Another person confirms it."),
        targets.crisis_itself(moves.check_propose, act=ProposalAct.CLOSE),
        block="next",
        blocked=targets.until_answered(moves.check_propose, act=ProposalAct.CLOSE),
        title=_("Propose closure"),
        button=_("Propose closure"),
        is_destructive=True,
    ),
    Action(
        "close",
        forms.CloseForm,
        moves_writes.close,
        _("The warning is closed."),
        targets.crisis_itself(moves.check_close),
        block="next",
        blocked=targets.until_answered(moves.check_close),
        title=_("Close the warning"),
        button=_("Close it"),
        is_destructive=True,
    ),
    Action(
        "leave",
        forms.OptionalReasonForm,
        participants_writes.leave,
        _("Your party left."),
        targets.crisis_itself(participants.check_leave),
        block="people",
        title=_("Leave this crisis"),
        button=_("Leave"),
        is_destructive=True,
    ),
    Action(
        "take-role",
        forms.EmptyForm,
        roles_writes.take,
        _("You hold this role now."),
        targets.roles(roles.check_take),
        block="roles",
        title=_("Take"),
        target_id=ResponseRole,
    ),
    Action(
        "accept-role",
        forms.EmptyForm,
        roles_writes.accept,
        _("You hold this role now."),
        targets.roles(roles.check_accept),
        block="roles",
        title=_("Accept"),
        target_id=ResponseRole,
    ),
    Action(
        "decline-role",
        forms.EmptyForm,
        roles_writes.decline,
        _("Your party declined the role."),
        targets.roles(roles.check_decline),
        block="roles",
        title=_("Decline"),
        target_id=ResponseRole,
    ),
    Action(
        "give-role",
        forms.GiveRoleForm,
        roles_writes.give,
        _("Done. The person or party is told."),
        targets.roles(roles.check_may_give),
        block="roles",
        title=_("Give or hand over"),
        button=_("Give the role"),
        help=_(
            "A colleague has it at once. Another party is asked, and a person there accepts; until "
            "then it stays as it is."
        ),
        target_id=ResponseRole,
    ),
    Action(
        "lay-down-role",
        forms.EmptyForm,
        roles_writes.lay_down,
        _("Nobody holds this role now."),
        targets.roles(roles.check_lay_down),
        block="roles",
        title=_("Leave open"),
        target_id=ResponseRole,
    ),
    Action(
        "invite",
        forms.InviteForm,
        participants_writes.invite,
        _("Invited. Each party answers for itself."),
        targets.crisis_itself(participants.check_invite),
        block="people",
        title=_("Invite parties"),
        button=_("Invite them"),
    ),
    Action(
        "uninvite",
        forms.UninviteForm,
        participants_writes.uninvite,
        _("The invitation is withdrawn."),
        targets.invited,
        block="people",
        title=_("Withdraw the invitation"),
        button=_("Take back"),
    ),
    Action(
        "answer",
        forms.CheckForm,
        lambda uid, test, **sent: writes.answer(uid, test=test, **sent),
        _("The answer is noted."),
        targets.tests,
        block="checks",
        title=_("Answer"),
        button=_("Answer this test"),
        target_id=str,
    ),
    Action(
        "widen",
        forms.CountriesForm,
        writes.widen,
        _("The countries are added."),
        targets.crisis_itself(rules.check_widen),
        block="checks",
        title=_("Add countries"),
        button=_("Add them"),
        help=_("How far it reaches is often learnt late. Their authorities are alerted."),
    ),
    Action(
        "measure",
        forms.MeasureForm,
        writes.consider,
        _("The measure is noted."),
        targets.crisis_itself(rules.check_measure),
        block="checks",
        title=_("Record a national measure"),
        button=_("Record it"),
        help=_("Activation needs it on record that national measures do not suffice."),
    ),
    Action(
        "mirror",
        forms.NeighbourForm,
        events_writes.mirror,
        _("It is noted."),
        targets.mirrorable,
        block="neighbours",
        title=_("Note another mechanism's activation"),
        button=_("Note it"),
    ),
    Action(
        "neighbour",
        forms.NeighbourStatusForm,
        events_writes.update_neighbour,
        _("It is noted."),
        targets.running_neighbours,
        block="neighbours",
        title=_("Update its status"),
        button=_("Note it"),
        target_id=UUID,
    ),
    Action(
        "link",
        forms.LinkForm,
        events_writes.link,
        _("They are linked."),
        targets.linkable,
        block="neighbours",
        title=_("Link a crisis about the same event"),
        button=_("Link them"),
    ),
    Action(
        "unlink",
        forms.ReasonForm,
        events_writes.unlink,
        _("The link is removed."),
        targets.linked,
        block="neighbours",
        title=_("Remove the link"),
        button=_("Unlink"),
    ),
)
"""All actions, in the order of the page."""
