# SPDX-License-Identifier: Apache-2.0
from uuid import uuid4

from tests.hub.desk.test_board import text


def test_a_crisis_that_is_not_there_is_not_found(world):
    assert world.desk("authority").get(f"/crises/{uuid4()}").status_code == 404


def test_a_signal_links_to_its_crisis_for_those_who_may_see_it(world):
    crisis = world.crisis(joined=("provider",))
    uid = world.share(tlp="clear", crisis=crisis)
    assert f"/crises/{crisis}" in world.desk("provider").get(f"/signals/{uid}").content.decode()
    hidden = world.desk("observer").get(f"/signals/{uid}")
    assert f"/crises/{crisis}" not in hidden.content.decode()
    assert "none that you may see" in text(hidden)
