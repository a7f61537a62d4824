# SPDX-License-Identifier: Apache-2.0
"""Run the model of spread with real agents at the providers that take part.

Every few minutes 1 each of these providers gets a sample of the copies as real files, of the
variants with most copies; 2 its agent's answer decides about all copies of the variant there until
the next sample, which is the weight of the sample; 3 variants that were not asked about match as
often as those that were; 4 the model runs on, and what agents stop changes the spread.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from stemtide.exercises.spread.model import (
    MAX_VARIANTS,
    Counts,
    Flags,
    SpreadPlan,
    SpreadState,
    Uploads,
)


@dataclass(frozen=True, slots=True)
class WeighedSample:
    """A copy that a real agent was asked about.

    weight: copies of this variant that people uploaded at the provider until the next sample.
    """

    at_min: float
    provider: str
    variant: int
    weight: int
    is_match: bool


@dataclass(frozen=True, slots=True)
class SpreadPoint:
    """Sums up to a minute; visible is at that minute.

    visible_without, visible_min_without: the same spread without agents.
    visible_min: minutes that copies were visible, summed over copies.
    at_agents, stopped: uploads at the providers with an agent, and those of them blocked at upload.
    """

    at_min: float
    uploads: int
    at_agents: int
    stopped: int
    deleted: int
    visible: int
    visible_without: int
    visible_min: int
    visible_min_without: int


class LiveState(SpreadState):
    """The state of a run whose agents are real.

    answers:  whether an agent matches a variant, (agents, MAX_VARIANTS).
    uploaded: uploads since the last sample, (agents, MAX_VARIANTS).
    """

    def __init__(self, plan: SpreadPlan, rng: np.random.Generator) -> None:
        super().__init__(plan, rng)
        self.answers: Flags = np.zeros((plan.agents, MAX_VARIANTS), np.bool_)
        self.uploaded: Counts = np.zeros((plan.agents, MAX_VARIANTS), np.int64)

    def recognise(self, uploads: Uploads) -> tuple[Flags, Flags]:
        """Return twice which uploads agents stop: the others are asked about again later."""
        has_agent = uploads.has_agent
        place = (uploads.services[has_agent], uploads.variants[has_agent])
        np.add.at(self.uploaded, place, 1)
        is_caught = np.zeros(len(has_agent), np.bool_)
        is_caught[has_agent] = self.answers[place]
        return is_caught, is_caught

    def look_back(self, used: Counts) -> None:
        """Delete earlier copies of variants that the agent of their service matches."""
        matched = used * self.answers[:, : self.variants]
        self.deleted[: self.plan.agents] += matched.sum(axis=1)
        used -= matched


@dataclass(frozen=True, slots=True)
class SpreadOutcome:
    """The outcome of a spread. services: all; providers: those of them with a real agent."""

    step: str
    content: str
    services: int
    providers: tuple[str, ...]
    points: tuple[SpreadPoint, ...]
    samples: tuple[WeighedSample, ...]


@dataclass(slots=True)
class LiveSpread:
    """A spread through real agents. ask: uploads a variant at a provider; whether it matched.

    providers: the services with an agent, largest first. sample: variants at each in each sample.
    """

    plan: SpreadPlan
    seed: int
    providers: Sequence[str]
    sample: int
    ask: Callable[[str, int], bool]
    points: list[SpreadPoint] = field(default_factory=list)
    samples: list[WeighedSample] = field(default_factory=list)
    _state: LiveState = field(init=False)
    _without: SpreadState = field(init=False)
    _luck: npt.NDArray[np.float64] = field(init=False)
    _open: list[tuple[float, int, int, bool]] = field(default_factory=list)
    _minute: int = 0
    _uploads: int = 0
    _at_agents: int = 0
    _visible_min: int = 0
    _visible_min_without: int = 0

    def __post_init__(self) -> None:
        """Make both states, with and without agents, from the same seed."""
        self._state = LiveState(self.plan, np.random.default_rng(self.seed))
        bare = replace(self.plan, agents=0)
        self._without = SpreadState(bare, np.random.default_rng(self.seed))
        self._luck = np.random.default_rng([self.seed, 1]).random(MAX_VARIANTS)

    def ask_agents(self, at_min: float) -> int:
        """Ask real agents about a sample (1 to 3); return how many copies were uploaded for it."""
        variants = self._commonest()
        for number, provider in enumerate(self.providers):
            answers = {variant: self.ask(provider, variant) for variant in variants}
            altered = [is_match for variant, is_match in answers.items() if variant]
            share = sum(altered) / len(altered) if altered else 0.0
            row = self._state.answers[number]
            row[:] = self._luck < share
            for variant, is_match in answers.items():
                row[variant] = is_match
                self._open.append((at_min, number, variant, is_match))
        return len(variants) * len(self.providers)

    def run_until(self, minute: int, *, at_min: float) -> None:
        """Run the model up to a minute of the spread (4), and weigh the samples before it."""
        while self._minute < minute:
            self._uploads += self._state.upload(self._minute)
            self._state.delete(self._minute)
            self._without.upload(self._minute)
            self._without.delete(self._minute)
            self._visible_min += self._state.visible
            self._visible_min_without += self._without.visible
            self._minute += 1
        self.samples += [
            WeighedSample(
                asked_at,
                self.providers[number],
                variant,
                int(self._state.uploaded[number, variant]),
                is_match,
            )
            for asked_at, number, variant, is_match in self._open
        ]
        self._open.clear()
        self._at_agents += int(self._state.uploaded.sum())
        self._state.uploaded[:] = 0
        self.points.append(self._point(at_min))

    def _commonest(self) -> list[int]:
        """Return the variants with most copies so far, the original first."""
        copies = self._state.copies[: self._state.variants]
        order = np.argsort(-copies, kind="stable")[: self.sample]
        return sorted({0, *(int(variant) for variant in order)})[: self.sample]

    def _point(self, at_min: float) -> SpreadPoint:
        agents = self.plan.agents
        return SpreadPoint(
            at_min=at_min,
            uploads=self._uploads,
            at_agents=self._at_agents,
            stopped=int(self._state.blocked[:agents].sum()),
            deleted=int(self._state.deleted.sum()),
            visible=self._state.visible,
            visible_without=self._without.visible,
            visible_min=self._visible_min,
            visible_min_without=self._visible_min_without,
        )
