# SPDX-License-Identifier: Apache-2.0
"""Questions to a hub: previews.

Made from docs/use/openapi.json by python -m tests.house.client; a test holds it equal to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stemtide.client.call import Call, part

if TYPE_CHECKING:
    from uuid import UUID

    from stemtide.protocol.messages.previews import PreviewIn, PreviewOut


def destroy_preview(*, uid: UUID | str) -> Call[PreviewOut]:
    """Destroy a preview before its date, as its sender or as an agency.

    Needs a key with the scope signals:write. raises: HubError. source: POST
    /api/v1/previews/{uid}/destroy
    """
    from stemtide.protocol.messages.previews import PreviewOut

    return Call((PreviewOut,), "POST", f"/api/v1/previews/{part(uid)}/destroy")


def list_previews(*, uid: UUID | str) -> Call[list[PreviewOut]]:
    """List the previews of a signal, including destroyed ones, without their content.

    Needs a key with the scope feed:read. raises: HubError. source: GET
    /api/v1/signals/{uid}/previews
    """
    from stemtide.protocol.messages.previews import PreviewOut

    return Call((list[PreviewOut],), "GET", f"/api/v1/signals/{part(uid)}/previews")


def send_preview(body: PreviewIn, *, uid: UUID | str) -> Call[PreviewOut]:
    """Upload a small still or a short excerpt of a signal that your party shared in a crisis.

    The hub re-encodes the still, stores it encrypted, and destroys it on its date.

    Needs a key with the scope signals:write. raises: HubError. source: POST
    /api/v1/signals/{uid}/preview
    """
    from stemtide.protocol.messages.previews import PreviewOut

    return Call((PreviewOut,), "POST", f"/api/v1/signals/{part(uid)}/preview", body=body)
