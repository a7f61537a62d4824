# SPDX-License-Identifier: Apache-2.0
"""Forms for answering through a one-time link: annexes of an order, or referrals."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

from django import forms
from django.utils.translation import gettext as _
from pydantic import BaseModel

from stemtide.hub.desk.forms import MessageForm
from stemtide.hub.desk.inbox.forms import AnswerForm
from stemtide.hub.desk.orders.annex_forms import AnnexForm
from stemtide.hub.desk.orders.forms import (
    ConfirmForm,
    ReasonsForm,
    ScrutinyForm,
)
from stemtide.hub.rooms.orders.reads import drafts
from stemtide.hub.rooms.requests import reads
from stemtide.hub.rooms.requests.reads import LinkedAlert
from stemtide.protocol.law.forms import Form, form
from stemtide.protocol.messages.orders import OrderAnswerIn
from stemtide.protocol.messages.referrals import ReferralOut

ANNEXES = {"execute": "tco-annex-2", "suspend": "tco-annex-3"}
"""The annex of each action that has one."""

_ALL = "all"


class ReferralsForm(AnswerForm):
    """An answer to one of the referrals behind a link, or to all that wait."""

    def __init__(self, *args: Any, referrals: Sequence[ReferralOut], **named: Any) -> None:  # noqa: ANN401  # Django's
        super().__init__(*args, **named)
        self.referrals = list(referrals)
        if len(self.referrals) < 2:  # noqa: PLR2004  # nothing to choose from
            return
        choices = [(str(referral.id), referral.reference) for referral in self.referrals]
        all_label = _("All %(count)d that wait") % {"count": len(choices)}
        which = forms.ChoiceField(
            label=_("Which of them?"),
            choices=[("", _("Choose one or all")), (_ALL, all_label), *choices],
        )
        self.fields = {"which": which, **self.fields}

    def chosen(self) -> list[UUID]:
        """Return the ids of the referrals that are answered. Call it on a valid form."""
        which = self.cleaned_data.get("which", _ALL)
        return [referral.id for referral in self.referrals if which in {_ALL, str(referral.id)}]


ByLink: TypeAlias = AnnexForm | MessageForm | ReferralsForm


def form_for(verb: str, linked: LinkedAlert, *, data: Any, now: datetime) -> ByLink:  # noqa: ANN401  # Django's
    """Return the form of an action, prefilled. verb: one that the link allows."""
    if verb in ANNEXES:
        annex = form(ANNEXES[verb])
        prefilled = drafts.start_answer(annex.name, viewer=linked.party, now=now)
        if linked.mail:
            prefilled = {"contact_mail": linked.mail, **prefilled}
        return AnnexForm(data, annex=annex, values=prefilled, prefix="annex")
    if verb == "answer":
        open_answers = reads.answers(linked.referrals, by=linked.by)
        return ReferralsForm(data, referrals=linked.referrals, answers=open_answers)
    if verb == "resume":
        reasons = ReasonsForm(data)
        reasons.fields["text"].label = _("What has changed? The hour starts anew from now.")
        return reasons
    return ScrutinyForm(data) if verb == "ask_scrutiny" else ConfirmForm(data)


def body_of(form_filled: ByLink) -> BaseModel | None:
    """Return the message for the room; None if the action takes none. Call it on a valid form.

    Making the message may add errors to the form.
    """
    if isinstance(form_filled, AnnexForm):
        values = {
            name: value
            for name, value in form_filled.written().items()
            if value not in (None, "", [])
        }
        return OrderAnswerIn(annex=values)
    message: BaseModel | None = form_filled.message()
    return message


def annex_of(form_filled: ByLink) -> Form | None:
    """Return the annex that is filled in, or None."""
    return form_filled.annex if isinstance(form_filled, AnnexForm) else None
