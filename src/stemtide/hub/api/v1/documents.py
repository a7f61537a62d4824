# SPDX-License-Identifier: Apache-2.0
"""Endpoints for sealed documents: verification, and the hub's certificate."""

from django.http import HttpRequest, HttpResponse
from ninja import Router

from stemtide.hub.api.app import requires
from stemtide.hub.api.auth import caller_of, now
from stemtide.hub.api.bodies import answer, check_content_type
from stemtide.hub.api.problems import ProblemError
from stemtide.hub.platform.documents import hub_seal
from stemtide.hub.platform.documents.verification import verify_pdf
from stemtide.protocol.messages.documents import MAX_DOCUMENT_BYTES, HubCertificates, Verification
from stemtide.protocol.problems import ProblemType

router = Router(tags=["documents"])

PDF = "application/pdf"

PDF_BODY = {
    "required": True,
    "content": {PDF: {"schema": {"type": "string", "format": "binary"}}},
}


@router.post(
    "/documents/verify",
    **requires(None, requestBody=PDF_BODY),
    response=Verification,
    operation_id="verify_document",
)
def verify(request: HttpRequest) -> HttpResponse:
    """Verify the seals of a PDF: who sealed it, and whether it is unchanged. It is not stored."""
    check_content_type(request, PDF)
    if len(request.body) > MAX_DOCUMENT_BYTES:
        raise ProblemError(
            ProblemType.TOO_LARGE,
            f"the document is too large: at most {MAX_DOCUMENT_BYTES:,} bytes are looked at",
        )
    at = now()
    party = caller_of(request).party.name
    return answer(verify_pdf(request.body, trusted=hub_seal.hub_trust(at), now=at, of=party))


@router.get("/seal", **requires(None), response=HubCertificates, operation_id="read_seal")
def read_seal(request: HttpRequest) -> HttpResponse:  # noqa: ARG001  # the same for everybody
    """Retrieve the certificates that this hub and its parties seal documents with."""
    return answer(hub_seal.certificates(now()))
