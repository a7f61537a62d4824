# SPDX-License-Identifier: Apache-2.0
"""A pause that comes between the player's report and a step."""

import pytest

from stemtide.client import Hub
from stemtide.exercises.cast import Cast
from stemtide.exercises.live.clock import LiveClock
from stemtide.exercises.live.player import LivePlayer
from stemtide.exercises.live.world import LiveWorld
from stemtide.exercises.play.content import ContentMaker
from stemtide.exercises.play.context import Context
from stemtide.exercises.stage import RunningExercise
from stemtide.protocol.enums.exercises import RunAct
from stemtide.protocol.exercises import ProgressIn, RunIn
from stemtide.scenarios import reader
from tests.hub.api.conftest import serving


@pytest.mark.nightly
def test_a_step_that_a_pause_came_before_is_due_again(tmp_path):
    scenario = reader.read("livestream-in-two-states")
    people = {"big-videos": "big-video"}
    with (
        serving() as hub,
        Hub(hub.address, key=hub.another_key("eu-referral-unit"), insecure=True) as director,
    ):
        prepared = director.prepare_exercise(RunIn(scenario=scenario.name, people=people))
        run, parties = prepared.id, {row.name: row.party for row in prepared.members}
        director.direct_exercise(uid=run, verb=RunAct.START)
        order = director.report_exercise(ProgressIn(minutes=1), uid=run)
        director.direct_exercise(uid=run, verb=RunAct.PAUSE)
        world = LiveWorld(
            RunningExercise(folder=tmp_path),
            Cast(keys={}, email="", password=""),
            hubs={},
            agents={},
            director=director,
            run=run,
            parties=parties,
        )
        context = Context(scenario, world, ContentMaker(scenario.content), sandbox=None)
        player = LivePlayer(
            context,
            LiveClock(speed=1, minutes=1),
            1,
            director=director,
            run=run,
            people=frozenset(people),
            on_step=lambda _: None,
        )
        player._take_turn(order)
        assert player.results == []
        assert "stream-seen" in player.time_line.due()
        director.direct_exercise(uid=run, verb=RunAct.RESUME)
        player._take_turn(order)
        assert [result.name for result in player.results] == ["stream-seen"]
