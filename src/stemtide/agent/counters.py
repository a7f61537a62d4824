# SPDX-License-Identifier: Apache-2.0
"""Counters that all processes of one agent share in memory.

Each process writes to its own row and readers add up all rows, so no process waits for another.
The memory is created before the processes are forked; a replacement process continues in the row
of the one that it replaces. The primary process also publishes a notice: the state of its
connection to the hub.
"""

import json
import mmap
import struct
import threading
import zlib
from collections.abc import Iterable
from typing import Any

from stemtide.fingerprints.kinds import Kind
from stemtide.protocol.enums import Action

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Upper bounds of the histogram of POST /match."""

ACTIONS = (*Action, "none")
VERDICTS = ("block", "pass", "escalate", "dispute", "undone", "agreed", "disagreed")
"""Decisions of people on the review page that are counted."""

_HEAD = struct.Struct("<II")  # length and CRC-32 of the notice
_NOTICE_BYTES = 32 * 1024
_TRIES = 100

COLUMNS = (
    *("pid", "lead", "position", "closed", "decoding"),
    *("items", "undecodable", "repeated", "unrecorded", "skipped", "hashes", "hashes_matched"),
    *("live_chunks", "live_alarms", "allowed", "unjournaled", "retro_matches"),
    "catalogue_matches",
    *("review_pictures", "unkept", *(f"review {verdict}" for verdict in VERDICTS)),
    *(f"decisions {action} {is_real}" for action in ACTIONS for is_real in ("false", "true")),
    *(f"matches {kind}" for kind in Kind),
    *(f"seconds {end}" for end in (*SECONDS, "more")),
    "seconds sum",
)
"""Columns of a row. pid: 0 while no process has the row. closed: connections that it closed.

decoding: uploads that are being decoded, or wait for it.
"""


class Counters:
    """The counters of all rows, and write access to one row.

    row: the row that this process writes to.
    """

    def __init__(self, rows: int = 1, *, more: Iterable[str] = ()) -> None:
        """Create the counters. more: columns that depend on the settings."""
        names = dict.fromkeys((*COLUMNS, *more))
        self._places = {name: place for place, name in enumerate(names)}
        self._memory = mmap.mmap(-1, _NOTICE_BYTES + rows * 8 * len(self._places))
        self._numbers = memoryview(self._memory)[_NOTICE_BYTES:].cast("d")
        self._lock = threading.Lock()
        self._last_notice: dict[str, Any] = {}
        self.rows = rows
        self.row = 0

    def add(self, name: str, number: float = 1) -> None:
        """Add to a counter in this process's row."""
        place = self.row * len(self._places) + self._places[name]
        with self._lock:
            self._numbers[place] += number

    def set(self, name: str, number: float, *, row: int | None = None) -> None:
        """Set a counter in this process's row, or in another one."""
        row = self.row if row is None else row
        self._numbers[row * len(self._places) + self._places[name]] = number

    def values(self, name: str) -> list[float]:
        """Return the counter of every row."""
        return list(self._numbers[self._places[name] :: len(self._places)])

    def total(self, name: str) -> int:
        """Return the sum over all rows."""
        return int(sum(self.values(name)))

    def running(self) -> list[int]:
        """Return the rows that have a process."""
        return [row for row, pid in enumerate(self.values("pid")) if pid]

    def slowest(self, own: int) -> int:
        """Return the feed position that every process has reached. own: this one's."""
        positions = self.values("position")
        return min([own, *(int(positions[row]) for row in self.running() if row != self.row)])

    def begin(self, row: int) -> None:
        """Claim a row, in the forked process."""
        self.row = row
        self._lock = threading.Lock()

    def publish_notice(self, notice: dict[str, Any]) -> None:
        """Publish a notice to all processes. Only the primary does."""
        text = json.dumps(notice).encode()
        self._memory[: _HEAD.size + len(text)] = _HEAD.pack(len(text), zlib.crc32(text)) + text

    def notice(self) -> dict[str, Any]:
        """Return the latest notice, or the previous one while it is being written."""
        for _ in range(_TRIES):
            length, checksum = _HEAD.unpack_from(self._memory)
            text = self._memory[_HEAD.size : _HEAD.size + min(length, _NOTICE_BYTES)]
            if length and zlib.crc32(text) == checksum:
                self._last_notice = json.loads(text)
                break
        return self._last_notice
