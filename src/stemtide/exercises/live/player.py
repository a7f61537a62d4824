# SPDX-License-Identifier: Apache-2.0
"""Play a scenario with people, in numbered steps each second, as its director steers it.

1 report to the hub how far the exercise has come; 2 take its state, its speed and the director's
instructions; while it runs: 3 carry out the instructions; 4 read the ledger: a milestone may be
reached, and people may have done a step; 5 do the next step that is due: bots act, and news reach
people.

A pause stops the clock, and so all of 3 to 5.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from stemtide.client import Hub, HubError, UnreachableError
from stemtide.exercises.live.clock import LiveClock
from stemtide.exercises.live.objectives import objectives_so_far
from stemtide.exercises.live.people import copies_to_upload, ids_of, is_shown, materials
from stemtide.exercises.play import spread_acts
from stemtide.exercises.play.context import Context
from stemtide.exercises.play.player import StepResult, StepState, do_act, keep_result, missed_steps
from stemtide.exercises.play.run import record_of
from stemtide.exercises.play.time_line import Step, TimeLine
from stemtide.exercises.stage import DemoError
from stemtide.protocol.enums import MessageKind
from stemtide.protocol.enums.exercises import (
    InstructionKind,
    RunAct,
    RunState,
    RunStepState,
)
from stemtide.protocol.exercises import (
    CarriedOutIn,
    InstructionOut,
    PlayOut,
    ProgressIn,
    RunEntryOut,
    RunFileIn,
    RunNewsIn,
    RunObjectiveIn,
    RunStepIn,
    SpreadPointIn,
)
from stemtide.protocol.messages.situation import MessageIn
from stemtide.scenarios import acts
from stemtide.scenarios.measures import MILESTONES
from stemtide.scenarios.schema import BotRule

REPORT_S = 1.0
"""Interval of reports."""

_MATERIAL, _COPIES = "material", "copies"
_STATES = {
    StepState.DONE: RunStepState.DONE,
    StepState.SKIPPED: RunStepState.SKIPPED,
    StepState.REFUSED: RunStepState.REFUSED,
}


@dataclass(slots=True)
class LivePlayer:
    """Plays a scenario with people. people: the members of the cast that they play.

    expected: steps that people are to do now.
    """

    context: Context
    clock: LiveClock
    seed: int
    director: Hub
    run: UUID
    people: frozenset[str]
    on_step: Callable[[StepResult], None]
    results: list[StepResult] = field(default_factory=list)
    entries: list[RunEntryOut] = field(default_factory=list)
    expected: set[str] = field(default_factory=set)
    time_line: TimeLine = field(init=False)
    _carried_out: list[CarriedOutIn] = field(default_factory=list)
    _sent: dict[str, Any] = field(default_factory=dict)
    _has_material: bool = False

    def __post_init__(self) -> None:
        """Lay out the steps of the scenario."""
        self.time_line = TimeLine.begin(self.context.scenario, seed=self.seed)

    def restore(self, progress: ProgressIn) -> None:
        """Go on where an earlier player stopped. What it uploaded is not known any more."""
        steps = {step.name: step for step in self.context.scenario.steps}
        self._has_material = progress.minutes > 0
        for row in progress.steps or ():
            if row.state is RunStepState.WAITING:
                continue
            step = self.time_line.remove(row.name)
            if step is None:
                continue
            if row.state is RunStepState.DUE:
                self.time_line.schedule(step, at_min=row.at_min or 0)
            elif row.state is RunStepState.PEOPLE:
                self.expected.add(row.name)
            else:
                state = StepState(row.state.value)
                result = StepResult(row.name, row.by, row.act, state, row.at_min, row.note)
                self.results.append(result)
                if state is StepState.DONE:
                    self.time_line.happened.add(row.name)
        for entry in self.context.world.entries(after=0):
            self._recall(entry, steps)  # type: ignore[arg-type]  # entries of the API

    def play(self) -> None:
        """Play until the end of the exercise, or until its director ends it.

        raises: HubError if the hub refuses the player; an unreachable hub is asked again.
        """
        ends_at = self.context.scenario.duration_min
        while True:
            order = self._report()  # 1
            is_running = order is not None and order.run.state is RunState.RUNNING
            if order is not None:
                self.clock.adjust(is_running=is_running, speed=order.run.speed)  # 2
                if order.run.state is RunState.ENDED:
                    break
                if is_running:
                    self._take_turn(order)
            if is_running and self.clock.minutes >= ends_at:
                self._report(is_over=True)
                self.director.direct_exercise(uid=self.run, verb=RunAct.END)
                break
            next_at = min(self.time_line.next_at or ends_at, ends_at)
            time.sleep(min(REPORT_S, self.clock.seconds_until(next_at)) if is_running else REPORT_S)
        spread_acts.finish(self.context, ends_at)
        self.results += missed_steps(self.context.scenario, self.results)

    def _take_turn(self, order: PlayOut) -> None:
        """Carry out instructions, follow the ledger, and do what is due (3 to 5)."""
        if not self._has_material:
            self._has_material = self._tell_materials()
        for instruction in order.instructions:
            outcome = self._carry_out(instruction)
            self._carried_out.append(CarriedOutIn(id=instruction.id, outcome=outcome))
        self._follow_ledger()
        if self.time_line.next_at is not None and self.time_line.next_at <= self.clock.minutes:
            _, step = self.time_line.take()
            self._do(step)
            self._follow_ledger()

    def _do(self, step: Step) -> None:
        """Do a step that is due, or note that people are to do it."""
        why = self.time_line.missing(step)
        if why and step.name not in self.time_line.happened:
            self._finish(step, StepState.SKIPPED, why)
        elif step.by in self.people:
            self.expected.add(step.name)
        else:
            self._act(step)

    def _act(self, step: Step) -> str:
        """Do a step as its bot, or as the world outside; return what came of it.

        A step that a pause came before is due again, once the exercise goes on.
        """
        context, act = self.context, step.do
        context.minutes = self.clock.minutes
        if isinstance(act, acts.UploadCopies | acts.SpreadCopies):
            places = tuple(name for name in act.at if name in context.world.hubs)
            if not places:
                return self._finish(step, StepState.SKIPPED, "people play these providers")
            step = step.model_copy(update={"do": act.model_copy(update={"at": places})})
        try:
            if isinstance(act, acts.Tell):
                self._tell(tuple(set(act.to) & self.people), kind=act.kind, text=act.text)
            if isinstance(act, acts.UploadCopies):
                step = self._give_copies(step, act)
            state, note = do_act(context, step)
        except (HubError, DemoError) as error:  # people play on
            state, note = StepState.REFUSED, str(error)
        if state is StepState.REFUSED and self._is_paused():
            self.time_line.schedule(step, at_min=context.minutes)
            return "paused: it follows when the exercise goes on"
        if isinstance(step.do, acts.SpreadCopies) and state is StepState.DONE:
            self.time_line.schedule(step, at_min=context.minutes + step.do.every_min)
        return self._finish(step, state, note)

    def _is_paused(self) -> bool:
        """Whether the director has paused the exercise since the last report."""
        try:
            return self.director.read_exercise(uid=self.run).state is RunState.PAUSED
        except UnreachableError:
            return False

    def _finish(self, step: Step, state: StepState, note: str) -> str:
        """Note the result of a step, and return its note; rules that wait for it become due."""
        minutes = self.clock.minutes
        result = StepResult(step.name, step.by, step.do.act, state, round(minutes, 2), note)
        keep_result(self.results, result)
        self.expected.discard(step.name)
        self.on_step(result)
        if state is StepState.DONE:
            self.time_line.reach(step.name, minutes=minutes)
        return note

    def _tell_materials(self) -> bool:
        """Bring people what their parts need; return False if a pause came before.

        raises: HubError.
        """
        try:
            for member, texts in materials(self.context, self.people).items():
                for text in texts:
                    self._tell((member,), kind=_MATERIAL, text=text)
        except HubError:
            if not self._is_paused():
                raise
            return False
        return True

    def _give_copies(self, step: Step, act: acts.UploadCopies) -> Step:
        """Give copies to people of providers, to upload; return the step with what bots upload.

        raises: HubError.
        """
        people = tuple(name for name in act.at if name in self.people)
        if people:
            text, files = copies_to_upload(self.context, act)
            self._tell(people, kind=_COPIES, text=text, files=files)
        bots = tuple(name for name in act.at if name not in self.people)
        return step.model_copy(update={"do": act.model_copy(update={"at": bots})})

    def _tell(
        self, members: tuple[str, ...], *, kind: str, text: str, files: tuple[RunFileIn, ...] = ()
    ) -> None:
        """Bring news to people. raises: HubError."""
        if members:
            minutes = self.clock.minutes
            body = RunNewsIn(to=members, kind=kind, text=text, at_min=minutes, files=files)
            self.director.bring_exercise_news(body, uid=self.run)

    def _follow_ledger(self) -> None:
        """Read new entries: milestones that they reach, and steps that people did (4)."""
        after = self.entries[-1].number if self.entries else 0
        for entry in self.context.world.entries(after=after):
            self.entries.append(entry)  # type: ignore[arg-type]  # entries of the API
            self._note_crisis(entry)  # type: ignore[arg-type]  # entries of the API
            for name, begins in MILESTONES.items():
                if entry.kind in begins and name not in self.time_line.happened:
                    self.time_line.reach(name, minutes=self.clock.minutes_at(entry.recorded_at))
            if entry.actor in self.people:
                self._recognise(entry)  # type: ignore[arg-type]  # entries of the API

    def _recognise(self, entry: RunEntryOut) -> None:
        """Finish the step that people did with an entry, the first one that fits."""
        done = {result.name for result in self.results}
        for rule in self.context.scenario.rules:
            if rule.name in done or rule.by not in self.people or not is_shown(rule, entry):
                continue
            self.time_line.remove(rule.name)
            self._remember(rule, entry)
            self._finish(rule, StepState.DONE, "people did it")
            return
        self._add_signal(entry)

    def _add_signal(self, entry: RunEntryOut) -> None:
        """Add a further signal to the share of people that it belongs to."""
        for rule in reversed(self.context.scenario.rules):
            if (
                entry.kind == "signal.shared"
                and is_shown(rule, entry)
                and rule.name in self.context.made
            ):
                self.context.made[rule.name] += ids_of(entry, self.context)
                return

    def _remember(self, rule: BotRule, entry: RunEntryOut) -> None:
        """Keep what a step made, for the steps after it."""
        self.context.made[rule.name] = ids_of(entry, self.context)
        if isinstance(rule.do, acts.ShareContent):
            minutes = self.clock.minutes_at(entry.recorded_at)
            self.context.shared_at_min.setdefault(rule.do.content, minutes)

    def _recall(self, entry: RunEntryOut, steps: Mapping[str, Step]) -> None:
        """Take up an entry from before this player began."""
        self.entries.append(entry)
        self._note_crisis(entry)
        self.time_line.happened |= {
            name for name, begins in MILESTONES.items() if entry.kind in begins
        }
        for name in self.time_line.happened & steps.keys() - self.context.made.keys():
            rule = steps[name]
            if isinstance(rule, BotRule) and is_shown(rule, entry):
                self._remember(rule, entry)
                return
        self._add_signal(entry)

    def _note_crisis(self, entry: RunEntryOut) -> None:
        """Keep the crisis that somebody opened."""
        if entry.kind == "crisis.warned" and self.context.crisis is None:
            self.context.crisis = UUID(entry.subject.removeprefix("crisis:"))

    def _carry_out(self, instruction: InstructionOut) -> str:
        """Carry out an instruction (3); return what came of it."""
        if instruction.kind is InstructionKind.SPEED:
            return "done"
        if instruction.kind is InstructionKind.SAY:
            return self._say(instruction)
        step = next(
            (row for row in self.context.scenario.steps if row.name == instruction.step), None
        )
        is_open = instruction.step in self.expected or self.time_line.remove(instruction.step)
        if step is None or not is_open:
            return "this step was done or skipped already"
        if instruction.kind is InstructionKind.SKIP:
            return self._finish(step, StepState.SKIPPED, "the director skipped it")
        return self._act(step)

    def _say(self, instruction: InstructionOut) -> str:
        """Write a message in the name of a bot, in the situation log of the crisis."""
        if self.context.crisis is None:
            return "nobody has warned yet: there is no situation log"
        body = MessageIn(kind=MessageKind.OBSERVATION, text=instruction.text)
        try:
            self.context.world.hubs[instruction.member].post_message(body, uid=self.context.crisis)
        except HubError as error:
            return str(error)
        return "written in the situation log"

    def _report(self, *, is_over: bool = False) -> PlayOut | None:
        """Report what changed (1); None if the hub cannot be reached now."""
        fields: dict[str, Any] = {
            "steps": self._steps(),
            "objectives": self._objectives(is_over=is_over),
            "spread": self._spread(),
        }
        changed = {name: rows for name, rows in fields.items() if self._sent.get(name) != rows}
        body = ProgressIn(
            minutes=round(self.clock.minutes, 2),
            carried_out=tuple(self._carried_out),
            is_over=is_over,
            **changed,
        )
        try:
            order = self.director.report_exercise(body, uid=self.run)
        except UnreachableError:
            return None
        self._sent |= changed
        self._carried_out.clear()
        reported = {row.id for row in body.carried_out}
        waiting = [row for row in order.instructions if row.id not in reported]
        return order.model_copy(update={"instructions": waiting})

    def _steps(self) -> tuple[RunStepIn, ...]:
        """Return all steps with their states."""
        results = {result.name: result for result in self.results}
        due = self.time_line.due()
        return tuple(
            self._step(step, result=results.get(step.name), due=due)
            for step in self.context.scenario.steps
        )

    def _step(
        self, step: Step, *, result: StepResult | None, due: Mapping[str, float]
    ) -> RunStepIn:
        """Return one step with its state."""
        row = RunStepIn(name=step.name, by=step.by, act=step.do.act, state=RunStepState.WAITING)
        if result is not None:
            changes: dict[str, object] = {
                "state": _STATES[result.state],
                "at_min": result.at_min,
                "note": result.note[:2000],
            }
        elif step.name in self.expected:
            changes = {"state": RunStepState.PEOPLE}
        elif step.name in due:
            changes = {"state": RunStepState.DUE, "at_min": due[step.name]}
        else:
            changes = {}
        return row.model_copy(update=changes)

    def _objectives(self, *, is_over: bool) -> tuple[RunObjectiveIn, ...]:
        """Return the objectives with their values so far."""
        record = record_of(self.context, self.entries, clock=self.clock)
        return objectives_so_far(record, minutes=self.clock.minutes, is_over=is_over)

    def _spread(self) -> tuple[SpreadPointIn, ...]:
        """Return how many copies there were after each upload, or at each point of a spread."""
        if self.context.spread is not None:
            return tuple(
                SpreadPointIn(at_min=point.at_min, copies=point.at_agents, matched=point.stopped)
                for point in self.context.spread.points
            )
        points: dict[float, SpreadPointIn] = {}
        matched = 0
        for number, copy in enumerate(self.context.copies, start=1):
            matched += copy.is_match
            points[copy.at_min] = SpreadPointIn(at_min=copy.at_min, copies=number, matched=matched)
        return tuple(points.values())[:5000]
