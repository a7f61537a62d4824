# SPDX-License-Identifier: Apache-2.0
"""Read which restores opened a new log, and whether a second person confirmed them."""

from dataclasses import dataclass
from datetime import datetime

from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.ledger.models import Entry

SUBJECT = "log"
WAITING = "not confirmed yet"
RESTARTED, CONFIRMED = "log.restarted", "log.confirmed"


@dataclass(frozen=True, slots=True)
class Restart:
    """A restore that opened a new log. entry: its number in the ledger.

    actor: who restored, as the ledger names them. last: name, size and root of the last known head.
    """

    entry: int
    actor: str
    at: datetime
    origin: str
    last: list[str] | None
    confirmed_at: datetime | None

    @property
    def lost_to(self) -> int | None:
        """Return the last entry that is known to be lost. The first has the number of this one."""
        last = int(self.last[1]) - 1 if self.last else 0
        return last if last >= self.entry else None

    @property
    def state(self) -> str:
        """Return whether a second person confirmed it, as auditors read it."""
        return f"confirmed {self.confirmed_at:%Y-%m-%dT%H:%MZ}" if self.confirmed_at else WAITING


@needs_no_viewer("everybody may know that a log began anew")
def restarts() -> list[Restart]:
    """Return the restores that opened a new log, the latest first."""
    rows = Entry.objects.filter(subject=SUBJECT).order_by("-number")
    confirmed = {row.detail["origin"]: row.recorded_at for row in rows.filter(kind=CONFIRMED)}
    return [
        Restart(
            entry=row.number,
            actor=row.actor,
            at=row.recorded_at,
            origin=row.detail["origin"],
            last=row.detail["last"],
            confirmed_at=confirmed.get(row.detail["origin"]),
        )
        for row in rows.filter(kind=RESTARTED)
    ]
