# SPDX-License-Identifier: Apache-2.0
"""Make new parties members once enough of their signals were confirmed. Decision 0098."""

from datetime import datetime

from stemtide.hub.platform.exemptions import needs_no_entry
from stemtide.hub.rooms.parties.writes import standing
from stemtide.hub.rooms.signals.reads import opinions
from stemtide.protocol.trust.limits import limits


@needs_no_entry("the standing that changes records itself")
def vet_due(now: datetime) -> int:
    """Vet the new parties that are due, each by one scheduler; return how many became members."""
    most = limits().new_member.confirmed_signals
    return sum(
        standing.vet(party, confirmed=opinions.count_confirmed(party, most=most), now=now)
        for party in standing.claim_vetting(now)
    )
