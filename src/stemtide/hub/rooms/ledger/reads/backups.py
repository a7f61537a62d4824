# SPDX-License-Identifier: Apache-2.0
"""Read when the hub was backed up."""

from dataclasses import dataclass
from datetime import datetime

from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.ledger.models import Entry


@dataclass(frozen=True, slots=True)
class LastBackup:
    """The newest backup that the ledger knows."""

    at: datetime
    is_encrypted: bool


@needs_no_viewer("it returns a time")
def last_backup() -> LastBackup | None:
    """Return the newest backup; None if there was none."""
    # By subject, which is indexed.
    named = Entry.objects.filter(subject__startswith="backup:", kind="backup.created")
    entry = named.order_by("-number").first()
    if entry is None:
        return None
    return LastBackup(entry.recorded_at, bool(entry.detail.get("encrypted")))
