# SPDX-License-Identifier: Apache-2.0
"""How a piece of content is recognised, and what becomes of it.

1 Make fingerprints in the sandbox, unless the caller sent them, and look them up.
2 In one transaction: read the signals as they stand now, decide, record the action, count it.
  So a withdrawal either comes before the decision, or finds it and undoes it.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from uuid import uuid4

from stemtide.agent import act, feedback, uploads
from stemtide.agent.answers import MAX_REASONS, Answer, answer_of, as_told
from stemtide.agent.config import Config
from stemtide.agent.decide import Decision, Hit, Verdict, decide, stands, unread_remark
from stemtide.agent.state import BehindError
from stemtide.agent.store import Store, Transaction
from stemtide.agent.tally import Tally
from stemtide.fingerprints.file import fingerprint_bytes
from stemtide.fingerprints.kinds import UNDECODABLE, Fingerprints
from stemtide.fingerprints.limits import ContentError, SandboxError
from stemtide.fingerprints.looks import Asked
from stemtide.fingerprints.sandbox import Sandbox
from stemtide.matching.library import Match
from stemtide.protocol.feed import FeedSignal
from stemtide.protocol.words import OUTCOME_OF

logger = logging.getLogger(__name__)

_LOOKERS = 4
_ASKED = Asked(views=True)


@dataclass(frozen=True, slots=True)
class Item:
    """One piece of content to recognise: its bytes, or fingerprints that the caller made.

    ref:      the provider's own id of it; one is made up where the caller gives none.
    language: of the content, as the provider knows it; counted with its outcome, never kept.
    """

    ref: str
    blob: bytes | None = None
    fingerprints: Fingerprints | None = None
    language: str = ""


def new_ref() -> str:
    """An id for content that came without one."""
    return f"agent-{uuid4().hex}"


@dataclass(slots=True)
class _Outcome:
    """What a request led to. is_news: something was queued; trouble: "" if it was recorded."""

    decisions: list[Decision] = field(default_factory=list)
    is_news: bool = False
    trouble: str = ""


class Recogniser:
    """Answers requests."""

    def __init__(
        self,
        *,
        config: Config,
        store: Store,
        tally: Tally,
        sandbox: Sandbox,
        deliverer: act.Deliverer,
        reporter: feedback.Reporter,
    ) -> None:
        self._tally = tally
        self._config = config
        self._store = store
        self._sandbox = sandbox
        self._deliverer = deliverer
        self._reporter = reporter
        self._pending = uploads.PendingLookups()
        self._decoders = ThreadPoolExecutor(config.workers, "decode")
        self._lookers = ThreadPoolExecutor(_LOOKERS, "look")

    @property
    def decoders(self) -> ThreadPoolExecutor:
        """Where content is decoded, one piece for each worker at a time."""
        return self._decoders

    def close(self) -> None:
        """Let running look-ups end, and start no others."""
        self._decoders.shutdown(cancel_futures=True)
        self._lookers.shutdown(cancel_futures=True)

    async def recognise(self, items: Sequence[Item], *, look_only: bool = False) -> list[Answer]:
        """Recognise content, decide about it and act on the decision.

        look_only: decide, but do nothing because of it: no delivery, no count.
        """
        loop = asyncio.get_running_loop()
        prints = await asyncio.gather(*(self._fingerprint(item) for item in items))
        job = partial(self._look_up, items, prints, look_only=look_only)
        outcome = await loop.run_in_executor(self._lookers, job)
        if outcome.is_news:
            self._deliverer.wake()
            self._reporter.wake()
        trouble, unread = outcome.trouble, self._config.unread
        return [
            answer_of(item.ref, made, decision, trouble=trouble, unread=unread)
            for item, made, decision in zip(items, prints, outcome.decisions, strict=True)
        ]

    async def _fingerprint(self, item: Item) -> Fingerprints:
        """The fingerprints of one piece of content; a failure is a remark, never a "no match"."""
        if item.fingerprints is not None:
            return item.fingerprints
        blob = item.blob or b""
        loop = asyncio.get_running_loop()
        try:
            look = partial(self._sandbox.look, blob, asked=_ASKED)
            return (await loop.run_in_executor(self._decoders, look)).fingerprints
        except (ContentError, SandboxError) as error:
            logger.warning("content is known by its digests only: %s", error)
            each = await asyncio.to_thread(fingerprint_bytes, blob)
            return Fingerprints(each, size_bytes=len(blob), remarks=(f"{UNDECODABLE}{error}",))

    def _look_up(
        self, items: Sequence[Item], prints: Sequence[Fingerprints], *, look_only: bool
    ) -> _Outcome:
        """Find, decide and record a whole request."""
        try:
            found = self._store.library.match_many(prints)
            return self._conclude(items, prints, found, look_only=look_only, strict=True)
        except BehindError:
            # A signal changed since the Library heard of it: it may match as it is now.
            self._store.catch_up()
            found = self._store.library.match_many(prints)
            return self._conclude(items, prints, found, look_only=look_only, strict=False)

    def _conclude(
        self,
        items: Sequence[Item],
        prints: Sequence[Fingerprints],
        found: Sequence[Sequence[Match]],
        *,
        look_only: bool,
        strict: bool,
    ) -> _Outcome:
        """Decide and record. raises: BehindError when strict, and a matched signal is gone."""
        if look_only or not any(found):
            if not look_only:
                self._pending.add(len(items))
            return _Outcome(self._decide(found, tx=None, strict=strict))
        try:
            with self._store.write() as tx:
                decisions = self._decide(found, tx=tx, strict=strict)
                news = [
                    record_decision(
                        tx,
                        item.ref,
                        decision,
                        config=self._config,
                        language=item.language,
                        remarks=made.remarks,
                    )
                    for item, made, decision in zip(items, prints, decisions, strict=True)
                ]
                self._pending.add(news.count(False))
                self._pending.write(tx)
        except sqlite3.Error as error:
            # The content must still be stopped: the answer says what was not written down.
            trouble = f"not recorded: {self._store.path} cannot be written ({error})"
            logger.exception("%s", trouble)
            decisions = self._decide(found, tx=None, strict=strict)
            self._tally.add("unrecorded", sum(one.action is not None for one in decisions))
            return _Outcome(decisions, trouble=trouble)
        return _Outcome(decisions, any(news))

    def _decide(
        self, found: Sequence[Sequence[Match]], *, tx: Transaction | None, strict: bool
    ) -> list[Decision]:
        """Decide about each piece of content, by the signals as they stand."""
        keys = {match.key for matches in found for match in matches}
        signals = self._store.find(keys, tx=tx, strict=strict) if keys else {}
        now = datetime.now(UTC)
        standing = {
            key: one
            for key, one in signals.items()
            if stands(one, now=now, exercise=self._config.exercise)
        }
        return [decide(_hits(matches, standing), self._config.rules) for matches in found]


def record_decision(
    tx: Transaction,
    ref: str,
    decision: Decision,
    *,
    config: Config,
    language: str = "",
    remarks: Sequence[str] = (),
    **facts: str,
) -> bool:
    """Record what happens to one piece of content; return whether it is news.

    language: of the content, for the count. remarks: on how it was read: what could not be looked
    at is still held when the signal that decided is withdrawn. facts: what the event says beside.
    """
    if decision.action is None or decision.signal is None:
        return False
    now = datetime.now(UTC)
    verdicts = decision.verdicts[:MAX_REASONS]
    told = facts | {
        "exercise": decision.exercise,
        "signal": decision.signal,
        "rule": decision.rule,
        "why": decision.why,
        "matches": [as_told(verdict) for verdict in verdicts],
    }
    because = [_because(verdict) for verdict in verdicts]
    if unread_remark(remarks, policy=config.unread):
        because.append(act.UNREAD)
    is_news = act.record(tx, ref=ref, because=because, facts=told, config=config, now=now)
    if is_news:
        outcome = OUTCOME_OF[decision.action]
        signal = decision.signal
        uploads.count_upload(
            tx, ref=ref, signal=signal, outcome=outcome, now=now, language=language
        )
    return is_news


def _hits(matches: Sequence[Match], signals: Mapping[int, FeedSignal]) -> list[Hit]:
    """Matches whose signals still stand; the Library may be a moment behind the rows."""
    return [
        Hit(
            signals[match.key],
            match.kind,
            match.distance_bits,
            match.part,
            match_percent=int(100 * match.confidence),
            transform=match.transform,
            found=match.found,
        )
        for match in matches
        if match.key in signals
    ]


def _because(verdict: Verdict) -> act.Because:
    hit = verdict.hit
    return act.Because(str(hit.signal.id), verdict.action, hit.kind, hit.distance_bits, hit.part)
