# SPDX-License-Identifier: Apache-2.0
from uuid import uuid4

import pytest

from tests.hub.desk.test_board import text


def test_the_page_shows_the_checklist_and_the_timeline(world):
    page = text(
        world.desk("provider").get(f"/crises/{world.crisis(active=True, joined=('provider',))}")
    )
    assert "Filmed by its perpetrator." in page
    assert page.count("Two officers saw it.") == 6
    assert page.index("The event") < page.index("Early warning The authority")
    assert page.index("Early warning The authority") < page.index("Activation")


def test_a_test_without_an_answer_says_so(world):
    page = text(world.desk("neighbour").get(f"/crises/{world.crisis()}"))
    assert page.count("not answered") == 6


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_a_crisis_is_not_moved_at_the_desk(world, method):
    desk = world.desk("authority")
    assert getattr(desk, method)(f"/crises/{world.crisis()}").status_code == 405


def test_a_crisis_that_is_not_there_is_not_found(world):
    assert world.desk("authority").get(f"/crises/{uuid4()}").status_code == 404


def test_a_signal_links_to_its_crisis_for_those_who_may_see_it(world):
    crisis = world.crisis(joined=("provider",))
    uid = world.share(tlp="clear", crisis=crisis)
    assert f"/crises/{crisis}" in world.desk("provider").get(f"/signals/{uid}").content.decode()
    hidden = world.desk("observer").get(f"/signals/{uid}")
    assert f"/crises/{crisis}" not in hidden.content.decode()
    assert "none that you may see" in text(hidden)
