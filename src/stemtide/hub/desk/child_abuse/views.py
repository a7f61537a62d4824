# SPDX-License-Identifier: Apache-2.0
"""What to do after seeing child sexual abuse material: steps, hotlines, a report to take along.

No account, no cookie, no script. Nothing that is entered is stored.
"""

import io
import zipfile
from datetime import UTC, datetime
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext
from django.views.decorators.debug import sensitive_post_parameters

from stemtide.hub.desk.auth.member_states import MEMBER_STATES
from stemtide.hub.desk.child_abuse.forms import CyberTipForm
from stemtide.hub.desk.public_pages import languages, public_page
from stemtide.protocol.files.cybertip import (
    CyberTipError,
    CyberTipFacts,
    check_facts,
    file_details_xml,
    report_xml,
)
from stemtide.protocol.law.hotlines import NETWORK, hotlines


@sensitive_post_parameters()
@public_page
def child_abuse(request: HttpRequest) -> HttpResponse:
    """Show the page; a valid form answers with the files of a report."""
    form = CyberTipForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        facts = form.facts()
        try:
            check_facts(facts, now=datetime.now(UTC))
        except CyberTipError:  # the form's own checks leave only this
            form.add_error("url", gettext("Remove control characters."))
        else:
            return _download(facts)
    context = {
        "form": form,
        "network": NETWORK,
        "hotlines": [(MEMBER_STATES[code], row) for code, row in sorted(hotlines().items())],
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.is_bound else HTTPStatus.OK
    return render(request, "desk/child_abuse.html", context | languages(), status=status)


def _download(facts: CyberTipFacts) -> HttpResponse:
    """Return the files of a report as a ZIP file that no cache keeps."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("report.xml", report_xml(facts))
        archive.writestr("file-details.xml", file_details_xml(facts))
    response = HttpResponse(content.getvalue(), content_type="application/zip")
    response["Content-Disposition"] = 'attachment; filename="cybertip.zip"'
    response["Cache-Control"] = "no-store"
    return response
