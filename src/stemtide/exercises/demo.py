# SPDX-License-Identifier: Apache-2.0
"""Play the first scenario with bots as if it were real, so that agents block. Decision 0184.

1 start a hub and an agent for each provider, which sends webhooks; 2 play the scenario: copies are
uploaded before anybody knows them, an authority warns and shares, each copy is blocked, other
content is referred, held and ordered away; 3 wait until the earlier copies are found, and the
outcomes are back at the hub; 4 count, and stay up.
"""

import contextlib
import json
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from stemtide.client import HubError
from stemtide.exercises import pictures, processes
from stemtide.exercises.counts import DemoCounts, percentile
from stemtide.exercises.play.clock import ExerciseClock
from stemtide.exercises.play.content import ContentMaker
from stemtide.exercises.play.context import Context, counted
from stemtide.exercises.play.player import Player, StepResult, StepState
from stemtide.exercises.play.run import record_of
from stemtide.exercises.play.world import World, email_of, open_world
from stemtide.exercises.results import figures
from stemtide.exercises.stage import DemoError, RunningExercise
from stemtide.fingerprints.sandbox.pool import Sandbox
from stemtide.fingerprints.sandbox.walls import missing_walls
from stemtide.scenarios import acts, reader
from stemtide.scenarios.schema import Scenario

SCENARIO = "first-crisis"
_SPEED = 1e9
_ANSWERED_WITHIN_S = 30.0
_COPIES = "copies"


def play(*, once: bool, as_json: bool, folder: Path | None, port: int) -> bool:
    """Play the scenario; return whether all known content was blocked, and nothing else.

    once: stop everything at the end; otherwise stay up until Ctrl-C or SIGTERM.

    raises: DemoError.
    """
    with contextlib.ExitStack() as stack:
        where = folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stemtide-")))
        stage = RunningExercise(folder=where)
        stack.callback(stage.clear)
        try:
            context = _set_up(stage, port=port, within=stack)  # 1
            is_met = _play(context)  # 2
            counts = _gather(context)  # 3
        except (processes.ProcessError, pictures.PhotographsMissingError) as error:
            raise DemoError(str(error)) from error
        except (HubError, httpx.HTTPError) as error:
            raise DemoError(f"the crisis broke off: {error}; logs are in {where}") from error
        if as_json:
            print(json.dumps(counts.as_json()))
        if not once:
            _stay(context.world)  # 4
    return is_met and counts.is_good


def _set_up(stage: RunningExercise, *, port: int, within: contextlib.ExitStack) -> Context:
    """Start the hub and its agents (1), and make all that is uploaded."""
    scenario = reader.read(SCENARIO)
    content = ContentMaker(scenario.content)
    pictures.photographs()  # fail before anything is started
    with ThreadPoolExecutor(max_workers=1) as pool:  # while the hub starts
        copies = pool.submit(_make_copies, content, scenario)
        world = open_world(scenario, stage, within=within, exercise=False, port=port, say=stage.say)
        stage.say("Making pictures, films and texts, and altered copies of them")
        copies.result()
    sandbox = within.enter_context(Sandbox())
    say_missing_walls(stage, sandbox)
    return Context(scenario, world, content, sandbox)


def _make_copies(content: ContentMaker, scenario: Scenario) -> None:
    """Make all that is uploaded."""
    for step in scenario.steps:
        if isinstance(step.do, acts.UploadCopies):
            content.make(step.do)


def say_missing_walls(stage: RunningExercise, sandbox: Sandbox) -> None:
    """Say in one line which walls around decoders this system lacks, if any."""
    if missing := missing_walls(sandbox.walls()):
        stage.say(f"This system lacks walls around decoders: {', '.join(missing)}")


def _play(context: Context) -> bool:
    """Play the scenario (2); return whether its objectives are met. raises: DemoError."""
    narration = _Narration(context)
    player = Player(context, ExerciseClock(speed=_SPEED), context.seed, narration)
    player.play()
    narration.end()
    refused = [result for result in player.results if result.state is StepState.REFUSED]
    if refused:
        raise DemoError(f"{refused[0].name} was refused: {refused[0].note}")
    results = figures.judge(record_of(context, player.entries, clock=player.clock))
    met = sum(result.is_met for result in results)
    context.world.stage.say(f"{met} of {len(results)} objectives of the scenario are met.")
    return met == len(results)


@dataclass(slots=True)
class _Narration:
    """Tells the steps as they are done: one line for what a party does in a row.

    Shares and uploads that follow each other are one line, too.
    """

    context: Context
    _row: list[StepResult] = field(default_factory=list)
    _told: int = 0

    def __call__(self, result: StepResult) -> None:
        """Take a step."""
        if self._row and _teller(self._row[-1]) != _teller(result):
            self.end()
        self._row.append(result)

    def end(self) -> None:
        """Tell the steps since the last line."""
        say, row, self._row = self.context.world.stage.say, self._row, []
        if not row:
            return
        if _teller(row[0]) == _COPIES:
            say(self._uploads(row))
        elif len({result.note for result in row}) == 1:
            say(f"{', '.join(result.by or 'outside' for result in row)}: {row[0].note}")
        else:
            say(f"{row[0].by}: {'; '.join(result.note for result in row)}")

    def _uploads(self, row: list[StepResult]) -> str:
        """Return the line about shares and uploads."""
        copies = self.context.copies[self._told :]
        self._told += len(copies)
        shares = [self.context.made[result.name] for result in row if result.act == "share"]
        signals = f"{counted(sum(map(len, shares)), 'signal')} shared; " if shares else ""
        blocked = sum(copy.is_match for copy in copies)
        took = list(self.context.match_took_ms.values())
        speed = f", {percentile(took, percent=50):.0f} ms after a share" if shares and took else ""
        return (
            f"{signals}{counted(len(copies), 'upload')}: {blocked} blocked{speed}, "
            f"{len(copies) - blocked} passed"
        )


def _teller(result: StepResult) -> str:
    """Return who or what a line is about: steps that follow each other with the same are one."""
    if result.act in {"share", "upload"}:
        return _COPIES
    return result.act if result.act == "join" else result.by


def _gather(context: Context) -> DemoCounts:
    """Wait until the hub has the counts, and the providers received the webhooks (3)."""
    world = context.world
    counts = DemoCounts(
        agents=len(world.agents),
        signals_shared=sum(
            len(context.made[step.name])
            for step in context.scenario.steps
            if isinstance(step.do, acts.ShareContent)
        ),
        share_to_block_ms=list(context.match_took_ms.values()),
        referrals=_states(context, acts.Refer),
        orders=_states(context, acts.IssueOrder),
    )
    counts.count(context.copies, shared_at_min=context.shared_at_min)
    ends = time.monotonic() + _ANSWERED_WITHIN_S
    while time.monotonic() < ends:
        refs = {name: _heard(world, name) for name in world.receivers}
        counts.webhooks_heard = sum(map(len, refs.values()))
        counts.found_later = sum(ref in refs[party] for party, ref in world.passed)
        counts.feedback_received, counts.ledger_entries = _at_the_hub(context)
        expected = counts.blocked + counts.uploaded_before
        if counts.feedback_received >= expected <= counts.webhooks_heard:
            break
        time.sleep(0.05)
    _say_counts(context, counts)
    return counts


def _heard(world: World, party: str) -> list[str]:
    """Return the uploads of which a provider's agent sent a webhook."""
    return [event["data"]["ref"] for event in world.receivers[party].heard]


def _states(context: Context, act: type[acts.BaseAct]) -> dict[str, int]:
    """Return how many referrals or orders are in each state, as who sent them reads it."""
    states: Counter[str] = Counter()
    for step in context.scenario.steps:
        if isinstance(step.do, act):
            hub = context.world.hubs[step.by]
            read = hub.read_referral if act is acts.Refer else hub.read_order
            states.update(str(read(uid=uid).state) for uid in context.made.get(step.name, ()))
    return dict(states)


def _at_the_hub(context: Context) -> tuple[int, int]:
    """Return the blocked outcomes that the hub counted, and the entries in its ledger."""
    from stemtide.hub.rooms.ledger.reads import ledger
    from stemtide.hub.rooms.parties.reads import parties
    from stemtide.hub.rooms.signals.reads import signals

    viewer = parties.party(next(iter(context.scenario.cast)))
    rows = signals.sightings(viewer=viewer)
    return sum(row.blocked for row in rows), ledger.heads().entries


def _say_counts(context: Context, counts: DemoCounts) -> None:
    """Say what each provider saw, and what came back."""
    world = context.world
    for party in world.agents:
        copies = [copy for copy in context.copies if copy.provider == party]
        later = sum(ref in _heard(world, party) for name, ref in world.passed if name == party)
        took = [ms for (name, _), ms in context.match_took_ms.items() if name == party]
        world.stage.say(
            f"{party}: {sum(copy.is_match for copy in copies)} of {len(copies)} uploads blocked, "
            f"{later} earlier ones found later, {percentile(took, percent=50) or 0:.0f} ms from"
            " share to block"
        )
    world.stage.say(
        f"{counts.feedback_received} outcomes are back at the hub, {counts.webhooks_heard} signed "
        f"webhooks reached the providers; the ledger has {counts.ledger_entries} entries."
    )


def _stay(world: World) -> None:
    """Keep everything running until stopped, or until a process dies (4)."""
    stage, people, hub = world.stage, world.people, world.stage.running[0].address
    stage.say("Everything stays up. Ctrl-C stops it.")
    stage.say(f"The board: {hub}/  sign in as {people.email}  password {people.password}")
    others = ", ".join(email for email in map(email_of, world.hubs) if email != people.email)
    stage.say(f"With the same password, for what others see: {others}")
    stage.say(f"Try it: stemtide match FILE --against {next(iter(world.agents.values())).address}")
    stage.stay()
