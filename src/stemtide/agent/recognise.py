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
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import partial
from uuid import UUID, uuid4

from stemtide.agent import act, feedback
from stemtide.agent.config import Config
from stemtide.agent.decide import Decision, Hit, Verdict, decide, stands
from stemtide.agent.store import BehindError, Store, Transaction
from stemtide.agent.tally import Tally
from stemtide.fingerprints.file import fingerprint_bytes
from stemtide.fingerprints.kinds import (
    SIZE_BYTES,
    UNDECODABLE,
    Fingerprint,
    Fingerprints,
    Kind,
)
from stemtide.fingerprints.limits import ContentError, SandboxError
from stemtide.fingerprints.looks import Asked
from stemtide.fingerprints.sandbox import Sandbox
from stemtide.matching.found import Found, Span
from stemtide.matching.library import Match
from stemtide.protocol.feed import FeedSignal
from stemtide.protocol.handling import Pap, Tlp
from stemtide.protocol.words import OUTCOME_OF, Action, Provenance, Severity

logger = logging.getLogger(__name__)

MAX_REASONS = 100
"""Matches that are told and remembered for one piece of content, strongest first."""

_LOOKERS = 4
_ASKED = Asked(views=True)


@dataclass(frozen=True, slots=True)
class Item:
    """One piece of content to recognise: its bytes, or fingerprints that the caller made.

    ref: the provider's own id of it; one is made up where the caller gives none.
    """

    ref: str
    blob: bytes | None = None
    fingerprints: Fingerprints | None = None


def new_ref() -> str:
    """An id for content that came without one."""
    return f"agent-{uuid4().hex}"


@dataclass(frozen=True, slots=True)
class FingerprintOut:
    """A fingerprint in an answer. value: hex; "" where it is as long as the content."""

    kind: Kind
    value: str
    quality: int | None
    part: str


@dataclass(frozen=True, slots=True)
class StretchOut:
    """Where in the content a signal lies, and which part of the signal that is.

    query_span_s, signal_span_s: [from, to] in seconds; None where the kind knows no time.
    speed: content seconds per signal second.
    """

    query_span_s: tuple[float, float] | None
    signal_span_s: tuple[float, float] | None
    speed: float | None
    score: float
    confidence: float
    transform: str


@dataclass(frozen=True, slots=True)
class MatchOut:
    """A matched signal in an answer. action and rule: what it alone leads to.

    match_percent: how sure it is that this is the signal's content. transform: what was done to
    the content, such as "mirrored". stretches: films, sounds, texts: the surest first.
    """

    signal: UUID
    kind: Kind
    distance_bits: int
    part: str
    match_percent: int
    transform: str
    stretches: list[StretchOut]
    labels: list[str]
    severity: Severity
    provenance: Provenance
    confidence: int
    tlp: Tlp
    pap: Pap
    disputed: bool
    exercise: bool
    shared_by: str
    content: UUID | None
    crisis: UUID | None
    action: Action
    rule: str


@dataclass(frozen=True, slots=True)
class DecisionOut:
    """What to do, in an answer.

    action:      None where nothing matched.
    undecodable: some of the content could not be looked at, so that "no match" proves nothing.
    """

    action: Action | None
    exercise: bool
    signal: str | None
    rule: str | None
    why: str
    undecodable: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found about one piece of content."""

    ref: str
    decision: DecisionOut
    matches: list[MatchOut]
    fingerprints: list[FingerprintOut]
    remarks: list[str]


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
        self._decoders = ThreadPoolExecutor(config.workers, "decode")
        self._lookers = ThreadPoolExecutor(_LOOKERS, "look")

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
        refs = [item.ref for item in items]
        job = partial(self._look_up, refs, prints, look_only=look_only)
        outcome = await loop.run_in_executor(self._lookers, job)
        if outcome.is_news:
            self._deliverer.wake()
            self._reporter.wake()
        each = zip(refs, prints, outcome.decisions, strict=True)
        return [_answer(ref, made, decision, outcome.trouble) for ref, made, decision in each]

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
        self, refs: Sequence[str], prints: Sequence[Fingerprints], *, look_only: bool
    ) -> _Outcome:
        """Find, decide and record a whole request."""
        try:
            found = self._store.library.match_many(prints)
            return self._conclude(refs, found, look_only=look_only, strict=True)
        except BehindError:
            # A signal changed since the Library heard of it: it may match as it is now.
            self._store.catch_up()
            found = self._store.library.match_many(prints)
            return self._conclude(refs, found, look_only=look_only, strict=False)

    def _conclude(
        self,
        refs: Sequence[str],
        found: Sequence[Sequence[Match]],
        *,
        look_only: bool,
        strict: bool,
    ) -> _Outcome:
        """Decide and record. raises: BehindError when strict, and a matched signal is gone."""
        if look_only or not any(found):
            return _Outcome(self._decide(found, tx=None, strict=strict))
        try:
            with self._store.write() as tx:
                decisions = self._decide(found, tx=tx, strict=strict)
                pairs = zip(refs, decisions, strict=True)
                news = [self._record(tx, ref, decision) for ref, decision in pairs]
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

    def _record(self, tx: Transaction, ref: str, decision: Decision) -> bool:
        """Record what happens to one piece of content; return whether it is news."""
        if decision.action is None or decision.signal is None:
            return False
        now = datetime.now(UTC)
        verdicts = decision.verdicts[:MAX_REASONS]
        facts = {
            "exercise": decision.exercise,
            "signal": decision.signal,
            "rule": decision.rule,
            "why": decision.why,
            "matches": [_told(verdict) for verdict in verdicts],
        }
        because = [_because(verdict) for verdict in verdicts]
        is_news = act.record(
            tx, ref=ref, because=because, facts=facts, config=self._config, now=now
        )
        if is_news:
            outcome = OUTCOME_OF[decision.action]
            feedback.count(tx, signal=decision.signal, outcome=outcome, now=now)
        return is_news


def _hits(matches: Sequence[Match], signals: Mapping[int, FeedSignal]) -> list[Hit]:
    """Matches whose signals still stand; the Library may be a moment behind the rows."""
    return [
        Hit(
            signals[one.key],
            one.kind,
            one.distance_bits,
            one.part,
            match_percent=int(100 * one.confidence),
            transform=one.transform,
            found=one.found,
        )
        for one in matches
        if one.key in signals
    ]


def _because(verdict: Verdict) -> act.Because:
    hit = verdict.hit
    return act.Because(str(hit.signal.id), verdict.action, hit.kind, hit.distance_bits, hit.part)


def _told(verdict: Verdict) -> dict[str, object]:
    """A match as an event tells it."""
    hit = verdict.hit
    return {
        "signal": str(hit.signal.id),
        "kind": hit.kind,
        "distance_bits": hit.distance_bits,
        "part": hit.part,
        "match_percent": hit.match_percent,
        "transform": hit.transform,
        "stretches": [asdict(_stretch(one)) for one in hit.found],
        "labels": hit.signal.labels,
        "severity": hit.signal.severity,
        "disputed": hit.signal.disputed,
    }


def _stretch(found: Found) -> StretchOut:
    return StretchOut(
        query_span_s=_span(found.query_span),
        signal_span_s=_span(found.signal_span),
        speed=None if found.speed is None else round(found.speed, 3),
        score=round(found.score, 2),
        confidence=round(found.confidence, 4),
        transform=found.transform,
    )


def _span(span: Span | None) -> tuple[float, float] | None:
    return None if span is None else (round(span.start_s, 2), round(span.end_s, 2))


def _answer(ref: str, made: Fingerprints, decision: Decision, trouble: str) -> Answer:
    remarks = list(made.remarks)
    if trouble and decision.action is not None:
        remarks.append(trouble)
    return Answer(
        ref=ref,
        decision=DecisionOut(
            action=decision.action,
            exercise=decision.exercise,
            signal=decision.signal,
            rule=decision.rule,
            why=decision.why,
            undecodable=made.is_incomplete,
        ),
        matches=[_match_out(verdict) for verdict in decision.verdicts[:MAX_REASONS]],
        fingerprints=[_fingerprint_out(one) for one in made.each],
        remarks=remarks,
    )


def _fingerprint_out(one: Fingerprint) -> FingerprintOut:
    value = one.hex if one.kind in SIZE_BYTES else ""
    return FingerprintOut(one.kind, value, one.quality, one.part)


def _match_out(verdict: Verdict) -> MatchOut:
    hit, signal = verdict.hit, verdict.hit.signal
    return MatchOut(
        signal=signal.id,
        kind=hit.kind,
        distance_bits=hit.distance_bits,
        part=hit.part,
        match_percent=hit.match_percent,
        transform=hit.transform,
        stretches=[_stretch(one) for one in hit.found],
        labels=signal.labels,
        severity=signal.severity,
        provenance=signal.provenance,
        confidence=signal.confidence,
        tlp=signal.tlp,
        pap=signal.pap,
        disputed=signal.disputed,
        exercise=signal.exercise,
        shared_by=signal.shared_by,
        content=signal.content,
        crisis=signal.crisis,
        action=verdict.action,
        rule=verdict.rule,
    )
