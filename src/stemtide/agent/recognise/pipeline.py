# SPDX-License-Identifier: Apache-2.0
"""Recognise content, decide about it and record the decision.

1 Make fingerprints in the sandbox, unless the caller sent them or the same bytes came lately, and
  look them up.
2 In one transaction: read the current signals and the standing of those behind them, decide,
  record the action, count it. So a withdrawal or a suspension either comes before the decision, or
  finds it and undoes it.
"""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar
from uuid import uuid4

from stemtide.agent.config.settings import Config
from stemtide.agent.counters import Counters
from stemtide.agent.journal.entries import JournalEntry, views_to_keep
from stemtide.agent.journal.file import JournalFile
from stemtide.agent.outbox import actions, uploads
from stemtide.agent.recognise.allowlists import mark_allowed
from stemtide.agent.recognise.answers import MAX_REASONS, Answer, build_answer, match_fields
from stemtide.agent.recognise.picture_texts import with_passages
from stemtide.agent.recognise.policy import (
    Decision,
    Hit,
    SignalVerdict,
    decide,
    is_active,
    unread_remark,
)
from stemtide.agent.recognise.recent import RecentUploads, RepeatedContent, content_digest
from stemtide.agent.store import allowed, match_rates, own_list, review
from stemtide.agent.store.database import Store, Transaction
from stemtide.agent.store.own_banks import is_tried
from stemtide.agent.store.parties import Parties
from stemtide.agent.store.position import BehindError
from stemtide.fingerprints.analysis import AnalysisOptions
from stemtide.fingerprints.file import fingerprint_bytes
from stemtide.fingerprints.kinds import UNDECODABLE, Fingerprints, Kind
from stemtide.fingerprints.limits import ContentError, SandboxError
from stemtide.fingerprints.sandbox.pool import Sandbox
from stemtide.matching.library import Match
from stemtide.protocol.enums import OUTCOME_OF, Action
from stemtide.protocol.sync.feed import FeedSignal
from stemtide.traces import spans
from stemtide.traces.records import EndedSpan, SpanRole

logger = logging.getLogger(__name__)

_LOOKUP_THREADS = 4

_Result = TypeVar("_Result")

_LONG_BYTES = 1 << 20
"""Content of this size is digested in a thread: it takes the event loop more than a millisecond."""


@dataclass(frozen=True, slots=True)
class SubmittedContent:
    """A piece of content to recognise: its bytes, or fingerprints that the caller made.

    ref:      the provider's own id of it; generated if the caller gives none.
    language: of the content, as the provider knows it; counted with its outcome, never kept.
    """

    ref: str
    blob: bytes | None = None
    fingerprints: Fingerprints | None = None
    language: str = ""


def new_ref() -> str:
    """Return a new id for content that came without one."""
    return f"agent-{uuid4().hex}"


@dataclass(slots=True)
class _RequestResult:
    """Decisions of one request.

    is_news: something was queued. matched: what count_matches() counted. trouble: why it was not
    recorded, or "".
    """

    decisions: list[Decision] = field(default_factory=list)
    is_news: bool = False
    matched: Sequence[str] = ()
    trouble: str = ""


class Recogniser:
    """Recognition of content: fingerprints it, looks it up and records decisions.

    recent:     takes the fingerprints of uploads.
    journal:    remembers the fingerprints of uploads; None if it is off.
    on_matches: called on the event loop with the signals that new uploads matched.
    keep_held:  called in a thread with the ids and bytes of held uploads.
    """

    def __init__(
        self,
        *,
        config: Config,
        store: Store,
        counters: Counters,
        sandbox: Sandbox,
        wake: Callable[[], None],
        recent: RecentUploads,
        on_matches: Callable[[Sequence[str]], None],
        journal: JournalFile | None = None,
        keep_held: Callable[[Sequence[tuple[str, bytes]]], None] = lambda _files: None,
    ) -> None:
        self._keep_held = keep_held
        self._recent = recent
        self._repeats = RepeatedContent()
        self._journal = journal
        self._on_matches = on_matches
        self._tally = counters
        self._config = config
        self._options = AnalysisOptions(
            views=True, local=config.local_features, text=bool(config.text_in_pictures)
        )
        self._store = store
        self._sandbox = sandbox
        self._wake = wake
        self._pending = uploads.PendingLookups()
        # The sandbox bounds how many decode at a time: further threads look up what was decoded.
        self._decoders = ThreadPoolExecutor(config.workers + _LOOKUP_THREADS, "decode")
        self._tally.set("decoding", 0)  # an earlier process of this row may have died meanwhile
        self._lookup_threads = ThreadPoolExecutor(_LOOKUP_THREADS, "look")

    @property
    def pending(self) -> uploads.PendingLookups:
        """Return the look-ups that are not written yet."""
        return self._pending

    @property
    def decoders(self) -> ThreadPoolExecutor:
        """Return the thread pool for decoding, in which the sandbox bounds what runs at a time."""
        return self._decoders

    def close(self) -> None:
        """Let running look-ups end and start no others."""
        self._decoders.shutdown(cancel_futures=True)
        self._lookup_threads.shutdown(cancel_futures=True)
        with suppress(sqlite3.Error):  # of a full disk; a crash loses these counts as well
            self.write_lookups()

    def write_lookups(self) -> None:
        """Write the counts of look-ups that no counted upload has taken along."""
        if self._pending:
            with self._store.write() as tx:
                self._pending.write(tx)

    async def recognise(
        self, items: Sequence[SubmittedContent], *, look_only: bool = False, caller: str = ""
    ) -> list[Answer]:
        """Recognise content, decide about it and act on the decision.

        look_only: decide, but do nothing because of it: no delivery, no count.
        caller:    the span of the caller, as its header traceparent names it; "" for none.
        """
        began = time.perf_counter()
        prints, outcome = await self._look_up_all(items, look_only=look_only)
        if outcome.is_news:
            self._wake()
            self._on_matches(outcome.matched)
            took_s = time.perf_counter() - began
            add_match_spans(outcome.decisions, took_s=took_s, caller=caller)
        if not look_only and (files := self._held_files(items, prints, outcome.decisions)):
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._lookup_threads, self._keep_held, files)
        trouble, policies = outcome.trouble, self._config.policies
        return [
            build_answer(item.ref, fingerprints, decision, trouble=trouble, policies=policies)
            for item, fingerprints, decision in zip(items, prints, outcome.decisions, strict=True)
        ]

    async def _look_up_all(
        self, items: Sequence[SubmittedContent], *, look_only: bool
    ) -> tuple[list[Fingerprints], _RequestResult]:
        """Fingerprint and look up a whole request.

        The thread that decodes a single upload looks it up as well: waking another thread costs
        more than the look-up. What needs no decoding waits for no decoder.
        """
        existing = [await self._find_existing(item) for item in items]
        if existing == [None]:
            return await self._run_decoder(
                partial(self._decode_and_look_up, items[0], look_only=look_only)
            )
        decodings = [
            self._run_decoder(partial(self._decode, item))
            for item, content in zip(items, existing, strict=True)
            if content is None
        ]
        decoded = iter(await asyncio.gather(*decodings))
        prints = [content or next(decoded) for content in existing]
        job = partial(self._look_up, items, prints, look_only=look_only)
        loop = asyncio.get_running_loop()
        return prints, await loop.run_in_executor(self._lookup_threads, job)

    async def fingerprint(self, item: SubmittedContent) -> Fingerprints:
        """Fingerprint one piece of content; a failure becomes a remark, never a "no match"."""
        if prints := await self._find_existing(item):
            return prints
        return await self._run_decoder(partial(self._decode, item))

    async def _find_existing(self, item: SubmittedContent) -> Fingerprints | None:
        """Return fingerprints that the caller sent, or that the same bytes had lately."""
        if item.fingerprints is not None:
            return item.fingerprints
        blob = item.blob or b""
        is_long = len(blob) >= _LONG_BYTES
        digest = await asyncio.to_thread(content_digest, blob) if is_long else content_digest(blob)
        earlier = self._repeats.find(digest)
        if earlier:
            self._tally.add("repeated")
        return earlier

    async def _run_decoder(self, job: Callable[[], _Result]) -> _Result:
        """Run a job in a thread for decoding, and count it meanwhile."""
        self._tally.add("decoding")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._decoders, job)
        finally:
            self._tally.add("decoding", -1)

    def _decode(self, item: SubmittedContent) -> Fingerprints:
        """Fingerprint one piece of content in the sandbox."""
        blob = item.blob or b""
        try:
            analysis = self._sandbox.analyse(blob, options=self._options)
        except (ContentError, SandboxError) as error:
            logger.warning(
                "content could not be decoded, so only its digests are matched: %s", error
            )
            remark = f"{UNDECODABLE}{error}"
            return Fingerprints(fingerprint_bytes(blob), size_bytes=len(blob), remarks=(remark,))
        prints = analysis.fingerprints
        if analysis.local:
            prints = replace(prints, local=analysis.local)
        whole = prints.of(Kind.SHA256)[0]  # made in this process: no worker can name other content
        self._repeats.keep(whole.value, prints)
        return prints

    def _decode_and_look_up(
        self, item: SubmittedContent, *, look_only: bool
    ) -> tuple[list[Fingerprints], _RequestResult]:
        prints = [self._decode(item)]
        return prints, self._look_up([item], prints, look_only=look_only)

    def _look_up(
        self, items: Sequence[SubmittedContent], prints: Sequence[Fingerprints], *, look_only: bool
    ) -> _RequestResult:
        """Match, decide and record a whole request."""
        if not look_only:
            self._recent.add(prints)
            self._remember(items, prints)
        try:
            matches = with_passages(self._store, prints, self._store.match_many(prints))
            return self._record_decisions(items, prints, matches, look_only=look_only, strict=True)
        except BehindError:
            # A signal changed since the Library was updated: it may match in its new form.
            self._store.catch_up()
            matches = with_passages(self._store, prints, self._store.match_many(prints))
            return self._record_decisions(items, prints, matches, look_only=look_only, strict=False)

    def _remember(self, items: Sequence[SubmittedContent], prints: Sequence[Fingerprints]) -> None:
        """Write uploads to the journal. An upload is decided even if that fails."""
        if self._journal is None:
            return
        now, orientations = time.time(), self._config.journal.orientations
        entries = [
            JournalEntry(
                item.ref,
                now,
                replace(content, views=views_to_keep(content, orientations=orientations)),
                item.language,
            )
            for item, content in zip(items, prints, strict=True)
            if content.each
        ]
        try:
            self._journal.add(entries)
        except sqlite3.Error:
            logger.exception("%d uploads are not in the upload journal", len(entries))
            self._tally.add("unjournaled", len(entries))

    def _record_decisions(
        self,
        items: Sequence[SubmittedContent],
        prints: Sequence[Fingerprints],
        matches: Sequence[Sequence[Match]],
        *,
        look_only: bool,
        strict: bool,
    ) -> _RequestResult:
        """Decide and record. raises: BehindError when strict, and a matched signal is gone."""
        now = datetime.now(UTC)
        kinds = [kind for content in prints for kind in {print_.kind for print_ in content.each}]
        if look_only or not any(matches):
            if not look_only:
                self._pending.add(len(items), kinds=kinds)
                self._queue_unread(items, prints)
            return _RequestResult(self._decide(prints, matches, strict=strict))
        try:
            with self._store.write() as tx:
                decisions = self._decide(prints, matches, tx=tx, strict=strict)
                news = [
                    record_decision(
                        tx,
                        item.ref,
                        decision,
                        config=self._config,
                        language=item.language,
                        remarks=fingerprints.remarks,
                        prints=allowed.prints_of(fingerprints),
                    )
                    for item, fingerprints, decision in zip(items, prints, decisions, strict=True)
                ]
                for item, content, decision in zip(items, prints, decisions, strict=True):
                    if decision.action is None and self._is_for_people(content):
                        actions.hold_unread(tx, ref=item.ref, remarks=content.remarks, now=now)
                self._pending.write(tx)
                matched = count_matches(tx, decisions, news)
                self._pending.add(news.count(False), kinds=kinds)
                self._pending.write(tx)
        except sqlite3.Error as error:
            # The content must still be stopped: the answer says that it was not recorded.
            trouble = f"not recorded: {self._store.path} cannot be written ({error})"
            logger.exception("%s", trouble)
            decisions = self._decide(prints, matches, strict=strict)
            self._tally.add(
                "unrecorded", sum(item_decision.action is not None for item_decision in decisions)
            )
            return _RequestResult(decisions, trouble=trouble)
        return _RequestResult(decisions, any(news), matched)

    def _held_files(
        self,
        items: Sequence[SubmittedContent],
        prints: Sequence[Fingerprints],
        decisions: Sequence[Decision],
    ) -> list[tuple[str, bytes]]:
        """Return the ids and bytes of content that is held and came as a file."""
        return [
            (item.ref, item.blob)
            for item, content, decision in zip(items, prints, decisions, strict=True)
            if item.blob
            and (
                decision.action is Action.HOLD
                or (decision.action is None and self._is_for_people(content))
            )
        ]

    def _is_for_people(self, content: Fingerprints) -> bool:
        """Whether content that no signal stops is held, and people decide on the review page."""
        is_on = self._config.review.enabled and content.remarks
        return bool(is_on and unread_remark(content.remarks, policy=self._config.policy.unread))

    def _queue_unread(
        self, items: Sequence[SubmittedContent], prints: Sequence[Fingerprints]
    ) -> None:
        """Put unreadable content into the queue. It is held even if that fails."""
        unread = [
            (item.ref, content.remarks)
            for item, content in zip(items, prints, strict=True)
            if self._is_for_people(content)
        ]
        if not unread:
            return
        try:
            with self._store.write() as tx:
                for ref, remarks in unread:
                    actions.hold_unread(tx, ref=ref, remarks=remarks, now=datetime.now(UTC))
        except sqlite3.Error:
            logger.exception("%d pieces of held content are not in the review queue", len(unread))
            self._tally.add("unrecorded", len(unread))

    def _decide(
        self,
        prints: Sequence[Fingerprints],
        matches: Sequence[Sequence[Match]],
        *,
        strict: bool,
        tx: Transaction | None = None,
    ) -> list[Decision]:
        return decide_matches(
            prints, matches, store=self._store, config=self._config, tx=tx, strict=strict
        )


def decide_matches(
    prints: Sequence[Fingerprints],
    all_matches: Sequence[Sequence[Match]],
    *,
    store: Store,
    config: Config,
    tx: Transaction | None,
    strict: bool,
) -> list[Decision]:
    """Decide about each piece of content by the current signals and allow-lists.

    tx:     what is read is as this transaction sees it, if one is given.
    raises: BehindError when strict, and a matched signal is gone.
    """
    keys = {match.key for item_matches in all_matches for match in item_matches}
    if not keys:
        return [decide([], config.policies, Parties()) for _ in prints]
    signals = store.find(keys, tx=tx, strict=strict)
    now = datetime.now(UTC)
    active = {
        key: signal
        for key, signal in signals.items()
        if is_active(signal, now=now, exercise=config.exercise)
    }
    parties = store.parties(active.values(), tx=tx)
    all_hits = [
        _hits(item_matches, active, content=content)
        for item_matches, content in zip(all_matches, prints, strict=True)
    ]
    all_hits = mark_allowed(store, prints, all_hits, parties=parties, now=now, tx=tx)
    return [decide(hits, config.policies, parties) for hits in all_hits]


def add_match_spans(decisions: Sequence[Decision], *, took_s: float, caller: str = "") -> None:
    """Add the span of a match to the trace of each signal that decided about content."""
    for decision in decisions:
        if decision.signal is not None and decision.action is not None:
            facts = {"stemtide.action": decision.action.value}
            signal = decision.verdicts[0].hit.signal.id
            spans.add(EndedSpan(signal, "match", took_s, facts, SpanRole.SERVER, caller=caller))


def record_decision(
    tx: Transaction,
    ref: str,
    decision: Decision,
    *,
    config: Config,
    language: str = "",
    remarks: Sequence[str] = (),
    prints: Sequence[allowed.Print] = (),
    **extra: str,
) -> bool:
    """Record the decision about a piece of content and queue its event.

    language: of the content, for the count. remarks: problems reading it: content that could not be
    read is still held when the deciding signal is withdrawn. extra: more fields of the event.
    prints: of the content, kept with a block or hold for entries of allow-lists that come later.
    returns: whether the action is new.
    """
    if decision.action is None or decision.signal is None:
        return False
    now = datetime.now(UTC)
    # The first match of an item decides, which may have matched by several fingerprints.
    by_signal = {verdict.hit.signal.id: verdict for verdict in reversed(decision.verdicts)}
    verdicts = [
        verdict for verdict in decision.verdicts if by_signal[verdict.hit.signal.id] is verdict
    ]
    verdicts = verdicts[:MAX_REASONS]
    event = extra | {
        "exercise": decision.exercise,
        "signal": decision.signal,
        "rule": decision.rule,
        "why": decision.why,
        "matches": [match_fields(verdict) for verdict in verdicts],
    }
    reasons = [_reason(verdict) for verdict in verdicts]
    if unread_remark(remarks, policy=config.policy.unread):
        reasons.append(actions.UNREAD)
    if decision.action is not Action.LOG:
        allowed.remember_prints(tx, ref, prints)
    is_news = actions.record(tx, ref=ref, reasons=reasons, extra=event, config=config, now=now)
    if reasons[-1] is actions.UNREAD and config.review.enabled:
        review.remember_unread(tx, ref, remarks, now=now)
    if is_news:
        hits = [verdict.hit for verdict in decision.verdicts]
        allowed.count_matches(tx, {hit.allowed_by for hit in hits} - {""})
        items = {str(hit.signal.id) for hit in hits if hit.bank}
        own_entries = {hit.own_entry for hit in hits} - {""} | items
        own_list.note_matches(tx, own_entries, ref=ref, signal=decision.signal, now=now)
        _count_outcome(tx, ref, decision, now=now, language=language)
    return is_news


def _count_outcome(
    tx: Transaction, ref: str, decision: Decision, *, now: datetime, language: str
) -> None:
    """Count an upload at the hub's signal that decides most; at none if own banks alone matched."""
    verdict = decision.of_hub
    if verdict is None:
        uploads.count_lookup(tx, now=now)
        return
    uploads.count_upload(
        tx,
        ref=ref,
        signal=str(verdict.hit.signal.id),
        outcome=OUTCOME_OF[verdict.action],
        now=now,
        language=language,
    )


def count_matches(
    tx: Transaction, decisions: Sequence[Decision], news: Sequence[bool]
) -> list[str]:
    """Count new uploads for each signal that would hold or block them, for the flood guard.

    returns: these signals, once for each of the uploads.
    """
    acting = [
        signal
        for decision, is_new in zip(decisions, news, strict=True)
        if is_new
        for signal in {
            str(verdict.hit.signal.id)
            for verdict in decision.verdicts
            if verdict.action is not Action.LOG
            and not verdict.hit.signal.exercise
            and not verdict.hit.bank
        }
    ]
    match_rates.count_matches(tx, acting, now=datetime.now(UTC))
    return acting


def _hits(
    matches: Sequence[Match], signals: Mapping[int, FeedSignal], *, content: Fingerprints
) -> list[Hit]:
    """Return the matches whose signals are in the rows; the Library may lag behind them.

    Of an item with several fingerprints of a kind the nearest match counts.
    """
    hits, matched = [], set()
    first = content.each[0].value if content.each else b""
    for match in matches:
        signal = signals.get(match.key)
        if signal is None or (signal.id, match.kind) in matched or not is_tried(signal, first):
            continue
        matched.add((signal.id, match.kind))
        hits.append(
            Hit(
                signal,
                match.kind,
                match.distance_bits,
                match.part,
                match_percent=int(100 * match.confidence),
                transform=match.transform,
                found=match.occurrences,
            )
        )
    return hits


def _reason(verdict: SignalVerdict) -> actions.MatchReason:
    hit = verdict.hit
    return actions.MatchReason(
        signal=str(hit.signal.id),
        action=verdict.action,
        kind=hit.kind,
        distance_bits=hit.distance_bits,
        part=hit.part,
        match_percent=hit.match_percent,
        transform=hit.transform,
        matched_s=hit.matched_s,
        allowed=hit.allowed,
    )
