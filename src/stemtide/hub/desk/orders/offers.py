# SPDX-License-Identifier: Apache-2.0
"""Actions on an order's page: each with its form, its texts and its write."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from stemtide.hub.desk.orders.forms import (
    AccessForm,
    ConfirmForm,
    ConfirmWithReasonsForm,
    NoMessageForm,
    OrderActionForm,
    OwnScrutinyForm,
    PreserveForm,
    ReasonsForm,
    RequestedScrutinyForm,
    ScrutinyForm,
    SecrecyForm,
    with_label,
)
from stemtide.hub.rooms.orders.writes import (
    answers,
    endings,
    orders as writes,
    preservation,
)
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.protocol.messages.orders import OrderOut

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise


@dataclass(frozen=True, slots=True)
class OrderAction:
    """One action. move: its name in the rules; done: the confirmation; ask: its form's own label.

    is_primary: it is the next step, and shown open and first.
    """

    move: str
    title: "str | _StrPromise"
    form: type[OrderActionForm]
    write: Callable[..., OrderOut]
    done: "str | _StrPromise"
    help: "str | _StrPromise" = ""
    ask: "str | _StrPromise" = ""
    is_destructive: bool = False
    is_primary: bool = False

    def do(self, uid: UUID, *, form: OrderActionForm, by: Actor, now: datetime) -> bool:
        """Carry out the action. Return False if the form is invalid; the form then shows why."""
        if not form.takes_message:
            self.write(uid, by=by, now=now)
            return True
        body = form.message()
        if body is None:
            return False
        self.write(uid, body=body, by=by, now=now)
        return True


@dataclass(frozen=True, slots=True)
class OrderOffer:
    """An available action with its form. is_open: it was sent and refused."""

    name: str
    act: OrderAction
    form: OrderActionForm
    is_open: bool = False


ORDER_ACTIONS: dict[str, OrderAction] = {
    "acknowledge": OrderAction(
        "acknowledge",
        _("Acknowledge it"),
        NoMessageForm,
        answers.acknowledge,
        _("Acknowledged. Its hour goes on."),
        help=_("It says that a person has the order. It changes nothing in its hour."),
        is_primary=True,
    ),
    "clarify": OrderAction(
        "resume",
        _("Clear up what Annex III asks"),
        ReasonsForm,
        answers.resume,
        _("Sent. The hour has begun anew."),
        help=_("The provider's hour starts anew, whole, when you send it."),
        ask=_("Your clarification; the provider reads it"),
        is_primary=True,
    ),
    "resume": OrderAction(
        "resume",
        _("The ground is over"),
        ReasonsForm,
        answers.resume,
        _("Said. Your hour has begun anew."),
        help=_("Your hour starts anew, whole."),
        ask=_("What has changed; the authority reads it"),
    ),
    "reinstate": OrderAction(
        "reinstate",
        _("The content is there again"),
        NoMessageForm,
        answers.reinstate,
        _("Said. The authorities see it."),
        help=_(
            "The order has no effect any more: put back at once what you removed, then say so. You"
            " may still enforce your own terms (Art. 4(7))."
        ),
        is_primary=True,
    ),
    "ask-scrutiny": OrderAction(
        "ask_scrutiny",
        _("Ask for scrutiny"),
        ScrutinyForm,
        endings.open_scrutiny,
        _("Asked. The order stands until it is decided."),
        help=_(
            "The authority of your Member State decides within 72 hours. You obey first: the hour"
            " goes on."
        ),
    ),
    "examine": OrderAction(
        "open_scrutiny_own_initiative",
        _("Examine it on your own initiative"),
        OwnScrutinyForm,
        endings.open_scrutiny,
        _("Scrutiny is open. Its 72 hours run from your copy."),
    ),
    "examine-asked": OrderAction(
        "open_scrutiny_content_provider",
        _("Examine it, as a content provider asked"),
        RequestedScrutinyForm,
        endings.open_scrutiny,
        _("Scrutiny is open. Its 72 hours run from now."),
        help=_("Write no name: a content provider is no party here."),
    ),
    "announce": OrderAction(
        "announce",
        _("Announce an infringement"),
        ReasonsForm,
        partial(endings.decide_scrutiny, step="announce"),
        _("Announced. The issuing authority is told, and may withdraw."),
        help=_("Before you find an infringement, the issuing authority is told, and why."),
        ask=_("Why you intend to find one"),
    ),
    "uphold": OrderAction(
        "uphold",
        _("Find no infringement"),
        ReasonsForm,
        partial(endings.decide_scrutiny, step="uphold"),
        _("Decided: the order stands."),
        ask=_("Your reasoned decision; issuer, provider and agencies read it"),
    ),
    "infringe": OrderAction(
        "infringe",
        _("Find an infringement"),
        ConfirmWithReasonsForm,
        partial(endings.decide_scrutiny, step="infringe"),
        _("Decided: the order has no effect any more, and both sides are told."),
        help=_(
            "The order loses its effect at once: its clock stops, the signals that it names are"
            " withdrawn at every agent, and the provider is told to reinstate."
        ),
        ask=_("Your reasoned decision; issuer, provider and agencies read it"),
        is_destructive=True,
    ),
    "prolong": OrderAction(
        "prolong",
        _("Keep it secret for longer"),
        SecrecyForm,
        endings.prolong,
        _("Extended. The provider is told."),
        help=_("Once more, at most six weeks: twelve in all (Art. 11(3))."),
    ),
    "extend": OrderAction(
        "extend",
        _("Have it preserved for longer"),
        PreserveForm,
        preservation.extend,
        _("Extended. The provider is told."),
        help=_(
            "Only for review proceedings of this order that are going on (Art. 6(2)). For an"
            " investigation, ask the provider for access to what is preserved (Art. 6(1)(b)), or"
            " use national law."
        ),
    ),
    "note-access": OrderAction(
        "note_access",
        _("Note who had access to what is preserved"),
        AccessForm,
        preservation.note_access,
        _("Noted."),
    ),
    "note-destroyed": OrderAction(
        "note_destroyed",
        _("It is destroyed"),
        ConfirmForm,
        preservation.note_destroyed,
        _("Noted."),
        help=_("The time of preservation is over."),
    ),
    "withdraw": OrderAction(
        "withdraw",
        _("Take the order back"),
        ConfirmWithReasonsForm,
        endings.withdraw,
        _("Taken back. The provider and all with a copy are told."),
        help=_(
            "What was executed is to be reinstated, and your signals that the order names are"
            " withdrawn at every agent."
        ),
        ask=_("Why; the provider reads it"),
        is_destructive=True,
    ),
    "discard": OrderAction(
        "discard",
        _("Throw the draft away"),
        ConfirmForm,
        writes.discard,
        _("Thrown away. What it said is erased."),
        is_destructive=True,
    ),
}
"""Actions by their names in URLs, in the order of the page."""


def form_of(name: str, data: Any = None) -> OrderActionForm:  # noqa: ANN401  # as Django's forms
    """Return the form of an action, empty or with the data that was sent."""
    act = ORDER_ACTIONS[name]
    return with_label(act.form(data, prefix=name), act.ask)


def available_actions(
    moves: list[str], *, is_issuer: bool, refused: OrderOffer | None = None
) -> list[OrderOffer]:
    """Return the available actions of the page, for the moves that the rules allow.

    refused: an action that was sent and refused, with the errors in its form.
    """
    hidden = "resume" if is_issuer else "clarify"
    return [
        refused
        if refused is not None and refused.name == name
        else OrderOffer(name, act, form_of(name))
        for name, act in ORDER_ACTIONS.items()
        if act.move in moves and name != hidden
    ]
