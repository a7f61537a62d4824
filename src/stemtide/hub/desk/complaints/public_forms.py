# SPDX-License-Identifier: Apache-2.0
"""Forms for uploaders: the complaint, its code, and withdrawing it."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _, gettext_lazy

from stemtide.hub.desk.forms import DeskForm
from stemtide.hub.desk.labels.complaints import LABELS
from stemtide.hub.desk.labels.languages import WRITING_LANGUAGES
from stemtide.protocol.messages.complaints import MAX_WORDS, MIN_WORDS
from stemtide.protocol.privacy.personal import find_personal


class ComplainForm(DeskForm):
    """Why the decision was wrong. is_sure: send it although it may contain personal data."""

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
    is_sure = forms.BooleanField(
        label=gettext_lazy("Send it as it stands: I know that the service reads it."),
        required=False,
        widget=forms.HiddenInput,
    )

    def clean(self) -> dict[str, Any]:
        """Warn once, before it is sent, about text that looks like personal data."""
        form_data = super().clean() or {}
        places = find_personal(form_data.get("text", ""))
        if not places:
            return form_data
        self.fields["is_sure"].widget = forms.CheckboxInput()
        if not form_data.get("is_sure"):
            kinds = sorted({str(LABELS["personal"][place.kind]) for place in places})
            self.add_error(
                "text",
                _(
                    "This looks like personal data: %(found)s. Nothing was sent. Leave it out, or"
                    " tick the box below."
                )
                % {"found": ", ".join(kinds)},
            )
        return form_data


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
