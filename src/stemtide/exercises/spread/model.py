# SPDX-License-Identifier: Apache-2.0
"""Model the spread of a film over services, minute by minute; docs/understand/spread.md.

Each minute: 1 people upload copies, because they heard of the film or saw a copy; 2 an agent stops
copies that it knows and recognises; 3 the others are visible; 4 copies are reported and deleted,
and a variant that is deleted at a service with an agent becomes a signal; 5 agents find earlier
copies of it.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

MAX_VARIANTS = 20_000
"""Most variants of a run; further alterations count as copies of the last one."""


@dataclass(frozen=True, slots=True)
class SpreadPlan:
    """The numbers of a run. Times are in minutes, shares between 0 and 1.

    services:       how many; the first is the largest, the others are smaller and smaller.
    agents:         how many of them, largest first, have an agent.
    largest_share:  of all uploads that go to the largest service.
    first_signal:   when the first signal can travel.
    match_rate:     of the copies of a known variant that an agent recognises.
    share_delay:    from the first deletion of a variant until agents know it.
    interest:       uploads a minute at the peak, by people who heard of the film elsewhere.
    peak:           when this interest is highest.
    copied:         uploads a minute that each visible copy causes.
    altered:        of the uploads, those that begin a new variant.
    teams:          how many services, largest first, have people who look at reports at all hours.
    reported:       mean time until a visible copy is deleted there; left: elsewhere.

    source: calibrated on public figures of 15 March 2019; see docs/understand/spread.md.
    """

    services: int = 1000
    agents: int = 1
    hours: int = 24
    largest_share: float = 0.6
    first_signal: float = 60.0
    match_rate: float = 0.81
    share_delay: float = 15.0
    interest: float = 2785.0
    peak: float = 300.0
    copied: float = 0.001
    altered: float = 0.00043
    teams: int = 10
    reported: float = 90.0
    left: float = 720.0


@dataclass(frozen=True, slots=True)
class SpreadHour:
    """Counts up to the end of an hour: sums, but visible is at its end.

    uploads:  copies that people uploaded or tried to. blocked: of them, at upload. deleted: later.
    largest_: the same at the largest service alone. variants: that agents know.
    copy_hours: hours that copies were visible, summed over copies.
    """

    hour: int
    uploads: int
    blocked: int
    deleted: int
    largest_blocked: int
    largest_deleted: int
    visible: int
    variants: int
    copy_hours: float


@dataclass(slots=True)
class Spread:
    """A run of the model by itself. hours: filled by run()."""

    plan: SpreadPlan
    seed: int
    hours: list[SpreadHour] = field(default_factory=list)
    _uploads: int = 0
    _visible_minutes: int = 0

    def run(self) -> list[SpreadHour]:
        """Return the curve, hour by hour. The same plan and seed give the same curve."""
        state = SpreadState(self.plan, np.random.default_rng(self.seed))
        for minute in range(self.plan.hours * 60):
            self._uploads += state.upload(minute)
            state.delete(minute)
            self._visible_minutes += state.visible
            hour, rest = divmod(minute + 1, 60)
            if not rest:
                self.hours.append(self._hour(state, hour=hour))
        return self.hours

    def _hour(self, state: "SpreadState", *, hour: int) -> SpreadHour:
        return SpreadHour(
            hour=hour,
            uploads=self._uploads,
            blocked=int(state.blocked.sum()),
            deleted=int(state.deleted.sum()),
            largest_blocked=int(state.blocked[0]),
            largest_deleted=int(state.deleted[0]),
            visible=state.visible,
            variants=int(np.isfinite(state.known_at).sum()),
            copy_hours=round(self._visible_minutes / 60, 1),
        )


def service_shares(plan: SpreadPlan) -> npt.NDArray[np.float64]:
    """Return the share of uploads of each service: one large one, the others by Zipf's law."""
    if plan.services == 1:
        return np.ones(1)
    small = 1 / np.arange(1, plan.services)
    return np.concatenate([[plan.largest_share], (1 - plan.largest_share) * small / small.sum()])


@dataclass(frozen=True, slots=True)
class Uploads:
    """The uploads of a minute, (n,) each. has_agent: whether their service has an agent."""

    services: Counts
    variants: Counts
    has_agent: Flags


class SpreadState:
    """The state of a run. minute: the present one.

    unknown: visible copies at each service with an agent that came before their variant was known,
             (agents, MAX_VARIANTS); missed: those that the agent did not recognise, (agents,).
    elsewhere: visible copies at each service without an agent, (services - agents,).
    blocked, deleted: sums at each service, (services,). known_at: when agents know a variant.
    """

    def __init__(self, plan: SpreadPlan, rng: np.random.Generator) -> None:
        self.plan, self.rng = plan, rng
        self.bounds = np.cumsum(service_shares(plan))
        self.unknown: Counts = np.zeros((plan.agents, MAX_VARIANTS), np.int64)
        self.missed: Counts = np.zeros(plan.agents, np.int64)
        self.elsewhere: Counts = np.zeros(plan.services - plan.agents, np.int64)
        self.blocked: Counts = np.zeros(plan.services, np.int64)
        self.deleted: Counts = np.zeros(plan.services, np.int64)
        self.copies: Counts = np.zeros(MAX_VARIANTS, np.int64)
        self.copies[0] = 1
        self.minute = 0
        self.variants = 1
        self.known_at = np.full(MAX_VARIANTS, np.inf)
        has_team = np.arange(plan.services) < plan.teams
        self.deletion_rate = 1 / np.where(has_team, plan.reported, plan.left)

    @property
    def visible(self) -> int:
        """Return how many copies are visible now."""
        return int(self.unknown.sum() + self.missed.sum() + self.elsewhere.sum())

    def upload(self, minute: int) -> int:
        """Upload the copies of a minute (1 to 3); return how many."""
        plan, self.minute = self.plan, minute
        phase = minute / plan.peak
        rate = plan.interest * phase * np.exp(1 - phase) + plan.copied * self.visible
        count = int(self.rng.poisson(rate))
        services = np.searchsorted(self.bounds, self.rng.random(count), side="right")
        services = np.minimum(services, plan.services - 1)
        variants = self._variants(count)
        has_agent = services < plan.agents
        is_known, is_caught = self.recognise(Uploads(services, variants, has_agent))
        np.add.at(self.blocked, services[is_caught], 1)
        is_new = has_agent & ~is_known
        np.add.at(self.unknown, (services[is_new], variants[is_new]), 1)
        np.add.at(self.missed, services[has_agent & is_known & ~is_caught], 1)
        np.add.at(self.elsewhere, services[~has_agent] - plan.agents, 1)
        return count

    def recognise(self, uploads: Uploads) -> tuple[Flags, Flags]:
        """Return of which uploads agents know the variant, and which of them they stop (2)."""
        is_known = self.known_at[uploads.variants] <= self.minute
        is_seen = self.rng.random(len(is_known)) < self.plan.match_rate
        return is_known, uploads.has_agent & is_known & is_seen

    def _variants(self, count: int) -> Counts:
        """Return the variant of each upload: a new one, or one by how many copies it has."""
        bounds = np.cumsum(self.copies[: self.variants])
        shares = self.rng.random(count) * bounds[-1]
        variants: Counts = np.searchsorted(bounds, shares, side="right").astype(np.int64)
        is_altered = self.rng.random(count) < self.plan.altered
        begun = min(int(is_altered.sum()), MAX_VARIANTS - self.variants)
        places = np.flatnonzero(is_altered)[:begun]
        variants[places] = np.arange(self.variants, self.variants + begun)
        self.variants += begun
        np.add.at(self.copies, variants, 1)
        return variants

    def delete(self, minute: int) -> None:
        """Delete reported copies (4), and those that agents find once they know a variant (5)."""
        plan = self.plan
        used = self.unknown[:, : self.variants]
        reported = self.rng.binomial(used, self.deletion_rate[: plan.agents, np.newaxis])
        used -= reported
        self.deleted[: plan.agents] += reported.sum(axis=1)
        known_at = self.known_at[: self.variants]
        soon = max(minute + plan.share_delay, plan.first_signal)
        known_at[(reported.sum(axis=0) > 0) & np.isinf(known_at)] = soon
        self.look_back(used)
        for copies, services in (
            (self.missed, slice(0, plan.agents)),
            (self.elsewhere, slice(plan.agents, plan.services)),
        ):
            gone = self.rng.binomial(copies, self.deletion_rate[services])
            np.subtract(copies, gone, out=copies)
            self.deleted[services] += gone

    def look_back(self, used: Counts) -> None:
        """Delete earlier copies of variants that agents now know (5).

        used: visible copies that came before their variant was known, (agents, variants).
        """
        is_known = self.known_at[: self.variants] <= self.minute
        recognised = self.rng.binomial(used[:, is_known], self.plan.match_rate)
        self.deleted[: self.plan.agents] += recognised.sum(axis=1)
        self.missed += (used[:, is_known] - recognised).sum(axis=1)
        used[:, is_known] = 0
