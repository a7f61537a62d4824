# SPDX-License-Identifier: Apache-2.0
"""What whoever holds a link fills in: an answer to an order by its annexes, or to referrals."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

from django import forms
from django.utils.translation import gettext as _, gettext_lazy
from pydantic import BaseModel

from stemtide.hub.alerts import reads_links
from stemtide.hub.alerts.reads_links import Linked
from stemtide.hub.desk.annex_forms import AnnexForm
from stemtide.hub.desk.inbox_forms import AnswerForm
from stemtide.hub.desk.order_forms import (
    ActForm,
    ScrutinyForm,
    SureForm,
    WordsForm,
    relabelled,
)
from stemtide.hub.orders import reads_drafts
from stemtide.protocol.forms import Form, form
from stemtide.protocol.orders import OrderAnswerIn
from stemtide.protocol.referrals import AnswerIn, ReferralOut

ANNEXES = {"execute": "tco-annex-2", "suspend": "tco-annex-3"}
"""The form of the law of each act that has one."""

_ALL = "all"


class ReferralsForm(AnswerForm):
    """An answer to one of the referrals behind a link, or to all that wait."""

    def __init__(self, *args: Any, referrals: Sequence[ReferralOut], **named: Any) -> None:  # noqa: ANN401  # Django's
        super().__init__(*args, **named)
        self.referrals = list(referrals)
        if len(self.referrals) < 2:  # noqa: PLR2004  # nothing to choose from
            return
        each = [(str(referral.id), referral.reference) for referral in self.referrals]
        whole = _("All %(count)d that wait") % {"count": len(each)}
        which = forms.ChoiceField(
            label=_("Which of them?"),
            choices=[("", _("Choose one or all")), (_ALL, whole), *each],
        )
        self.fields = {"which": which, **self.fields}

    def chosen(self) -> list[UUID]:
        """The ids of those that are answered. Only for a form that is valid."""
        which = self.cleaned_data.get("which", _ALL)
        return [referral.id for referral in self.referrals if which in {_ALL, str(referral.id)}]


ByLink: TypeAlias = AnnexForm | ActForm | ReferralsForm


def form_for(verb: str, found: Linked, *, data: Any, now: datetime) -> ByLink:  # noqa: ANN401  # Django's
    """The form of an act, with what is known of it. verb: one that the link allows."""
    if verb in ANNEXES:
        annex = form(ANNEXES[verb])
        known = reads_drafts.start_answer(annex.name, viewer=found.party, now=now)
        if found.mail:
            known = {"contact_mail": found.mail, **known}
        return AnnexForm(data, annex=annex, values=known, prefix="annex")
    if verb == "answer":
        open_ones = reads_links.answers(found.referrals, by=found.by)
        return ReferralsForm(data, referrals=found.referrals, answers=open_ones)
    if verb == "resume":
        ask = gettext_lazy("What has changed? The hour starts anew from now.")
        return relabelled(WordsForm(data), ask)
    return ScrutinyForm(data) if verb == "ask_scrutiny" else SureForm(data)


def body_of(filled: ByLink) -> BaseModel | None:
    """What the room is asked to do; None where nothing goes with it. Only for a form that is valid.

    Where a form finds something wrong as it makes it, it has errors then.
    """
    if isinstance(filled, AnnexForm):
        said = {one: each for one, each in filled.written().items() if each not in (None, "", [])}
        return OrderAnswerIn(annex=said)
    if isinstance(filled, ReferralsForm):
        order: AnswerIn | None = filled.order()
        return order
    return filled.body()


def annex_of(filled: ByLink) -> Form | None:
    """The form of the law that is filled in, if it is one."""
    return filled.annex if isinstance(filled, AnnexForm) else None
