# SPDX-License-Identifier: Apache-2.0
"""Prometheus metrics: requests and streams of this process, and counts for the key's party."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from stemtide.hub.platform.disconnects import served
from stemtide.hub.process_metrics import process
from stemtide.hub.rooms.alerts.rules.alerts import AlertState, Channel, DeliveryState
from stemtide.hub.rooms.parties.reads.parties import AgentRow
from stemtide.hub.vitals import Trouble
from stemtide.protocol.enums import Outcome, SignalState

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_BUCKETS_S = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_requests = Counter(
    "stemtide_requests",
    "Answers of the door for machines.",
    ["route", "method", "status"],
    registry=process,
)
_seconds = Histogram(
    "stemtide_request_seconds",
    "Time until an answer was ready (a snapshot: its beginning).",
    ["route"],
    buckets=_BUCKETS_S,
    registry=process,
)
_abandoned = Counter(
    "stemtide_requests_abandoned",
    "Requests that ended because their caller hung up: waiting for a thread, or working.",
    ["when"],
    registry=process,
)
_at_work = Gauge(
    "stemtide_requests_at_work",
    "Requests that threads work for, by whether their caller waits or has left.",
    ["caller"],
    registry=process,
)
_at_work.labels("waits").set_function(partial(served, has_left=False))
_at_work.labels("left").set_function(partial(served, has_left=True))
_pool_in_use = Gauge(
    "stemtide_pool_in_use",
    "Places for requests that are in use, each with a thread and a database connection.",
    ["lane"],
    registry=process,
)
_pool_waiting = Gauge(
    "stemtide_pool_waiting", "Requests that wait for a place.", ["lane"], registry=process
)
_pool_size = Gauge("stemtide_pool_size", "Places that there are.", ["lane"], registry=process)
from_memory = Counter(
    "stemtide_memory_answers",
    "Answers to agents that needed neither Django nor the database.",
    ["route"],
    registry=process,
)
shares_in_a_commit = Histogram(
    "stemtide_shares_in_a_commit",
    "Single shares that one transaction stored together.",
    buckets=(1, 2, 4, 8, 16, 32, 64, 100),
    registry=process,
)
streams_open = Gauge("stemtide_streams_open", "Event streams open here.", registry=process)


@dataclass(frozen=True, slots=True)
class StandbyFacts:
    """How many standbys should follow, how many do, and how far the last of them is behind."""

    expected: int
    following: int
    lag_bytes: int
    lag_s: float


@dataclass(frozen=True, slots=True)
class OperationFacts:
    """What goes wrong slowly, in seconds and days. None: there is none, or it cannot be read.

    oldest_waiting_s: by queue, how long the oldest delivery is overdue; 0 if none is.
    certificate_days: by seal, until it expires. tls_days: of the public address.
    clock_offset_s: of the database's clock. standbys: None if none are expected.
    """

    oldest_waiting_s: Mapping[str, float]
    certificate_days: Mapping[str, float]
    backup_age_s: float | None
    clock_offset_s: float | None
    tls_days: float | None
    standbys: StandbyFacts | None


class RequestPool(Protocol):
    """Places for requests, and requests that wait for one."""

    size: int
    in_use: int

    @property
    def waiting(self) -> int:
        """Return how many wait."""


def publish_pool(name: str, pool: RequestPool) -> None:
    """Publish how full a pool is from now on."""
    _pool_size.labels(name).set(pool.size)
    _pool_in_use.labels(name).set_function(lambda: pool.in_use)
    _pool_waiting.labels(name).set_function(lambda: pool.waiting)


def count_request(*, route: str, method: str, status: int, seconds: float) -> None:
    """Count a response. route: its name in urls.py, never the requested path."""
    counted_method = method if method in _METHODS else "other"  # strangers may send any word
    _requests.labels(route, counted_method, str(status)).inc()
    _seconds.labels(route).observe(seconds)


def count_abandoned(when: str) -> None:
    """Count a request whose client disconnected. when: "waiting" or "working"."""
    _abandoned.labels(when).inc()


def text(
    totals: dict[str, int],
    *,
    agents: Iterable[AgentRow],
    alerts: Mapping[str, int],
    deliveries: Mapping[tuple[str, str], int],
    exchanges: Mapping[str, int],
    troubles: Iterable[Trouble],
    log_leaves: int,
    free_bytes: int | None,
    operation: OperationFacts,
) -> bytes:
    """Return all metrics in Prometheus' text format.

    totals, agents: as the party may see them (signals.reads.totals, parties.reads.agents).
    alerts, deliveries: counts of alerts by state, and of deliveries by channel and state.
    exchanges: counts by state; empty for parties that may not see them.
    troubles: problems of this process with disk and database.
    log_leaves: entries of the ledger that are in the transparency log. free_bytes: of the data
    folder; None if it cannot be read. operation: of the hub as a whole.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_HubMetrics(totals, agents=list(agents)))
    registry.register(_Alerts(alerts, deliveries=deliveries))
    registry.register(_Exchanges(exchanges))
    registry.register(_Troubles(troubles))
    registry.register(_Storage(log_leaves, free_bytes=free_bytes))
    registry.register(_Operation(operation))
    return generate_latest(process) + generate_latest(registry)


class _Alerts(Collector):
    """Metrics of alerts and their deliveries."""

    def __init__(
        self, alerts: Mapping[str, int], *, deliveries: Mapping[tuple[str, str], int]
    ) -> None:
        self._alerts = alerts
        self._deliveries = deliveries

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Yield the metric families, with zeros for states that have none."""
        alerts = GaugeMetricFamily("stemtide_alerts", "Alerts by state.", labels=["state"])
        for state in AlertState:
            alerts.add_metric([state], self._alerts.get(state, 0))
        yield alerts
        deliveries = GaugeMetricFamily(
            "stemtide_deliveries", "Deliveries of alerts.", labels=["channel", "state"]
        )
        for channel in Channel:
            for delivery_state in DeliveryState:
                deliveries.add_metric(
                    [channel, delivery_state], self._deliveries.get((channel, delivery_state), 0)
                )
        yield deliveries


class _Exchanges(Collector):
    """Metrics of exchanges with other hubs."""

    def __init__(self, states: Mapping[str, int]) -> None:
        self._states = states

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Yield the metric family if there are exchanges."""
        if not self._states:
            return
        family = GaugeMetricFamily("stemtide_exchanges", "Exchanges by state.", labels=["state"])
        for state, count in self._states.items():
            family.add_metric([state], count)
        yield family


class _Troubles(Collector):
    """Metrics of this process's health."""

    def __init__(self, troubles: Iterable[Trouble]) -> None:
        self._reasons = {(trouble.part, trouble.reason) for trouble in troubles}

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Yield whether /health is OK, and a sample for each reason if not."""
        yield GaugeMetricFamily(
            "stemtide_healthy", "1 while disk and database work.", float(not self._reasons)
        )
        family = GaugeMetricFamily(
            "stemtide_trouble", "1 for each thing that is wrong.", labels=["part", "reason"]
        )
        for part, reason in sorted(self._reasons):
            family.add_metric([part, reason], 1)
        yield family


class _Storage(Collector):
    """Metrics of the transparency log and of the disk."""

    def __init__(self, log_leaves: int, *, free_bytes: int | None) -> None:
        self._log_leaves = log_leaves
        self._free_bytes = free_bytes

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Yield the metric families."""
        yield GaugeMetricFamily(
            "stemtide_log_leaves", "Ledger entries in the transparency log.", self._log_leaves
        )
        if self._free_bytes is not None:
            yield GaugeMetricFamily(
                "stemtide_disk_free_bytes", "Free space of the data folder.", self._free_bytes
            )


class _Operation(Collector):
    """Metrics of what goes wrong slowly."""

    def __init__(self, facts: OperationFacts) -> None:
        self._facts = facts

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Yield the metric families; none for what there is not."""
        facts = self._facts
        waiting = GaugeMetricFamily(
            "stemtide_oldest_waiting_seconds",
            "How long the oldest delivery of a queue is overdue.",
            labels=["queue"],
        )
        for queue, seconds in facts.oldest_waiting_s.items():
            waiting.add_metric([queue], seconds)
        yield waiting
        days = GaugeMetricFamily(
            "stemtide_certificate_days", "Days until a seal expires.", labels=["seal"]
        )
        for seal, left in facts.certificate_days.items():
            days.add_metric([seal], left)
        yield days
        if facts.tls_days is not None:
            yield GaugeMetricFamily(
                "stemtide_tls_certificate_days",
                "Days until the TLS certificate of the public address expires.",
                facts.tls_days,
            )
        if facts.backup_age_s is not None:
            yield GaugeMetricFamily(
                "stemtide_backup_age_seconds", "Age of the newest backup.", facts.backup_age_s
            )
        if facts.clock_offset_s is not None:
            yield GaugeMetricFamily(
                "stemtide_clock_offset_seconds",
                "This machine's clock minus that of the database server.",
                facts.clock_offset_s,
            )
        if facts.standbys is not None:
            yield from _standby_metrics(facts.standbys)


def _standby_metrics(standbys: StandbyFacts) -> Iterable[GaugeMetricFamily]:
    """Yield how standbys of the database are."""
    for name, words, value in (
        ("standbys_expected", "Standbys that should follow.", standbys.expected),
        ("standbys_following", "Standbys that follow.", standbys.following),
        ("standby_lag_bytes", "Changes that the last of them lacks.", standbys.lag_bytes),
        ("standby_lag_seconds", "How late the last of them took a change in.", standbys.lag_s),
    ):
        yield GaugeMetricFamily(f"stemtide_{name}", words, value)


class _HubMetrics(Collector):
    """Metrics of ledger, feed, signals, outcomes and agents."""

    def __init__(self, totals: dict[str, int], *, agents: list[AgentRow]) -> None:
        self._totals = totals
        self._agents = agents

    def collect(self) -> Iterable[GaugeMetricFamily | CounterMetricFamily]:
        """Yield the metric families."""
        totals = self._totals
        yield GaugeMetricFamily(
            "stemtide_ledger_entries", "Entries in the ledger.", totals["ledger_entries"]
        )
        yield GaugeMetricFamily(
            "stemtide_feed_position", "Highest feed position.", totals["feed_position"]
        )
        signals = GaugeMetricFamily("stemtide_signals", "Signals by state.", labels=["state"])
        for state in SignalState:
            signals.add_metric([state], totals[f"signals_{state}"])
        yield signals
        yield GaugeMetricFamily(
            "stemtide_signals_disputed",
            "Live signals that a party disputes.",
            totals["signals_disputed"],
        )
        outcomes = CounterMetricFamily(
            "stemtide_outcomes", "What became of content that matched.", labels=["outcome"]
        )
        for outcome in Outcome:
            outcomes.add_metric([outcome], totals[f"outcomes_{outcome}"])
        yield outcomes
        yield from self._agent_metrics()

    def _agent_metrics(self) -> Iterable[GaugeMetricFamily]:
        """Yield the status of agents."""
        connected = GaugeMetricFamily(
            "stemtide_agent_connected", "1 while it is heard of.", labels=["party", "agent"]
        )
        behind = GaugeMetricFamily(
            "stemtide_agent_behind", "Feed positions still to take in.", labels=["party", "agent"]
        )
        trouble = GaugeMetricFamily(
            "stemtide_agent_trouble",
            "1 for each thing that an agent says is wrong with it.",
            labels=["party", "agent", "reason"],
        )
        for agent in self._agents:
            for reason in agent.troubles:
                trouble.add_metric([agent.party, agent.name, reason], 1)
            connected.add_metric([agent.party, agent.name], float(agent.is_connected))
            behind.add_metric([agent.party, agent.name], agent.behind)
        yield connected
        yield behind
        yield trouble
