# SPDX-License-Identifier: Apache-2.0
"""The journal of `stemtide statement post`: the statements in the database, one event a line.

Each line is on disk before the next step is taken, so the state is known after a kill at any point.
"""

import fcntl
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stemtide.protocol.law.dsa.answers import Remark

SENDING, LEFT, TAKEN, REFUSED = "sending", "left", "taken", "refused"


class JournalError(RuntimeError):
    """The journal cannot be used. The message names the file and the remedy."""


class FileJournal(AbstractContextManager["FileJournal"]):
    """An open journal for one database address, locked against other processes.

    uuids:    ids in the database, by statement number.
    sending:  numbers that were sent, with unknown outcome.
    remarks:  errors that the database returned in this run, by number.
    """

    def __init__(self, path: Path, *, api: str) -> None:
        """Open a journal, or begin one. raises: JournalError."""
        self.uuids: dict[str, str] = {}
        self.sending: set[str] = set()
        self.remarks: dict[str, list[Remark]] = {}
        self._path, self._api = path, api
        try:
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT
            self._file = os.fdopen(os.open(path, flags, 0o600), "rb+")
        except OSError as error:
            raise JournalError(f"{path} cannot be written: {error}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._read()
        except OSError as error:
            self._file.close()
            raise JournalError(f"{path} is in use: another command posts with it") from error
        except JournalError:
            self._file.close()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def begin(self, puids: Sequence[str]) -> None:
        """Record, durably, that these are about to be sent."""
        self._write({puid: {"state": SENDING} for puid in puids})
        self.sending.update(puids)

    def release(self, puids: Sequence[str]) -> None:
        """Record that the database certainly has none of these."""
        self._write({puid: {"state": LEFT} for puid in puids})
        self.sending.difference_update(puids)

    def take(self, uuids: Mapping[str, str]) -> None:
        """Record that the database has these."""
        self._write({puid: {"state": TAKEN, "uuid": uuid} for puid, uuid in uuids.items()})
        self.uuids.update(uuids)
        self.sending.difference_update(uuids)

    def refuse(self, remarks: Mapping[str, Sequence["Remark"]]) -> None:
        """Record that the database refused these. They may be sent again once corrected."""
        self._write(
            {
                puid: {"state": REFUSED, "why": "; ".join(map(str, errors))}
                for puid, errors in remarks.items()
            }
        )
        self.remarks.update({puid: list(errors) for puid, errors in remarks.items()})
        self.sending.difference_update(remarks)

    def _write(self, events: Mapping[str, Mapping[str, str]]) -> None:
        """Append events, durably. raises: JournalError."""
        at = datetime.now(UTC).isoformat(timespec="seconds")
        lines = [
            json.dumps({"puid": puid, **event, "at": at, "to": self._api}) + "\n"
            for puid, event in events.items()
        ]
        try:
            self._file.write("".join(lines).encode())
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise JournalError(f"{self._path} cannot be written: {error}") from error

    def _read(self) -> None:
        """Replay earlier events. raises: JournalError for a journal of another address."""
        text = self._file.read()
        for line in text.splitlines():
            with suppress(ValueError, KeyError, TypeError):  # a line that a kill cut off
                self._replay(json.loads(line))
        if text and not text.endswith(b"\n"):
            self._file.write(b"\n")

    def _replay(self, event: Mapping[str, str]) -> None:
        if event["to"] != self._api:
            raise JournalError(
                f"{self._path} is the journal of {event['to']}: name another with --journal"
            )
        puid = event["puid"]
        self.sending.discard(puid)
        if event["state"] == SENDING:
            self.sending.add(puid)
        elif event["state"] == TAKEN:
            self.uuids[puid] = event["uuid"]
