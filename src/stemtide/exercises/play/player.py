# SPDX-License-Identifier: Apache-2.0
"""Play a scenario, in numbered steps.

1 injects are due at their times, rules some minutes after their step or milestone; 2 the clock runs
to the next step that is due; 3 its conditions are checked; 4 it is done, by a bot or the world,
while the clock is paused; 5 the ledger is read: a milestone may be reached; 6 rules that waited
for the step or the milestone become due.

The same seed gives the same acts at the same minutes of the exercise.
"""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from stemtide.client import HubError, UnreachableError
from stemtide.exercises.play import crisis_acts, request_acts, signal_acts, world_acts
from stemtide.exercises.play.clock import ExerciseClock
from stemtide.exercises.play.context import Context, NotPossibleError
from stemtide.exercises.play.desk import DeskError
from stemtide.exercises.scenarios import acts
from stemtide.exercises.scenarios.measures import MILESTONES
from stemtide.exercises.scenarios.schema import BotRule, Inject

if TYPE_CHECKING:
    from stemtide.hub.rooms.ledger.reads.ledger import EntryRow

_DO: dict[type[acts.BaseAct], Callable[[Context, Any], str]] = {
    acts.Tell: world_acts.tell,
    acts.UploadCopies: signal_acts.upload,
    acts.StopAgent: world_acts.stop_agent,
    acts.StartAgent: world_acts.start_agent,
    acts.Warn: crisis_acts.warn,
    acts.RateCrisis: crisis_acts.triage,
    acts.AnswerChecks: crisis_acts.answer_checks,
    acts.ConsiderMeasure: crisis_acts.consider_measure,
    acts.Propose: crisis_acts.propose,
    acts.Confirm: crisis_acts.confirm,
    acts.DeclineProposal: crisis_acts.decline_proposal,
    acts.Close: crisis_acts.close,
    acts.Deescalate: crisis_acts.deescalate,
    acts.Invite: crisis_acts.invite,
    acts.Join: crisis_acts.join,
    acts.Post: crisis_acts.post,
    acts.ShareContent: signal_acts.share,
    acts.Opine: signal_acts.opine,
    acts.Withdraw: signal_acts.withdraw,
    acts.ReportLead: crisis_acts.report_lead,
    acts.ReceiveLead: crisis_acts.receive_lead,
    acts.PassOnLead: crisis_acts.pass_on_lead,
    acts.PlaceHold: request_acts.hold,
    acts.Refer: request_acts.refer,
    acts.AnswerReferrals: request_acts.answer_referrals,
    acts.IssueOrder: request_acts.order,
    acts.ConfirmOrder: request_acts.confirm_order,
    acts.ExecuteOrder: request_acts.execute_order,
    acts.SuspendOrder: request_acts.suspend_order,
    acts.WithdrawOrder: request_acts.withdraw_order,
}


class StepState(StrEnum):
    """The outcome of a step.

    done; skipped: its conditions did not hold; refused: the hub refused it, or an act before it is
    missing; not_due: its step or milestone never happened, or not before the end.
    """

    DONE = "done"
    SKIPPED = "skipped"
    REFUSED = "refused"
    NOT_DUE = "not_due"


@dataclass(frozen=True, slots=True)
class StepResult:
    """A step and its result. at_min: None if it was not due. note: what happened, or why not."""

    name: str
    by: str
    act: str
    state: StepState
    at_min: float | None
    note: str


@dataclass(slots=True)
class Player:
    """Plays a scenario. on_step: called with each result as it comes."""

    context: Context
    clock: ExerciseClock
    seed: int
    on_step: Callable[[StepResult], None]
    results: list[StepResult] = field(default_factory=list)
    entries: "list[EntryRow]" = field(default_factory=list)
    _happened: set[str] = field(default_factory=set)
    _due: list[tuple[float, int, Inject | BotRule]] = field(default_factory=list)
    _waiting: dict[str, list[BotRule]] = field(default_factory=dict)
    _count: int = 0

    def play(self) -> None:
        """Play all steps up to the end of the exercise. raises: DemoError, httpx.HTTPError."""
        scenario = self.context.scenario
        for inject in scenario.injects:  # 1
            self._schedule(round(inject.at_min, 2), inject)
        for rule in scenario.rules:
            self._waiting.setdefault(rule.after, []).append(rule)
        while self._due and self._due[0][0] <= scenario.duration_min:
            minutes, _, step = heapq.heappop(self._due)
            self.clock.run_until(minutes)  # 2
            with self.clock.stopped():
                result = self._do(step)
                reached = self._read_ledger()  # 5
            self.results.append(result)
            self.on_step(result)
            for name in ([step.name] if result.state is StepState.DONE else []) + reached:  # 6
                self._begin_after(name)
        self.clock.run_until(scenario.duration_min)
        done = {result.name for result in self.results}
        self.results += [
            StepResult(step.name, step.by, step.do.act, StepState.NOT_DUE, None, "never due")
            for step in scenario.steps
            if step.name not in done
        ]

    def _schedule(self, minutes: float, step: Inject | BotRule) -> None:
        """Make a step due; steps of the same minute keep their order."""
        self._count += 1
        heapq.heappush(self._due, (minutes, self._count, step))

    def _begin_after(self, name: str) -> None:
        """Make the rules due that waited for a step or a milestone, later by delay and jitter."""
        self._happened.add(name)
        for rule in self._waiting.pop(name, []):
            rng = random.Random(f"{self.seed}/{rule.name}")  # noqa: S311 - reproducible by seed
            later = rule.delay_min + rng.uniform(0, rule.jitter_min)
            self._schedule(round(self.clock.minutes + later, 2), rule)

    def _do(self, step: Inject | BotRule) -> StepResult:
        """Look at the conditions (3) and do the step (4)."""
        if why := self._missing(step):
            return self._result(step, StepState.SKIPPED, why)
        context = self.context
        context.step, context.by, context.minutes = step.name, step.by, self.clock.minutes
        try:
            note = _DO[type(step.do)](context, step.do)
        except UnreachableError:
            raise
        except (HubError, DeskError, NotPossibleError) as error:
            return self._result(step, StepState.REFUSED, _why(error))
        return self._result(step, StepState.DONE, note)

    def _missing(self, step: Inject | BotRule) -> str:
        """Return which condition does not hold; "" if all do."""
        if missing := [name for name in step.only_if if name not in self._happened]:
            return f"only if {', '.join(missing)}"
        if present := [name for name in step.unless if name in self._happened]:
            return f"unless {', '.join(present)}"
        return ""

    def _result(self, step: Inject | BotRule, state: StepState, note: str) -> StepResult:
        return StepResult(step.name, step.by, step.do.act, state, self.clock.minutes, note)

    def _read_ledger(self) -> list[str]:
        """Read new entries; return the milestones that they reach for the first time."""
        after = self.entries[-1].number if self.entries else 0
        self.entries += self.context.world.entries(after=after)
        kinds = {entry.kind for entry in self.entries}
        return [
            name
            for name, begins in MILESTONES.items()
            if name not in self._happened and begins & kinds
        ]


def _why(error: Exception) -> str:
    """Return why an act was refused, with the fields that the hub names."""
    if not isinstance(error, HubError):
        return str(error)
    fields = error.problem.errors if error.problem else []
    details = "; ".join(f"{field.field}: {field.message}" for field in fields)
    return " ".join(f"{error.trouble} {details}".split())
