# SPDX-License-Identifier: Apache-2.0
"""The world of an exercise on a hub in use: bots with keys of the run, and their agents."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from uuid import UUID

from stemtide.client import Hub
from stemtide.exercises import cast, processes
from stemtide.exercises.play.world import World
from stemtide.exercises.stage import RunningExercise
from stemtide.protocol.exercises import RunEntryOut, RunOut
from stemtide.scenarios.schema import Scenario


@dataclass(slots=True)
class LiveWorld(World):
    """A hub in use. hubs, agents: those of bots alone.

    director: the client with the director's key. parties: of each member of the cast, by its name.
    """

    director: Hub = field(kw_only=True)
    run: UUID = field(kw_only=True)
    parties: Mapping[str, str] = field(kw_only=True)
    _next: dict[int, int] = field(default_factory=dict)

    def party_of(self, member: str) -> str:
        """Return the name of the party that plays a member of the cast."""
        return self.parties[member]

    def confirm_order(self, party: str, uid: UUID) -> None:
        """Confirm an order as the second person that the bot plays: it has no account."""
        self.hubs[party].confirm_order(uid=uid)

    def entries(self, *, after: int) -> Iterator[RunEntryOut]:  # type: ignore[override]  # has the fields that are read
        """Yield the ledger's entries of the exercise after a number, oldest first."""
        members = {party: member for member, party in self.parties.items()}
        start = self._next.get(after, after)
        while True:
            page = self.director.list_exercise_entries(uid=self.run, after=start)
            yield from (_with_members(entry, members) for entry in page.entries)
            if not page.entries and start == self._next.get(after, after):
                self._next = {after: page.next}  # nothing of the exercise up to there
            start = page.next
            if not page.more:
                return


def open_live_world(
    scenario: Scenario,
    run: RunOut,
    *,
    director: Hub,
    address: str,
    stage: RunningExercise,
    within: ExitStack,
) -> LiveWorld:
    """Take the keys of the bots, and start an agent for each provider of theirs that has one.

    raises: HubError, ProcessError, DemoError.
    """
    keys = {row.member: row.key for row in director.renew_bot_keys(uid=run.id)}
    hubs = {
        name: within.enter_context(Hub(address, key=key, exercise=True, insecure=True))
        for name, key in keys.items()
    }
    world = LiveWorld(
        stage,
        cast.Cast(keys=keys, email="", password=""),
        hubs,
        agents={},
        director=director,
        run=run.id,
        parties={member.name: member.party for member in run.members},
    )
    for name, member in scenario.cast.items():
        if member.agent and name in keys:
            world.agents[name] = processes.agent(
                f"{name}-uploads",
                folder=stage.folder / name,
                hub_url=address,
                key=keys[name],
                extra="exercise = true",
            )
    stage.running += world.agents.values()
    within.callback(world.close)
    with ThreadPoolExecutor(max_workers=4) as pool:
        list(pool.map(world.start_agent, world.agents))
    return world


def _with_members(entry: RunEntryOut, members: Mapping[str, str]) -> RunEntryOut:
    """Return an entry whose detail names members of the cast instead of their parties."""
    detail = dict(entry.detail)
    party = str(detail.get("party", "")).removeprefix("party:")
    if party in members:
        detail["party"] = members[party]
    names = detail.get("parties")
    if isinstance(names, list):
        detail["parties"] = [members.get(name, name) for name in names]
    return entry.model_copy(update={"detail": detail})
