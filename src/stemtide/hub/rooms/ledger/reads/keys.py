# SPDX-License-Identifier: Apache-2.0
"""Read the fingerprints of the hub's keys, as its first host recorded them."""

from stemtide.hub.rooms.ledger.models import HubKey
from stemtide.hub.rooms.ledger.rules.keys import RecordedKey


def recorded_keys(*, by: str) -> dict[str, RecordedKey]:  # noqa: ARG001  # fingerprints are not secret
    """Return the recorded fingerprint of each key, by name. by: the calling host."""
    return {
        row.name: RecordedKey(row.fingerprint, row.host, row.place) for row in HubKey.objects.all()
    }
