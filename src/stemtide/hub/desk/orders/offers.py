# SPDX-License-Identifier: Apache-2.0
"""Actions on an order's page: each with its form, its texts, its write and its move."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from stemtide.hub.desk.actions import (
    Action,
    action_table,
    itself_blocked,
    only_later,
    why_not_yet,
)
from stemtide.hub.desk.forms import MessageForm
from stemtide.hub.desk.orders.forms import (
    AccessForm,
    AppealDeadlineForm,
    AppealDecisionForm,
    AppealForm,
    ConfirmForm,
    ConfirmOrderForm,
    ConfirmWithReasonsForm,
    FinalForm,
    LongerPreservationForm,
    OwnScrutinyForm,
    PreservationForm,
    PreserveForm,
    ReasonsForm,
    RequestedScrutinyForm,
    ScrutinyForm,
    SecrecyForm,
)
from stemtide.hub.platform.permissions import allows
from stemtide.hub.rooms.orders.rules import preservation as rules
from stemtide.hub.rooms.orders.rules.finality import check_finalise
from stemtide.hub.rooms.orders.rules.orders import (
    OrderFacts,
    Side,
    check_move,
    side_of,
)
from stemtide.hub.rooms.orders.writes import (
    answers,
    endings,
    entries,
    finality,
    issue,
    orders as writes,
    preservation,
)
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.retention.reads.rows import held_ids
from stemtide.protocol.enums.orders import AppealOutcome, OrderState
from stemtide.protocol.law.machines import machine
from stemtide.protocol.law.retention import RowClass
from stemtide.protocol.messages.orders import OrderOut


@dataclass(frozen=True, slots=True)
class OpenMoves:
    """The moves that the rules allow an actor with an order now."""

    moves: Collection[str]
    facts: OrderFacts
    by: Actor
    now: datetime

    @property
    def is_issuer(self) -> bool:
        """Whether the actor's party issues the order."""
        return side_of(self.facts, name=self.by.name) is Side.ISSUER


def _move(name: str, *, is_issuer: bool | None = None) -> Callable[[OpenMoves], list[str]]:
    """Return a function that gives the order as target if a move is open.

    is_issuer: to the issuer or the addressee alone; None for both.
    """

    def targets(open_moves: OpenMoves) -> list[str]:
        is_open = name in open_moves.moves and is_issuer in {None, open_moves.is_issuer}
        return [""] if is_open else []

    return targets


def _discard(uid: UUID, *, by: Actor, now: datetime) -> OrderOut:
    """Discard a draft that no legal hold keeps."""
    return writes.discard(uid, by=by, now=now, on_hold=held_ids(RowClass.ORDER, now=now))


def _later(move: str, *, is_issuer: bool) -> Callable[[OpenMoves], dict[str, str]]:
    """Return a function that says in which later state a side may make a move."""

    def why(page: OpenMoves) -> str:
        facts = replace(page.facts, state=OrderState(machine("order").moves[move].source[0]))
        may = allows(check_move, facts, move, name=page.by.name, role=page.by.role)
        may = may and page.is_issuer is is_issuer
        return only_later("order", page.facts.state, move) if may else ""

    return itself_blocked(why)


def _kept_until(page: OpenMoves) -> str:
    """Return until when what is preserved must be kept."""
    arguments = {"name": page.by.name, "role": page.by.role, "now": page.now}
    is_kept = bool(page.facts.preservations)
    return why_not_yet(rules.check_note_destroyed, page.facts, **arguments) if is_kept else ""


def _preservations(
    check: Callable[..., None], *, names_row: bool = True, has_time: bool = False
) -> Callable[[OpenMoves], list[str]]:
    """Return a function that gives the preservations of which a rule allows an act.

    names_row: the rule is about one preservation, not about all of the order.
    has_time: the rule depends on the time.
    """

    def targets(page: OpenMoves) -> list[str]:
        facts, name = page.facts, page.by.name
        named = {"name": name, "role": page.by.role} | ({"now": page.now} if has_time else {})
        shown = rules.visible(facts.preservations, name=name, addressee=facts.addressee)
        return [
            row.uid for row in shown if allows(check, facts, *([row] if names_row else []), **named)
        ]

    return targets


def _appeals(page: OpenMoves) -> list[str]:
    """Return the appeals whose outcome an actor may record."""
    if "decide_appeal" not in page.moves:
        return []
    pending = AppealOutcome.PENDING
    return [appeal.uid for appeal in page.facts.appeals if appeal.outcome is pending]


def _final_from(page: OpenMoves) -> str:
    """Return why the issuer cannot record yet that an executed order is final."""
    if page.facts.state is not OrderState.EXECUTED or page.facts.final is not None:
        return ""
    arguments = {"name": page.by.name, "role": page.by.role, "now": page.now}
    return why_not_yet(check_finalise, page.facts, **arguments)


PRESERVATION_BLOCK = "preservation"
"""Block of the actions whose target is a preservation."""

ORDER_ACTIONS = action_table(
    Action(
        "confirm",
        ConfirmOrderForm,
        issue.confirm,
        _("Confirmed. The order is in effect."),
        _move("confirm"),
        title=_("Confirm the order"),
        help=_(
            "You are the second person. An order that waits is sent now, and the provider has one"
            " hour from its receipt."
        ),
        is_primary=True,
    ),
    Action(
        "refuse",
        ReasonsForm,
        issue.refuse,
        _("Refused. Who asked for it reads your reasons."),
        _move("refuse"),
        title=_("Refuse to confirm it"),
        help=_(
            "An order that waits is a draft again. One that was issued at once loses its effect,"
            " and the provider reads your reasons."
        ),
        is_destructive=True,
    ),
    Action(
        "recall",
        MessageForm,
        endings.recall,
        _("Returned to draft."),
        _move("recall"),
        title=_("Return it to draft"),
        help=_("Nobody can confirm it any more. Change the draft and submit it again."),
    ),
    Action(
        "confirm-entry",
        MessageForm,
        entries.confirm,
        _("Confirmed. It counts for both sides."),
        _move("confirm_entry"),
        title=_("Confirm this order"),
        help=_(
            "It was entered by hand. Compare it with your records: reference, addresses, and the"
            " time of receipt."
        ),
        is_primary=True,
    ),
    Action(
        "dispute-entry",
        ReasonsForm,
        entries.dispute,
        _("Sent. The other side reads your reasons."),
        _move("dispute_entry", is_issuer=False),
        title=_("It is not right"),
        help=_("The authority reads why. The hour is not stopped, and not recorded as missed."),
    ),
    Action(
        "repudiate-entry",
        ConfirmWithReasonsForm,
        entries.dispute,
        _("Recorded. The order has ended, and the other side reads your reasons."),
        _move("dispute_entry", is_issuer=True),
        title=_("Your authority did not issue it"),
        help=_("The order ends, and content that was removed because of it may be restored."),
        is_destructive=True,
    ),
    Action(
        "acknowledge",
        MessageForm,
        answers.acknowledge,
        _("Acknowledged. Its hour goes on."),
        _move("acknowledge"),
        title=_("Acknowledge it"),
        help=_("Confirms that a person has seen the order. The one-hour deadline does not change."),
        is_primary=True,
    ),
    Action(
        "clarify",
        ReasonsForm,
        answers.resume,
        _("Sent. The hour has begun anew."),
        _move("resume", is_issuer=True),
        blocked=_later("resume", is_issuer=True),
        title=_("Clear up what Annex III asks"),
        help=_("The provider's hour starts anew, whole, when you send it."),
        label=_("Your clarification; the provider reads it"),
        is_primary=True,
    ),
    Action(
        "resume",
        ReasonsForm,
        answers.resume,
        _("Said. Your hour has begun anew."),
        _move("resume", is_issuer=False),
        blocked=_later("resume", is_issuer=False),
        title=_("The ground no longer applies"),
        help=_("Your hour starts anew, whole."),
        label=_("What has changed; the authority reads it"),
    ),
    Action(
        "reinstate",
        MessageForm,
        answers.reinstate,
        _("Said. The authorities see it."),
        _move("reinstate"),
        blocked=_later("reinstate", is_issuer=False),
        title=_("The content is there again"),
        help=_(
            "The order has no effect any more: put back at once what you removed, then say so. You"
            " may still enforce your own terms (Art. 4(7))."
        ),
        is_primary=True,
    ),
    Action(
        "ask-scrutiny",
        ScrutinyForm,
        endings.open_scrutiny,
        _("Asked. The order stands until it is decided."),
        _move("ask_scrutiny"),
        title=_("Ask for scrutiny"),
        help=_(
            "The authority of your Member State decides within 72 hours. You obey first: the hour"
            " goes on."
        ),
    ),
    Action(
        "examine",
        OwnScrutinyForm,
        endings.open_scrutiny,
        _("Scrutiny is open. Its 72 hours run from your copy."),
        _move("open_scrutiny_own_initiative"),
        title=_("Examine it on your own initiative"),
    ),
    Action(
        "examine-asked",
        RequestedScrutinyForm,
        endings.open_scrutiny,
        _("Scrutiny is open. Its 72 hours run from now."),
        _move("open_scrutiny_content_provider"),
        title=_("Examine it, as a content provider asked"),
        help=_("Write no name: a content provider is no party here."),
    ),
    Action(
        "announce",
        ReasonsForm,
        partial(endings.decide_scrutiny, step="announce"),
        _("Announced. The issuing authority is told, and may withdraw."),
        _move("announce"),
        title=_("Announce an infringement"),
        help=_("Before you find an infringement, the issuing authority is told, and why."),
        label=_("Why you intend to find one"),
    ),
    Action(
        "uphold",
        ReasonsForm,
        partial(endings.decide_scrutiny, step="uphold"),
        _("Decided: the order stands."),
        _move("uphold"),
        title=_("Find no infringement"),
        label=_("Your reasoned decision; issuer, provider and agencies read it"),
    ),
    Action(
        "infringe",
        ConfirmWithReasonsForm,
        partial(endings.decide_scrutiny, step="infringe"),
        _("Decided: the order has no effect any more, and both sides are told."),
        _move("infringe"),
        title=_("Find an infringement"),
        help=_(
            "The order loses its effect at once: its clock stops, the signals that it names are"
            " withdrawn at every agent, and the provider is told to reinstate."
        ),
        label=_("Your reasoned decision; issuer, provider and agencies read it"),
        is_destructive=True,
    ),
    Action(
        "prolong",
        SecrecyForm,
        endings.prolong,
        _("Extended. The provider is told."),
        _move("prolong"),
        title=_("Keep it secret for longer"),
        help=_("Once more, at most six weeks: twelve in all (Art. 11(3))."),
    ),
    Action(
        "appeal",
        AppealForm,
        finality.record_appeal,
        _("Recorded. The order is not final until the appeal is decided."),
        _move("appeal"),
        title=_("Record an appeal"),
        help=_(
            "An appeal to a court, or a request to an authority to reconsider, by the provider or"
            " by a content provider (Art. 9)."
        ),
    ),
    Action(
        "decide-appeal",
        AppealDecisionForm,
        finality.decide_appeal,
        _("Recorded. The other side is told."),
        _appeals,
        target_id=UUID,
        title=_("Record the outcome of the appeal"),
    ),
    Action(
        "appeal-deadline",
        AppealDeadlineForm,
        finality.set_appeal_deadline,
        _("Entered."),
        _move("set_appeal_deadline"),
        title=_("Enter the last day for appeal"),
        help=_(
            "The hub computes it from Section G where that names one term from receipt. Correct it"
            " if national law counts otherwise, or if the day is a public holiday."
        ),
    ),
    Action(
        "finalise",
        FinalForm,
        finality.finalise,
        _("Recorded. The authorities of the provider's Member State are told."),
        _move("finalise"),
        blocked=itself_blocked(_final_from),
        title=_("Record that the order is final"),
        help=_(
            "An order is final when the deadline for appeal has expired without an appeal, or when"
            " it was confirmed on appeal. The authority that oversees specific measures in the"
            " provider's Member State is then informed (Art. 3(9))."
        ),
    ),
    Action(
        "extend",
        PreserveForm,
        preservation.extend,
        _("Extended. The provider is told."),
        _move("extend"),
        title=_("Have it preserved for longer"),
        help=_(
            "Only for review proceedings of this order that are going on (Art. 6(2)). For an"
            " investigation, ask the provider for access to what is preserved (Art. 6(1)(b)), or"
            " use national law."
        ),
    ),
    Action(
        "preserve",
        PreservationForm,
        preservation.record,
        _("Recorded."),
        _move("preserve"),
        title=_("Record a preservation by another law"),
        help=_(
            "An EPOC-PR (Regulation (EU) 2023/1543) or an order of national law. Other sides of"
            " this order do not see it; the provider does."
        ),
    ),
    Action(
        "note-extended",
        LongerPreservationForm,
        preservation.extend_recorded,
        _("Extended. The provider is told."),
        _preservations(rules.check_longer, has_time=True),
        target_id=UUID,
        block=PRESERVATION_BLOCK,
        title=_("Extend it"),
    ),
    Action(
        "note-ended",
        ConfirmForm,
        preservation.end,
        _("Ended. The provider is told."),
        _preservations(rules.check_end),
        target_id=UUID,
        block=PRESERVATION_BLOCK,
        title=_("End it: no longer necessary"),
        is_destructive=True,
    ),
    Action(
        "note-access",
        AccessForm,
        preservation.note_access,
        _("Noted."),
        _preservations(rules.check_note_access, names_row=False),
        target_id=UUID,
        block=PRESERVATION_BLOCK,
        title=_("Note who had access to what is preserved"),
    ),
    Action(
        "note-destroyed",
        ConfirmForm,
        preservation.note_destroyed,
        _("Noted."),
        _move("note_destroyed"),
        blocked=itself_blocked(_kept_until),
        title=_("It is destroyed"),
        help=_("The time of preservation is over."),
    ),
    Action(
        "void-entry",
        ConfirmWithReasonsForm,
        entries.void,
        _("Taken back. It counts in no figure."),
        _move("void_entry"),
        title=_("Take the entry back"),
        help=_(
            "If it was entered by mistake. The order ends, the ledger keeps it, and you can enter"
            " it again. Once the other side has confirmed it, only its issuer can withdraw it."
        ),
        is_destructive=True,
    ),
    Action(
        "withdraw",
        ConfirmWithReasonsForm,
        endings.withdraw,
        _("Withdrawn. The provider and all with a copy are told."),
        _move("withdraw"),
        blocked=_later("withdraw", is_issuer=True),
        title=_("Withdraw the order"),
        help=_(
            "What was executed is to be reinstated, and your signals that the order names are"
            " withdrawn at every agent."
        ),
        label=_("Why; the provider reads it"),
        is_destructive=True,
    ),
    Action(
        "discard",
        ConfirmForm,
        _discard,
        _("Thrown away. What it said is erased."),
        _move("discard"),
        title=_("Discard the draft"),
        is_destructive=True,
    ),
)
"""All actions, in the order of the page."""
