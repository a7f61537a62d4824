# SPDX-License-Identifier: Apache-2.0
"""Judge earlier actions again when a signal, or who supports it, has changed.

1 A withdrawn signal no longer counts. Content that nothing else stops is released.
2 A disputed signal leads to what the policy says of disputed ones. One that the flood guard
  lowered leads to hold; of a signal that ran away here, only what it did since then.
3 If fewer parties stand behind a signal, because one was suspended or took back its agreement, a
  block becomes a hold at most: content is never released because of that.
4 All reasons of an action are judged together, so that signals which leaned on the changed one are
  weakened too. Signals of the same value that came later take over what they ask for.
5 An action is only ever weakened. Content that is sent again is decided anew.
6 What a person blocked is weakened only by what they did not know: a withdrawal, or a new dispute.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from stemtide.agent.config.settings import Config
from stemtide.agent.outbox import actions
from stemtide.agent.outbox.actions import MatchReason
from stemtide.agent.recognise.decisions import earlier_hit
from stemtide.agent.recognise.policy import is_active, judge, within_bits
from stemtide.agent.review.decisions import stands_against
from stemtide.agent.store.database import Store, Transaction
from stemtide.agent.store.parties import Parties, party_trust
from stemtide.matching.library import Library
from stemtide.protocol.enums import Action, SignalState, Standing
from stemtide.protocol.law.retention import signal_term_ends
from stemtide.protocol.sync.feed import FeedParty, FeedSignal, Tombstone
from stemtide.protocol.trust.standing import PartyTrust

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SignalChange:
    """A signal that may lead to less than before, and why.

    signal:       its present or last state; None if the agent did not have it.
    is_withdrawn: it no longer counts at all.
    may_release:  content may be released because of the change.
    since:        Unix time; earlier actions stay as they are. None for all.
    refs:         the pieces of content to judge again; None for all.
    """

    uid: str
    signal: FeedSignal | None
    why: str
    is_withdrawn: bool = False
    may_release: bool = True
    since: int | None = None
    refs: tuple[str, ...] | None = None


def changes_of_entries(
    entries: Iterable[FeedSignal | Tombstone], former: Mapping[str, FeedSignal]
) -> list[SignalChange]:
    """Return the changes that weaken signals in a page of the feed. former: those before it, by id.

    An expired signal was right in its time: it stops matching, and nothing is undone.
    """
    changes = []
    for entry in entries:
        uid = str(entry.id)
        before = former.get(uid)
        if isinstance(entry, Tombstone):
            if entry.state is SignalState.WITHDRAWN:
                why = f"signal {uid} was withdrawn"
                changes.append(SignalChange(uid, before, why, is_withdrawn=True))
        elif entry.lowered:
            changes.append(_lowered(entry))
        elif entry.disputed:
            changes.append(SignalChange(uid, entry, f"signal {uid} is disputed"))
        elif before and set(before.confirmed_by) - set(entry.confirmed_by):
            changes.append(_less_confirmed(entry))
    return changes


def changes_of_snapshot(tx: Transaction, *, now: datetime) -> list[SignalChange]:
    """Return the changes by which a snapshot weakens signals of the table `former`.

    The tombstones in between are not read: what is missing was withdrawn meanwhile, or the hub was
    restored to a time before it was shared. Actions of expired signals stay, also of those that
    said no end and whose term is over.
    """
    missing = [
        FeedSignal.model_validate_json(body)
        for (body,) in tx.execute(
            "SELECT body FROM former WHERE id IN (SELECT signal FROM acted)"
            " AND id NOT IN (SELECT id FROM signals)"
            " AND (expires_at IS NULL OR expires_at > ?)",
            (now.timestamp(),),
        )
    ]
    changes = [
        SignalChange(
            str(signal.id), signal, f"the hub no longer has signal {signal.id}", is_withdrawn=True
        )
        for signal in missing
        if signal.expires_at is not None or signal_term_ends(signal.shared_at) > now
    ]
    knows_parties = tx.execute("SELECT 1 FROM parties LIMIT 1").fetchone()
    for uid, body in tx.execute(
        "SELECT id, body FROM signals WHERE id IN (SELECT signal FROM acted)"
    ):
        signal = FeedSignal.model_validate_json(body)
        if signal.lowered:
            changes.append(_lowered(signal))
        elif signal.disputed:
            changes.append(SignalChange(uid, signal, f"signal {uid} is disputed"))
        elif knows_parties:
            changes.append(_less_confirmed(signal))
    return changes


def _lowered(signal: FeedSignal) -> SignalChange:
    why = f"signal {signal.id} matches far more than usual and was lowered everywhere"
    return SignalChange(str(signal.id), signal, why, may_release=False)


def _less_confirmed(signal: FeedSignal) -> SignalChange:
    why = f"fewer parties stand behind signal {signal.id}"
    return SignalChange(str(signal.id), signal, why, may_release=False)


@dataclass(slots=True)
class Undoing:
    """Undoing in one transaction, which sees signals and parties as they are after the change.

    changes: withdrawn and weakened signals.
    library: to find other signals of a value; it may lag behind the transaction.
    fresh:   signals that the library may lack.
    """

    tx: Transaction
    store: Store
    config: Config
    now: datetime
    parties: Parties
    changes: Sequence[SignalChange]
    library: Library
    fresh: Sequence[FeedSignal] = ()
    _gone: set[str] = field(init=False)
    _may_release: set[str] = field(init=False)
    _signals: dict[str, FeedSignal | None] = field(default_factory=dict)
    _judged: dict[object, list[MatchReason]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._gone = {change.uid for change in self.changes if change.is_withdrawn}
        self._may_release = {change.uid for change in self.changes if change.may_release}

    def run(self) -> int:
        """Weaken all actions that leaned on the changed signals; return how many changed."""
        total = 0
        for change in self.changes:
            refs = change.refs
            if refs is None:
                refs = tuple(actions.refs_of(self.tx, change.uid, since=change.since))
            alike = self._alike(change.signal) if refs and change.signal else []
            number = sum([self._judge_again(ref, change, alike) for ref in refs])
            if number:
                why = change.why
                logger.info("%s: changed the action or count of %d pieces of content", why, number)
            total += number
        return total

    def _judge_again(self, ref: str, change: SignalChange, alike: Sequence[FeedSignal]) -> bool:
        """Judge the action on a piece of content again; return whether anything changed."""
        signal = None if change.is_withdrawn else change.signal
        # A person who blocked it knew as much; a snapshot judges all content again.
        if signal and stands_against(self.tx, ref, signal):
            return False
        reasons = actions.reasons_of(self.tx, ref)
        key = (change.uid, frozenset(reasons))
        if key not in self._judged:
            self._judged[key] = self._weaken(reasons, change, alike)
        return actions.weaken_action(
            self.tx,
            ref=ref,
            signal=change.uid,
            before=reasons,
            after=self._judged[key],
            why=change.why,
            config=self.config,
            now=self.now,
        )

    def _weaken(
        self, reasons: Sequence[MatchReason], change: SignalChange, alike: Sequence[FeedSignal]
    ) -> list[MatchReason]:
        """Return the reasons that are left, with all other signals of the same value.

        They ask for no more than the changed signal did: an action is only weakened. Of a party
        whose suspension was lifted, this may be more than when the upload was decided.
        """
        changed = next(reason for reason in reasons if reason.signal == change.uid)
        same = {str(signal.id) for signal in alike}
        left = [
            replace(reason, action=max(reason.action, changed.action, key=_rank))
            if reason.signal in same
            else reason
            for reason in reasons
            if reason.signal not in self._gone
        ]
        signals = {reason.signal for reason in left}
        later = [
            replace(changed, signal=str(signal.id))
            for signal in alike
            if str(signal.id) not in signals and changed.distance_bits <= within_bits(signal)
        ]
        return self._judge([*left, *later])

    def _judge(self, reasons: Sequence[MatchReason]) -> list[MatchReason]:
        """Return the reasons with the action that each leads to now, if that is less."""
        self._load(reason.signal for reason in reasons)
        hits = {
            reason.signal: earlier_hit(signal, reason)
            for reason in reasons
            if (signal := self._signals.get(reason.signal))
        }
        verdicts = judge([*hits.values()], self.config.policy, self.parties, is_earlier=True)
        now = {str(verdict.hit.signal.id): verdict.action for verdict in verdicts}
        weaker = []
        for reason in reasons:
            action = now.get(reason.signal, reason.action)  # an expired one was right in its time
            if reason.signal not in self._may_release:
                action = max(action, Action.HOLD, key=_rank)
            weaker.append(replace(reason, action=min(action, reason.action, key=_rank)))
        return weaker

    def _load(self, ids: Iterable[str]) -> None:
        missing = [uid for uid in ids if uid not in self._signals]
        if missing:
            self._signals |= dict.fromkeys(missing)
            self._signals |= self.store.find_ids(missing, tx=self.tx)
            self._signals |= self.store.find_items(missing, tx=self.tx)

    def _alike(self, signal: FeedSignal) -> list[FeedSignal]:
        """Return the active signals of the same kind, value and reach, without this one."""
        stored = self.store.find_alike([signal], tx=self.tx, library=self.library)
        others = {other.id: other for other in [*stored, *self.fresh] if other.id != signal.id}
        return [
            other
            for other in others.values()
            if _likeness(other) == _likeness(signal)
            and is_active(other, now=self.now, exercise=self.config.exercise)
        ]


def _likeness(signal: FeedSignal) -> object:
    """Return the facts that signals of the same value share."""
    return signal.kind, signal.value.lower(), signal.reach, signal.exercise


def _rank(action: Action) -> int:
    return action.rank


def weakened_parties(
    stored: Iterable[tuple[str, str, str, str, int]], parties: Iterable[FeedParty]
) -> dict[str, str]:
    """Return those of some parties whose word may count for less than before, and why.

    One that the agent did not know did not count before. It may have counted for an older agent,
    which is undone only if it is suspended.
    stored: rows of the table of parties.
    """
    before = {row[0]: party_trust(row) for row in stored}
    weakened = {}
    for party in parties:
        facts = (party.name, party.kind, party.standing, party.group, party.speaks_for_digests)
        is_suspended = party.standing is Standing.SUSPENDED
        is_changed = before.get(party.name) != PartyTrust(*facts)
        if is_changed and (party.name in before or is_suspended):
            change = "is suspended" if is_suspended else "has another standing"
            weakened[party.name] = f"{party.kind} {party.name} {change}"
    return weakened
