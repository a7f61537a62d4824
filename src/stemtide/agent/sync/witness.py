# SPDX-License-Identifier: Apache-2.0
"""Witness the hub's transparency log: check that it only grows, and cosign its head.

1 Every ten minutes, read the head that the hub offers to its witnesses, and check that it is signed
  and continues the head that was checked before.
2 Cosign it with a key of this agent's own, and send the cosignature to the hub.
3 A head that does not continue is read again once. Then it is an alarm: new entries of the feed
  are not applied, the stored signals keep matching, and /health and GET /log show both heads.
4 A log with another name, as a hub has after a restore, is no reason to stop: it is shown, and not
  cosigned before a person accepts it.
"""

import asyncio
import logging
import random
from dataclasses import dataclass
from datetime import UTC, datetime

from stemtide.agent.config.settings import Config
from stemtide.agent.hub.client import Client
from stemtide.agent.store.database import Store
from stemtide.agent.store.log.heads import (
    LogAlarm,
    LogRecord,
    read_log,
    write_alarm,
    write_cosigned,
    write_head,
)
from stemtide.agent.sync.witness_key import WitnessKeyError, open_key
from stemtide.client import HubError, NotFoundError
from stemtide.protocol.sync.witnesses import CosignatureIn
from stemtide.protocol.tlog.audit import LogCopy, statement_of
from stemtide.protocol.tlog.cosignatures import WitnessKey, cosign
from stemtide.protocol.tlog.merkle import ProofError, check_consistency
from stemtide.protocol.tlog.notes import Checkpoint, Note, NoteError, NoteKey, read_checkpoint
from stemtide.protocol.tlog.statements import OlderHeads, folder_of
from stemtide.protocol.tlog.tiles import TileError

logger = logging.getLogger(__name__)

EVERY_S = 600.0
FIRST_S = 60.0
AGAIN_S = 5.0
"""Seconds until a head that does not continue is read again."""


class RewrittenError(Exception):
    """The log does not continue. note: the head that it shows now. is_renamed: as in LogAlarm."""

    def __init__(self, text: str, *, note: str, is_renamed: bool = False) -> None:
        super().__init__(text)
        self.note = note
        self.is_renamed = is_renamed


class UnknownSignerError(Exception):
    """No known key signed a head. The message says the remedy."""


@dataclass(frozen=True, slots=True)
class _OfferedHead:
    """A head that the hub offers to witnesses. note: as it signed it. keys: that may sign."""

    note: str
    head: Checkpoint
    keys: list[NoteKey]


class LogWitness:
    """Witness of the hub's log for as long as run() runs. trouble: why the last check failed."""

    def __init__(
        self,
        *,
        config: Config,
        store: Store,
        client: Client,
        first_s: float = FIRST_S,
        every_s: float = EVERY_S,
        again_s: float = AGAIN_S,
    ) -> None:
        self._config = config
        self._store = store
        self._client = client
        self._first_s, self._every_s, self._again_s = first_s, every_s, again_s
        self._alarm = read_log(store.read).alarm
        self.trouble = ""

    def reason_to_wait(self) -> str:
        """Return why new entries of the feed must not be applied; "" if they may be."""
        if self._alarm is None or self._alarm.is_renamed:
            return ""
        self._alarm = read_log(self._store.read).alarm  # a person may have ended it meanwhile
        return (
            f"its transparency log was rewritten ({self._alarm.text}): new entries are not applied"
            " until a person has compared both heads (stemtide agent log show)"
            if self._alarm
            else ""
        )

    async def run(self) -> None:
        """Check the log regularly until cancelled."""
        if not self._config.witness:
            await asyncio.Event().wait()
        await asyncio.sleep(self._first_s * random.uniform(0.5, 1.5))  # noqa: S311  # spreads load
        while True:
            await self.check()
            await asyncio.sleep(self._every_s * random.uniform(0.9, 1.1))  # noqa: S311

    async def check(self) -> None:
        """Check the head that the hub offers, and cosign it. `trouble` names a failure."""
        trouble = ""
        try:
            try:
                await self._check_and_cosign()
            except RewrittenError:
                await asyncio.sleep(self._again_s)
                await self._check_and_cosign()
        except RewrittenError as error:
            await asyncio.to_thread(self.raise_alarm, error)
        except (HubError, NoteError, TileError, UnknownSignerError, WitnessKeyError) as error:
            # An older hub has no log, and a new one has no head yet: only a log can be withheld.
            has_log = bool((await asyncio.to_thread(read_log, self._store.read)).note)
            if has_log or not isinstance(error, NotFoundError):
                trouble = f"the hub's transparency log could not be checked: {error}"
                logger.warning("%s", trouble)
        self.trouble = trouble

    async def _check_and_cosign(self) -> None:
        """Check the head that the hub offers, store it and cosign it."""
        record = await asyncio.to_thread(read_log, self._store.read)
        offered = await self._read_offered(record)
        if record.note and record.note != offered.note:
            await self._compare(offered, record)
        if record.alarm is not None:
            return  # a fork that the hub hides again stays an alarm until a person has seen it
        await asyncio.to_thread(self._store_head, offered)
        await self._cosign(offered)

    async def _read_offered(self, record: LogRecord) -> _OfferedHead:
        """Return the head that the hub offers. raises: HubError, NoteError, UnknownSignerError."""
        note = await self._client.log_text("offered")
        origin = note.partition("\n")[0]
        if self._config.hub_public_key:
            keys = [NoteKey(origin, key.raw) for key in self._config.hub_public_key]
        else:
            named = [NoteKey.read(line) for line in (await self._client.log_text("keys")).split()]
            trusted = [NoteKey(origin, NoteKey.read(text).raw) for text in record.keys]
            keys = _signers(Note.read(note), trusted=trusted, named=named)
        return _OfferedHead(note, read_checkpoint(note, trusted=keys), keys)

    async def _compare(self, offered: _OfferedHead, record: LogRecord) -> None:
        """Check that a head continues the one that was checked before.

        While a log with another name waits for a person, its heads are compared with each other.

        raises: RewrittenError; HubError and TileError if the proof cannot be read.
        """
        note, head = offered.note, offered.head
        notes = [record.note, *([record.alarm.shown] if record.alarm else [])]
        heads = [Checkpoint.read(Note.read(kept_note).text) for kept_note in notes]
        before = next((older for older in heads if older.origin == head.origin), None)
        log = self._log_of(head)
        if before is None:
            text, is_explained = await asyncio.to_thread(_describe_restart, log, before=heads[0])
            raise RewrittenError(text, note=note, is_renamed=is_explained)
        if head.size < before.size:
            text = f"it has {head.size} leaves, and had {before.size}: it was set back"
            raise RewrittenError(text, note=note)
        path = await asyncio.to_thread(log.tree().consistency_path, before.size)
        sizes = {"old_size": before.size, "size": head.size}
        try:
            check_consistency(path, old_root=before.root, root=head.root, **sizes)
        except ProofError as error:
            raise RewrittenError(str(error), note=note) from error

    def _log_of(self, head: Checkpoint) -> LogCopy:
        """Return the log of a head. Its files are read from the hub, in threads."""
        loop, folder = asyncio.get_running_loop(), folder_of(head.origin)

        def read(path: str) -> bytes:
            reading = self._client.log_file(f"{folder}{path}")
            return asyncio.run_coroutine_threadsafe(reading, loop).result()

        return LogCopy(head, read)

    async def _cosign(self, offered: _OfferedHead) -> None:
        """Send the cosignature of a head."""
        party = self._store.origin.party if self._store.origin else ""
        if not party:
            return
        private = await asyncio.to_thread(open_key, self._config.data_dir)
        name, at = f"{party}/{self._config.name}", datetime.now(UTC)
        text = Note.read(offered.note).text
        line = cosign(text, key=private, name=name, at=int(at.timestamp()))
        key = str(WitnessKey.of(private, name=name))
        await self._client.cosign(CosignatureIn(key=key, size=offered.head.size, line=line))
        await asyncio.to_thread(self._store_cosigned, at)

    def _store_head(self, offered: _OfferedHead) -> None:
        """Store a checked head."""
        keys = [str(key) for key in offered.keys]
        with self._store.write() as tx:
            write_head(tx, note=offered.note, keys=keys, checked_at=_text(datetime.now(UTC)))

    def _store_cosigned(self, at: datetime) -> None:
        """Store when a head was cosigned."""
        with self._store.write() as tx:
            write_cosigned(tx, at=_text(at))

    def raise_alarm(self, error: RewrittenError) -> None:
        """Store an alarm with its evidence, unless there is one that is as grave."""
        record = read_log(self._store.read)
        if record.alarm is None or (record.alarm.is_renamed and not error.is_renamed):
            alarm = LogAlarm(
                str(error),
                kept=record.note,
                shown=error.note,
                noticed_at=_text(datetime.now(UTC)),
                is_renamed=error.is_renamed,
            )
            with self._store.write() as tx:
                write_alarm(tx, alarm)
            self._alarm = alarm
            logger.error("the hub's transparency log does not continue: %s", error)


def accept(store: Store, *, size: int, root: bytes) -> bool:
    """Take the head of the alarm for the one to go on from, and end the alarm.

    returns: False if there is no alarm, or it is about another head than the caller names.
    """
    record = read_log(store.read)
    if record.alarm is None:
        return False
    shown = Checkpoint.read(Note.read(record.alarm.shown).text)
    if (shown.size, shown.root) != (size, root):
        return False
    with store.write() as tx:
        now = _text(datetime.now(UTC))
        write_head(tx, note=record.alarm.shown, keys=record.keys, checked_at=now)
    logger.warning("a person accepted the head of %d leaves of %s", size, shown.origin)
    return True


def _describe_restart(log: LogCopy, *, before: Checkpoint) -> tuple[str, bool]:
    """Describe the restore that a log with another name names, and whether it explains the log.

    before: the head that was checked last. raises: HubError, TileError.
    """
    text = f"the log is called {log.head.origin} now, and was {before.origin}"
    statement = statement_of(log)
    if statement.overlap is None:
        return f"{text}. It names no restore", False
    unfit = list(OlderHeads(statement, [before], size=log.head.size).unfit())
    restore = f"the hub was restored at {statement.opened_at}, and {statement.lost} are lost"
    words = "; ".join([f"{text}: {restore}", *(head.text for head in unfit)])
    return words, all(head.is_only_newer for head in unfit)


def _signers(note: Note, *, trusted: list[NoteKey], named: list[NoteKey]) -> list[NoteKey]:
    """Return the keys that may sign heads: those trusted, and those that sign beside one of them.

    trusted: that the hub named before; empty the first time, when all that it names are trusted.

    raises: UnknownSignerError if no trusted key signed.
    """
    if not trusted:
        return named
    signers = {(line.name, line.key_id) for line in note.signatures}
    if not any((key.name, key.id) in signers for key in trusted):
        raise UnknownSignerError(
            "its head is signed by no key that it had before. Ask the operator for the hub's key,"
            " which `stemtide hub keys` prints, and name it in hub_public_key"
        )
    new = [key for key in named if (key.name, key.id) in signers and key not in trusted]
    return [*trusted, *new]


def _text(at: datetime) -> str:
    """Return a time as text."""
    return at.isoformat(timespec="seconds")
