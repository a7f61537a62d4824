# SPDX-License-Identifier: Apache-2.0
"""Uploads that are held because they could not be read: in the queue, with the reason."""

import pytest

from stemtide.agent.review.decisions import utc
from stemtide.agent.store import review
from stemtide.agent.store.database import Store
from stemtide.agent.store.schema import connect
from tests.agent.test_review import (
    Moderator,
    age,
    config,
    counted,
    events,
    held,
    wait_event,
)
from tests.agent.test_unread import CUT_OFF, nested
from tests.agent.world import agent_of, config_of, sha256, until
from tests.rounds import rounds

__all__ = ["config"]


@pytest.fixture
def anna(agent, config):
    with Moderator(agent, config) as moderator:
        yield moderator


def test_an_upload_that_could_not_be_read_is_in_the_queue_with_the_reason(agent, anna):
    (remark, *_) = agent.match(CUT_OFF, ref="cut")["remarks"]
    agent.match(nested(), ref="deep")
    assert set(anna.queue()) == {"cut", "deep"}
    assert "could not be read: <bdi>undecodable: " in anna.page.text
    assert "could not be read: <bdi>limit: " in anna.page.text
    page = anna.open("cut").text
    assert f"<li><bdi>{remark}" in page.replace("&#39;", "'")
    assert "Dispute the signal" not in page  # there is none
    assert agent.health()["review"] == {"waiting": 2, "late": 0, "kept_files": 0, "kept_bytes": 0}


VERDICTS = [("pass", "content.release"), ("block", "content.block")]


@pytest.mark.parametrize(("verdict", "kind"), rounds(VERDICTS[1:], nightly=VERDICTS))
def test_it_is_decided_told_and_taken_back_and_counts_for_nobody(  # noqa: PLR0917 - fixtures
    hub, agent, config, anna, verdict, kind
):
    agent.match(CUT_OFF, ref="cut")
    assert events(config, "cut") == []  # the answer said hold
    anna.decide("cut", verdict)
    event = wait_event(config, "cut", kind)["data"]
    assert (event["decided_by"], event["signal"]) == ("reviewer", "")
    assert anna.queue() == []
    anna.undo()
    wait_event(config, "cut", "content.hold")
    assert anna.queue() == ["cut"]
    held(hub, agent, "other")
    until(lambda: counted(hub, "held"))
    assert sum(hub.outcomes.values()) == 1


def test_sent_again_it_comes_back_unless_a_person_blocked_it(agent, anna):
    agent.match(CUT_OFF, ref="passed")
    agent.match(CUT_OFF, ref="blocked")
    anna.decide("passed", "pass")
    anna.decide("blocked", "block")
    for ref in ("passed", "blocked"):
        assert agent.match(CUT_OFF, ref=ref)["decision"]["action"] == "hold"
    assert anna.queue() == ["passed"]


def test_matches_come_before_what_could_not_be_read_however_long_it_waits(hub, agent, config, anna):
    agent.match(CUT_OFF, ref="cut")
    age(config, "acted", "at", minutes=20 * 24 * 60)
    held(hub, agent, "grave", severity="critical")
    held(hub, agent, "mild", severity="low")
    assert anna.queue() == ["grave", "cut", "mild"]
    assert "late by 456 h" in anna.page.text


def test_in_a_request_with_a_match_both_are_in_the_queue(hub, agent, anna):
    hub.share(sha256(b"known"), shared_by="another-provider", confirmed_by=[])
    agent.wait(position=hub.head)
    files = [("file", ("a", b"known")), ("file", ("b", CUT_OFF))]
    answer = agent.http.post("/match", files=files, data={"ref": ["match", "cut"]})
    assert [item["decision"]["action"] for item in answer.json()["items"]] == ["hold", "hold"]
    assert anna.queue() == ["match", "cut"]


def test_what_only_logs_and_could_not_be_read_says_so(hub, agent, anna):
    hub.share(sha256(CUT_OFF), pap="red")
    agent.wait(position=hub.head)
    assert agent.match(CUT_OFF, ref="cut")["decision"]["action"] == "hold"
    assert anna.queue() == ["cut"]
    assert "What could not be read:" in anna.open("cut").text


def test_a_match_that_comes_later_is_what_holds_it(hub, agent, anna):
    agent.match(CUT_OFF, ref="cut")
    hub.share(sha256(CUT_OFF), shared_by="another-provider", confirmed_by=[])
    agent.wait(position=hub.head)
    agent.match(CUT_OFF, ref="cut")
    assert anna.queue() == ["cut"]
    assert "sha256</bdi> of <bdi>another-provider" in anna.page.text
    page = anna.open("cut").text
    assert "What could not be read:" in page
    assert "Dispute the signal" in page


def test_values_of_strangers_in_a_reason_are_shown_and_not_run(agent, config, anna):
    agent.match(CUT_OFF, ref="cut")
    connection = connect(config.data_dir / "agent.db")
    review.remember_unread(connection, "cut", ["undecodable: <script>x\u202e"], now=utc(1))
    connection.close()
    for page in (anna.get().text, anna.open("cut").text):
        assert "<script>x" not in page
        assert "⟨202E⟩" in page


def test_without_the_page_nothing_is_remembered(hub, sandbox, tmp_path):
    config = config_of(hub, tmp_path)
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True)
        assert agent.match(CUT_OFF, ref="cut")["decision"]["action"] == "hold"
    with Store(config.data_dir) as store:
        assert store.read("SELECT ref FROM acted") == []
        assert store.read("SELECT ref FROM review_events") == []
