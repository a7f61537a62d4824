# SPDX-License-Identifier: Apache-2.0
"""Read which restores opened a new log, whether a second person confirmed them, and lost heads."""

from dataclasses import dataclass
from datetime import datetime

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.protocol.tlog.notes import Checkpoint

SUBJECT = "log"
WAITING = "not confirmed yet"
RESTARTED, CONFIRMED = "log.restarted", "log.confirmed"
HALTED = "log.halted"


@dataclass(frozen=True, slots=True)
class Restart:
    """A restore or a lost head that opened a new log. entry: its number in the ledger.

    lost_from: the first entry that was lost, if there was any.
    actor: who did it, as the ledger names them. last: name, size and root of the last known head.
    """

    entry: int
    lost_from: int
    actor: str
    at: datetime
    origin: str
    last: list[str] | None
    confirmed_at: datetime | None

    @property
    def lost_to(self) -> int | None:
        """Return the last entry that is known to be lost."""
        last = int(self.last[1]) - 1 if self.last else 0
        return last if last >= self.lost_from else None

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
            lost_from=row.number if row.detail["backup"] else row.detail["overlap"],
            actor=row.actor,
            at=row.recorded_at,
            origin=row.detail["origin"],
            last=row.detail["last"],
            confirmed_at=confirmed.get(row.detail["origin"]),
        )
        for row in rows.filter(kind=RESTARTED)
    ]


@needs_no_viewer("everybody may know that the log stands still")
def lost_head() -> Checkpoint | None:
    """Return the signed head that the database lacks; None if the log is whole.

    Until a new log is opened, the hub neither signs heads of the old one nor shows them.
    """
    rows = Entry.objects.filter(subject=SUBJECT, kind__in=(HALTED, RESTARTED))
    row = rows.order_by("-number").first()
    if row is None or row.kind == RESTARTED:
        return None
    return Checkpoint.read("".join(f"{word}\n" for word in row.detail["last"]))


@needs_no_viewer("it returns nothing")
def check_whole() -> None:
    """Refuse to show heads of a log that lacks leaves. raises: NotFoundError."""
    if lost_head() is not None:
        raise NotFoundError(
            "the hub's database lost entries of this log: the hub's operator must open a new one"
        )
