# SPDX-License-Identifier: Apache-2.0
"""The JSON-lines file that every action is written to."""

import json
import logging
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

logger = logging.getLogger(__name__)

_TAIL_BYTES = 4 * 1024 * 1024  # more than one batch of lines


class ActionsFile:
    """The file itself, opened for each batch, so that it may be rotated at any time.

    trouble: what is in the way; "" for nothing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._is_checked = False
        self.trouble = ""

    def append(self, events: Sequence[tuple[str, str]]) -> bool:
        """Append events, each (id, body); False, with trouble set, when it cannot."""
        lines = {one: json.dumps({"id": one, **json.loads(body)}) + "\n" for one, body in events}
        try:
            # A kill may have come after the lines were written and before we knew of it.
            written = set() if self._is_checked else self._ids_at_the_end()
            self._write("".join(line for one, line in lines.items() if one not in written))
        except OSError as error:
            self.trouble = f"actions_file {self._path} cannot be written: {error}"
            self._is_checked = False
            logger.warning("%s", self.trouble)
            return False
        self.trouble, self._is_checked = "", True
        return True

    def _write(self, text: str) -> None:
        """Append whole lines, durably, also after one that was cut off."""
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT
        with os.fdopen(os.open(self._path, flags, 0o600), "rb+") as file:
            size = file.seek(0, os.SEEK_END)
            is_cut = size > 0 and os.pread(file.fileno(), 1, size - 1) != b"\n"
            file.write(("\n" + text if is_cut else text).encode())
            file.flush()
            os.fsync(file.fileno())

    def _ids_at_the_end(self) -> set[str]:
        """The ids of the file's last events."""
        if not self._path.exists():
            return set()
        with self._path.open("rb") as file:
            file.seek(max(0, self._path.stat().st_size - _TAIL_BYTES))
            lines = file.read().splitlines()
        found = set()
        for line in lines:
            with suppress(ValueError, KeyError, TypeError):  # a line cut off by a kill
                found.add(json.loads(line)["id"])
        return found
