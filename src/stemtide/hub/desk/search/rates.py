# SPDX-License-Identifier: Apache-2.0
"""Rate limit of what takes the hub long: searches by fingerprint, and reading content."""

import time

from django.utils.translation import gettext_noop

from stemtide.hub.desk.auth.people import SignedInRequest
from stemtide.hub.platform.errors import RateLimitError
from stemtide.hub.platform.rate_windows import RatePolicy, windows
from stemtide.hub.rooms.ledger.reads import hub_settings


def count_heavy_search(request: SignedInRequest) -> None:
    """Count a similarity search against the rate limits of the person and the party.

    raises: RateLimitError if either has used up its limit for this minute.
    """
    quota = hub_settings.value("rate_heavy")
    if quota is None:
        return
    now = time.monotonic()
    tightest, *_others = windows.take_with_party(
        RatePolicy("heavy", quota), who=request.user.ref, party=request.user.party.pk, now=now
    )
    if tightest.is_over:
        raise RateLimitError(
            gettext_noop("too many searches by fingerprint: try again in {wait_s} seconds"),
            retry_after_s=tightest.reset_s(now),
            wait_s=tightest.reset_s(now),
        )
