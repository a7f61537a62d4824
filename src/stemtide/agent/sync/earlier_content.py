# SPDX-License-Identifier: Apache-2.0
"""Decide about content that came before its signal, as about a new upload.

It is an upload of the journal, or content that a scan found in a catalogue. A signal that matches
an implausible share of it is lowered first, by the rules of the flood guard.
"""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from stemtide.agent.config.settings import Config
from stemtide.agent.hma import rows
from stemtide.agent.outbox import actions, uploads
from stemtide.agent.recognise.pipeline import add_match_spans, decide_matches, record_decision
from stemtide.agent.recognise.policy import Decision, is_active
from stemtide.agent.review.decisions import has_person_decided
from stemtide.agent.store import allowed
from stemtide.agent.store.database import Store, Transaction
from stemtide.agent.sync import flood_guard, new_signals
from stemtide.fingerprints.kinds import Fingerprints
from stemtide.matching.library import Match
from stemtide.protocol.enums import Action
from stemtide.protocol.sync.feed import FeedSignal
from stemtide.protocol.trust.runaway import Rate, runaway_limits


@dataclass(frozen=True, slots=True)
class EarlierContent:
    """Content that came before its signal.

    ref:   the provider's own id of it.
    facts: further fields of the event about it.
    """

    ref: str
    prints: Fingerprints
    language: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)


def act_on(
    contents: Sequence[EarlierContent],
    matches: Sequence[Sequence[Match]],
    *,
    store: Store,
    config: Config,
) -> tuple[list[Decision], int]:
    """Decide about content, and record the actions.

    returns: the decisions, and how many actions are new. raises: sqlite3.Error.
    """
    began, prints = time.perf_counter(), [content.prints for content in contents]
    with store.write() as tx:
        decisions = decide_matches(prints, matches, store=store, config=config, tx=tx, strict=False)
        for content, decision in zip(contents, decisions, strict=True):
            _count(tx, content, decision)
        news = [
            not _is_reviewed(tx, content.ref, decision)
            and record_decision(
                tx,
                content.ref,
                decision,
                config=config,
                language=content.language,
                remarks=content.prints.remarks,
                prints=allowed.prints_of(content.prints),
                **content.facts,
            )
            for content, decision in zip(contents, decisions, strict=True)
        ]
    acted = [decision for decision, is_new in zip(decisions, news, strict=True) if is_new]
    add_match_spans(acted, took_s=time.perf_counter() - began)
    return decisions, sum(news)


def _count(tx: Transaction, content: EarlierContent, decision: Decision) -> None:
    """Count an earlier upload for the signals that it was not known to match before."""
    if not (uploaded_at := content.facts.get("uploaded_at")):
        return
    before = {reason.signal for reason in actions.reasons_of(tx, content.ref)}
    signals = {
        str(verdict.hit.signal.id)
        for verdict in decision.verdicts
        if not verdict.hit.signal.exercise
    }
    at = datetime.fromisoformat(uploaded_at)
    uploads.count_earlier(tx, signals - before, uploaded_at=at)


def lower_frequent(
    rates: Mapping[str, Rate],
    signals: Collection[FeedSignal],
    *,
    store: Store,
    config: Config,
    compared: str = "uploads before it",
) -> bool:
    """Lower the signals that match an implausible share of earlier content; say if any is.

    compared: a name for the content, for people.
    rates:    how often each signal matched, of how many pieces of content that have its kind.
    """
    least = runaway_limits().growth.matches
    now = datetime.now(UTC)
    able = [
        signal
        for signal in signals
        if str(signal.id) in rates
        and rates[str(signal.id)].matches >= least
        and is_active(signal, now=now, exercise=False)
        and not signal.cleared
    ]
    if not able:
        return False
    with store.write() as tx:
        marked = new_signals.mark_frequent(
            tx, able, rates, store=store, config=config, now=now, compared=compared
        )
        present = store.find_ids([row.signal for row in marked], tx=tx)
        flood_guard.hold_blocked(tx, marked, present, store=store, config=config, now=now)
        rows.update_wanted(tx, present.values(), {}, store=store, config=config)
    return bool(marked)


def _is_reviewed(tx: Transaction, ref: str, decision: Decision) -> bool:
    """Whether a person has let content pass that matched all of these signals."""
    signals = {
        str(verdict.hit.signal.id)
        for verdict in decision.verdicts
        if verdict.action is not Action.LOG
    }
    return bool(signals) and has_person_decided(tx, ref, signals)
