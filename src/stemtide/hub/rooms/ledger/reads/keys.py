# SPDX-License-Identifier: Apache-2.0
"""Read the fingerprints of the hub's keys, as its first host recorded them."""

from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.ledger.models import HubKey
from stemtide.hub.rooms.ledger.rules.keys import RecordedKey


@needs_no_viewer("fingerprints are not secret")
def recorded_keys() -> dict[str, RecordedKey]:
    """Return the recorded fingerprint of each key, by name."""
    return {
        row.name: RecordedKey(row.fingerprint, row.host, row.place) for row in HubKey.objects.all()
    }
