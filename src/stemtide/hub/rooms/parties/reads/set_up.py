# SPDX-License-Identifier: Apache-2.0
"""Read whether a hub may be set up with a link."""

import hmac
from datetime import datetime

from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.parties.models import Party, SetUpLink


@needs_no_viewer("nobody can sign in yet")
def has_no_party() -> bool:
    """Whether the hub has no party yet."""
    return not Party.objects.exists()


@needs_no_viewer("everybody who has the secret may read it")
def may_set_up(secret_sha256: str, *, now: datetime) -> bool:
    """Whether the digest is that of a link which sets up this hub now. Without a link none is.

    The digests are compared in constant time.
    """
    link = SetUpLink.objects.filter(expires_at__gt=now).first()
    if link is None or not hmac.compare_digest(secret_sha256, link.secret_sha256):
        return False
    return has_no_party()
