# SPDX-License-Identifier: Apache-2.0
"""Judge past decisions again by another policy, to say what it would have done. Reads only.

1 The journal is the agent's record of what it acted on: each piece of content that matched, with
  how each signal matched. It goes back keep_days and knows no content.
2 Each is judged by the policy that is tried and by the one in force, both with the signals and
  parties that the agent has now. So a difference that comes from the world is kept apart from
  one that comes from the policy.
3 The action compared is the present one, after all undoing.
4 If a signal is gone, because it expired, the decision cannot be judged again and is only counted.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

from stemtide.agent.config.policy import OnUnread, Policies, Policy
from stemtide.agent.outbox.actions import REASON_COLUMNS, UNREAD, MatchReason, read_reason
from stemtide.agent.outbox.uploads import count_lookups
from stemtide.agent.recognise.policy import Decision, Hit, decide
from stemtide.agent.store.database import Transaction
from stemtide.agent.store.own_banks import find_items, reader
from stemtide.agent.store.parties import Parties, read_parties
from stemtide.agent.store.position import read_view
from stemtide.agent.store.schema import read_only
from stemtide.fingerprints.kinds import Kind
from stemtide.matching.found import Occurrence, TimeRange
from stemtide.protocol.enums import Action
from stemtide.protocol.sync.feed import FeedSignal


@dataclass(frozen=True, slots=True)
class PastDecision:
    """A decision about a piece of content, and its reasons. ref: the provider's id of it."""

    ref: str
    at: datetime
    reasons: tuple[MatchReason, ...]

    @property
    def done(self) -> Action:
        """Return the present action on the content."""
        return max((reason.action for reason in self.reasons), key=lambda action: action.rank)


@dataclass(frozen=True, slots=True)
class Difference:
    """A decision that the tried policy would have made otherwise.

    would:    the action by the tried policy; in_force: by the policy in force, judged now as well.
              None: nothing.
    signal, shared_by, rule: what decides by the tried policy; "" for nothing.
    """

    ref: str
    at: datetime
    done: Action
    would: Action | None
    in_force: Action | None
    signal: str
    shared_by: str
    rule: str
    why: str


@dataclass(slots=True)
class Trial:
    """The decisions of a policy that was tried.

    lookups:    all of them, matched or not. gone: decisions that rest on signals that are gone.
    done, would, in_force: numbers of judged decisions by action.
    """

    lookups: int = 0
    gone: int = 0
    done: Counter[Action] = field(default_factory=Counter)
    would: Counter[Action | None] = field(default_factory=Counter)
    in_force: Counter[Action | None] = field(default_factory=Counter)
    differences: list[Difference] = field(default_factory=list)

    @property
    def decisions(self) -> int:
        """Return the number of decisions that were judged again."""
        return self.done.total()


def earlier_hit(signal: FeedSignal, reason: MatchReason) -> Hit:
    """Return a match as of the action on the content, with the present signal."""
    occurrences: tuple[Occurrence, ...] = ()
    if reason.matched_s is not None:
        span = TimeRange(0.0, reason.matched_s)
        occurrences = (Occurrence(0, 0.0, reason.match_percent / 100, query_span=span),)
    return Hit(
        signal,
        Kind(reason.kind),
        reason.distance_bits,
        reason.part,
        match_percent=reason.match_percent,
        transform=reason.transform,
        found=occurrences,
        allowed=reason.allowed,
    )


def try_policy(data_dir: Path, policy: Policy, *, in_force: Policy, since: datetime) -> Trial:
    """Judge the decisions of an agent since a time again, even while that agent runs.

    raises: StoreError.
    """
    with read_only(data_dir) as tx:
        origin = read_view(tx).origin
        parties = read_parties(tx, None, own=origin.party if origin else "")
        signals = _signals(tx)
        trial = Trial(lookups=count_lookups(tx, since=since))
        for past in _past_decisions(tx, since=since):
            _judge_again(trial, past, policy, in_force, signals=signals, parties=parties)
    trial.lookups = max(trial.lookups, trial.decisions + trial.gone)
    trial.differences.sort(key=lambda difference: difference.at, reverse=True)
    return trial


def _judge_again(
    trial: Trial,
    past: PastDecision,
    policy: Policy,
    in_force: Policy,
    *,
    signals: Mapping[str, FeedSignal],
    parties: Parties,
) -> None:
    """Add one decision to a trial."""
    by_signal = [reason for reason in past.reasons if reason.signal != UNREAD.signal]
    if any(reason.signal not in signals for reason in by_signal):
        trial.gone += 1
        return
    hits = [earlier_hit(signals[reason.signal], reason) for reason in by_signal]
    is_unread = len(by_signal) < len(past.reasons)
    decision = _decide(hits, policy, parties, is_unread=is_unread)
    now = _decide(hits, in_force, parties, is_unread=is_unread)
    trial.done[past.done] += 1
    trial.would[decision.action] += 1
    trial.in_force[now.action] += 1
    if decision.action != past.done:
        sharer = decision.verdicts[0].hit.signal.shared_by if decision.signal else ""
        trial.differences.append(
            Difference(
                ref=past.ref,
                at=past.at,
                done=past.done,
                would=decision.action,
                in_force=now.action,
                signal=decision.signal or "",
                shared_by=sharer,
                rule=decision.rule or "",
                why=decision.why,
            )
        )


def _decide(hits: list[Hit], policy: Policy, parties: Parties, *, is_unread: bool) -> Decision:
    """Return the decision of a policy; unread content is held unless the policy lets all pass."""
    decision = decide(hits, Policies(policy), parties)
    holds = OnUnread.HOLD in (policy.unread.undecodable, policy.unread.limit)
    if is_unread and holds and (decision.action or Action.LOG) is Action.LOG:
        return Decision(Action.HOLD, "not all of it could be looked at", unread="undecodable")
    return decision


def _signals(tx: Transaction) -> dict[str, FeedSignal]:
    """Return the signals that content was acted on for, as they are now, by id."""
    rows = tx.execute("SELECT id, body FROM signals WHERE id IN (SELECT signal FROM acted)")
    signals = {uid: FeedSignal.model_validate_json(body) for uid, body in rows}
    acted = [uid for (uid,) in tx.execute("SELECT DISTINCT signal FROM acted")]
    return signals | find_items(reader(tx), acted)


def _past_decisions(tx: Transaction, *, since: datetime) -> Iterator[PastDecision]:
    """Yield the decisions that were made since a time."""
    rows = tx.execute(
        f"SELECT ref, at, {REASON_COLUMNS} FROM acted"  # noqa: S608 - our own names
        " WHERE ref IN (SELECT ref FROM acted WHERE at >= ?) ORDER BY ref",
        (since.timestamp(),),
    )
    for ref, same in groupby(rows, key=lambda row: str(row[0])):
        reasons = list(same)
        at = datetime.fromtimestamp(max(row[1] for row in reasons), UTC)
        yield PastDecision(ref, at, tuple(read_reason(row[2:]) for row in reasons))
