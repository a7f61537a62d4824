# SPDX-License-Identifier: Apache-2.0
"""A hub goes back to a backup, and its agents notice it by themselves."""

import sqlite3
from contextlib import closing

import pytest

from tests.flows.conftest import digest, row, until

pytestmark = pytest.mark.flow


def back_up(house):
    """Copy the hub's database while the hub runs, as docs/run/hub.md says."""
    with (
        closing(sqlite3.connect(house.running.database)) as live,
        closing(sqlite3.connect(house.folder / "backup.sqlite3")) as copy,
    ):
        live.backup(copy)


def restore(house):
    """Put the copy in the place of the database of a hub that has ended."""
    database = house.running.database
    for path in (database, *database.parent.glob("hub.sqlite3-*")):
        path.unlink(missing_ok=True)
    (house.folder / "backup.sqlite3").rename(database)


def blocks(house, agent, **values):
    """Which of some values the agent blocks now, by name."""
    items = [{"ref": name, "sha256": value} for name, value in values.items()]
    answers = zip(values, house.match(agent, items), strict=True)
    return {name for name, answer in answers if answer["decision"]["action"] == "block"}


def told(receiver):
    """What a provider's webhook heard, as type and ref."""
    return [(event["type"], event["data"]["ref"]) for event in receiver.heard]


def test_an_agent_notices_that_its_hub_was_restored_also_after_it_passed_its_position(house):
    agent = house.agent()
    receiver = next(iter(house.receivers.values()))
    kept, lost, new = digest(), digest(), digest()
    house.share([row(kept)])
    back_up(house)
    house.share([row(lost)])
    house.caught_up(agent)
    assert blocks(house, agent, kept=kept, lost=lost) == {"kept", "lost"}
    until(lambda: house.health(agent)["outbox"] == 0)
    agent.kill()
    house.hub.kill()
    restore(house)
    house.restart_hub()
    house.share([row(new), *(row(digest()) for _ in range(5))])
    agent.start()

    until(lambda: blocks(house, agent, lost=lost) == set())
    assert blocks(house, agent, kept=kept, new=new) == {"kept", "new"}
    until(lambda: ("content.release", "lost") in told(receiver))
