# SPDX-License-Identifier: Apache-2.0
"""Have what the feed brought proved against the hub's transparency log. Decision 0187.

1 An entry is applied at once. Every half minute the hub is asked to prove what is not proved yet.
2 A proof must hold in a signed head that continues the heads that were checked before, and that as
  many witnesses cosigned as the settings demand.
3 Without a proof the entry stays applied. After ten minutes /health shows an alarm: who silences
  the hub or its witnesses unblocks nothing.
4 A proof that holds and says something else than the feed did is wrong. If the hub gives it again,
  the signal is switched off, and both versions are kept as evidence.
5 Signals that are older than the proofs of the log need none. The agent believes that of what it
  has from the hour in which it learned of the proofs, and of what a snapshot brings, and counts it.
6 A log with an alarm of the witness proves nothing until a person has ended that alarm.
"""

import asyncio
import json
import logging
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID

from stemtide.agent.config.settings import Config
from stemtide.agent.hub.client import Client
from stemtide.agent.store.database import Store
from stemtide.agent.store.log import proofs
from stemtide.agent.store.log.heads import LogRecord, read_log
from stemtide.agent.store.log.proofs import ProofsRecord, UnprovedEntry, WrongProof
from stemtide.agent.sync.switches import switch_off
from stemtide.agent.sync.witness import LogWitness, RewrittenError
from stemtide.client import HubError, NotFoundError
from stemtide.fingerprints.kinds import MATCH_WITHIN_BITS, SIZE_BYTES
from stemtide.protocol.sync.feed import FeedSignal
from stemtide.protocol.sync.proofs import (
    MOST_SIGNALS,
    OpenedThing,
    ProofsIn,
    ProofsOut,
    check_head,
    open_things,
)
from stemtide.protocol.tlog.cosignatures import cosigners
from stemtide.protocol.tlog.merkle import ProofError
from stemtide.protocol.tlog.notes import Checkpoint, Note, NoteError, NoteKey, read_checkpoint

logger = logging.getLogger(__name__)

EVERY_S = 30.0
CALLS = 10
"""Requests of one run: 5,000 entries. A longer queue waits for the next runs."""

BUSY_S = 0.5
"""A hub that takes longer for an answer gets no other request in this run."""

WRONG_TIMES = 2
"""How often the log must say something else before a signal is switched off."""

_SKEW = timedelta(minutes=5)
"""The clocks of a hub's processes may differ."""

_CATCH_UP_S = 3600.0
"""Time after the first answer in which the feed may bring signals older than the proofs."""

_VALUES = "SELECT id, value FROM signals WHERE id IN (SELECT value FROM json_each(?))"


class NoProofError(Exception):
    """The hub proves nothing. The message says why."""


@dataclass(slots=True)
class _Verdicts:
    """The entries that an answer proves. wrong: entries with the log's version of them."""

    proved: list[UnprovedEntry] = field(default_factory=list)
    wrong: list[tuple[UnprovedEntry, OpenedThing, str]] = field(default_factory=list)


class Prover:
    """Prover of what the feed brought, for as long as run() runs. trouble: why it failed last.

    on_undo: called on the event loop when a signal was switched off.
    """

    def __init__(
        self,
        *,
        config: Config,
        store: Store,
        client: Client,
        witness: LogWitness,
        on_undo: Callable[[], None],
        every_s: float = EVERY_S,
    ) -> None:
        self._config = config
        self._store = store
        self._client = client
        self._witness = witness
        self._on_undo = on_undo
        self._every_s = every_s
        self._is_new_first = False
        self.trouble = ""

    async def run(self) -> None:
        """Have entries proved regularly until cancelled."""
        if not self._config.witness:
            await asyncio.Event().wait()
        while True:
            await asyncio.sleep(self._every_s * random.uniform(0.8, 1.2))  # noqa: S311  # spreads load
            await self.check()

    async def check(self) -> None:
        """Ask for proofs of what is not proved yet. `trouble` names a failure."""
        began, self.trouble = datetime.now(UTC), ""
        for _ in range(CALLS):
            asked_at = time.monotonic()
            self._is_new_first = not self._is_new_first
            batch = await asyncio.to_thread(
                proofs.next_entries,
                self._store.read,
                before=began,
                limit=MOST_SIGNALS,
                is_new_first=self._is_new_first,
            )
            if not batch or not await self._check_batch(batch, now=began):
                return
            if time.monotonic() - asked_at > BUSY_S:
                return

    async def _check_batch(self, batch: Sequence[UnprovedEntry], *, now: datetime) -> bool:
        """Ask for the proofs of some entries; return whether to go on with the next ones."""
        record = await asyncio.to_thread(read_log, self._store.read)
        if not record.note and not self._config.witnesses_required:
            return False  # the witness has not checked a head yet
        try:
            await self._prove(batch, record)
        except RewrittenError as error:
            await asyncio.to_thread(self._witness.raise_alarm, error)
        except (HubError, NoteError, ProofError, NoProofError) as error:
            await asyncio.to_thread(self._note_failure, error)
        else:
            return True
        finally:
            await asyncio.to_thread(self._note_asked, batch, now)
        return False

    async def _prove(self, batch: Sequence[UnprovedEntry], record: LogRecord) -> None:
        """Ask for proofs, check them, and store what they prove.

        raises: HubError, NoteError, ProofError, NoProofError, RewrittenError.
        """
        if record.alarm is not None:
            raise NoProofError("the log has an alarm: see `stemtide agent log show`")
        if not record.note:
            raise NoProofError("it has not shown a signed head of its log yet")
        before = await asyncio.to_thread(proofs.read_proofs, self._store.read)
        checked = _checked_heads(record, before)
        body = ProofsIn(
            signals=[UUID(entry.signal) for entry in batch],
            sizes=sorted({head.size for head in checked}),
            is_cosigned=self._config.witnesses_required > 0,
        )
        answer = await self._client.prove(body)
        head = self._check_head(answer, record, checked=checked)
        things = await asyncio.to_thread(open_things, answer, head)
        is_changed = await asyncio.to_thread(
            self._store_verdicts, batch, answer, head=head, things=things, before=before
        )
        if is_changed:
            self._on_undo()

    def _check_head(
        self, answer: ProofsOut, record: LogRecord, *, checked: Sequence[Checkpoint]
    ) -> Checkpoint:
        """Return the head of an answer. raises: as _prove."""
        note = Note.read(answer.head)
        origin = Checkpoint.read(note.text).origin
        keys = [NoteKey(origin, key.raw) for key in self._config.hub_public_key]
        keys = keys or [NoteKey(origin, NoteKey.read(text).raw) for text in record.keys]
        head = read_checkpoint(answer.head, trusted=keys)
        for before in checked:
            if (before.origin, before.size) == (head.origin, head.size) and before != head:
                text = f"two heads of {head.size} leaves have different roots"
                raise RewrittenError(text, note=answer.head)
        check_head(answer, head, checked=checked)
        required = self._config.witnesses_required
        if required:
            signers = cosigners(note, trusted=self._config.witness_keys)
            if len(signers) < required:
                raise NoProofError(
                    f"{len(signers)} of your witness_keys cosigned its head, and witnesses_required"
                    f" is {required}"
                )
        return head

    def _note_failure(self, error: Exception) -> None:
        """Note why there are no proofs. An older hub has none, if it never had any."""
        record = proofs.read_proofs(self._store.read)
        is_older = (
            isinstance(error, NotFoundError)
            and not record.origin
            and not self._config.witnesses_required  # a cosigned head may be missing
        )
        if is_older != record.is_older:
            with self._store.write() as tx:
                proofs.write_older(tx, is_older=is_older)
        if is_older:  # they would pile up
            with self._store.write() as tx:
                proofs.keep_newest(tx, CALLS * MOST_SIGNALS)
        if not is_older:
            self.trouble = f"the hub does not prove its feed: {error}"
            logger.warning("%s", self.trouble)

    def _note_asked(self, batch: Sequence[UnprovedEntry], now: datetime) -> None:
        with self._store.write() as tx:
            proofs.note_asked(tx, batch, now=now)

    def _store_verdicts(
        self,
        batch: Sequence[UnprovedEntry],
        answer: ProofsOut,
        *,
        head: Checkpoint,
        things: Sequence[OpenedThing],
        before: ProofsRecord,
    ) -> bool:
        """Store the verdicts of an answer; return whether a signal was switched off."""
        start = self._start_of(answer, head, before)
        verdicts = self._judge(batch, things)
        older = _older(batch, answer.older, start=start, signals=self._signals(batch))
        unprovable = start.unprovable + sum(not entry.ended for entry in older)
        now = datetime.now(UTC)
        with self._store.write() as tx:
            if start != before:
                proofs.write_start(tx, start)
            proofs.write_unprovable(tx, unprovable)
            proofs.remove(tx, [*verdicts.proved, *older])
            proofs.write_proved(tx, note=_newest(answer, head, start), at=_text(now))
            again = {entry.signal: proofs.count_wrong(tx, entry) for entry, _, _ in verdicts.wrong}
        is_changed = False
        for entry, thing, applied in verdicts.wrong:
            if again[entry.signal] >= WRONG_TIMES:
                proof = WrongProof(
                    *(
                        entry.signal,
                        thing.entry,
                        applied,
                        thing.open_facts,
                        answer.head,
                        now.timestamp(),
                    )
                )
                is_changed |= self._undo(entry, proof, now=now)
        return is_changed

    def _start_of(self, answer: ProofsOut, head: Checkpoint, before: ProofsRecord) -> ProofsRecord:
        """Return where the log began to prove signals: as the hub said it first."""
        if before.origin == head.origin:
            return before
        start = answer.start
        if start.at > datetime.now(UTC) + _SKEW or start.number > head.size:
            raise NoProofError("it says that its log begins to prove signals in the future")
        return replace(
            before,
            origin=head.origin,
            note="",
            number=start.number,
            at=_text(start.at),
            position=start.position,
            known_at=time.time(),
        )

    def _judge(self, batch: Sequence[UnprovedEntry], things: Sequence[OpenedThing]) -> _Verdicts:
        """Compare entries of the feed with what the log says."""
        things_of: dict[str, list[OpenedThing]] = defaultdict(list)
        for thing in things:
            things_of[str(thing.facts.get("uid"))].append(thing)
        signals, verdicts = self._signals(batch), _Verdicts()
        values = self._values(signals.values())
        for entry in batch:
            signal = signals.get(entry.signal)
            is_there = signal is not None and entry.signal in values
            if not entry.ended and not is_there:
                verdicts.proved.append(entry)  # it left meanwhile, as at a snapshot
                continue
            about = [
                thing
                for thing in things_of[entry.signal]
                if ("state" in thing.facts) == bool(entry.ended)
            ]
            own = {"state": entry.ended} if signal is None or entry.ended else _facts(signal)
            own |= {"value": values[entry.signal]} if "kind" in own else {}
            if any(_fits(own, thing.facts) for thing in about):
                verdicts.proved.append(entry)
            elif about:
                verdicts.wrong.append((entry, about[0], proofs.dump(own)))
        return verdicts

    def _signals(self, batch: Iterable[UnprovedEntry]) -> Mapping[str, FeedSignal]:
        """Return the stored signals of entries by their ids."""
        return self._store.find_ids([entry.signal for entry in batch])

    def _values(self, signals: Iterable[FeedSignal]) -> Mapping[str, str]:
        """Return the values of signals as the log has them: of long ones the digest."""
        kinds = {str(signal.id): signal.kind for signal in signals}
        rows = self._store.read(_VALUES, (json.dumps([*kinds]),))
        return {
            uid: value.hex() if kinds[uid] in SIZE_BYTES else sha256(value).hexdigest()
            for uid, value in rows
        }

    def _undo(self, entry: UnprovedEntry, proof: WrongProof, *, now: datetime) -> bool:
        """Keep the evidence of a wrong proof, and switch the signal off; return whether it was."""
        logger.error(
            "signal %s: entry %d of the hub's log says something else than its feed did",
            *(entry.signal, proof.entry),
        )
        with self._store.write() as tx:
            proofs.put_wrong(tx, proof)
            proofs.remove(tx, [entry])
        if entry.ended:
            return False
        why = f"entry {proof.entry} of the hub's transparency log says something else about it"
        options = {"why": why, "by": "transparency log", "may_release": True}
        changed = switch_off(self._store, entry.signal, config=self._config, now=now, **options)  # type: ignore[arg-type]  # one type each
        return changed is not None


def _checked_heads(record: LogRecord, before: ProofsRecord) -> list[Checkpoint]:
    """Return the heads that were checked before: by the witness, and of the last proof."""
    notes = [note for note in (record.note, before.note) if note]
    heads = [Checkpoint.read(Note.read(note).text) for note in notes]
    return [head for head in heads if head.origin == heads[0].origin]


def _newest(answer: ProofsOut, head: Checkpoint, start: ProofsRecord) -> str:
    """Return the note of the newer head: of this proof, or of the last one."""
    if start.note and Checkpoint.read(Note.read(start.note).text).size > head.size:
        return start.note
    return answer.head


def _older(
    batch: Sequence[UnprovedEntry],
    older: Iterable[UUID],
    *,
    start: ProofsRecord,
    signals: Mapping[str, FeedSignal],
) -> list[UnprovedEntry]:
    """Return entries that are older than the proofs of the log, as their own facts show, too.

    A hub can write any time into a signal. So it is believed only of signals that an agent could
    not have before: those that came soon after the first answer, and those of a snapshot.
    """
    ids, began = set(map(str, older)), datetime.fromisoformat(start.at) + _SKEW
    rows = []
    for entry in batch:
        signal = signals.get(entry.signal)
        is_early = entry.applied_at <= start.known_at + _CATCH_UP_S
        if entry.ended:
            is_old = is_early and entry.position <= start.position
        else:
            is_late_start = is_early or entry.position <= start.snapshot
            is_old = is_late_start and signal is not None and signal.shared_at < began
        if entry.signal in ids and is_old:
            rows.append(entry)
    return rows


def _facts(signal: FeedSignal) -> dict[str, object]:
    """Return the facts of a signal in the form of the log, without its value."""
    facts = {
        name: str(fact) if isinstance(fact, str) else fact
        for name, fact in proofs.facts_of(signal).items()
    }
    at = signal.shared_at
    with suppress(OverflowError):  # the first and last hours of the calendar: no log has them
        at = at.astimezone(UTC)
    return facts | {"shared_at": at.isoformat(timespec="microseconds")}


def _fits(own: Mapping[str, object], logged: Mapping[str, object]) -> bool:
    """Whether the log says the same. A distance is limited as in the feed."""
    bits = logged.get("within_bits")
    facts = dict(logged)
    if isinstance(bits, int):
        facts["within_bits"] = min(bits, MATCH_WITHIN_BITS)
    return all(name in facts and facts[name] == fact for name, fact in own.items())


def _text(at: datetime) -> str:
    """Return a time as text."""
    return at.isoformat(timespec="seconds")
