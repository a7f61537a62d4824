# SPDX-License-Identifier: Apache-2.0
"""The world of an exercise: a hub of its own, and agents beside providers.

Agents are in exercise mode, and all that is done is marked as an exercise. The demo plays on its
own hub as if it were real, so that agents block and send webhooks. Decision 0184.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

import httpx

from stemtide.client import Hub
from stemtide.exercises import cast, processes, provider
from stemtide.exercises.play.desk import Desk
from stemtide.exercises.stage import RunningExercise, forget_settings, wait_for_position
from stemtide.protocol.enums import PartyKind
from stemtide.scenarios.schema import Scenario

if TYPE_CHECKING:
    from stemtide.hub.rooms.ledger.reads.ledger import EntryRow

_PAGE = 1000


@dataclass(slots=True)
class World:
    """A hub with the cast of a scenario, its agents, and a client for each party.

    exercise:  whether all that is done is marked as an exercise.
    receivers: of webhooks, if it is not. passed: uploads that matched nothing, with their provider.
    """

    stage: RunningExercise
    people: cast.Cast
    hubs: dict[str, Hub]
    agents: dict[str, processes.Running]
    clients: dict[str, httpx.Client] = field(default_factory=dict)
    exercise: bool = True
    receivers: dict[str, provider.Receiver] = field(default_factory=dict)
    passed: list[tuple[str, str]] = field(default_factory=list)

    def party_of(self, member: str) -> str:
        """Return the name of the party that plays a member of the cast."""
        return member

    def start_agent(self, party: str) -> None:
        """Start a provider's agent, and wait until it follows the feed."""
        agent = self.agents[party].start()
        self.clients[party] = httpx.Client(base_url=agent.address, timeout=60)
        wait_for_position(self.clients[party], position=0)

    def close(self) -> None:
        """Close the connections to agents, and stop listening to webhooks."""
        for client in self.clients.values():
            client.close()
        for receiver in self.receivers.values():
            receiver.stop()

    def stop_agent(self, party: str) -> None:
        """Stop a provider's agent: its uploads are not looked at any more."""
        self.clients.pop(party).close()
        self.agents[party].stop()

    def confirm_order(self, party: str, uid: UUID) -> None:
        """Confirm an order at the desk as a person: no key may. raises: DeskError."""
        with Desk(self.stage.running[0].address) as desk:
            desk.sign_in(email_of(party), self.people.password)
            desk.send(f"/orders/{uid}", f"/orders/{uid}/do/confirm")

    def upload(self, party: str, *, ref: str, blob: bytes) -> provider.Upload:
        """Send a file to a provider's agent; nothing matches if the agent is stopped."""
        if party not in self.clients:
            return provider.Upload(ref, "", None)
        return self._noted(party, provider.upload(self.clients[party], ref=ref, blob=blob))

    def post_link(self, party: str, *, ref: str, url: str) -> provider.Upload:
        """Look up a posted link; nothing matches if the agent is stopped."""
        if party not in self.clients:
            return provider.Upload(ref, "", None)
        return self._noted(party, provider.link(self.clients[party], ref=ref, url=url))

    def _noted(self, party: str, result: provider.Upload) -> provider.Upload:
        """Return the result of an upload, and keep it if nothing matched."""
        if not result.action:
            self.passed.append((party, result.ref))
        return result

    def wait_for_all(self, *, position: int) -> None:
        """Wait until every running agent has a feed position."""
        for party in self.clients:
            wait_for_position(self.clients[party], position=position)

    def entries(self, *, after: int) -> "Iterator[EntryRow]":
        """Yield the ledger's entries of the exercise after a number, oldest first."""
        from stemtide.hub.rooms.ledger.reads import ledger

        while rows := ledger.unfiltered(after=after, limit=_PAGE):
            yield from (row for row in rows if row.exercise is self.exercise)
            after = rows[-1].number


def open_world(
    scenario: Scenario,
    stage: RunningExercise,
    *,
    within: ExitStack,
    exercise: bool = True,
    port: int = 0,
    say: Callable[[str], None] = lambda _: None,
) -> World:
    """Start a hub with the cast of a scenario, and its agents.

    exercise: False plays as if it were real. say: called with what is started.

    raises: DemoError, ProcessError.
    """
    forget_settings()
    folder = stage.hub_folder()
    say("Making the hub's database, its parties and their keys")
    people = cast.create_cast(folder, parties=planned_parties(scenario))
    say("Starting the hub")
    hub = processes.hub(folder, port=port)
    stage.running.append(hub)
    hub.start()
    say(f"The hub is up: {hub.address}")
    say(f"The board: {hub.address}/  sign in as {people.email}  password {people.password}")
    hubs = {
        name: within.enter_context(Hub(hub.address, key=key, exercise=exercise))
        for name, key in people.keys.items()
    }
    world = World(stage, people, hubs, agents={}, exercise=exercise)
    within.callback(world.close)
    for name, member in scenario.cast.items():
        if member.agent:
            world.agents[name] = processes.agent(
                f"{name}-uploads",
                folder=stage.folder / name,
                hub_url=hub.address,
                key=people.keys[name],
                extra="exercise = true" if exercise else _webhook(world, name),
            )
    say(f"Starting {len(world.agents)} agents")
    stage.running += world.agents.values()
    with ThreadPoolExecutor(max_workers=4) as pool:
        list(pool.map(world.start_agent, world.agents))
    say(f"{len(world.agents)} agents follow the feed: {', '.join(world.agents)}")
    return world


def _webhook(world: World, party: str) -> str:
    """Start to listen for a provider, and return the webhook of its agent, as TOML."""
    receiver = world.receivers[party] = provider.Receiver()
    return f'[webhook]\nurl = "{receiver.start()}"\nsecret = "{receiver.secret}"'


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
