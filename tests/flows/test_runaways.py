# SPDX-License-Identifier: Apache-2.0
"""A wrong hash is lowered, at agents and then everywhere, and two outbreaks beside it are not.

Traffic is made up: at each agent 12 of 100 uploads are a common picture that an authority shared by
mistake, and 2 of 100 each of two outbreaks, one of the same authority and one of two providers.
"""

from datetime import UTC, datetime
from uuid import uuid4

import httpx
import pytest

from stemtide.exercises import cast
from tests.flows.conftest import digest, row, until

pytestmark = pytest.mark.flow

ROUND, COMMON, OUTBREAK = 500, 60, 10
ONE, TWO, THREE = cast.PROVIDERS
FALSE_REPORT = {"state": "lowered", "matches": 5000, "lookups": 6000, "most": 29}


class Story:
    """The agents of three providers, an agent that sees no traffic, and what was shared."""

    def __init__(self, house, *, extra=""):
        self.house = house
        self.agents = {party: house.agent(party, extra=extra) for party in cast.PROVIDERS}
        self.quiet = house.agent(cast.COORDINATOR)
        self.common, self.official, self.confirmed = digest(), digest(), digest()
        self.uids = {
            value: self.share(value, cast.AUTHORITY) for value in (self.common, self.official)
        }
        self.uids[self.confirmed] = self.share(self.confirmed, ONE)
        self.share(self.confirmed, TWO)
        self.settle()

    def share(self, value, party):
        with self.house.client(party) as client:
            shared = client.post("/api/v1/signals", json=row(value, tlp="green"))
        assert shared.status_code == 201, shared.text
        return shared.json()["id"]

    def settle(self):
        for agent in (*self.agents.values(), self.quiet):
            self.house.caught_up(agent)

    def upload(self, agent, counts):
        """Upload a round; return the actions on each of the contents in it."""
        values = [value for value, number in counts.items() for _ in range(number)]
        values += [digest() for _ in range(ROUND - len(values))]
        items = [{"ref": uuid4().hex, "sha256": value} for value in values]
        answers = self.house.match(agent, items)
        actions = {value: set() for value in counts}
        for value, answer in zip(values, answers, strict=True):
            actions.setdefault(value, set()).add(answer["decision"]["action"])
        return [actions[value] for value in counts]

    def traffic(self, party):
        """Upload so much that the agent can judge shares; both outbreaks are blocked."""
        counts = {self.common: COMMON, self.official: OUTBREAK, self.confirmed: OUTBREAK}
        for _ in range(2):
            _, *outbreaks = self.upload(self.agents[party], counts)
            assert outbreaks == [{"block"}, {"block"}]

    def marks(self, party):
        """The signals that the party's agent marked, with their states."""
        answer = httpx.get(f"{self.agents[party].address}/runaways", timeout=60).json()
        return {mark["signal"]: mark["state"] for mark in answer["runaways"]}

    def runaway(self, value):
        """What the hub says about a signal that ran away; None if nobody reported it."""
        return next(iter(self.ask("/api/v1/runaways", signal=self.uids[value])), None)

    def ask(self, path, **asked):
        with self.house.client(cast.COORDINATOR) as agency:
            return agency.get(path, params=asked).raise_for_status().json()

    def act(self, method, path, body):
        with self.house.client(cast.COORDINATOR) as agency:
            agency.request(method, path, json=body).raise_for_status()

    def action(self, agent, value):
        (answer,) = self.house.match(agent, [{"ref": uuid4().hex, "sha256": value}])
        return answer["decision"]["action"]

    def lower_everywhere(self):
        """Send the traffic, until agents of three parties report it, of which two are too few."""
        for party in (ONE, TWO):
            self.traffic(party)
            until(lambda party=party: self.marks(party) == {self.uids[self.common]: "lowered"})
        until(lambda: (self.runaway(self.common) or {}).get("reporting") == 2)
        assert self.runaway(self.common)["lowered"] is False
        assert self.action(self.quiet, self.common) == "block"
        self.traffic(THREE)
        until(lambda: self.runaway(self.common)["lowered"])
        self.settle()


@pytest.mark.parametrize("extra", ["", "http_workers = 2"], ids=["one", "two"])
def test_a_wrong_hash_is_lowered_everywhere_until_the_agency_lifts_it_and_no_outbreak_is(
    house, extra
):
    story = Story(house, extra=extra)
    story.lower_everywhere()
    assert story.action(story.quiet, story.common) == "hold"
    until(lambda: "signal_lowered" in {alert["kind"] for alert in story.ask("/api/v1/alerts")})
    assert [row["signal"] for row in story.ask("/api/v1/runaways")] == [story.uids[story.common]]

    path = f"/api/v1/signals/{story.uids[story.common]}/runaway/clear"
    story.act("POST", path, {"reason": "It is no logo after all."})
    for agent in (*story.agents.values(), story.quiet):
        until(lambda agent=agent: story.action(agent, story.common) == "block")
        assert story.action(agent, story.official) == "block"

    report_as_one_group(story)
    assert story.action(story.quiet, story.official) == "block"


def report_as_one_group(story):
    """Have three providers of one group report the authority's outbreak, with two agents each."""
    uid = story.uids[story.official]
    body = FALSE_REPORT | {"since": datetime.now(UTC).isoformat()}
    for party in cast.PROVIDERS:
        why = {"group": "one-owner", "reason": "They have one owner."}
        story.act("PUT", f"/api/v1/parties/{party}/group", why)
    for party in cast.PROVIDERS:
        with story.house.client(party) as client:
            for name in ("invented-1", "invented-2"):
                path = f"/api/v1/agents/{name}/runaways/{uid}"
                client.put(path, json=body).raise_for_status()
    row = story.runaway(story.official)
    assert (row["lowered"], row["reporting"], len(row["reports"])) == (False, 1, 6)
    story.settle()


def test_two_providers_outbreak_blocks_even_if_every_fifth_upload_is_of_it(house):
    story = Story(house)
    for party in (ONE, TWO, THREE):
        for _ in range(3):
            agent, counts = story.agents[party], {story.confirmed: 100}
            assert story.upload(agent, counts) == [{"block"}]
        until(lambda party=party: set(story.marks(party).values()) == {"alarmed"})
        assert story.action(agent, story.confirmed) == "block"
    until(lambda: len((story.runaway(story.confirmed) or {"reports": []})["reports"]) == 3)
    assert story.runaway(story.confirmed)["lowered"] is False
    assert story.action(story.quiet, story.confirmed) == "block"
