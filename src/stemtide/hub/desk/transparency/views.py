# SPDX-License-Identifier: Apache-2.0
"""The transparency log for auditors: its head, its growth, its witnesses, and how to check it.

No account, no cookie, no script. The page shows what strangers may see of the log.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from stemtide.hub.desk.public_pages import languages, public_page
from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.rooms.transparency.reads import log, witnesses
from stemtide.hub.rooms.transparency.reads.log import SignedHead
from stemtide.protocol.tlog.notes import Checkpoint, Note, encode_base64

DAYS = 14
"""Days of growth that the page shows."""


@dataclass(frozen=True, slots=True)
class _ShownHead:
    """A head as the page shows it. root: base64."""

    origin: str
    size: int
    root: str
    signed_at: datetime


@require_safe
@public_page
def transparency(request: HttpRequest) -> HttpResponse:
    """Show the newest public head, how the log grew, who watches it, and how to check it."""
    now = datetime.now(UTC)
    try:
        head = _shown(log.head(now=now, is_member=False))
    except NotFoundError:
        head = None
    address = settings.HUB_ADDRESS or request.build_absolute_uri("/").rstrip("/")
    context = {
        "head": head,
        "days": log.growth(now=now, days=DAYS),
        "keys": log.log_keys(),
        "facts": log.facts(),
        "witnesses": witnesses.witnesses(is_member=False),
        "parties": witnesses.count_of_parties(),
        "lag_hours": settings.LOG_LAG_HOURS,
        "address": address,
    }
    return render(request, "desk/transparency.html", context | languages())


def _shown(head: SignedHead) -> _ShownHead:
    """Return a head as the page shows it."""
    checkpoint = Checkpoint.read(Note.read(head.note).text)
    root = encode_base64(checkpoint.root)
    return _ShownHead(checkpoint.origin, checkpoint.size, root, head.signed_at)
