# SPDX-License-Identifier: Apache-2.0
"""An exercise on a hub: its director is the agency, and people of two parties play."""

import pytest

from stemtide.hub.rooms.exercises import writes
from stemtide.protocol.enums.exercises import RunAct
from stemtide.protocol.exercises import ProgressIn, RunIn
from tests.world import NOON

PEOPLE = {"first-authority": "be-crisis-centre", "big-videos": "big-video"}


class Exercise:
    """An exercise and the short ways to act in it."""

    def __init__(self, world):
        self.world = world

    def director(self):
        return self.world.actor(self.world.agency, role="coordinator")

    def prepare(self, by=None, **facts):
        body = RunIn(**({"scenario": "livestream-in-two-states", "people": PEOPLE} | facts))
        self.run = writes.prepare(body, by=by or self.director(), now=NOON)
        return self.run

    def act(self, verb, *, by=None, **facts):
        return writes.act(self.run.id, RunAct(verb), by=by or self.director(), now=NOON, **facts)

    def report(self, *, by=None, **facts):
        body = ProgressIn(**({"minutes": 1.5} | facts))
        return writes.report(self.run.id, body=body, by=by or self.director(), now=NOON)

    def keys(self):
        return {
            row.member: row.key
            for row in writes.renew_keys(self.run.id, by=self.director(), now=NOON)
        }


@pytest.fixture
def exercise(world):
    return Exercise(world)
