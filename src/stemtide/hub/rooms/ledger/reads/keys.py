# SPDX-License-Identifier: Apache-2.0
"""Fingerprints of the hub's keys, as its first host recorded them."""

from stemtide.hub.rooms.ledger.models import HubKey
from stemtide.hub.rooms.ledger.rules.keys import RecordedKey


def recorded_keys(*, by: str) -> dict[str, RecordedKey]:  # noqa: ARG001  # fingerprints open nothing
    """Return what is recorded of each key, by its name. by: the host that asks."""
    return {
        row.name: RecordedKey(row.fingerprint, row.host, row.place) for row in HubKey.objects.all()
    }
