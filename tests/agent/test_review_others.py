# SPDX-License-Identifier: Apache-2.0
"""How many other parties blocked content of a signal: shown on the page of an item, on demand."""

import pytest

from stemtide.agent.config.review import ReviewSettings
from stemtide.protocol.enums import Outcome
from tests.agent.test_review import Moderator, held
from tests.agent.world import config_of

ASKS = "Show how many others blocked it"


@pytest.fixture
def config(hub, tmp_path):
    return config_of(hub, tmp_path, review=ReviewSettings(enabled=True, blind_check_percent=100))


@pytest.fixture
def anna(agent, config):
    with Moderator(agent, config) as moderator:
        yield moderator


def test_numbers_of_other_parties_are_shown_when_a_person_asks_for_them(hub, agent, anna):
    signal = held(hub, agent, "upload")
    hub.other_outcomes[str(signal.id)] = {Outcome.BLOCKED: 12, Outcome.REVERSED: 3}
    page = anna.open("upload").text
    assert ASKS in page
    assert "blocked content: 12" not in page
    page = anna.get("/item", ref="upload", others=str(signal.id)).text
    assert "blocked content: 12" in page
    assert "held content: fewer than 3" in page
    assert "released content again: 3" in page
    assert ASKS not in page


def test_a_hub_that_gives_no_numbers_leaves_the_item_as_it_is(hub, agent, anna):
    signal = held(hub, agent, "upload")
    page = anna.get("/item", ref="upload", others=str(signal.id)).text
    assert "The hub was asked and gave no numbers: " in page
    assert "there is no such signal" in page
    assert "Let pass" in page
    page = anna.get("/item", ref="upload", others="../keys").text
    assert ASKS in page


def test_a_blind_check_does_not_show_others(hub, agent, config, anna):
    signal = held(hub, agent, "upload")
    hub.other_outcomes[str(signal.id)] = {Outcome.BLOCKED: 12}
    anna.open("upload")
    anna.decide("upload", "block")
    with Moderator(agent, config, "Ben") as ben:
        page = ben.get("/check", others=str(signal.id)).text
        assert "A blind check" in page
        assert ASKS not in page
        assert "blocked content" not in page
