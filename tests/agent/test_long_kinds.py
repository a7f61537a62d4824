# SPDX-License-Identifier: Apache-2.0
"""Films, sounds and texts at the agent: shared, matched, told where, decided, withdrawn."""

import io
import random
import zipfile
from dataclasses import replace

import pytest

from stemtide.agent.config.settings import Rule
from stemtide.fingerprints.text.fingerprint import sketch
from stemtide.matching.found import Occurrence, TimeRange
from stemtide.protocol.enums import Action
from tests.agent.test_decide import decide_now, hit

BLOCK_ALL = (Rule(name="all", action=Action.BLOCK),)


def made_words(seed, count):
    rng = random.Random(seed)  # noqa: S311 - the same words in every run
    return [
        f"{rng.choice('bdfglmnprst')}{rng.choice('aeiou')}{rng.randrange(5000)}"
        for _ in range(count)
    ]


MANIFESTO = made_words(1, 900)


@pytest.fixture
def shared(hub, agent):
    value = sketch(" ".join(MANIFESTO)).to_bytes().hex()
    signal = hub.share(value, kind="text", labels=["manifesto"])
    agent.wait(position=1)
    return signal


def test_an_excerpt_inside_a_longer_post_is_stopped_and_told_how_sure(agent, shared):
    post = " ".join([*made_words(2, 300), *MANIFESTO[200:420], *made_words(3, 300)])
    item = agent.match(post.upper().encode())
    (match,) = item["matches"]
    assert (match["kind"], match["signal"]) == ("text", str(shared.id))
    assert match["match_percent"] >= 95
    assert match["stretches"][0]["transform"] in {"excerpt", "embedded", "passage"}
    assert item["decision"]["action"] == "block"
    assert [one["value"] for one in item["fingerprints"] if one["kind"] == "text"] == [""]


@pytest.mark.usefixtures("shared")
def test_an_unrelated_text_passes(agent):
    assert agent.match(" ".join(made_words(9, 800)).encode())["decision"]["action"] is None


@pytest.mark.usefixtures("shared")
def test_a_text_in_an_archive_is_found_and_named(agent):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("deep/words.txt", " ".join(MANIFESTO))
    (match,) = agent.match(packed.getvalue())["matches"]
    assert match["part"] == "deep/words.txt"


def test_a_withdrawn_text_matches_no_more(hub, agent, shared):
    whole = " ".join(MANIFESTO).encode()
    assert agent.match(whole)["matches"]
    hub.withdraw(shared)
    agent.wait(position=2)
    assert agent.match(whole)["matches"] == []


def found(seconds, confidence=0.99):
    span = TimeRange(10.0, 10.0 + seconds)
    return Occurrence(1, 50.0, confidence, span, TimeRange(0.0, seconds), 1.0, "mirrored")


def test_a_match_that_is_not_sure_goes_to_a_person_whatever_the_rule_says():
    sure = replace(hit(kind="video"), match_percent=99, found=(found(12),))
    unsure = replace(hit(kind="video"), match_percent=71, found=(found(12, 0.71),))
    assert decide_now([sure], BLOCK_ALL).action is Action.BLOCK
    decision = decide_now([unsure], BLOCK_ALL)
    assert decision.action is Action.HOLD
    assert "71 % sure leads to hold at most" in decision.why


@pytest.mark.parametrize(("seconds", "action"), [(12.0, Action.BLOCK), (11.9, Action.LOG)])
def test_a_rule_can_ask_for_seconds(seconds, action):
    rules = (Rule(name="long enough", action=Action.BLOCK, min_matched_s=12.0),)
    one = replace(hit(kind="audio"), match_percent=99, found=(found(seconds),))
    assert decide_now([one], rules).action is action


def test_a_rule_for_seconds_lets_pictures_be():
    rules = (Rule(name="long enough", action=Action.BLOCK, min_matched_s=12.0),)
    assert decide_now([hit()], rules).action is Action.BLOCK


@pytest.mark.parametrize(("percent", "action"), [(97, Action.BLOCK), (96, Action.LOG)])
def test_a_rule_can_ask_how_sure(percent, action):
    rules = (Rule(name="sure", action=Action.BLOCK, min_match_percent=97),)
    one = replace(hit(kind="text"), match_percent=percent, found=(found(1),))
    assert decide_now([one], rules).action is action
