# SPDX-License-Identifier: Apache-2.0
"""The world of an exercise: a hub of its own, and agents in exercise mode beside providers."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx

from stemtide.client import Hub
from stemtide.exercises import cast, processes, provider
from stemtide.exercises.play.desk import Desk
from stemtide.exercises.scenarios.schema import Scenario
from stemtide.exercises.stage import DemoError, RunningExercise
from stemtide.protocol.enums import PartyKind

if TYPE_CHECKING:
    from stemtide.hub.rooms.ledger.reads.ledger import EntryRow

_WITHIN_S = 60.0
_PAGE = 1000


@dataclass(slots=True)
class World:
    """A hub with the cast of a scenario, its agents, and a client for each party."""

    stage: RunningExercise
    people: cast.Cast
    hubs: dict[str, Hub]
    agents: dict[str, processes.Running]
    clients: dict[str, httpx.Client] = field(default_factory=dict)

    def start_agent(self, party: str) -> None:
        """Start a provider's agent, and wait until it follows the feed."""
        agent = self.agents[party].start()
        self.clients[party] = httpx.Client(base_url=agent.address, timeout=60)
        self.wait_for(party, position=0)

    def close(self) -> None:
        """Close the connections to agents."""
        for client in self.clients.values():
            client.close()

    def stop_agent(self, party: str) -> None:
        """Stop a provider's agent: its uploads are not looked at any more."""
        self.clients.pop(party).close()
        self.agents[party].stop()

    @contextmanager
    def desk(self, party: str) -> Iterator[Desk]:
        """Open the desk with the person of a party signed in. raises: DeskError."""
        with Desk(self.stage.running[0].address) as desk:
            desk.sign_in(email_of(party), self.people.password)
            yield desk

    def upload(self, party: str, *, ref: str, blob: bytes) -> provider.Upload:
        """Send a file to a provider's agent; nothing matches if the agent is stopped."""
        if party not in self.clients:
            return provider.Upload(ref, "", None)
        return provider.upload(self.clients[party], ref=ref, blob=blob)

    def post_link(self, party: str, *, ref: str, url: str) -> provider.Upload:
        """Look up a posted link; nothing matches if the agent is stopped."""
        if party not in self.clients:
            return provider.Upload(ref, "", None)
        return provider.link(self.clients[party], ref=ref, url=url)

    def wait_for_all(self, *, position: int) -> None:
        """Wait until every running agent has a feed position."""
        for party in self.clients:
            self.wait_for(party, position=position)

    def wait_for(self, party: str, *, position: int) -> None:
        """Wait until an agent has a feed position. raises: DemoError if it never does."""
        ends = time.monotonic() + _WITHIN_S
        while time.monotonic() < ends:
            health = self.clients[party].get("/health").json()
            if health["ready"] and health["position"] >= position:
                return
            time.sleep(0.005)
        raise DemoError(f"the agent of {party} never reached position {position}")

    def entries(self, *, after: int) -> "Iterator[EntryRow]":
        """Yield the ledger's entries of the exercise after a number, oldest first."""
        from stemtide.hub.rooms.ledger.reads import ledger

        while rows := ledger.unfiltered(after=after, limit=_PAGE):
            yield from (row for row in rows if row.exercise)
            after = rows[-1].number


def open_world(scenario: Scenario, stage: RunningExercise, *, within: ExitStack) -> World:
    """Start a hub with the cast of a scenario, and its agents.

    raises: DemoError, ProcessError.
    """
    folder = stage.hub_folder()
    people = cast.create_cast(folder, parties=planned_parties(scenario))
    hub = processes.hub(folder)
    stage.running.append(hub)
    hub.start()
    hubs = {
        name: within.enter_context(Hub(hub.address, key=key, exercise=True))
        for name, key in people.keys.items()
    }
    world = World(stage, people, hubs, agents={})
    for name, member in scenario.cast.items():
        if member.agent:
            world.agents[name] = processes.agent(
                f"{name}-uploads",
                folder=stage.folder / name,
                hub_url=hub.address,
                key=people.keys[name],
                extra="exercise = true",
            )
    stage.running += world.agents.values()
    within.callback(world.close)
    with ThreadPoolExecutor(max_workers=4) as pool:
        list(pool.map(world.start_agent, world.agents))
    return world


def email_of(party: str) -> str:
    """Return the mail address with which the person of a party signs in."""
    return f"duty@{party}.example"


def planned_parties(scenario: Scenario) -> list[cast.PlannedParty]:
    """Return the parties to create: each with a person, who can look at the desk."""
    return [
        cast.PlannedParty(
            name,
            member.title,
            member.kind,
            member.country,
            duties=member.competent,
            email=email_of(name) if member.kind is not PartyKind.OBSERVER else "",
        )
        for name, member in scenario.cast.items()
    ]
