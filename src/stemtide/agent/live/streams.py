# SPDX-License-Identifier: Apache-2.0
"""Live streams: take chunks, and answer each with the known content that is on.

1 A chunk gets a position: the next one, one after a gap, a late one, or a repeated one.
2 It is decoded in the sandbox; frames and audio are searched together with those before.
3 All matches of the stream so far that are still active are decided on and recorded, as for an
  upload, with the same policy, holds, webhook, counts and undoing. The stream is the content.
4 The stream's state is stored where every process finds it; if another chunk of the stream was
  faster, this one starts over.
"""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from typing import TypeVar

from stemtide.agent.config.policy import Policies
from stemtide.agent.config.settings import Config
from stemtide.agent.counters import Counters
from stemtide.agent.live.state import (
    LONGEST_CHUNK_S,
    Alarm,
    ChunkPosition,
    StreamMatch,
    StreamState,
    matches_of,
)
from stemtide.agent.live.store import LiveStore, StreamRow
from stemtide.agent.outbox.uploads import PendingLookups
from stemtide.agent.recognise.answers import (
    MAX_REASONS,
    DecisionOut,
    MatchOut,
    decision_out,
    match_out,
)
from stemtide.agent.recognise.pipeline import count_matches, record_decision
from stemtide.agent.recognise.policy import Decision, Hit, decide, is_active
from stemtide.agent.store.database import Store, Transaction
from stemtide.agent.store.own_banks import is_tried
from stemtide.fingerprints.analysis import LIVE, Analysis, AnalysisOptions
from stemtide.fingerprints.kinds import LIMIT, UNDECODABLE, Fingerprints, Kind
from stemtide.fingerprints.limits import ContentError, SandboxError
from stemtide.fingerprints.sandbox.pool import Sandbox
from stemtide.fingerprints.values.video import VideoPrint
from stemtide.matching.audio.live import LiveAudio
from stemtide.matching.found import Occurrence, TimeRange
from stemtide.matching.live import WINDOW_S
from stemtide.protocol.sync.feed import FeedSignal

logger = logging.getLogger(__name__)

SWEEP_S = 2.0
_TRIES = 8
_Key = TypeVar("_Key", int, str)
_MAX_LAG_S = 1.0
"""Audio that lags the frames by more was lost; less may still be in the fingerprinter's buffer."""


class StreamBusyError(Exception):
    """Other chunks of the same stream were faster every time."""


@dataclass(frozen=True, slots=True)
class ChunkIn:
    """A chunk as received. seq: its number; None: the next one. ref: the provider's own id."""

    stream: str
    blob: bytes
    ref: str
    seq: int | None
    look_only: bool


@dataclass(frozen=True, slots=True)
class LiveOut:
    """A response about a stream.

    seq:      number of the chunk that this is about; None for no chunk.
    repeated: the chunk was received before, and nothing was done again.
    at_s, until_s: its start and end in stream time.
    missing:  numbers that were not received, as [first, last].
    alarms:   known content in this chunk.
    matches:  all matches of the stream so far, the strongest first; stretches in stream time.
    """

    stream: str
    ref: str
    seq: int | None
    repeated: bool
    at_s: float | None
    until_s: float
    missing: list[tuple[int, int]]
    alarms: list[Alarm]
    decision: DecisionOut
    matches: list[MatchOut]
    remarks: list[str]


@dataclass(frozen=True, slots=True)
class _PendingChunk:
    """A chunk in progress: the stream's state when it arrived, and its position there."""

    row: StreamRow
    state: StreamState
    position: ChunkPosition
    digest: bytes
    look_only: bool


@dataclass(slots=True)
class _ChunkMatch:
    """A match in a chunk, and whether it was reported before."""

    kind: Kind
    found: Occurrence
    is_new: bool


class Live:
    """Live streams of this process.

    decoders: the thread pool that decodes uploads as well. lookups: where a stream counts once, as
    an upload does.
    """

    def __init__(
        self,
        *,
        config: Config,
        store: Store,
        counters: Counters,
        sandbox: Sandbox,
        decoders: ThreadPoolExecutor,
        lookups: PendingLookups,
    ) -> None:
        self._lookups = lookups
        self._config = config
        self._store = store
        self._tally = counters
        self._sandbox = sandbox
        self._decoders = decoders
        self._lookup_threads = ThreadPoolExecutor(2, "live")
        path = config.data_dir / "live.db"
        self.streams = LiveStore(path, most=config.live_streams, idle_s=config.live_idle_s)

    def close(self) -> None:
        """Let running look-ups end; stream state stays for the next start."""
        self._lookup_threads.shutdown(cancel_futures=True)
        self.streams.close()

    async def run(self) -> None:
        """End idle streams until cancelled. Only the primary process does."""
        while True:
            gone = await asyncio.to_thread(self.streams.sweep, now=time.time())
            if gone:
                logger.info("%d live streams ended: nothing came for live_idle_s", gone)
            await asyncio.sleep(SWEEP_S)

    async def process_chunk(self, chunk: ChunkIn) -> tuple[LiveOut, bool]:
        """Process a chunk.

        returns: the answer, and whether something was queued because of it.
        raises:  FullError, OutOfStepError, StreamBusyError.
        """
        loop = asyncio.get_running_loop()
        digest = (await asyncio.to_thread(sha256, chunk.blob)).digest()[:8]
        for _ in range(_TRIES):
            row = await asyncio.to_thread(
                self.streams.open, chunk.stream, ref=chunk.ref, now=time.time()
            )
            state = row.state()
            position = state.position_of(chunk.seq, digest)
            if position is None:
                job = partial(self._repeat, row, state, chunk.seq)
                return await loop.run_in_executor(self._lookup_threads, job), False
            look = await self._decode(row.init, chunk.blob, position)
            work = _PendingChunk(row, state, position, digest, look_only=chunk.look_only)
            answer = await loop.run_in_executor(self._lookup_threads, self._process, work, look)
            if answer is not None:
                return answer
        raise StreamBusyError

    async def _decode(self, init: bytes, blob: bytes, position: ChunkPosition) -> Analysis:
        """Decode a chunk; a failure becomes a remark, never a "no match"."""
        whole = init + blob if init and not blob.startswith(init[:64]) else blob
        options = AnalysisOptions(carry=position.carry.hex())
        job = partial(self._sandbox.analyse, whole, options=options, modality=LIVE)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._decoders, job)
        except (ContentError, SandboxError) as error:
            logger.warning("a chunk could not be decoded: %s", error)
            return Analysis(Fingerprints((), remarks=(f"{UNDECODABLE}{error}",)))

    def show(self, name: str) -> LiveOut | None:
        """Return the matches of a stream so far; None if it is not open."""
        row = self.streams.find(name, now=time.time())
        return self._summary(row, row.state()) if row else None

    def end(self, name: str) -> LiveOut | None:
        """Delete a stream and return its matches; None if it was not open."""
        row = self.streams.end(name, now=time.time())
        return self._summary(row, row.state()) if row else None

    def _repeat(self, row: StreamRow, state: StreamState, seq: int | None) -> LiveOut:
        alarms = state.alarms if seq == state.last else []
        return replace(self._summary(row, state), seq=seq, repeated=True, alarms=alarms)

    def _summary(self, row: StreamRow, state: StreamState) -> LiveOut:
        decision = self._decide(row.ref, state.met, tx=None)
        policies = self._config.policies
        return _response(row, state, decision, alarms=[], remarks=(), policies=policies)

    # chunks

    def _process(self, work: _PendingChunk, look: Analysis) -> tuple[LiveOut, bool] | None:
        """Search, decide, record and store; None if another chunk was faster."""
        row, state, position = work.row, work.state, work.position
        is_first = not state.recent
        lasts_s = _length_s(look, usual_s=state.lasts_s)
        remarks = list(look.fingerprints.remarks)
        if lasts_s > LONGEST_CHUNK_S:
            remarks.append(
                f"{LIMIT}this chunk lasts {lasts_s:.0f} s: send chunks of 2 to 10 s, as only"
                f" {LONGEST_CHUNK_S:.0f} s of one are searched"
            )
            lasts_s = LONGEST_CHUNK_S
        at_s = state.begin_s(position, look.chunk)
        heard = self._search(state, position, look, at_s=at_s, ends_s=at_s + lasts_s)
        state.lasts_s = lasts_s
        state.record_chunk(position, work.digest, at_s=at_s, lasts_s=lasts_s)
        alarms = self._remember(row.ref, state, heard)
        if not position.gap:
            state.alarms = alarms
            state.carry = look.chunk.carry if look.chunk else b""
        decision, is_news, trouble = self._record_decision(row, state, look_only=work.look_only)
        if not self.streams.save(row, now=time.time(), state=state):
            return None
        if is_first and not work.look_only:
            kinds = {fingerprint.kind for fingerprint in look.fingerprints.each}
            self._lookups.add(0, kinds=kinds)
        self._tally.add("live_chunks")
        self._tally.add("live_alarms", sum(alarm.is_new for alarm in alarms))
        remarks += [trouble] if trouble else []
        policies = self._config.policies
        answer = _response(row, state, decision, alarms=alarms, remarks=remarks, policies=policies)
        return replace(answer, seq=position.seq, at_s=round(at_s, 2)), is_news

    def _search(
        self,
        state: StreamState,
        position: ChunkPosition,
        look: Analysis,
        *,
        at_s: float,
        ends_s: float,
    ) -> list[_ChunkMatch]:
        """Search the stored frames and audio together with this chunk."""
        prints, store = look.fingerprints, self._store
        heard: list[_ChunkMatch] = []
        frames = state.load_frames()
        for fingerprint in prints.of(Kind.VIDEO):
            film = VideoPrint.from_bytes(fingerprint.value)
            if at_s < frames.end_s - WINDOW_S:  # too late for the stored frames: search it alone
                alone = store.find_videos(film)
                heard += [
                    _ChunkMatch(Kind.VIDEO, _shifted(stretch, at_s), is_new=True)
                    for stretch in alone
                ]
                continue
            alarms = frames.put(film, find=store.find_videos, at_s=at_s)
            heard += [_ChunkMatch(Kind.VIDEO, alarm.occurrence, alarm.is_new) for alarm in alarms]
        if not position.gap:
            frames.end_s = max(frames.end_s, ends_s)
        state.store_frames(frames)
        sound = LiveAudio(store.find_audio, state.load_sound())
        before = set(sound.kept.sounding)
        if not position.gap and at_s - sound.seconds > (0 if position.missing else _MAX_LAG_S):
            sound.miss(at_s - sound.seconds)
        for fingerprint in prints.of(Kind.AUDIO):
            late = position.gap is not None
            stretches = (
                sound.hear_late(fingerprint.value, at_s=at_s)
                if late
                else sound.hear(fingerprint.value)
            )
            heard += [
                _ChunkMatch(Kind.AUDIO, stretch, stretch.key not in before) for stretch in stretches
            ]
        state.store_sound(sound.kept)
        return heard

    def _remember(self, ref: str, state: StreamState, heard: list[_ChunkMatch]) -> list[Alarm]:
        """Remember the matches by signal id, if the signals are still active."""
        keys = {match.found.key for match in heard}
        signals = self._store.find(keys) if keys else {}
        if len(signals) < len(keys):
            self._store.catch_up()  # the Library may lag: catch up for the next chunk
        signals = self._active(ref, signals)
        alarms: dict[tuple[str, Kind], Alarm] = {}
        for match in heard:
            if match.found.key not in signals:
                continue
            uid = str(signals[match.found.key].id)
            state.add_match(uid, match.kind, match.found)
            same = alarms.setdefault((uid, match.kind), Alarm(uid, match.kind, is_new=False))
            same.is_new = same.is_new or match.is_new
        return list(alarms.values())[:MAX_REASONS]

    # decisions

    def _record_decision(
        self, row: StreamRow, state: StreamState, *, look_only: bool
    ) -> tuple[Decision, bool, str]:
        """Decide about the stream and record it; return also whether it is new, and any error."""
        if look_only or not state.met:
            return self._decide(row.ref, state.met, tx=None), False, ""
        try:
            with self._store.write() as tx:
                decision = self._decide(row.ref, state.met, tx=tx)
                is_news = record_decision(
                    tx, row.ref, decision, config=self._config, stream=row.name
                )
                count_matches(tx, [decision], [is_news])
        except sqlite3.Error as error:
            trouble = f"not recorded: {self._store.path} cannot be written ({error})"
            logger.exception("%s", trouble)
            decision = self._decide(row.ref, state.met, tx=None)
            self._tally.add("unrecorded", decision.action is not None)
            return decision, False, trouble
        return decision, is_news, ""

    def _decide(self, ref: str, met: list[StreamMatch], *, tx: Transaction | None) -> Decision:
        """Decide by all matches of a stream whose signals and own items are still active."""
        ids = [match.signal for match in met]
        by_id = self._store.find_ids(ids, tx=tx) | self._store.find_items(ids, tx=tx) if ids else {}
        signals = self._active(ref, by_id)
        hits = [_hit(signals[match.signal], match) for match in met if match.signal in signals]
        parties = self._store.parties(signals.values(), tx=tx)
        return decide(hits, self._config.policies, parties)

    def _active(self, ref: str, signals: Mapping[_Key, FeedSignal]) -> dict[_Key, FeedSignal]:
        """Return the signals that count. Items of a bank are tried on a share of the streams."""
        now = datetime.now(UTC)
        return {
            key: record
            for key, record in signals.items()
            if is_active(record, now=now, exercise=self._config.exercise)
            and is_tried(record, ref.encode())
        }


def _hit(signal: FeedSignal, met: StreamMatch) -> Hit:
    stretches = matches_of(met)
    return Hit(
        signal,
        Kind(met.kind),
        0,
        "",
        match_percent=int(100 * stretches[0].confidence),
        transform=stretches[0].transform,
        found=stretches,
    )


def _length_s(look: Analysis, *, usual_s: float) -> float:
    return (look.chunk.lasts_s if look.chunk else 0.0) or usual_s


def _shifted(stretch: Occurrence, at_s: float) -> Occurrence:
    span = stretch.query_span
    return (
        replace(stretch, query_span=TimeRange(span.start_s + at_s, span.end_s + at_s))
        if span
        else stretch
    )


def _response(
    row: StreamRow,
    state: StreamState,
    decision: Decision,
    *,
    alarms: list[Alarm],
    remarks: Iterable[str],
    policies: Policies,
) -> LiveOut:
    all_remarks = tuple(remarks)
    return LiveOut(
        stream=row.name,
        ref=row.ref,
        seq=None,
        repeated=False,
        at_s=None,
        until_s=round(state.end_s, 2),
        missing=[(gap.first, gap.last) for gap in state.gaps],
        alarms=alarms,
        decision=decision_out(decision, all_remarks, policies=policies),
        matches=[match_out(verdict) for verdict in decision.verdicts[:MAX_REASONS]],
        remarks=list(all_remarks),
    )
