# SPDX-License-Identifier: Apache-2.0
"""Acts on selected signals: each with its form, its rule and its write."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _, gettext_lazy, ngettext_lazy

from stemtide.hub.desk.actions import why_not
from stemtide.hub.desk.forms import MessageForm, WithdrawForm
from stemtide.hub.desk.labels import Words
from stemtide.hub.desk.selection.forms import DisputeManyForm, ExtendSignalsForm
from stemtide.hub.desk.signals.opinions import ConfirmSignalForm, SeenForm
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.signals.reads.signals import SelectedSignal
from stemtide.hub.rooms.signals.rules import signals as rules
from stemtide.hub.rooms.signals.writes import entries, signals as writes
from stemtide.protocol.enums import Opinion
from stemtide.protocol.messages.signals import SignalOut
from stemtide.protocol.trust.second_look import WaitingAct


@dataclass(frozen=True, slots=True)
class BulkAct:
    """One act on many signals.

    title, done: with %(count)d. why: returns why the reader cannot do it to a signal; "" if they
    can. write: does it to one signal. waits: the act of which only so many a day take effect at
    once.
    """

    name: str
    button: Words
    title: Any
    done: Any
    form: type[MessageForm]
    why: Callable[[SelectedSignal, Actor, datetime], str]
    write: Callable[[SelectedSignal, MessageForm, Actor, datetime], SignalOut]
    help: Words = ""
    waits: WaitingAct | None = None
    undo: str = ""
    is_destructive: bool = False
    is_offered: bool = True


def _why_not_withdraw(signal: SelectedSignal, by: Actor, now: datetime) -> str:  # noqa: ARG001  # as the others
    """Return why the reader cannot withdraw a signal."""
    return why_not(rules.check_withdraw, signal.facts, kind=by.kind, name=by.name)


def _why_not_extend(signal: SelectedSignal, by: Actor, now: datetime) -> str:
    """Return why the reader cannot have a signal expire later."""
    until = now + timedelta(days=ExtendSignalsForm.MOST_DAYS)
    facts, before = signal.facts, signal.expires_at
    return why_not(rules.check_extend, facts, name=by.name, before=before, until=until, now=now)


def _why_not_say(opinion: Opinion) -> Callable[[SelectedSignal, Actor, datetime], str]:
    """Return a function that says why the reader cannot give an opinion of a signal."""

    def why(signal: SelectedSignal, by: Actor, now: datetime) -> str:  # noqa: ARG001  # as the others
        if reason := why_not(rules.check_opinion, signal.facts, kind=by.kind):
            return reason
        if opinion is Opinion.AGREE and signal.shared_by == by.name:
            return _("your party shared this signal: another party confirms it")
        if signal.own_opinion == opinion:
            return _("your party has said so already")
        return ""

    return why


def _withdraw(signal: SelectedSignal, form: MessageForm, by: Actor, now: datetime) -> SignalOut:
    """Withdraw a signal."""
    return writes.withdraw(
        signal.id, body=form.message(), by=by.party, now=now, actor_ref=by.ref, role=by.role
    )


def _say(signal: SelectedSignal, form: MessageForm, by: Actor, now: datetime) -> SignalOut:
    """Give the opinion of a form."""
    return writes.give_opinion(
        signal.id, body=form.message(), by=by.party, now=now, actor_ref=by.ref, role=by.role
    )


def _extend(signal: SelectedSignal, form: MessageForm, by: Actor, now: datetime) -> SignalOut:
    """Have a signal expire later."""
    until = now + timedelta(days=int(form.cleaned_data["days"]))
    return entries.extend(
        signal.id, until=until, by=by.party, now=now, through=by.ref, role=by.role
    )


_ACTS = (
    BulkAct(
        "confirm",
        gettext_lazy("Confirm"),
        ngettext_lazy("Confirm %(count)d signal", "Confirm %(count)d signals", "count"),
        ngettext_lazy("%(count)d signal confirmed.", "%(count)d signals confirmed.", "count"),
        ConfirmSignalForm,
        _why_not_say(Opinion.AGREE),
        _say,
        help=gettext_lazy("Your party looked at the content of each of them and agrees."),
        undo="seen",
    ),
    BulkAct(
        "dispute",
        gettext_lazy("Dispute"),
        ngettext_lazy("Dispute %(count)d signal", "Dispute %(count)d signals", "count"),
        ngettext_lazy("%(count)d signal disputed.", "%(count)d signals disputed.", "count"),
        DisputeManyForm,
        _why_not_say(Opinion.DISPUTE),
        _say,
        help=gettext_lazy("Your agents stop at once. The reason is the same for all of them."),
        waits=WaitingAct.DISPUTE,
        undo="seen",
    ),
    BulkAct(
        "withdraw",
        gettext_lazy("Withdraw"),
        ngettext_lazy("Withdraw %(count)d signal", "Withdraw %(count)d signals", "count"),
        ngettext_lazy("%(count)d signal withdrawn.", "%(count)d signals withdrawn.", "count"),
        WithdrawForm,
        _why_not_withdraw,
        _withdraw,
        help=gettext_lazy(
            "Every agent forgets these signals and undoes what it did because of them."
        ),
        waits=WaitingAct.WITHDRAW,
        is_destructive=True,
    ),
    BulkAct(
        "extend",
        gettext_lazy("Extend expiry"),
        ngettext_lazy(
            "Extend the expiry of %(count)d signal",
            "Extend the expiry of %(count)d signals",
            "count",
        ),
        ngettext_lazy("%(count)d signal extended.", "%(count)d signals extended.", "count"),
        ExtendSignalsForm,
        _why_not_extend,
        _extend,
        help=gettext_lazy("They go on to match until then, at every agent."),
    ),
    BulkAct(
        "seen",
        gettext_lazy("Take back"),
        ngettext_lazy(
            "Take back what you said of %(count)d signal",
            "Take back what you said of %(count)d signals",
            "count",
        ),
        ngettext_lazy(
            "Your party no longer confirms or disputes %(count)d signal.",
            "Your party no longer confirms or disputes %(count)d signals.",
            "count",
        ),
        SeenForm,
        _why_not_say(Opinion.SEEN),
        _say,
        is_offered=False,
    ),
)

BULK_ACTS: Mapping[str, BulkAct] = {act.name: act for act in _ACTS}
"""Acts on selected signals, by name, in the order of the page. "seen" undoes two of them."""
