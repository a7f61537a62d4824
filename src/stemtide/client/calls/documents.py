# SPDX-License-Identifier: Apache-2.0
"""Questions to a hub: documents.

Made from docs/use/openapi.json by python -m tests.house.client; a test holds it equal to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stemtide.client.call import Call

if TYPE_CHECKING:
    from stemtide.protocol.messages.documents import HubCertificates, Verification


def read_seal() -> Call[HubCertificates]:
    """Retrieve the certificates that this hub and its parties seal documents with.

    Any key will do. raises: HubError. source: GET /api/v1/seal
    """
    from stemtide.protocol.messages.documents import HubCertificates

    return Call((HubCertificates,), "GET", "/api/v1/seal")


def verify_document(body: bytes) -> Call[Verification]:
    """Verify the seals of a PDF: who sealed it, and whether it is unchanged. It is not stored.

    Any key will do. raises: HubError. source: POST /api/v1/documents/verify
    """
    from stemtide.protocol.messages.documents import Verification

    return Call(
        (Verification,), "POST", "/api/v1/documents/verify", body=body, media_type="application/pdf"
    )
