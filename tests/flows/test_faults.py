# SPDX-License-Identifier: Apache-2.0
"""kill -9 of each side, in the middle of everything: nothing is lost and nothing is doubled."""

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from stemtide.exercises import cast
from tests.flows.conftest import digest, row, until
from tests.rounds import rounds

pytestmark = pytest.mark.flow


def share_until_taken(house, rows):
    """A sharer that tries again until its bulk is taken, as any client must."""

    def taken():
        try:
            answer = house.authority.post("/api/v1/signals/bulk", json={"signals": rows})
        except httpx.TransportError:
            return False
        return answer.status_code == 201

    until(taken)


def every_signal_is_there_once(house, agent, values):
    house.caught_up(agent)
    shared = house.rows("SELECT value, COUNT(*) FROM signals_signal GROUP BY value")
    assert dict(shared) == dict.fromkeys(values, 1)
    assert house.health(agent)["signals"]["sha256"] == len(values)
    some = values[:: max(1, len(values) // 100)]
    answers = house.match(agent, [{"ref": one, "sha256": one} for one in some])
    assert [len(one["matches"]) for one in answers] == [1] * len(some)
    assert house.ledger_has_no_gap()


def test_an_agent_killed_during_a_bulk_share_has_every_signal_once(house):
    agent = house.agent()
    bulks = [[digest() for _ in range(400)] for _ in range(12)]
    with ThreadPoolExecutor(max_workers=1) as pool:
        sharing = [
            pool.submit(share_until_taken, house, [row(one) for one in bulk]) for bulk in bulks
        ]
        for moment in (2, 6, 9):
            sharing[moment].result()
            agent.kill()
            agent.start()
    every_signal_is_there_once(house, agent, [one for bulk in bulks for one in bulk])


def test_a_hub_killed_during_a_bulk_share_has_every_signal_once(house):
    agent = house.agent()
    bulks = [[digest() for _ in range(1500)] for _ in range(rounds(2, nightly=6))]
    with ThreadPoolExecutor(max_workers=1) as pool:
        for bulk in bulks:
            sharing = pool.submit(share_until_taken, house, [row(one) for one in bulk])
            threading.Event().wait(0.05)  # so that the kill falls into the middle of a bulk
            house.restart_hub()
            sharing.result()
    every_signal_is_there_once(house, agent, [one for bulk in bulks for one in bulk])


def test_a_hub_killed_while_many_share_single_signals_has_each_once(house):
    """Shares that wait share one commit: a kill loses none of those that were acknowledged."""
    agent = house.agent()
    values = [digest() for _ in range(rounds(80, nightly=800))]
    kills, acknowledged = rounds(1, nightly=8), []

    def share(value):
        """Share until an answer comes; without one, nobody knows whether it was taken."""
        while True:
            with house.client(cast.AUTHORITY) as client:
                try:
                    answer = client.post("/api/v1/signals", json=row(value))
                except httpx.TransportError:
                    continue
            if answer.status_code < 500:  # 503: the hub is not ready yet
                assert answer.status_code in {200, 201}, answer.text
                acknowledged.append(value)
                return

    with ThreadPoolExecutor(max_workers=8) as pool:
        sharing = [pool.submit(share, value) for value in values]
        for kill in range(1, kills + 1):
            until(lambda kill=kill: len(acknowledged) >= kill * len(values) // (kills + 1))
            house.restart_hub()
        for one in sharing:
            one.result()
    every_signal_is_there_once(house, agent, values)


def test_outcomes_are_counted_once_when_either_side_is_killed(house):
    agent = house.agent()
    known = [digest() for _ in range(20)]
    house.share([row(one) for one in known])
    house.caught_up(agent)
    matched = 0
    turns = rounds(2, nightly=6)
    for turn in range(turns):
        answers = house.match(agent, [{"sha256": one} for one in known])
        assert all(one["decision"]["action"] == "block" for one in answers)
        matched += len(answers)
        if turn % 2:
            agent.kill()
            agent.start()
        else:
            house.restart_hub()
        house.caught_up(agent)

    def counted():
        return house.rows("SELECT COALESCE(SUM(count), 0) FROM signals_sighting")[0][0]

    until(lambda: counted() >= matched)
    until(lambda: house.health(agent)["outbox"] == 0)
    assert counted() == matched
    per_signal = house.rows("SELECT DISTINCT count FROM signals_sighting")
    assert per_signal == [(turns,)]
    assert house.ledger_has_no_gap()


def test_an_agent_keeps_matching_while_the_hub_is_away_and_catches_up(house):
    agent = house.agent()
    known, late = digest(), digest()
    house.share([row(known)])
    house.caught_up(agent)
    house.hub.kill()
    until(lambda: not house.health(agent)["hub_reachable"])
    (answer,) = house.match(agent, [{"sha256": known}])
    assert answer["decision"]["action"] == "block"
    assert house.health(agent)["stale_s"] > 0
    agent.kill()
    agent.start()  # with no hub to ask, from its own store
    (answer,) = house.match(agent, [{"sha256": known}])
    assert answer["decision"]["action"] == "block"
    house.restart_hub()
    house.share([row(late)])
    house.caught_up(agent)
    (answer,) = house.match(agent, [{"sha256": late}])
    assert answer["decision"]["action"] == "block"


def test_half_a_bulk_never_lands(house):
    rows = [row(digest()), row("zz"), row(digest(), labels=["no-such-label"])]
    refused = house.authority.post("/api/v1/signals/bulk", json={"signals": rows})
    assert refused.status_code == 422
    assert [one["row"] for one in refused.json()["errors"]] == [1, 2]
    assert house.rows("SELECT COUNT(*) FROM signals_signal") == [(0,)]
    partly = house.share(rows, partial=1)
    assert (partly["created"], partly["refused"]) == (1, 2)
    assert [one["row"] for one in partly["errors"]] == [1, 2]
    assert house.rows("SELECT value FROM signals_signal") == [(rows[0]["value"],)]


def test_two_agents_of_two_parties_each_see_what_they_may(house):
    named, other = cast.PROVIDERS[:2]
    inside, outside = house.agent(named), house.agent(other)
    secret, open_one = digest(), digest()
    house.share([row(secret, tlp="red", audience=[named]), row(open_one, tlp="green")])
    for agent in (inside, outside):
        house.caught_up(agent)
    found = [
        [
            len(one["matches"])
            for one in house.match(agent, [{"sha256": secret}, {"sha256": open_one}])
        ]
        for agent in (inside, outside)
    ]
    assert found == [[1, 1], [0, 1]]
