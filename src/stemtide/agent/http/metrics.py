# SPDX-License-Identifier: Apache-2.0
"""Export the counters of all processes at GET /metrics, in Prometheus text format."""

import math
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from itertools import accumulate, product
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from stemtide.agent.config.policy import Policies
from stemtide.agent.counters import ACTIONS, SECONDS, VERDICTS, Counters
from stemtide.agent.recognise.answers import Answer, DecisionOut
from stemtide.agent.recognise.policy import rule_names
from stemtide.fingerprints.kinds import Kind
from stemtide.protocol.enums import Action

_COUNTERS = {
    "items": "Pieces of content asked about.",
    "undecodable": "Content not wholly looked at.",
    "repeated": "Content whose bytes came lately, and which was not decoded again.",
    "hashes": "Hashes looked up by /match/hash and /match/hashes.",
    "hashes_matched": "Of these, hashes that a signal matched.",
    "live_chunks": "Chunks of live streams taken in.",
    "live_alarms": "Times that known content began in a live stream.",
    "allowed": "Matches that only log, because an allow-list covers the content.",
    "retro_matches": "Earlier uploads that a later signal led to an action on.",
    "catalogue_matches": "Content found by scans of a catalogue that led to an action.",
    "review_pictures": "Pictures that reviewers were shown.",
    "unkept": "Held files of which no copy could be kept.",
    "unjournaled": "Uploads that could not be written to the upload journal.",
}

_GAUGES = {
    "ready": "1 once there are signals to match against.",
    "healthy": "1 while /health says 200.",
    "hub_reachable": "1 while the hub answers.",
    "streaming": "1 while the hub's stream wakes the agent.",
    "position": "Feed position of the signals held.",
    "hub_head": "Highest feed position heard of.",
    "stale_s": "Seconds since the hub said that these are all the signals.",
    "outbox": "Outcomes not yet acknowledged by the hub.",
    "outbox_refused": "Outcomes that the hub refused.",
    "deliveries": "Deliveries under way.",
    "dead_letters": "Webhooks given up until someone retries them.",
    "statements_owed": "Statements of reasons that wait to be posted.",
    "statements_refused": "Statements of reasons that the database refused.",
    "unrecorded": "Decisions that could not be written down.",
    "skipped": "Feed entries that this version cannot read.",
    "unproved": "Entries of the feed that the hub's transparency log has not proved yet.",
    "lowered": "Signals that match far more than is plausible, and lead to hold at most.",
    "http_workers": "Processes that answer requests.",
    "live_streams": "Live streams that are open.",
}

_OPERATION = {
    "disk_free_bytes": "Free space of data_dir.",
    "oldest_delivery_s": "How long the oldest delivery has waited; 0 if none waits.",
    "oldest_outcome_s": "How long the oldest outcome has waited for the hub; 0 if none waits.",
    "clock_offset_s": "This machine's clock minus the hub's.",
    "certificate_days": "Days until the client certificate expires.",
    "decoding": "Uploads that are being decoded, or wait for it.",
    "decoders": "Uploads that can be decoded at a time.",
}

_JOURNAL = {
    "entries": "Uploads of the journal in memory.",
    "waiting": "Signals still to be compared with the journal.",
}

_REVIEW = {
    "waiting": "Held content that no person has decided about.",
    "late": "Of this, content that is held for longer than it should be.",
    "kept_files": "Encrypted copies of held files that are kept.",
    "kept_bytes": "Size of these copies.",
}

_COMPANION = {
    "reachable": "1 while HMA answers.",
    "handed": "Contents that HMA was handed and holds.",
    "waiting": "Hashes still to be handed to HMA.",
    "leaving": "Contents still to be deleted at HMA.",
    "refused": "Hashes that HMA refused.",
    "doubtful": "Hashes of which HMA may hold one content more.",
    "unchecked": "Contents that HMA is still to be asked for.",
    "unmatched": "Contents handed over that HMA does not match yet.",
    "behind_s": "Seconds since the first of these was handed over; 0 for none.",
    "last_delay_s": "Seconds from handing over to matching, the last time.",
}


def count(counters: Counters, answers: list[Answer], *, took_s: float) -> None:
    """Count the answers and duration of a POST /match."""
    bucket = bisect_left(SECONDS, took_s)
    counters.add(f"seconds {SECONDS[bucket] if bucket < len(SECONDS) else 'more'}")
    counters.add("seconds sum", took_s)
    count_answers(counters, answers)


def count_answers(counters: Counters, answers: list[Answer]) -> None:
    """Count answers by decision and by the kinds that matched."""
    counters.add("items", len(answers))
    for answer in answers:
        decision = answer.decision
        counters.add(f"decisions {decision.action or 'none'} {str(decision.exercise).lower()}")
        counters.add("undecodable", decision.undecodable)
        _count_shadows(counters, decision)
        for match in answer.matches:
            counters.add(f"matches {match.kind}")
            counters.add("allowed", bool(match.allowed))


def _count_shadows(counters: Counters, decision: DecisionOut) -> None:
    """Count the decisions of each shadow beside those that were made."""
    for shadow in decision.shadow:
        action = shadow.action or "none"
        counters.add(f"shadow {shadow.shadow} {action} {decision.action or 'none'}")
        if shadow.rule:
            counters.add(f"shadow {shadow.shadow} rule {action} {shadow.rule}")


def shadow_columns(policies: Policies) -> Iterator[str]:
    """Yield the columns that count what each shadow would have done."""
    for shadow, policy in policies.shadows.items():
        for action, done in product(ACTIONS, ACTIONS):
            yield f"shadow {shadow} {action} {done}"
        for action, rule in product(Action, rule_names(policy)):
            yield f"shadow {shadow} rule {action} {rule}"


def text(counters: Counters, health: Mapping[str, Any], policies: Policies) -> bytes:
    """Return all metrics in Prometheus text format; the gauges repeat /health."""
    registry = CollectorRegistry()
    registry.register(_Numbers(counters, health, policies))
    return generate_latest(registry)


class _Numbers(Collector):
    def __init__(self, counters: Counters, health: Mapping[str, Any], policies: Policies) -> None:
        self._tally = counters
        self._health = health
        self._policies = policies

    def collect(self) -> Iterator[Metric]:
        """Yield every metric."""
        for name, description in _COUNTERS.items():
            yield CounterMetricFamily(_full(name), description, value=self._tally.total(name))
        yield self._decisions()
        yield self._shadow_decisions()
        yield self._shadow_rules()
        yield self._matches()
        yield self._seconds()
        yield from self._reviews()
        for name, description in _GAUGES.items():
            value = self._health[name]
            yield GaugeMetricFamily(
                _full(name), description, value=math.nan if value is None else value
            )
        yield from self._optional("", _OPERATION, self._health["operation"])
        yield from self._optional("journal_", _JOURNAL, self._health["journal"] or {})
        trouble = GaugeMetricFamily(_full("trouble"), "1 for each trouble.", labels=["part"])
        for part in self._health["troubles"]:
            trouble.add_metric([part], 1)
        yield trouble
        for name, description in _COMPANION.items() if self._health["companion"] else ():
            value = self._health["companion"].get(name)
            full = _full(f"companion_{name}")
            yield GaugeMetricFamily(full, description, value=math.nan if value is None else value)
        walls = GaugeMetricFamily(_full("wall"), "1 if the wall stands.", labels=["wall"])
        for wall, is_standing in (self._health["walls"] or {}).items():
            walls.add_metric([wall], int(is_standing))
        yield walls
        signals = GaugeMetricFamily(_full("signals"), "Signals held.", labels=["kind"])
        for kind, number in self._health["signals"].items():
            signals.add_metric([kind], number)
        yield signals

    def _optional(
        self, prefix: str, texts: Mapping[str, str], values: Mapping[str, Any]
    ) -> Iterator[Metric]:
        """Yield gauges of the values that there are."""
        for name, description in texts.items():
            value = values.get(name)
            if value is not None:
                yield GaugeMetricFamily(_full(f"{prefix}{name}"), description, value=value)

    def _decisions(self) -> Metric:
        family = CounterMetricFamily(
            _full("decisions"), "Decisions.", labels=["action", "exercise"]
        )
        for action in ACTIONS:
            for exercise in ("false", "true"):
                number = self._tally.total(f"decisions {action} {exercise}")
                family.add_metric([action, exercise], number)
        return family

    def _reviews(self) -> Iterator[Metric]:
        """Yield counts of decisions on the review page, and of content that waits there."""
        family = CounterMetricFamily(
            _full("reviews"), "Decisions of reviewers.", labels=["verdict"]
        )
        for verdict in VERDICTS:
            family.add_metric([verdict], self._tally.total(f"review {verdict}"))
        yield family
        for name, description in _REVIEW.items() if self._health["review"] else ():
            full = _full(f"review_{name}")
            yield GaugeMetricFamily(full, description, value=self._health["review"][name])

    def _shadow_decisions(self) -> Metric:
        family = CounterMetricFamily(
            _full("shadow_decisions"),
            "Decisions that a shadow would have made, and what was done.",
            labels=["shadow", "action", "done"],
        )
        for shadow, action, done in product(self._policies.shadows, ACTIONS, ACTIONS):
            number = self._tally.total(f"shadow {shadow} {action} {done}")
            family.add_metric([shadow, action, done], number)
        return family

    def _shadow_rules(self) -> Metric:
        family = CounterMetricFamily(
            _full("shadow_rules"),
            "Decisions that a shadow would have made, by the deciding rule.",
            labels=["shadow", "rule", "action"],
        )
        for shadow, policy in self._policies.shadows.items():
            for rule, action in product(rule_names(policy), Action):
                number = self._tally.total(f"shadow {shadow} rule {action} {rule}")
                family.add_metric([shadow, rule, action], number)
        return family

    def _matches(self) -> Metric:
        family = CounterMetricFamily(_full("matches"), "Matches of signals.", labels=["kind"])
        for kind in Kind:
            family.add_metric([kind], self._tally.total(f"matches {kind}"))
        return family

    def _seconds(self) -> Metric:
        ends = [str(end) for end in SECONDS]
        numbers = accumulate(self._tally.total(f"seconds {end}") for end in (*ends, "more"))
        buckets = list(zip((*ends, "+Inf"), numbers, strict=True))
        family = HistogramMetricFamily(_full("match_seconds"), "Time that POST /match took.")
        family.add_metric([], buckets, sum_value=sum(self._tally.values("seconds sum")))
        return family


def _full(name: str) -> str:
    return f"stemtide_agent_{name}"
