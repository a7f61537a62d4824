# SPDX-License-Identifier: Apache-2.0
"""Play a scenario, in numbered steps.

1 injects are due at their times, rules some minutes after their step or milestone; 2 the clock runs
to the next step that is due; 3 its conditions are checked; 4 it is done, by a bot or the world,
while the clock is paused; 5 the ledger is read: a milestone may be reached; 6 rules that waited
for the step or the milestone become due.

The same seed gives the same acts at the same minutes of the exercise.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from stemtide.client import HubError, UnreachableError
from stemtide.exercises.play import crisis_acts, request_acts, signal_acts, spread_acts, world_acts
from stemtide.exercises.play.clock import ExerciseClock
from stemtide.exercises.play.context import Context, NotPossibleError
from stemtide.exercises.play.desk import DeskError
from stemtide.exercises.play.time_line import Step, TimeLine
from stemtide.scenarios import acts
from stemtide.scenarios.measures import MILESTONES
from stemtide.scenarios.schema import Scenario

if TYPE_CHECKING:
    from stemtide.hub.rooms.ledger.reads.ledger import EntryRow

_DO: dict[type[acts.BaseAct], Callable[[Context, Any], str]] = {
    acts.Tell: world_acts.tell,
    acts.UploadCopies: signal_acts.upload,
    acts.SpreadCopies: spread_acts.spread,
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
    time_line: TimeLine = field(init=False)

    def __post_init__(self) -> None:
        """Lay out the steps of the scenario."""
        self.time_line = TimeLine.begin(self.context.scenario, seed=self.seed)

    def play(self) -> None:
        """Play all steps up to the end of the exercise. raises: DemoError, httpx.HTTPError."""
        scenario = self.context.scenario
        time_line = self.time_line  # 1
        while time_line.next_at is not None and time_line.next_at <= scenario.duration_min:
            minutes, step = time_line.take()
            self.clock.run_until(minutes)  # 2
            with self.clock.stopped():
                result = self._do(step)
                reached = self._read_ledger()  # 5
            keep_result(self.results, result)
            self.on_step(result)
            if isinstance(step.do, acts.SpreadCopies) and result.state is StepState.DONE:
                time_line.schedule(step, at_min=minutes + step.do.every_min)
            for name in ([step.name] if result.state is StepState.DONE else []) + reached:  # 6
                time_line.reach(name, minutes=self.clock.minutes)
        self.clock.run_until(scenario.duration_min)
        spread_acts.finish(self.context, scenario.duration_min)
        self.results += missed_steps(scenario, self.results)

    def _do(self, step: Step) -> StepResult:
        """Look at the conditions (3) and do the step (4)."""
        why = self.time_line.missing(step)
        if why and step.name not in self.time_line.happened:
            return self._result(step, StepState.SKIPPED, why)
        self.context.minutes = self.clock.minutes
        return self._result(step, *do_act(self.context, step))

    def _result(self, step: Step, state: StepState, note: str) -> StepResult:
        return StepResult(step.name, step.by, step.do.act, state, self.clock.minutes, note)

    def _read_ledger(self) -> list[str]:
        """Read new entries; return the milestones that they reach for the first time."""
        after = self.entries[-1].number if self.entries else 0
        entries = list(self.context.world.entries(after=after))
        self.entries += entries
        kinds = {entry.kind for entry in entries}
        return [
            name
            for name, begins in MILESTONES.items()
            if name not in self.time_line.happened and begins & kinds
        ]


def do_act(context: Context, step: Step) -> tuple[StepState, str]:
    """Do a step; return whether it was done or refused, and what happened.

    raises: UnreachableError, DemoError if the machine gives out.
    """
    context.step, context.by = step.name, step.by
    try:
        return StepState.DONE, _DO[type(step.do)](context, step.do)
    except UnreachableError:
        raise
    except (HubError, DeskError, NotPossibleError) as error:
        return StepState.REFUSED, _why(error)


def keep_result(results: list[StepResult], result: StepResult) -> None:
    """Keep a result. A spread goes on: its later notes replace the first one."""
    for number, earlier in enumerate(results):
        if earlier.name == result.name:
            results[number] = replace(earlier, note=result.note)
            return
    results.append(result)


def missed_steps(scenario: Scenario, results: Iterable[StepResult]) -> list[StepResult]:
    """Return the results of the steps that were never due."""
    done = {result.name for result in results}
    return [
        StepResult(step.name, step.by, step.do.act, StepState.NOT_DUE, None, "never due")
        for step in scenario.steps
        if step.name not in done
    ]


def _why(error: Exception) -> str:
    """Return why an act was refused, with the fields that the hub names."""
    if not isinstance(error, HubError):
        return str(error)
    fields = error.problem.errors if error.problem else []
    details = "; ".join(f"{field.field}: {field.message}" for field in fields)
    return " ".join(f"{error.trouble} {details}".split())
