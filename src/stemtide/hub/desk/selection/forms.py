# SPDX-License-Identifier: Apache-2.0
"""Forms of acts on many signals that no form for one signal fits."""

from typing import ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _, ngettext_lazy

from stemtide.hub.desk.forms import NO_NAMES, NOTE_LENGTH, MessageForm
from stemtide.hub.desk.signals.opinions import DisputeForm

_DAYS = (7, 30, 90, 365)


class DisputeManyForm(DisputeForm):
    """Dispute signals, with one reason."""

    text = forms.CharField(
        label=_("Why are they wrong?"),
        max_length=NOTE_LENGTH,
        help_text=NO_NAMES,
        widget=forms.Textarea(attrs={"rows": 2}),
    )


class ExtendSignalsForm(MessageForm):
    """Have signals expire later."""

    MOST_DAYS: ClassVar = _DAYS[-1]
    days = forms.TypedChoiceField(
        label=_("For how long from now?"),
        coerce=int,
        choices=[
            (days, ngettext_lazy("%(days)d day", "%(days)d days", days) % {"days": days})
            for days in _DAYS
        ],
        initial=_DAYS[1],
    )
