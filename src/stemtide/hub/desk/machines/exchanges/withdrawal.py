# SPDX-License-Identifier: Apache-2.0
"""Withdraw all that an exchange brought at the desk, and share it again. Decision 0133."""

from dataclasses import dataclass
from datetime import datetime

from django import forms
from django.utils.translation import gettext_lazy as _

from stemtide.hub.desk.actions import (
    Action,
    Offer,
    action_table,
    available,
    itself_blocked,
    itself_if,
    perform,
    sent_offer,
    why_not_yet,
)
from stemtide.hub.desk.auth.people import SignedInRequest, actor_of
from stemtide.hub.desk.forms import MessageForm, WithdrawForm
from stemtide.hub.platform.permissions import allows
from stemtide.hub.rooms.exchanges.reads import exchanges as exchange_reads, withdrawals as reads
from stemtide.hub.rooms.exchanges.rules import withdrawals as rules
from stemtide.hub.rooms.exchanges.writes import withdrawals
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.interop.exchanges import BroughtOut, WithdrawAllIn
from stemtide.protocol.messages.signals import WithdrawIn


@dataclass(frozen=True, slots=True)
class BroughtPage:
    """What the rules need of an exchange's page."""

    brought: BroughtOut
    facts: rules.BroughtFacts
    by: Actor

    def check_withdraw(self) -> None:
        """Refuse a withdrawal of all that the reader may not begin now."""
        rules.check_may_withdraw(self.by)
        rules.check_withdraw_all(self.facts, shown=self.brought.live)

    def check_restore(self) -> None:
        """Refuse to share again what the reader may not share again now."""
        rules.check_may_withdraw(self.by)
        rules.check_restore(self.facts)


class WithdrawAllForm(WithdrawForm):
    """Withdraw all that an exchange brought, with a reason."""

    message_type = WithdrawIn
    confirm = forms.BooleanField(
        label=_(
            "I understand that the exchange is paused and that agents stop matching these signals."
        ),
        error_messages={"required": _("Tick this box to confirm.")},
    )


def _count_of(target: str) -> int:
    """Return the number of signals that the page said. raises: ValueError."""
    count = int(target)
    if count < 0:
        raise ValueError(target)
    return count


def _withdraw(name: str, count: int, *, body: WithdrawIn, by: Actor, now: datetime) -> object:
    """Begin to withdraw as many signals as the page said."""
    message = WithdrawAllIn(count=count, reason=body.reason, note=body.note)
    return withdrawals.begin(name, body=message, by=by, now=now)


ACTIONS = action_table(
    Action(
        "withdraw-all",
        WithdrawAllForm,
        _withdraw,
        _("Started. This page shows the progress."),
        lambda page: [str(page.brought.live)] if allows(page.check_withdraw) else [],
        title=_("Withdraw all its signals"),
        button=_("Pause and withdraw all"),
        target_id=_count_of,
        is_destructive=True,
        blocked=itself_blocked(lambda page: why_not_yet(page.check_withdraw)),
    ),
    Action(
        "share-again",
        MessageForm,
        withdrawals.restore,
        _("Started. This page shows the progress."),
        itself_if(lambda page: allows(page.check_restore)),
        title=_("Share the withdrawn signals again"),
        button=_("Share again"),
        help=_(
            "They are shared as new signals, by today's rules. Withdrawals that still "
            "wait for a second person stay on the page Second looks."
        ),
    ),
)


def withdrawal_context(
    name: str, *, by: Actor, now: datetime, refused: Offer | None = None
) -> dict[str, object]:
    """Return what the page says of the signals that an exchange brought."""
    brought = reads.brought(name, viewer=by.party, now=now)
    facts = reads.facts_of(exchange_reads.find(name), viewer=by.party)
    offers = available(ACTIONS.values(), BroughtPage(brought, facts, by), refused=refused)
    return {"brought": brought, "withdrawal": brought.withdrawal, "offers": offers}


def sent(request: SignedInRequest, name: str, verb: str) -> Offer | None:
    """Carry out an act; return its offer if the form is invalid.

    raises: Http404, NotFoundError, NotAllowedError.
    """
    rules.check_may_withdraw(actor_of(request))
    offer = sent_offer(request, ACTIONS, verb)
    return None if perform(request, offer, name) else offer
