# SPDX-License-Identifier: Apache-2.0
"""Decide about content by the signals that it matched, and explain the decision. Pure.

1 For each matched signal, the first rule of the policy that applies names an action.
2 Caps: an exercise only logs; the PAP label limits the action; a disputed signal holds at most, as
  does one that the flood guard lowered (sync/flood_guard.py); one that the agent's own party
  disputes only logs, as does one that is switched off here, content on an allow-list and what a
  party in shadow shares; a block
  needs more than one party's word (backing.py).
3 The signal with the strongest action decides; among equals a real one, then the nearest.
4 Content that could not be read is held, unless a match asks for as much or the policy lets
  it pass. Such a hold names no signal and is never counted as a match.
5 Each shadow of the policy decides by the same steps. Its result accompanies the decision,
  which does not depend on it.
6 An item of an own bank leads to the action of its bank, with the same caps. It needs nobody behind
  it, and supports no signal of others.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime

from stemtide.agent.config.policy import (
    OnDispute,
    OnUnread,
    Policies,
    Policy,
    Rule,
    Shadow,
    Unread,
)
from stemtide.agent.recognise.backing import Backing
from stemtide.agent.store.own_banks import OwnSignal
from stemtide.agent.store.parties import Parties
from stemtide.agent.store.switched_off import SwitchedOffSignal
from stemtide.fingerprints.kinds import MATCH_WITHIN_BITS, PICTURE_TEXT, Kind
from stemtide.matching.found import BY_LOCAL_FEATURES, Occurrence
from stemtide.protocol.enums import Action, Reach
from stemtide.protocol.handling import PAP_ALLOWS
from stemtide.protocol.signing.signatures import is_signed
from stemtide.protocol.sync.feed import FeedSignal
from stemtide.protocol.trust.standing import PartyTrust

SURE_PERCENT = 95
"""A match that is less sure goes to a person, whatever a rule says: 5 in 100 would be wrong."""

LOWERED = (
    "the signal matches far more uploads than usual, so it leads to hold at most until a second"
    " independent party confirms it or an agency clears it"
)
"""Why a signal that the flood guard lowered does not lead to a block."""

NO_RULE = "no rule"
"""Rule name of a match to which no rule applies: it is logged, never lost."""

OWN_BANK = "own bank"
"""Rule name of a match of an own bank, whose action decides."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A signal that content matched. distance_bits, part, transform and found are as in a Match.

    match_percent: 0..100, how sure it is that this is the signal's content.
    allowed: the entry of an allow-list that covers the match, in words; "" for none.
    allowed_by: its id, if it is on the hub's list; "" otherwise. own_entry: if on the agent's own.
    """

    signal: FeedSignal
    kind: Kind
    distance_bits: int
    part: str
    match_percent: int = 100
    transform: str = ""
    found: tuple[Occurrence, ...] = ()
    allowed: str = ""
    allowed_by: str = ""
    own_entry: str = ""

    @property
    def bank(self) -> str:
        """Return the own bank that the signal is an item of; "" for a signal of the hub."""
        return self.signal.bank if isinstance(self.signal, OwnSignal) else ""

    @property
    def reach(self) -> Reach | None:
        """Return how the signal matched the URL (address, folder or host); None for other kinds."""
        if self.kind is not Kind.URL:
            return None
        # The match knows its own reach; the same digest may be shared under another one.
        return Reach(self.transform) if self.transform else self.signal.reach or Reach.ADDRESS

    @property
    def matched_s(self) -> float | None:
        """Return the seconds of the content that the signal covers; None for kinds without time."""
        spans = [stretch.query_span for stretch in self.found if stretch.query_span]
        return sum(span.end_s - span.start_s for span in spans) if spans else None


@dataclass(frozen=True, slots=True)
class SignalVerdict:
    """The action that one signal leads to, given who supports it.

    caps: why it is milder than the rule's. missing: who would have to stand behind it; "" if
    nobody.
    """

    hit: Hit
    action: Action
    rule: str
    rule_action: Action
    caps: tuple[str, ...]
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision about one piece of content. action is None if nothing matched.

    verdicts: one for each matched signal, the deciding one first.
    unread: the setting of the policy that holds content because it could not be read; "" if the
            matched signals decide.
    shadows: what each shadow would have decided.
    """

    action: Action | None
    why: str
    verdicts: tuple[SignalVerdict, ...] = ()
    unread: str = ""
    shadows: "Mapping[Shadow, Decision]" = field(default_factory=dict)

    @property
    def signal(self) -> str | None:
        """Return the id of the deciding signal, or None."""
        is_by_signal = self.verdicts and not self.unread
        return str(self.verdicts[0].hit.signal.id) if is_by_signal else None

    @property
    def of_hub(self) -> SignalVerdict | None:
        """Return the verdict on the hub's signal that decides most, or None."""
        return next((verdict for verdict in self.verdicts if not verdict.hit.bank), None)

    @property
    def rule(self) -> str | None:
        """Return the name of the deciding rule, or None."""
        return self.unread or (self.verdicts[0].rule if self.verdicts else None)

    @property
    def missing(self) -> str:
        """Return who would have to stand behind the deciding signal; "" if nobody."""
        return self.verdicts[0].missing if self.verdicts and not self.unread else ""

    @property
    def exercise(self) -> bool:
        """Whether this is part of an exercise, so that nothing may happen to the content."""
        is_by_signal = self.verdicts and not self.unread
        return bool(is_by_signal) and self.verdicts[0].hit.signal.exercise


NOTHING = Decision(action=None, why="no signal matches")


def is_active(signal: FeedSignal, *, now: datetime, exercise: bool) -> bool:
    """Whether a signal is active; an expired one is not, even while the hub is unreachable.

    exercise: whether this agent takes part in exercises.
    """
    is_over = signal.expires_at is not None and signal.expires_at <= now
    return not is_over and (exercise or not signal.exercise)


def within_bits(signal: FeedSignal) -> int:
    """Return within how many bits a signal matches."""
    if signal.kind is not Kind.PDQ:
        return 0
    return MATCH_WITHIN_BITS if signal.within_bits is None else signal.within_bits


def rule_names(policy: Policy) -> list[str]:
    """Return the names that the deciding rule of a policy may have."""
    return [
        *(rule.name for rule in policy.rules),
        NO_RULE,
        OWN_BANK,
        *(word.name for word in fields(Unread)),
    ]


def decide(hits: Sequence[Hit], policies: Policies, parties: Parties) -> Decision:
    """Decide about a piece of content by the signals that it matched, and for each shadow.

    parties: those that share or confirm these signals.
    """
    if not hits:
        if not policies.shadows:
            return NOTHING
        return replace(NOTHING, shadows=dict.fromkeys(policies.shadows, NOTHING))
    shadows = {
        shadow: _decide_by(hits, policy, parties) for shadow, policy in policies.shadows.items()
    }
    decision = _decide_by(hits, policies.acting, parties)
    return replace(decision, shadows=shadows) if shadows else decision


def _decide_by(hits: Sequence[Hit], policy: Policy, parties: Parties) -> Decision:
    """Return the decision of one policy."""
    verdicts = sorted(judge(hits, policy, parties), key=_strongest_first)
    return Decision(verdicts[0].action, _explain(verdicts), tuple(verdicts))


def hold_unread(decision: Decision, remarks: Sequence[str], *, policies: Policies) -> Decision:
    """Return the decision, raised to a hold if some of the content could not be read."""
    if not remarks:
        return decision
    shadows = {
        shadow: _hold_unread(shadowed, remarks, policy=policies.shadows[shadow].unread)
        for shadow, shadowed in decision.shadows.items()
    }
    decision = _hold_unread(decision, remarks, policy=policies.acting.unread)
    return replace(decision, shadows=shadows) if shadows else decision


def _hold_unread(decision: Decision, remarks: Sequence[str], *, policy: Unread) -> Decision:
    remark = unread_remark(remarks, policy=policy)
    if not remark or (decision.action and decision.action.rank >= Action.HOLD.rank):
        return decision
    name = remark.partition(":")[0]
    matched = f"; {decision.why}" if decision.verdicts else ""
    why = f"not all of it could be looked at ({remark}): policy.{name} says hold{matched}"
    return replace(decision, action=Action.HOLD, why=why, unread=name)


def unread_remark(remarks: Sequence[str], *, policy: Unread) -> str:
    """Return the first remark that the policy holds content for; "" if there is none."""
    prefixes = tuple(
        f"{word.name}: " for word in fields(policy) if getattr(policy, word.name) is OnUnread.HOLD
    )
    return next((remark for remark in remarks if remark.startswith(prefixes)), "")


def judge(
    hits: Sequence[Hit], policy: Policy, parties: Parties, *, is_earlier: bool = False
) -> list[SignalVerdict]:
    """Return the action that each matched signal leads to, and why.

    is_earlier: the content was acted on before, and is judged again.
    """
    return [
        _judge_one(hit, policy, backing, is_earlier=is_earlier)
        for hit, backing in zip(hits, backings(hits, policy, parties), strict=True)
    ]


def backings(hits: Sequence[Hit], policy: Policy, parties: Parties) -> list[Backing]:
    """Return who supports each matched signal."""
    sharers = [parties.trust_of(hit.signal.shared_by) for hit in hits]
    requests = [
        _requested_action(hit, policy.rules, sharer).rank
        for hit, sharer in zip(hits, sharers, strict=True)
    ]
    alike: dict[object, list[int]] = defaultdict(list)
    for number, hit in enumerate(hits):
        alike[_likeness(hit, number)].append(number)
    behind = []
    for number, hit in enumerate(hits):
        others = [
            sharers[other]
            for other in alike[_likeness(hit, number)]
            if requests[other] >= requests[number]
        ]
        others += [parties.trust_of(name) for name in hit.signal.confirmed_by]
        by_name = {party.name: party for party in others if not policy.is_in_shadow(party)}
        by_name.pop(sharers[number].name, None)
        behind.append(Backing(sharers[number], tuple(by_name.values()), parties))
    return behind


def _likeness(hit: Hit, number: int) -> object:
    """Return a key that matches of the same value share; without a value a match is alone."""
    signal = hit.signal
    if not signal.value or hit.bank:
        return number
    return hit.kind, signal.value.lower(), hit.part, hit.reach, signal.exercise


def _requested_action(hit: Hit, rules: Sequence[Rule], sharer: PartyTrust) -> Action:
    """Return the strongest action that a signal asks for, if enough parties stood behind it.

    Somebody who shares a value as a record of news does not stand behind a block of it. That the
    flood guard lowered the signal says nothing about what its sharer asks for.
    """
    actions = [Action.LOG]
    for rule in rules:
        if applies(rule, hit, sharer):
            actions.append(
                min([rule.action, *(cap for cap, _ in _caps(hit, is_guarded=False))], key=_rank)
            )
            if rule.min_parties is None and not rule.confirmed_by_kinds:
                break
    return max(actions, key=_rank)


def _rank(action: Action) -> int:
    return action.rank


def _judge_one(hit: Hit, policy: Policy, backing: Backing, *, is_earlier: bool) -> SignalVerdict:
    """Return the action that one signal leads to."""
    if isinstance(hit.signal, OwnSignal):
        return _judge_own(hit, hit.signal)
    rule = next(
        (
            candidate
            for candidate in policy.rules
            if applies(candidate, hit, backing.sharer) and backing.confirms(candidate)
        ),
        None,
    )
    wanted_action = rule.action if rule else Action.LOG
    action, caps, missing = wanted_action, [], ""
    all_caps = _caps(hit)
    if policy.is_in_shadow(backing.sharer):
        who = f"{backing.sharer.kind} {backing.sharer.name}"
        all_caps.append((Action.LOG, f"{who} is in shadow, so its signals only log"))
    for most, cap in all_caps:
        if action.rank > most.rank:
            action = most
            caps.append(cap)
    limit = backing.cap(rule, kind=hit.kind, reach=hit.reach, is_earlier=is_earlier)
    if limit and action.rank > limit[0].rank:
        action, missing = limit
        caps.append(missing)
    is_lowered = hit.signal.lowered and (wanted_action is Action.BLOCK or hit.signal.disputed)
    if is_lowered and action is Action.HOLD:
        missing = missing or LOWERED
    name = rule.name if rule else NO_RULE
    return SignalVerdict(hit, action, name, wanted_action, tuple(caps), missing)


def _judge_own(hit: Hit, item: OwnSignal) -> SignalVerdict:
    """Return the action that an item of an own bank leads to."""
    action, caps = item.bank_action, []
    for most, cap in _caps(hit):
        if action.rank > most.rank:
            action = most
            caps.append(cap)
    return SignalVerdict(hit, action, OWN_BANK, item.bank_action, tuple(caps))


def applies(rule: Rule, hit: Hit, sharer: PartyTrust) -> bool:
    """Whether every condition of a rule on the match and on the sharer holds."""
    return _fits_signal(rule, hit) and (
        (not rule.sharers or sharer.name in rule.sharers)
        and (not rule.sharer_kinds or sharer.kind in rule.sharer_kinds)
        and (not rule.sharer_standing or sharer.standing in rule.sharer_standing)
    )


def _fits_signal(rule: Rule, hit: Hit) -> bool:
    """Whether every condition of a rule on the match holds."""
    signal = hit.signal
    on_dispute = rule.disputed is OnDispute.ALSO or (
        (rule.disputed is OnDispute.ONLY) == signal.disputed
    )
    is_near = rule.max_distance_bits is None or hit.distance_bits <= rule.max_distance_bits
    is_long = hit.matched_s is None or hit.matched_s >= rule.min_matched_s
    return (
        on_dispute
        and is_near
        and is_long
        and hit.match_percent >= rule.min_match_percent
        and signal.severity.rank >= rule.min_severity.rank
        and signal.confidence >= rule.min_confidence
        and (not rule.labels or not rule.labels.isdisjoint(signal.labels))
        and (not rule.kinds or hit.kind in rule.kinds)
        and (not rule.reach or hit.reach in rule.reach)
        and (not rule.provenance or signal.provenance in rule.provenance)
        and (not rule.tlp or signal.tlp in rule.tlp)
        and (not rule.signed_with or is_signed(signal, rule.signed_with))
    )


def _caps(hit: Hit, *, is_guarded: bool = True) -> list[tuple[Action, str]]:
    """Return upper limits on the action that this match may lead to, with their reasons.

    is_guarded: whether the marks of the flood guard are among them.
    """
    signal = hit.signal
    pap = PAP_ALLOWS[signal.pap]
    caps = [(pap, f"PAP:{signal.pap.upper()} allows {pap} at most")]
    if signal.disputed_by_you:
        caps.append((Action.LOG, "your own party disputes this signal, which then only logs"))
    elif signal.lowered and is_guarded:
        caps.append((Action.HOLD, LOWERED))
    elif signal.disputed:
        caps.append((Action.HOLD, "a disputed signal leads to hold at most"))
    if isinstance(signal, SwitchedOffSignal):
        why = f"the signal is switched off at this agent ({signal.why_off}), so that it only logs"
        caps.append((Action.LOG, why))
    if hit.allowed:
        caps.append((Action.LOG, f"the content is {hit.allowed}, so that a match only logs"))
    if hit.match_percent < SURE_PERCENT:
        why = f"a match that is {hit.match_percent} % sure leads to hold at most"
        caps.append((Action.HOLD, why))
    if signal.exercise:
        caps.append((Action.LOG, "an exercise only logs"))
    return caps


def _strongest_first(verdict: SignalVerdict) -> tuple[int, bool, int, str]:
    hit = verdict.hit
    unsure = 100 - hit.match_percent + hit.distance_bits
    return -verdict.action.rank, hit.signal.exercise, unsure, str(hit.signal.id)


def _explain(verdicts: Sequence[SignalVerdict]) -> str:
    """Return one sentence that a moderator can quote when an uploader complains."""
    first = verdicts[0]
    hit = first.hit
    near = f", {hit.distance_bits} bits away" if hit.kind is Kind.PDQ else ""
    is_by_local = hit.transform.startswith(BY_LOCAL_FEATURES)
    if hit.found or is_by_local:
        near = f", {hit.match_percent} % sure"
    if is_by_local:
        places = f" ({hit.found[0].score:g} places agree)" if hit.found else ""
        near += f", by {BY_LOCAL_FEATURES}{places}"
    if hit.part == PICTURE_TEXT:
        near += f", {PICTURE_TEXT}"
    if hit.matched_s is not None:
        near += f", {hit.matched_s:.1f} s of it"
    if hit.reach not in (None, Reach.ADDRESS):
        near = f", which covers the whole {hit.reach}"
    rule_text = f"rule {first.rule!r} says {first.rule_action}"
    if first.rule == NO_RULE:
        rule_text = f"no rule of the policy fits, so {first.rule_action}"
    if hit.bank:
        rule_text = f"the bank says {first.rule_action}"
    capped = f"; {'; '.join(first.caps)}" if first.caps else ""
    others = f"; {len(verdicts) - 1} more matched" if len(verdicts) > 1 else ""
    whose = f"own bank {hit.bank}" if hit.bank else hit.signal.shared_by
    thing = "item" if hit.bank else "signal"
    match_text = f"{hit.kind} {thing} {hit.signal.id} of {whose}{near}"
    return f"{match_text}: {rule_text}{capped}{others}"
