# SPDX-License-Identifier: Apache-2.0
"""The steps of a scenario that are still to be done: due at a minute, or waiting for another."""

import heapq
import random
from dataclasses import dataclass, field
from typing import Self, TypeAlias

from stemtide.scenarios.schema import BotRule, Inject, Scenario

Step: TypeAlias = Inject | BotRule


@dataclass(slots=True)
class TimeLine:
    """Steps in the order of their minutes; steps of the same minute keep their order.

    happened: steps that were done and milestones that were reached.
    """

    seed: int
    happened: set[str] = field(default_factory=set)
    _due: list[tuple[float, int, Step]] = field(default_factory=list)
    _waiting: dict[str, list[BotRule]] = field(default_factory=dict)
    _count: int = 0

    @classmethod
    def begin(cls, scenario: Scenario, *, seed: int) -> Self:
        """Return the time line of a scenario: injects are due, rules wait."""
        time_line = cls(seed)
        for inject in scenario.injects:
            time_line.schedule(inject, at_min=inject.at_min)
        for rule in scenario.rules:
            time_line._waiting.setdefault(rule.after, []).append(rule)
        return time_line

    @property
    def next_at(self) -> float | None:
        """Return the minute at which the next step is due; None if nothing is."""
        return self._due[0][0] if self._due else None

    def take(self) -> tuple[float, Step]:
        """Remove and return the step that is due next, with its minute."""
        minutes, _, step = heapq.heappop(self._due)
        return minutes, step

    def due(self) -> dict[str, float]:
        """Return the minutes of the steps that are due, by name."""
        return {step.name: minutes for minutes, _, step in self._due}

    def waiting(self) -> set[str]:
        """Return the names of the rules that wait."""
        return {rule.name for rules in self._waiting.values() for rule in rules}

    def schedule(self, step: Step, *, at_min: float) -> None:
        """Make a step due at a minute."""
        self._count += 1
        heapq.heappush(self._due, (round(at_min, 2), self._count, step))

    def reach(self, name: str, *, minutes: float) -> None:
        """Note that a step was done or a milestone reached.

        Rules that waited for it become due, later by their delay and jitter.
        """
        self.happened.add(name)
        for rule in self._waiting.pop(name, []):
            rng = random.Random(f"{self.seed}/{rule.name}")  # noqa: S311 - reproducible by seed
            later = rule.delay_min + rng.uniform(0, rule.jitter_min)
            self.schedule(rule, at_min=minutes + later)

    def remove(self, name: str) -> Step | None:
        """Remove a step, whether it is due or waits; return it, or None if there is none."""
        for entry in self._due:
            if entry[2].name == name:
                self._due.remove(entry)
                heapq.heapify(self._due)
                return entry[2]
        for rules in self._waiting.values():
            for rule in rules:
                if rule.name == name:
                    rules.remove(rule)
                    return rule
        return None

    def missing(self, step: Step) -> str:
        """Return which condition of a step does not hold; "" if all do."""
        if missing := [name for name in step.only_if if name not in self.happened]:
            return f"only if {', '.join(missing)}"
        if present := [name for name in step.unless if name in self.happened]:
            return f"unless {', '.join(present)}"
        return ""
