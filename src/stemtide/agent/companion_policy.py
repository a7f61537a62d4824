# SPDX-License-Identifier: Apache-2.0
"""Which bank of a provider's HMA a signal belongs into: pure.

1 HMA matches within one distance and asks no policy, so a signal goes where the mildest answer of
  the policy to all that HMA would match puts it: who acts on a bank never goes beyond the policy.
2 A signal that is to match less far than HMA does is a question for a person, whatever a rule says.
3 Exercises never, and nothing that only logs.
"""

from stemtide.agent.config import Config, Rule
from stemtide.agent.decide import Hit, judge
from stemtide.fingerprints.kinds import MATCH_WITHIN_BITS, Kind
from stemtide.protocol.feed import FeedSignal
from stemtide.protocol.words import Action

NOTE = "stemtide"
"""How the note of each of our contents begins."""


def note_of(signal: str, agent: str) -> str:
    """By what a content is known as ours: two agents that share an HMA must not undo each other."""
    return f"{NOTE}:{agent}:{signal}"


def bank_of(signal: FeedSignal, config: Config) -> str:
    """The name of the bank that a signal belongs into; "" for none."""
    given = config.companion
    if given is None or signal.exercise or signal.kind not in given.kinds:
        return ""
    action = _action_of(signal, config)
    if action is Action.BLOCK and Action.BLOCK not in given.actions:
        action = Action.HOLD  # a person may look at what could be stopped at once
    return given.bank(action) if action in given.actions else ""


def _action_of(signal: FeedSignal, config: Config) -> Action:
    """The mildest action over all distances at which HMA matches."""
    hits = [Hit(signal, signal.kind, bits, "") for bits in _distances(signal.kind, config.rules)]
    action = min((judge(hit, config.rules).action for hit in hits), key=lambda one: one.rank)
    is_narrow = signal.within_bits is not None and signal.within_bits < MATCH_WITHIN_BITS
    return Action.HOLD if is_narrow and action is Action.BLOCK else action


def _distances(kind: Kind, rules: tuple[Rule, ...]) -> set[int]:
    """The distances between which no rule changes its mind."""
    if kind is not Kind.PDQ:
        return {0}
    ends = {rule.max_distance_bits for rule in rules if rule.max_distance_bits is not None}
    return {0, MATCH_WITHIN_BITS, *(bits + 1 for bits in ends if bits < MATCH_WITHIN_BITS)}
