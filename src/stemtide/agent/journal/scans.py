# SPDX-License-Identifier: Apache-2.0
"""Progress of scans of what a provider has stored, for the review page.

A scan is another process of the same user. It writes a file in its catalogue's folder every few
seconds until it ends. A scan that was killed wrote no end, and reports no more.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import msgspec

FOLDER = "catalogues"
"""Folder in the agent's data_dir that has a folder for each catalogue."""

REPORT_EVERY_S = 2.0
SILENT_AFTER_S = 30.0
"""A scan that has not reported for so long does not count as running."""

_FILE = "progress.json"
_MOST_BYTES = 64 * 1024


class ScanPhase(StrEnum):
    """The present step of a scan, or its end."""

    COMPARING = "comparing"
    LISTING = "listing"
    LOOKING = "looking"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"


_ENDED = {ScanPhase.FINISHED, ScanPhase.STOPPED, ScanPhase.FAILED}


class ScanProgress(msgspec.Struct, kw_only=True):
    """Progress of a scan. Times are Unix times.

    listed:     pieces of content in the sources so far.
    looked:     of them, looked at in this run, of so many in total.
    rate:       pieces looked at in a second, lately; 0.0 while it is not known.
    matched:    pieces that signals matched in this run. acted: of them, on which the agent acts.
    unreadable: pieces that could not be read.
    waiting:    pieces left for the next run because the budget was used up.
    acts:       whether the agent decides about matches. trouble: why the scan failed.
    """

    sources: list[str]
    started_at: float
    reported_at: float
    phase: ScanPhase = ScanPhase.COMPARING
    listed: int = 0
    looked: int = 0
    total: int = 0
    rate: float = 0.0
    matched: int = 0
    acted: int = 0
    unreadable: int = 0
    waiting: int = 0
    acts: bool = False
    trouble: str = ""

    @property
    def has_ended(self) -> bool:
        """Whether the scan said that it ended."""
        return self.phase in _ENDED

    def is_silent(self, now: float) -> bool:
        """Whether the scan neither ended nor reported lately: it was killed, or is stuck."""
        return not self.has_ended and now - self.reported_at > SILENT_AFTER_S

    @property
    def remaining_s(self) -> float | None:
        """Return how long the rest takes at the present rate; None if that is not known."""
        if self.phase is not ScanPhase.LOOKING or not self.rate:
            return None
        return (self.total - self.looked) / self.rate


@dataclass(frozen=True, slots=True)
class CatalogueScan:
    """The latest scan of a catalogue. progress: None if its file cannot be read."""

    name: str
    progress: ScanProgress | None


def write_progress(folder: Path, progress: ScanProgress) -> None:
    """Write the progress of the scan of the catalogue in a folder. raises: OSError."""
    new = folder / f"{_FILE}.new"
    new.write_bytes(msgspec.json.encode(progress))
    new.replace(folder / _FILE)


def read_scans(data_dir: Path) -> list[CatalogueScan]:
    """Return the latest scan of each catalogue, the one that reported last first."""
    paths = (data_dir / FOLDER).glob(f"*/{_FILE}")
    scans = [CatalogueScan(path.parent.name, _read_progress(path)) for path in sorted(paths)]
    return sorted(scans, key=lambda scan: -scan.progress.reported_at if scan.progress else 0)


def _read_progress(path: Path) -> ScanProgress | None:
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.read(_MOST_BYTES), type=ScanProgress)
    except (OSError, msgspec.MsgspecError):
        return None
