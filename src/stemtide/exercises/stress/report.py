# SPDX-License-Identifier: Apache-2.0
"""Figures of a stress test, and the thresholds that it broke."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from stemtide.exercises.counts import percentile
from stemtide.exercises.stress.agent import SimulatedAgent
from stemtide.exercises.stress.load import Share, Stress

BUSY = 0.8
"""Share of a core above which the test's own process is too busy to measure well."""


@dataclass(frozen=True, slots=True)
class StressReport:
    """Figures of a test. Times in milliseconds, from the begin of a share to its arrival.

    lost:    arrivals that are missing: a signal at one agent counts once.
    gaps:    events that the stream skipped. repeats: signals and events that came twice.
    broken:  streams that ended. again: shares that were sent again after a broken connection.
    refused: shares that the hub refused. own_load: of the test's process, in cores.
    """

    agents: int
    shares: int
    arrivals: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    worst_ms: float
    share_p50_ms: float
    share_p99_ms: float
    lost: int
    gaps: int
    repeats: int
    broken: int
    again: int
    refused: int
    opened_s: float
    own_load: float

    def row(self) -> dict[str, object]:
        """Return the figures by name."""
        return asdict(self)

    def text(self) -> str:
        """Return the figures for people."""
        return (
            f"{self.agents} agents, {self.shares} shares: p50 {self.p50_ms:.0f} ms,"
            f" p95 {self.p95_ms:.0f} ms, p99 {self.p99_ms:.0f} ms, slowest {self.worst_ms:.0f} ms"
            " from the share to an agent\n"
            f"A share was answered in {self.share_p50_ms:.0f} ms (p99 {self.share_p99_ms:.0f} ms)."
            f" All streams were open after {self.opened_s:.1f} s\n"
            f"Lost {self.lost} of {self.arrivals + self.lost}, gaps {self.gaps}, twice"
            f" {self.repeats}. Streams that broke {self.broken}, shares sent again {self.again},"
            f" refused {self.refused}"
        )

    def warnings(self) -> Iterable[str]:
        """Yield reasons to doubt the figures."""
        if self.own_load > BUSY:
            yield (
                f"This command used {self.own_load:.0%} of a core itself, so its times may be its"
                " own: start fewer agents, or start it on several machines"
            )


def report(stress: Stress) -> StressReport:
    """Return the figures of a test that has ended."""
    stored = stress.stored
    times = sorted(arrivals(stored, stress.agents))
    answers = sorted((share.answered_at - share.begun_at) * 1000 for share in stored)
    return StressReport(
        agents=len(stress.agents),
        shares=len(stored),
        arrivals=len(times),
        p50_ms=_percentile(times, 50),
        p95_ms=_percentile(times, 95),
        p99_ms=_percentile(times, 99),
        worst_ms=round(max(times, default=0.0), 1),
        share_p50_ms=_percentile(answers, 50),
        share_p99_ms=_percentile(answers, 99),
        lost=len(stored) * len(stress.agents) - len(times),
        gaps=stress.counts.gaps,
        repeats=stress.counts.repeats,
        broken=stress.counts.broken,
        again=stress.again,
        refused=stress.refused.total(),
        opened_s=stress.opened_s,
        own_load=stress.own_load,
    )


def arrivals(shares: Iterable[Share], agents: Iterable[SimulatedAgent]) -> Iterable[float]:
    """Yield the milliseconds after which each signal came to each agent."""
    for share in shares:
        value = share.value.encode()
        for agent in agents:
            if value in agent.arrived:
                yield (agent.arrived[value] - share.begun_at) * 1000


def broken_thresholds(figures: StressReport, limits: Mapping[str, float | None]) -> list[str]:
    """Return which limits are exceeded, in words. limits: by the name of the figure."""
    values = {name: float(getattr(figures, name)) for name in limits}
    return [
        f"{name.removesuffix('_ms')} is {values[name]:g}, above {limit:g}"
        for name, limit in limits.items()
        if limit is not None and values[name] > limit
    ]


def _percentile(times: list[float], percent: int) -> float:
    """Return a percentile; 0 of nothing."""
    return percentile(times, percent=percent) or 0.0
