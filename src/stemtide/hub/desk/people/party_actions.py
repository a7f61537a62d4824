# SPDX-License-Identifier: Apache-2.0
"""Actions on a party's page: standing, group, digests, and the suspension by two people."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from uuid import UUID

from django import forms
from django.utils.translation import gettext_lazy as _
from pydantic import BaseModel

from stemtide.hub.desk.actions import (
    Action,
    action_table,
    itself_blocked,
    why_not,
    why_not_yet,
)
from stemtide.hub.desk.forms import MessageForm
from stemtide.hub.desk.labels import LABELS
from stemtide.hub.platform.permissions import allows
from stemtide.hub.rooms.parties.reads.competences import ProposedCompetence
from stemtide.hub.rooms.parties.reads.independence import UnconfirmedPerson
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.parties.rules import (
    competences as competence_rules,
    standing as rules,
    suspensions as suspension_rules,
)
from stemtide.hub.rooms.parties.rules.suspensions import SuspensionFacts
from stemtide.hub.rooms.parties.writes import (
    competences,
    independence,
    joining,
    standing as writes,
    suspensions,
)
from stemtide.hub.rooms.signals.rules import disputes as dispute_rules
from stemtide.hub.rooms.signals.rules.disputes import OpenDisputes
from stemtide.hub.rooms.signals.writes import dismissals
from stemtide.protocol.enums import Duty, PartyKind, Standing
from stemtide.protocol.trust.disputes import DismissIn
from stemtide.protocol.trust.parties import (
    ConfirmPersonIn,
    DigestsIn,
    DutyIn,
    GroupIn,
    MechanismIn,
    PartyTitleIn,
    StandingIn,
    SuspensionIn,
    SuspensionReasonIn,
)
from stemtide.protocol.trust.standing import PartyTrust


class PartyReasonForm(MessageForm):
    """An action with its reason."""

    free_texts = frozenset({"reason"})

    message_type: type[BaseModel] = SuspensionReasonIn
    reason = forms.CharField(
        label=_("Why?"),
        help_text=_("The party reads this. Name no person."),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class ConfirmedReasonForm(PartyReasonForm):
    """An action with its reason and a confirmation."""

    confirm = forms.BooleanField(
        label=_(
            "I understand that its programs and people lose access once another person confirms."
        ),
        error_messages={"required": _("Tick this box to confirm.")},
    )


class GroupForm(PartyReasonForm):
    """The group of a party."""

    message_type = GroupIn
    group = forms.CharField(
        label=_("Group (optional)"),
        help_text=_("Lower-case letters, digits and hyphens, such as big-company."),
        max_length=60,
        required=False,
    )
    field_order = ("group", "reason")


class MechanismForm(MessageForm):
    """The crisis mechanism that a party speaks for."""

    message_type = MechanismIn
    mechanism = forms.CharField(
        label=_("Mechanism (optional)"),
        help_text=_("Such as gifct. Empty: it speaks for none."),
        max_length=60,
        required=False,
    )


class PartyTitleForm(MessageForm):
    """The full name of a party."""

    message_type = PartyTitleIn
    title = forms.CharField(
        label=_("Name of the organisation"),
        help_text=_("Its full name. All parties see it."),
        max_length=200,
    )


class DutyForm(PartyReasonForm):
    """A duty of an authority."""

    message_type = DutyIn
    duty = forms.ChoiceField(label=_("Duty"), choices=list(LABELS["duty"].items()))
    field_order = ("duty", "reason")


class PersonForm(MessageForm):
    """An account of the party that one person uses."""

    message_type = ConfirmPersonIn
    person = forms.IntegerField(
        label=_("Person number"),
        help_text=_("From the list on this page, such as 12 for person:12."),
        min_value=1,
    )
    confirm = forms.BooleanField(
        label=_(
            "I have spoken to this person. They alone know the password and have the second factor."
        ),
        error_messages={"required": _("Tick this box to confirm.")},
    )


@dataclass(frozen=True, slots=True)
class PartyFacts:
    """What the rules need of a party's page. waiting: the proposal that waits, and its id.

    disputes: its open ones, and those of its group. duties: those that its state named it for.
    unconfirmed: its people who do not count as a second person, for who may confirm them.
    """

    trust: PartyTrust
    by: Actor
    now: datetime
    to_suspend: SuspensionFacts
    to_lift: SuspensionFacts
    disputes: OpenDisputes
    waiting: SuspensionFacts | None = None
    waiting_id: str = ""
    duties: tuple[Duty, ...] = ()
    proposed_duty: ProposedCompetence | None = None
    unconfirmed: tuple[UnconfirmedPerson, ...] = ()


_Targets = Callable[[PartyFacts], list[str]]
_Write = Callable[..., object]


def _if_grantable(to: Standing) -> _Targets:
    """Return a function that gives the party if it may get a standing now."""

    def targets(facts: PartyFacts) -> list[str]:
        return [""] if allows(rules.check_grant, facts.trust, to=to, by=facts.by) else []

    return targets


def _grant_of(to: Standing) -> _Write:
    """Return the write that gives a party a standing."""

    def grant(name: str, *, body: SuspensionReasonIn, by: Actor, now: datetime) -> object:
        message = StandingIn(standing=to, reason=body.reason)
        return writes.grant_standing(name, body=message, by=by, now=now)

    return grant


def _if_regroupable(facts: PartyFacts) -> list[str]:
    """Return the party if it may be put into another group."""
    another = f"{facts.trust.group}-another"
    is_allowed = allows(rules.check_set_group, facts.trust, group=another, by=facts.by)
    return [""] if is_allowed else []


def _if_overseen(facts: PartyFacts) -> list[str]:
    """Return the party if the reader may change its name."""
    return [""] if allows(rules.check_oversees, facts.by) else []


def _if_overseen_by_others(facts: PartyFacts) -> list[str]:
    """Return the party if the reader decides for which mechanism it speaks."""
    is_own = facts.by.name == facts.trust.name
    return [] if is_own else _if_overseen(facts)


def _if_digests(*, speaks: bool) -> _Targets:
    """Return a function that gives the party if its right for digests may change so."""

    def targets(facts: PartyFacts) -> list[str]:
        is_allowed = allows(rules.check_grant_digests, facts.trust, speaks=speaks, by=facts.by)
        return [""] if is_allowed else []

    return targets


def _digests_of(*, speaks: bool) -> _Write:
    """Return the write that grants or ends the right for digests."""

    def grant(name: str, *, body: SuspensionReasonIn, by: Actor, now: datetime) -> object:
        message = DigestsIn(speaks_for_digests=speaks, reason=body.reason)
        return writes.grant_digests(name, body=message, by=by, now=now)

    return grant


def _if_proposable(*, lifts: bool) -> _Targets:
    """Return a function that gives the party if it may be proposed to suspend or lift it."""

    def targets(facts: PartyFacts) -> list[str]:
        proposed = facts.to_lift if lifts else facts.to_suspend
        is_allowed = allows(suspension_rules.check_propose, proposed, by=facts.by)
        return [""] if is_allowed and facts.waiting is None else []

    return targets


def _proposal_of(*, lifts: bool) -> _Write:
    """Return the write that proposes to suspend a party, or to lift its suspension."""

    def propose(name: str, *, body: SuspensionReasonIn, by: Actor, now: datetime) -> object:
        message = SuspensionIn(lifts=lifts, reason=body.reason)
        return suspensions.propose(name, body=message, by=by, now=now)

    return propose


def _if_waiting(check: Callable[..., object]) -> _Targets:
    """Return a function that gives the proposal that waits if a check allows to decide it."""

    def targets(facts: PartyFacts) -> list[str]:
        if facts.waiting is None or not allows(check, facts.waiting, by=facts.by, now=facts.now):
            return []
        return [facts.waiting_id]

    return targets


def _waits_for_another(facts: PartyFacts) -> dict[str, str]:
    """Return why the proposal waits for somebody else, to a reader who decides such ones."""
    waiting, arguments = facts.waiting, {"by": facts.by, "now": facts.now}
    if waiting is None:
        return {}
    of_another = replace(waiting, author_ref="")
    could_confirm = allows(suspension_rules.check_confirm, of_another, **arguments)
    reason = why_not(suspension_rules.check_confirm, waiting, **arguments) if could_confirm else ""
    return {facts.waiting_id: reason} if reason else {}


def _duty_waits_for_another(facts: PartyFacts) -> dict[str, str]:
    """Return why the proposal about a duty waits for somebody else, to one who decides such."""
    row = facts.proposed_duty
    if row is None or not allows(competence_rules.check_propose, by=facts.by):
        return {}
    reason = why_not(competence_rules.check_confirm, row.author_ref, by=facts.by)
    return {str(row.number): reason} if reason else {}


def _if_nameable(facts: PartyFacts) -> list[str]:
    """Return the party if it may be proposed for another duty."""
    is_open = facts.trust.kind is PartyKind.AUTHORITY and len(facts.duties) < len(Duty)
    return _if_duties(facts, is_open=is_open)


def _if_named(facts: PartyFacts) -> list[str]:
    """Return the party if the end of one of its duties may be proposed."""
    return _if_duties(facts, is_open=bool(facts.duties))


def _if_duties(facts: PartyFacts, *, is_open: bool) -> list[str]:
    """Return the party if the reader may propose something about its duties."""
    is_allowed = is_open and allows(competence_rules.check_propose, by=facts.by)
    return [""] if is_allowed and facts.proposed_duty is None else []


def _if_duty_confirmable(facts: PartyFacts) -> list[str]:
    """Return the proposal about a duty if the reader may confirm it."""
    row = facts.proposed_duty
    if row is None or not allows(competence_rules.check_confirm, row.author_ref, by=facts.by):
        return []
    return [str(row.number)]


def _if_duty_droppable(facts: PartyFacts) -> list[str]:
    """Return the proposal about a duty if the reader may decline or withdraw it."""
    row = facts.proposed_duty
    if row is None or not allows(competence_rules.check_propose, by=facts.by):
        return []
    return [str(row.number)]


def _if_unconfirmed(facts: PartyFacts) -> list[str]:
    """Return the party if somebody of it does not count as a second person yet."""
    return [""] if any(person.has_joined for person in facts.unconfirmed) else []


def _if_disputing(facts: PartyFacts) -> list[str]:
    """Return the number of the party's open disputes if the reader may set them aside."""
    return [str(facts.disputes.count)] if allows(_check_dismiss, facts) else []


def _check_dismiss(facts: PartyFacts) -> None:
    """Refuse to set the party's open disputes aside where the reader may not do so now."""
    by, disputes = facts.by, facts.disputes
    dispute_rules.check_dismiss(
        disputes, shown=disputes.count, kind=by.kind, name=by.name, role=by.role
    )


def _dismiss(
    name: str, count: int, *, body: SuspensionReasonIn, by: Actor, now: datetime
) -> object:
    """Set as many disputes aside as the page said."""
    message = DismissIn(count=count, reason=body.reason)
    return dismissals.dismiss(name, body=message, by=by, now=now)


def _on_proposal(decide: _Write) -> _Write:
    """Return a write of the page that decides a proposal, which has an id of its own."""
    return lambda _name, uid, **message: decide(uid, **message)


PARTY_ACTIONS = action_table(
    Action(
        "confirm",
        MessageForm,
        _on_proposal(suspensions.confirm),
        _("Confirmed. It took effect at once."),
        _if_waiting(suspension_rules.check_confirm),
        blocked=_waits_for_another,
        is_step=True,
        title=_("Confirm the proposal"),
        button=_("Confirm as the second person"),
        target_id=UUID,
        is_primary=True,
    ),
    Action(
        "decline",
        PartyReasonForm,
        _on_proposal(suspensions.decline),
        _("The proposal is declined."),
        _if_waiting(suspension_rules.check_decline),
        title=_("Decline the proposal"),
        button=_("Decline the proposal"),
        target_id=UUID,
    ),
    Action(
        "withdraw",
        MessageForm,
        _on_proposal(suspensions.withdraw),
        _("The proposal is withdrawn."),
        _if_waiting(suspension_rules.check_withdraw),
        title=_("Withdraw your party's proposal"),
        button=_("Withdraw the proposal"),
        target_id=UUID,
    ),
    Action(
        "make-member",
        PartyReasonForm,
        _grant_of(Standing.MEMBER),
        _("Standing changed: member."),
        _if_grantable(Standing.MEMBER),
        title=_("Make member"),
        button=_("Make member"),
        help=_("Its signals count like those of every member."),
    ),
    Action(
        "make-trusted",
        PartyReasonForm,
        _grant_of(Standing.TRUSTED),
        _("Standing changed: trusted."),
        _if_grantable(Standing.TRUSTED),
        title=_("Make trusted"),
        button=_("Make trusted"),
        help=_("You vouch for it. Agents can name trusted parties in their policies."),
    ),
    Action(
        "make-new",
        PartyReasonForm,
        _grant_of(Standing.NEW),
        _("Standing changed: new."),
        _if_grantable(Standing.NEW),
        title=_("Reset to new"),
        button=_("Reset to new"),
        help=_("Its signals then block only at its own agents, until it is a member again."),
    ),
    Action(
        "grant-digests",
        PartyReasonForm,
        _digests_of(speaks=True),
        _("Agents may now block exact files that it alone shared."),
        _if_digests(speaks=True),
        title=_("Require no second party for its exact files"),
        button=_("Allow this"),
        help=_(
            "Agents may then block files with its SHA-256 or MD5 values before another "
            "party confirms them."
        ),
    ),
    Action(
        "end-digests",
        PartyReasonForm,
        _digests_of(speaks=False),
        _("Its exact files need a second party again."),
        _if_digests(speaks=False),
        title=_("Require a second party for its exact files"),
        button=_("Require a second party"),
    ),
    Action(
        "group",
        GroupForm,
        writes.set_group,
        _("Group changed."),
        _if_regroupable,
        title=_("Change group"),
        button=_("Save group"),
        help=_("Parties in one group count as one: those of one owner, or behind one exchange."),
    ),
    Action(
        "mechanism",
        MechanismForm,
        writes.set_mechanism,
        _("Mechanism changed."),
        _if_overseen_by_others,
        title=_("Change the mechanism that it speaks for"),
        button=_("Save mechanism"),
        help=_(
            "The party then notes and ends the activations of this mechanism itself, in crises "
            "that it has joined. Nobody else can end what it noted."
        ),
    ),
    Action(
        "confirm-duty",
        MessageForm,
        competences.confirm_duty,
        _("Confirmed. It took effect at once."),
        _if_duty_confirmable,
        blocked=_duty_waits_for_another,
        is_step=True,
        title=_("Confirm the proposed duty change"),
        button=_("Confirm as the second person"),
        target_id=int,
        is_primary=True,
    ),
    Action(
        "drop-duty",
        MessageForm,
        competences.drop_duty,
        _("Proposal dropped."),
        _if_duty_droppable,
        title=_("Drop the proposed duty change"),
        button=_("Drop the proposal"),
        target_id=int,
    ),
    Action(
        "confirm-person",
        PersonForm,
        independence.confirm_person,
        _("Confirmed. They now count as a second person."),
        _if_unconfirmed,
        title=_("Confirm a person of this party"),
        button=_("Confirm the person"),
        help=_("Only if nobody of the party can do it. Call its contact point first."),
    ),
    Action(
        "name-duty",
        DutyForm,
        competences.propose_duty,
        _("Proposed. Another person must confirm within 24 hours."),
        _if_nameable,
        title=_("Propose a duty"),
        button=_("Propose duty"),
        help=_(
            "A duty that its Member State gave it under Article 12 of Regulation (EU) "
            "2021/784. As the reason, say where the state published it."
        ),
    ),
    Action(
        "end-duty",
        DutyForm,
        partial(competences.propose_duty, ends=True),
        _("Proposed. Another person must confirm within 24 hours."),
        _if_named,
        title=_("Propose the end of a duty"),
        button=_("Propose end"),
        help=_("Acts under the duty stay valid."),
    ),
    Action(
        "rename",
        PartyTitleForm,
        joining.rename_party,
        _("Name changed."),
        _if_overseen,
        title=_("Change name"),
        button=_("Change the name"),
    ),
    Action(
        "set-aside",
        PartyReasonForm,
        _dismiss,
        _("Set aside. Each party gets one notice and may answer once."),
        _if_disputing,
        blocked=itself_blocked(lambda facts: why_not_yet(_check_dismiss, facts)),
        title=_("Set aside all open disputes"),
        button=_("Set all aside"),
        help=_(
            "The disputes, with those of its group, then count only at the agents of "
            "the disputing parties. You can undo this."
        ),
        target_id=int,
        is_destructive=True,
    ),
    Action(
        "suspend",
        ConfirmedReasonForm,
        _proposal_of(lifts=False),
        _("Proposed. Another person must confirm within 24 hours."),
        _if_proposable(lifts=False),
        title=_("Propose suspension"),
        button=_("Propose suspension"),
        help=_(
            "Its keys, people, streams, webhooks and exchanges stop, and its signals "
            "no longer block. Nothing is deleted."
        ),
        is_destructive=True,
    ),
    Action(
        "lift",
        PartyReasonForm,
        _proposal_of(lifts=True),
        _("Proposed. Another person must confirm within 24 hours."),
        _if_proposable(lifts=True),
        title=_("Propose to lift the suspension"),
        button=_("Propose to lift the suspension"),
    ),
)
