# SPDX-License-Identifier: Apache-2.0
"""Decide which bank of a provider's HMA a signal belongs in.

1 HMA matches within one fixed distance and ignores the policy. So the mildest action of the
  policy over all distances that HMA matches decides: no caller that acts on a bank exceeds it.
2 A signal that is to match less far than HMA does is held for a person, against any rule.
3 Signals of the same value count together, as they do when they match.
4 Exercises and signals that are only logged go into no bank.
"""

from collections.abc import Sequence

from stemtide.agent.config.policy import Rule
from stemtide.agent.config.settings import Config
from stemtide.agent.recognise.policy import Hit, judge, within_bits
from stemtide.agent.store.parties import Parties
from stemtide.fingerprints.kinds import MATCH_WITHIN_BITS, Kind
from stemtide.protocol.enums import Action
from stemtide.protocol.sync.feed import FeedSignal

NOTE = "stemtide"
"""Prefix of the note of each of our contents."""


def note_of(signal: str, agent: str) -> str:
    """Return the note that marks a content as this agent's: agents may share an HMA."""
    return f"{NOTE}:{agent}:{signal}"


def bank_of(
    signal: FeedSignal, config: Config, *, alike: Sequence[FeedSignal], parties: Parties
) -> str:
    """Return the name of the bank that a signal belongs in; "" for none.

    alike: active signals of the same kind and value. parties: those that stand behind them.
    """
    settings = config.companion
    if settings is None or signal.exercise or signal.kind not in settings.kinds:
        return ""
    action = _action_of(signal, config, alike=alike, parties=parties)
    if action is Action.BLOCK and Action.BLOCK not in settings.actions:
        action = Action.HOLD  # a hold is milder: a person reviews it
    return settings.bank(action) if action in settings.actions else ""


def _action_of(
    signal: FeedSignal, config: Config, *, alike: Sequence[FeedSignal], parties: Parties
) -> Action:
    """Return the mildest action over all distances at which HMA matches."""
    others = [other for other in alike if other.id != signal.id]
    actions = []
    for bits in _distances(signal.kind, config.policy.rules):
        matched = [signal, *(other for other in others if bits <= within_bits(other))]
        hits = [Hit(match, match.kind, bits, "") for match in matched]
        actions.append(judge(hits, config.policy, parties)[0].action)
    action = min(actions, key=lambda candidate: candidate.rank)
    is_narrow = signal.within_bits is not None and signal.within_bits < MATCH_WITHIN_BITS
    return Action.HOLD if is_narrow and action is Action.BLOCK else action


def _distances(kind: Kind, rules: tuple[Rule, ...]) -> set[int]:
    """Return one distance for each range in which all rules decide the same."""
    if kind is not Kind.PDQ:
        return {0}
    ends = {rule.max_distance_bits for rule in rules if rule.max_distance_bits is not None}
    return {0, MATCH_WITHIN_BITS, *(bits + 1 for bits in ends if bits < MATCH_WITHIN_BITS)}
