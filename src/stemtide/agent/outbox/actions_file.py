# SPDX-License-Identifier: Apache-2.0
"""Append every action to a JSON-lines file."""

import json
import logging
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

logger = logging.getLogger(__name__)

_TAIL_BYTES = 4 * 1024 * 1024  # more than one batch of lines


class ActionsFile:
    """The file of actions, reopened for each batch so that it may be rotated at any time.

    trouble: why the file cannot be written; "" if it can.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._is_checked = False
        self.trouble = ""

    def append(self, events: Sequence[tuple[str, str]]) -> bool:
        """Append events, each (id, body). Returns False and sets trouble if it fails."""
        lines = {
            event_id: json.dumps({"id": event_id, **json.loads(body)}) + "\n"
            for event_id, body in events
        }
        try:
            # A crash may have come after the lines were written and before we recorded it.
            written = set() if self._is_checked else self._last_ids()
            self._write(
                "".join(line for event_id, line in lines.items() if event_id not in written)
            )
        except OSError as error:
            self.trouble = f"actions_file {self._path} cannot be written: {error}"
            self._is_checked = False
            logger.warning("%s", self.trouble)
            return False
        self.trouble, self._is_checked = "", True
        return True

    def _write(self, text: str) -> None:
        """Append whole lines durably, even after a line that a crash cut off."""
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT
        with os.fdopen(os.open(self._path, flags, 0o600), "rb+") as file:
            size = file.seek(0, os.SEEK_END)
            is_cut = size > 0 and os.pread(file.fileno(), 1, size - 1) != b"\n"
            file.write(("\n" + text if is_cut else text).encode())
            file.flush()
            os.fsync(file.fileno())

    def _last_ids(self) -> set[str]:
        """Return the ids of the last events in the file."""
        if not self._path.exists():
            return set()
        with self._path.open("rb") as file:
            file.seek(max(0, self._path.stat().st_size - _TAIL_BYTES))
            lines = file.read().splitlines()
        ids = set()
        for line in lines:
            with suppress(ValueError, KeyError, TypeError):  # a line cut off by a crash
                ids.add(json.loads(line)["id"])
        return ids
