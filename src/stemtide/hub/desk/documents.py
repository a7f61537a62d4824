# SPDX-License-Identifier: Apache-2.0
"""Page to verify a document: who sealed it, and whether it was changed."""

from datetime import UTC, datetime
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _, gettext_lazy
from django.views.decorators.http import require_http_methods

from stemtide.hub.desk.auth.people import SignedInRequest, signed_in
from stemtide.hub.desk.forms import DeskForm
from stemtide.hub.desk.labels.orders import LABELS
from stemtide.hub.platform.documents import hub_seal
from stemtide.hub.platform.documents.verification import AnotherDocumentError, verify_pdf
from stemtide.hub.rooms.parties.reads.parties import party_titles
from stemtide.protocol.messages.documents import MAX_DOCUMENT_BYTES, SealVerdict

VERDICTS = {
    SealVerdict.GENUINE: (
        gettext_lazy("Genuine"),
        gettext_lazy("It was sealed by somebody whom this hub trusts, and nothing was changed."),
    ),
    SealVerdict.UNTRUSTED: (
        gettext_lazy("Nobody vouches for it"),
        gettext_lazy(
            "Nothing was changed since it was sealed, but this hub does not know who sealed it."
            " Anybody can make such a seal: ask the sender on a way that you know."
        ),
    ),
    SealVerdict.CHANGED: (
        gettext_lazy("Changed"),
        gettext_lazy(
            "It is not as it was when it was sealed. Do not act on it: ask the sender for it anew."
        ),
    ),
    SealVerdict.UNSEALED: (
        gettext_lazy("No seal"),
        gettext_lazy("It bears no seal. What stands in it, anybody may have written."),
    ),
    SealVerdict.UNREADABLE: (
        gettext_lazy("Cannot be read"),
        gettext_lazy("It is no PDF that can be read here: a document of a hub always is."),
    ),
}
"""Label and advice for each verdict."""

_PARTY_ALONE = (
    gettext_lazy("Not sealed by this hub"),
    gettext_lazy(
        "Nothing was changed since a party sealed it with its own key, but this hub has not sealed"
        " it. A party can put any text under its own seal: ask the authority that the document"
        " names."
    ),
)
"""Label and advice for a document under the own seal of a party alone."""

DOCUMENT_BUSY = gettext_lazy(
    "Another document of your party is being looked at: send this one once that is done."
)


class DocumentForm(DeskForm):
    """Upload of the PDF to verify."""

    document = forms.FileField(
        label=gettext_lazy("PDF file"),
        help_text=gettext_lazy("The file is checked and not stored."),
        widget=forms.ClearableFileInput(attrs={"accept": "application/pdf"}),
    )

    def clean_document(self) -> "UploadedFile[Any]":
        """Refuse files that are too large to verify."""
        upload: UploadedFile[Any] = self.cleaned_data["document"]
        if upload.size is None or upload.size > MAX_DOCUMENT_BYTES:
            max_mb = MAX_DOCUMENT_BYTES >> 20
            raise forms.ValidationError(_("Give a PDF of at most %(most)d MB.") % {"most": max_mb})
        return upload


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def verify(request: SignedInRequest) -> HttpResponse:
    """Show the form, and the verdict on an uploaded document."""
    now = datetime.now(UTC)
    form = DocumentForm(request.POST or None, request.FILES or None)
    certificates = hub_seal.certificates(now)
    context: dict[str, object] = {
        "form": form,
        "titles": party_titles(),
        "seal": certificates,
        "own_keys": [(own, LABELS["own_key"][own.state]) for own in certificates.parties],
    }
    if request.method != "POST":
        return render(request, "desk/document_verify.html", context)
    if not form.is_valid():
        return render(request, "desk/document_verify.html", context, status=422)
    upload = form.cleaned_data["document"]
    party = request.user.party.name
    try:
        report = verify_pdf(upload.read(), trusted=hub_seal.hub_trust(now), now=now, of=party)
    except AnotherDocumentError:
        form.add_error("document", DOCUMENT_BUSY)
        return render(request, "desk/document_verify.html", context, status=429)
    is_partys = any(seal.is_whole and seal.party for seal in report.seals)
    is_alone = is_partys and report.verdict is SealVerdict.UNTRUSTED
    label, advice = _PARTY_ALONE if is_alone else VERDICTS[report.verdict]
    context |= {
        "found": report,
        "name": upload.name,
        "word": label,
        "follows": advice,
        "seals": [(seal, LABELS["seal_trust"][seal.trust]) for seal in report.seals],
    }
    return render(request, "desk/document_verify.html", context)
