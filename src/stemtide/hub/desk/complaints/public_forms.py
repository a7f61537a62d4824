# SPDX-License-Identifier: Apache-2.0
"""Forms for uploaders: the complaint, its code, and withdrawing it."""

from django import forms
from django.utils.translation import gettext_lazy

from stemtide.hub.desk.forms import DeskForm
from stemtide.hub.desk.labels.languages import WRITING_LANGUAGES
from stemtide.protocol.messages.complaints import MAX_WORDS, MIN_WORDS


class ComplainForm(DeskForm):
    """Why the decision was wrong."""

    free_texts = frozenset({"text"})

    text = forms.CharField(
        label=gettext_lazy("Why was it wrong?"),
        help_text=gettext_lazy(
            "Say what the content shows, and what it was for. Do not write who you are: nobody here"
            " needs to know it."
        ),
        min_length=MIN_WORDS,
        max_length=MAX_WORDS,
        widget=forms.Textarea(attrs={"rows": 8, "dir": "auto"}),
    )
    language = forms.ChoiceField(
        label=gettext_lazy("Language of your complaint"), choices=WRITING_LANGUAGES
    )


class ComplaintCodeForm(DeskForm):
    """The code of a complaint, typed in."""

    code = forms.CharField(
        label=gettext_lazy("Your code"),
        help_text=gettext_lazy(
            "Sixteen letters and digits. Dashes, blanks and case do not matter."
        ),
        max_length=60,
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "spellcheck": "false", "class": "form__code"}
        ),
    )


class WithdrawComplaintForm(DeskForm):
    """Withdraw a complaint, with a confirmation."""

    confirm = forms.BooleanField(
        label=gettext_lazy(
            "I withdraw my complaint. Nobody reviews it any more, and I cannot complain of this"
            " decision again."
        ),
        error_messages={"required": gettext_lazy("Tick this box to confirm.")},
    )
