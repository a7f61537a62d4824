# SPDX-License-Identifier: Apache-2.0
"""Actions of a crisis' room: the name of each, its form, its rule and its write.

A form is on the page exactly if its write would pass the same rule.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from stemtide.hub.desk.crises import forms, targets
from stemtide.hub.desk.crises.targets import Room
from stemtide.hub.desk.labels import Words
from stemtide.hub.rooms.crises.rules import (
    crises as rules,
    events,
    moves,
    participants,
)
from stemtide.hub.rooms.crises.writes import (
    crises as writes,
    events as events_writes,
    moves as moves_writes,
    participants as participants_writes,
)
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.protocol.enums import ProposalAct
from stemtide.protocol.messages.crises import ProposalIn


@dataclass(frozen=True, slots=True)
class RoomAction:
    """One action. place: its block; is_primary: it is the next step, and shown open.

    targets: of the room, as the rules allow now; [""] for the crisis itself.
    do:      the write, with crisis, target, message, actor and time.
    """

    name: str
    place: str
    title: Words
    button: Words
    form: type[forms.RoomForm]
    targets: Callable[[Room], list[str]]
    do: Callable[[UUID, str, Any, Actor, datetime], object]
    done: Words
    help: Words = ""
    is_destructive: bool = False
    is_primary: bool = False


@dataclass(frozen=True, slots=True)
class RoomOffer:
    """A verb that the rules allow, about a target, with its form.

    html: returns the form as HTML shared by readers who get the same; None on a page, where the
    form
    has a CSRF token of its own.
    """

    verb: RoomAction
    target: str
    form: forms.RoomForm = field(compare=False)
    is_open: bool = False
    html: Callable[[], str] | None = field(default=None, compare=False)

    @property
    def id(self) -> str:
        """Return the id of the form in the page."""
        return f"{self.verb.name}-{self.target}" if self.target else self.verb.name


def _propose(act: ProposalAct) -> Callable[[UUID, str, Any, Actor, datetime], object]:
    """Return the write that proposes a step of the crisis."""
    return lambda uid, _target, body, by, now: moves_writes.propose(
        uid, body=ProposalIn(act=act, reason=body.reason), by=by, now=now
    )


ROOM_ACTIONS = (
    RoomAction(
        "join",
        "next",
        _("Your party is asked to take part"),
        _("Join this crisis"),
        forms.EmptyForm,
        targets.crisis_itself(participants.check_join),
        lambda uid, _target, _body, by, now: participants_writes.join(uid, by=by, now=now),
        _("Your party takes part now."),
        help=_("Taking part is voluntary. Your party may leave at any time."),
        is_primary=True,
    ),
    RoomAction(
        "decline",
        "next",
        _("Decline the invitation"),
        _("Decline"),
        forms.OptionalReasonForm,
        targets.crisis_itself(participants.check_decline),
        lambda uid, _target, body, by, now: participants_writes.decline(
            uid, body=body, by=by, now=now
        ),
        _("Your party declined."),
    ),
    RoomAction(
        "confirm",
        "next",
        _("Confirm what was proposed"),
        _("Confirm as the second person"),
        forms.EmptyForm,
        targets.proposals(moves.check_confirm),
        lambda uid, target, _body, by, now: moves_writes.confirm(uid, UUID(target), by=by, now=now),
        _("Confirmed: it is done."),
        is_primary=True,
    ),
    RoomAction(
        "refuse",
        "next",
        _("Decline what was proposed"),
        _("Decline the proposal"),
        forms.ReasonForm,
        targets.proposals(moves.check_refuse),
        lambda uid, target, body, by, now: moves_writes.refuse(
            uid, UUID(target), body=body, by=by, now=now
        ),
        _("The proposal is declined."),
    ),
    RoomAction(
        "withdraw",
        "next",
        _("Withdraw your party's proposal"),
        _("Withdraw the proposal"),
        forms.EmptyForm,
        targets.proposals(moves.check_withdraw),
        lambda uid, target, _body, by, now: moves_writes.withdraw(
            uid, UUID(target), by=by, now=now
        ),
        _("The proposal is withdrawn."),
    ),
    RoomAction(
        "triage",
        "next",
        _("Triage: how grave, how fast"),
        _("Rate the warning"),
        forms.TriageForm,
        targets.crisis_itself(rules.check_triage),
        lambda uid, _target, body, by, now: writes.triage(uid, body=body, by=by, now=now),
        _("The rating is noted."),
        help=_("Cheap, and never final: most warnings never become an activation."),
    ),
    RoomAction(
        "propose-activate",
        "next",
        _("Propose activation"),
        _("Propose activation"),
        forms.ReasonForm,
        targets.crisis_itself(moves.check_propose, act=ProposalAct.ACTIVATE),
        _propose(ProposalAct.ACTIVATE),
        _("Proposed. Another person confirms it."),
        help=_("Two people activate: you propose, somebody else confirms."),
    ),
    RoomAction(
        "keep",
        "next",
        _("Review: keep it live"),
        _("Keep it live"),
        forms.KeepForm,
        targets.crisis_itself(moves.check_keep),
        lambda uid, _target, body, by, now: moves_writes.keep(uid, body=body, by=by, now=now),
        _("Reviewed: it stays live."),
    ),
    RoomAction(
        "deescalate",
        "next",
        _("De-escalate"),
        _("De-escalate"),
        forms.ReasonForm,
        targets.crisis_itself(moves.check_deescalate),
        lambda uid, _target, body, by, now: moves_writes.deescalate(uid, body=body, by=by, now=now),
        _("It calms down now."),
    ),
    RoomAction(
        "resume",
        "next",
        _("Make it live again"),
        _("Make it live again"),
        forms.ReasonForm,
        targets.crisis_itself(moves.check_resume),
        lambda uid, _target, body, by, now: moves_writes.resume(uid, body=body, by=by, now=now),
        _("It is live again."),
    ),
    RoomAction(
        "propose-close",
        "next",
        _("Propose closure"),
        _("Propose closure"),
        forms.ReasonForm,
        targets.crisis_itself(moves.check_propose, act=ProposalAct.CLOSE),
        _propose(ProposalAct.CLOSE),
        _("Proposed. Another person confirms it."),
        is_destructive=True,
    ),
    RoomAction(
        "close",
        "next",
        _("Close the warning"),
        _("Close it"),
        forms.ReasonForm,
        targets.crisis_itself(moves.check_close),
        lambda uid, _target, body, by, now: moves_writes.close(uid, body=body, by=by, now=now),
        _("The warning is closed."),
        is_destructive=True,
    ),
    RoomAction(
        "leave",
        "people",
        _("Leave this crisis"),
        _("Leave"),
        forms.OptionalReasonForm,
        targets.crisis_itself(participants.check_leave),
        lambda uid, _target, body, by, now: participants_writes.leave(
            uid, body=body, by=by, now=now
        ),
        _("Your party left."),
        is_destructive=True,
    ),
    RoomAction(
        "invite",
        "people",
        _("Invite parties"),
        _("Invite them"),
        forms.InviteForm,
        targets.crisis_itself(participants.check_invite),
        lambda uid, _target, body, by, now: participants_writes.invite(
            uid, body=body, by=by, now=now
        ),
        _("Invited. Each party answers for itself."),
    ),
    RoomAction(
        "uninvite",
        "people",
        _("Take the invitation back"),
        _("Take back"),
        forms.UninviteForm,
        targets.invited,
        lambda uid, _target, body, by, now: participants_writes.uninvite(
            uid, body=body, by=by, now=now
        ),
        _("The invitation is taken back."),
    ),
    RoomAction(
        "answer",
        "checks",
        _("Answer"),
        _("Answer this test"),
        forms.CheckForm,
        targets.tests,
        lambda uid, target, body, by, now: writes.answer(
            uid, test=target, body=body, by=by, now=now
        ),
        _("The answer is noted."),
    ),
    RoomAction(
        "widen",
        "checks",
        _("Add countries"),
        _("Add them"),
        forms.CountriesForm,
        targets.crisis_itself(rules.check_widen),
        lambda uid, _target, body, by, now: writes.widen(uid, body=body, by=by, now=now),
        _("The countries are added."),
        help=_("How far it reaches is often learnt late. Their authorities are alerted."),
    ),
    RoomAction(
        "measure",
        "checks",
        _("Record a national measure"),
        _("Record it"),
        forms.MeasureForm,
        targets.crisis_itself(rules.check_measure),
        lambda uid, _target, body, by, now: writes.consider(uid, body=body, by=by, now=now),
        _("The measure is noted."),
        help=_("Activation needs it on record that national measures do not suffice."),
    ),
    RoomAction(
        "mirror",
        "neighbours",
        _("Note another mechanism's activation"),
        _("Note it"),
        forms.NeighbourForm,
        targets.crisis_itself(events.check_neighbour),
        lambda uid, _target, body, by, now: events_writes.mirror(uid, body=body, by=by, now=now),
        _("It is noted."),
    ),
    RoomAction(
        "neighbour",
        "neighbours",
        _("What became of it"),
        _("Note it"),
        forms.NeighbourStatusForm,
        targets.running_neighbours,
        lambda uid, target, body, by, now: events_writes.update_neighbour(
            uid, UUID(target), body=body, by=by, now=now
        ),
        _("It is noted."),
    ),
    RoomAction(
        "link",
        "neighbours",
        _("Link a crisis about the same event"),
        _("Link them"),
        forms.LinkForm,
        targets.linkable,
        lambda uid, _target, body, by, now: events_writes.link(uid, body=body, by=by, now=now),
        _("They are linked."),
    ),
    RoomAction(
        "unlink",
        "neighbours",
        _("Take the link back"),
        _("Unlink"),
        forms.ReasonForm,
        targets.linked,
        lambda uid, _target, body, by, now: events_writes.unlink(uid, body=body, by=by, now=now),
        _("The link is taken back."),
    ),
)
"""All actions, in the order of the page."""

BY_NAME = {verb.name: verb for verb in ROOM_ACTIONS}


def allowed(room: Room) -> Iterator[tuple[RoomAction, str]]:
    """Yield every action that the rules allow, with its target."""
    for verb in ROOM_ACTIONS:
        for target in verb.targets(room):
            yield verb, target
