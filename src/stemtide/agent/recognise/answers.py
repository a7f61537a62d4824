# SPDX-License-Identifier: Apache-2.0
"""Responses of the agent about content: their shapes, and functions that build them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from uuid import UUID

from stemtide.agent.config.policy import Policies, Shadow
from stemtide.agent.recognise.policy import Decision, SignalVerdict, hold_unread
from stemtide.fingerprints.kinds import SIZE_BYTES, Fingerprint, Fingerprints, Kind
from stemtide.matching.found import Occurrence, TimeRange
from stemtide.protocol.enums import Action, Provenance, Severity
from stemtide.protocol.handling import Pap, Tlp

MAX_REASONS = 100
"""Matches that are reported and stored for one piece of content, strongest first."""


@dataclass(frozen=True, slots=True)
class FingerprintOut:
    """A fingerprint in a response. value: hex; "" for kinds as long as the content itself."""

    kind: Kind
    value: str
    quality: int | None
    part: str


@dataclass(frozen=True, slots=True)
class StretchOut:
    """A stretch of the content that matches a stretch of the signal.

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
    """A matched signal in a response. action and rule: what this signal leads to.

    missing: who would have to stand behind it for the rule's action; None if nobody.
    match_percent: how sure it is that this is the signal's content. transform: what was done to
    the content, such as "mirrored". stretches: for video, audio and text; the surest first.
    allowed: the entry of an allow-list that covers the content, in words; "" for none.
    bank: the own bank that it is an item of; "" for a signal of the hub.
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
    missing: str | None
    allowed: str
    bank: str


@dataclass(frozen=True, slots=True)
class ShadowOut:
    """The decision without a shadow. Nothing was done because of it.

    shadow: what is in shadow: rules, parties, or a whole policy. The other fields are as in a
            decision.
    """

    shadow: Shadow
    action: Action | None
    signal: str | None
    rule: str | None
    why: str


@dataclass(frozen=True, slots=True)
class DecisionOut:
    """A decision in a response.

    action:      None if nothing matched and all of the content could be read.
    signal:      None if nothing matched, or if content is held because it could not be read.
    missing:     who would have to stand behind the deciding signal for the rule's action; None if
                 nobody.
    undecodable: part of the content could not be read, so "no match" proves nothing.
    shadow:      what each shadow of the policy would have decided; empty without one.
    """

    action: Action | None
    exercise: bool
    signal: str | None
    rule: str | None
    why: str
    missing: str | None
    undecodable: bool
    shadow: list[ShadowOut]


@dataclass(frozen=True, slots=True)
class Answer:
    """The agent's response about one piece of content."""

    ref: str
    decision: DecisionOut
    matches: list[MatchOut]
    fingerprints: list[FingerprintOut]
    remarks: list[str]


def match_fields(verdict: SignalVerdict) -> dict[str, object]:
    """Return a match as the fields of an event."""
    hit = verdict.hit
    return {
        "signal": str(hit.signal.id),
        "kind": hit.kind,
        "distance_bits": hit.distance_bits,
        "part": hit.part,
        "match_percent": hit.match_percent,
        "transform": hit.transform,
        "stretches": [asdict(_stretch(stretch)) for stretch in hit.found],
        "labels": hit.signal.labels,
        "severity": hit.signal.severity,
        "disputed": hit.signal.disputed,
        "allowed": hit.allowed,
        "bank": hit.bank,
    }


def _stretch(stretch: Occurrence) -> StretchOut:
    return StretchOut(
        query_span_s=_span(stretch.query_span),
        signal_span_s=_span(stretch.signal_span),
        speed=None if stretch.speed is None else round(stretch.speed, 3),
        score=round(stretch.score, 2),
        confidence=round(stretch.confidence, 4),
        transform=stretch.transform,
    )


def _span(span: TimeRange | None) -> tuple[float, float] | None:
    return None if span is None else (round(span.start_s, 2), round(span.end_s, 2))


def build_answer(
    ref: str, fingerprints: Fingerprints, decision: Decision, *, trouble: str, policies: Policies
) -> Answer:
    """Build the response about one piece of content.

    decision: by the matches alone. trouble: why it was not recorded; "" if it was.
    """
    remarks = list(fingerprints.remarks)
    if trouble and decision.action is not None:
        remarks.append(trouble)
    return Answer(
        ref=ref,
        decision=decision_out(decision, fingerprints.remarks, policies=policies),
        matches=[match_out(verdict) for verdict in decision.verdicts[:MAX_REASONS]],
        fingerprints=[_fingerprint_out(fingerprint) for fingerprint in fingerprints.each],
        remarks=remarks,
    )


def decision_out(decision: Decision, remarks: Sequence[str], *, policies: Policies) -> DecisionOut:
    """Return the decision to send, held where remarks say that content was unreadable."""
    decision = hold_unread(decision, remarks, policies=policies)
    return DecisionOut(
        action=decision.action,
        exercise=decision.exercise,
        signal=decision.signal,
        rule=decision.rule,
        why=decision.why,
        missing=decision.missing or None,
        undecodable=Fingerprints((), remarks=tuple(remarks)).is_incomplete,
        shadow=shadows_out(decision),
    )


def shadows_out(decision: Decision) -> list[ShadowOut]:
    """Return the decision of each shadow."""
    return [
        ShadowOut(
            shadow=shadow,
            action=would.action,
            signal=would.signal,
            rule=would.rule,
            why=would.why,
        )
        for shadow, would in decision.shadows.items()
    ]


def _fingerprint_out(fingerprint: Fingerprint) -> FingerprintOut:
    value = fingerprint.hex if fingerprint.kind in SIZE_BYTES else ""
    return FingerprintOut(fingerprint.kind, value, fingerprint.quality, fingerprint.part)


def match_out(verdict: SignalVerdict) -> MatchOut:
    """Return a matched signal with the action that it alone leads to."""
    hit, signal = verdict.hit, verdict.hit.signal
    return MatchOut(
        signal=signal.id,
        kind=hit.kind,
        distance_bits=hit.distance_bits,
        part=hit.part,
        match_percent=hit.match_percent,
        transform=hit.transform,
        stretches=[_stretch(stretch) for stretch in hit.found],
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
        missing=verdict.missing or None,
        allowed=hit.allowed,
        bank=hit.bank,
    )
