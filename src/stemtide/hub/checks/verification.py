# SPDX-License-Identifier: Apache-2.0
"""Check the hub's data: whether facts kept twice agree, and whether its keys decrypt it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction

from stemtide.hub.checks import custody
from stemtide.hub.checks.results import CheckResult, Level
from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.platform.exemptions import needs_no_entry
from stemtide.hub.rooms.complaints.reads.complaints import damaged_complaints
from stemtide.hub.rooms.ledger.reads import continuity
from stemtide.hub.rooms.ledger.reads.ledger import heads
from stemtide.hub.rooms.ledger.writes.ledger import lock_ledger
from stemtide.hub.rooms.local_features.reads import damaged
from stemtide.hub.rooms.media.keys import KeyFileError, keys_in
from stemtide.hub.rooms.media.reads import damaged_previews
from stemtide.hub.rooms.orders.reads.entries import damaged_documents
from stemtide.hub.rooms.signals.long_values import damaged_values
from stemtide.hub.rooms.signals.reads.caches import recount
from stemtide.hub.rooms.signals.writes import tallies
from stemtide.hub.rooms.situation.reads.leads import damaged_leads
from stemtide.hub.rooms.snapshots.segment_files import damaged_files
from stemtide.hub.rooms.transparency.reads import verification as log

_MOST_SHOWN = 20

_RESTORE = "restore a backup (stemtide hub restore), and keep this database to find out why"
_KEY = "put the key back that the hub had when this was written, or restore a backup"

Check = Callable[[], Iterable[str]]


def verify(now: datetime) -> Iterator[CheckResult]:
    """Run all checks, and yield their results: one if a check passes, one for each flaw if not."""
    checks: Sequence[tuple[str, Check, str]] = (
        ("database", _database_flaws, _RESTORE),
        ("keys", lambda: custody.key_flaws(now), _KEY),
        ("ledger", lambda: _locked(continuity.ledger_flaws), _RESTORE),
        ("feed", lambda: _locked(_feed_flaws), _RESTORE),
        (
            "log",
            _log_flaws,
            "stemtide ledger verify says more; see docs/understand/transparency-log.md",
        ),
        ("totals", _total_flaws, "stemtide hub recount --repair"),
        ("values", lambda: _named(damaged_values(), "value"), _RESTORE),
        ("previews", _preview_flaws, _KEY),
        ("local features", _local_flaws, _KEY),
        ("leads", lambda: _named(damaged_leads(), "lead"), _KEY),
        ("documents", lambda: _named(damaged_documents(), "document of an order"), _KEY),
        ("complaints", lambda: _named(damaged_complaints(), "complaint"), _KEY),
        ("segments", _segment_flaws, "delete these files: the hub creates them again"),
    )
    for name, check, remedy in checks:
        flaws = list(check())
        if not flaws:
            yield CheckResult(name, Level.OK, "nothing differs")
        for flaw in flaws[:_MOST_SHOWN]:
            yield CheckResult(name, Level.FAIL, flaw, remedy)
        if len(flaws) > _MOST_SHOWN:
            yield CheckResult(name, Level.FAIL, f"{len(flaws) - _MOST_SHOWN} more", remedy)


def _database_flaws() -> list[str]:
    """Return the damage that SQLite finds in its file. PostgreSQL keeps checksums of its own."""
    if connection.vendor != "sqlite":
        return []
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA integrity_check({_MOST_SHOWN})")
        flaws = [text for (text,) in cursor.fetchall() if text != "ok"]
        cursor.execute("PRAGMA foreign_key_check")
        rows = cursor.fetchall()
    return flaws + [f"row {row} of {table} points to no {other}" for table, row, other, _ in rows]


@needs_no_entry("it changes nothing")
@transaction.atomic
def _locked(check: Check) -> list[str]:
    """Run a check while nobody appends to ledger or feed."""
    lock_ledger()
    return list(check())


def _feed_flaws() -> list[str]:
    """Return the flaws of feed positions, and of those of signals."""
    flaws = continuity.feed_flaws()
    if count := recount.count_beyond(heads().positions):
        flaws.append(f"{count} signals have positions that the feed has not given out")
    return flaws


def _log_flaws() -> list[str]:
    """Return where the ledger differs from its transparency log."""
    try:
        return [flaw.text for flaw in log.verify().flaws]
    except NotFoundError:  # a hub that has not started yet has no log
        return []


def _total_flaws() -> Iterator[str]:
    """Yield kept numbers that a recount does not confirm."""
    for row in tallies.check():
        key, stored, counted = (", ".join(map(str, part)) for part in row[1:])
        yield f"{row.table} {key}: kept {stored or 'nothing'}, counted {counted or 'nothing'}"


def _preview_flaws() -> list[str]:
    """Return previews that cannot be decrypted, or should be empty."""
    try:
        return _named(damaged_previews(keys_in(Path(settings.MEDIA_KEY_FILE))), "preview")
    except KeyFileError as error:
        return [str(error)]


def _local_flaws() -> list[str]:
    """Return local features that cannot be decrypted."""
    try:
        return _named(damaged(keys_in(Path(settings.MEDIA_KEY_FILE))), "local features")
    except KeyFileError as error:
        return [str(error)]


def _segment_flaws() -> list[str]:
    """Return damaged files of segments."""
    return _named(damaged_files(Path(settings.SEGMENTS_FOLDER)), "segment")


def _named(ids: Iterable[object], thing: str) -> list[str]:
    """Return a line for each damaged thing."""
    return [f"{thing} {ident} cannot be read, or has what it should not have" for ident in ids]
