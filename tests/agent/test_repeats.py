# SPDX-License-Identifier: Apache-2.0
"""Content whose bytes came before is not decoded again, and is decided as if it was."""

from dataclasses import replace

from stemtide.agent.recognise.recent import RepeatedContent
from stemtide.fingerprints.kinds import LIMIT, Fingerprint, Fingerprints, Kind
from tests.agent.world import picture, sha256
from tests.world import hex_value

CAT = picture("chelsea.png")
REPEATED = "stemtide_agent_repeated_total"


def prints_of(number, **more):
    value = bytes.fromhex(hex_value(number))
    return Fingerprints((Fingerprint(Kind.PDQ, value, 90),), **more)


def without_ref(answer):
    return {name: part for name, part in answer.items() if name != "ref"}


def test_a_repeat_is_answered_as_its_first_upload_without_the_decoder(agent):
    first, repeat = agent.match(CAT, ref="a"), agent.match(CAT, ref="b")
    assert without_ref(repeat) == without_ref(first)
    assert {part["kind"] for part in repeat["fingerprints"]} == {"pdq", "sha256", "md5"}
    assert f"{REPEATED} 1.0" in agent.http.get("/metrics").text


def test_a_repeat_is_decided_by_the_signals_of_today(hub, agent, sandbox):
    assert agent.match(CAT)["decision"]["action"] is None
    (found,) = sandbox.fingerprint(CAT).of(Kind.PDQ)
    by_picture = hub.share(found.hex, kind="pdq")
    agent.wait(position=1)
    assert agent.match(CAT)["decision"]["signal"] == str(by_picture.id)
    hub.share(sha256(CAT))
    agent.wait(position=2)
    assert {match["kind"] for match in agent.match(CAT)["matches"]} == {"pdq", "sha256"}
    assert f"{REPEATED} 2.0" in agent.http.get("/metrics").text


def test_repeats_and_fingerprints_wait_for_no_decoder(agent, sandbox):
    first = agent.match(CAT)
    with sandbox._working():  # its only worker is busy
        assert without_ref(agent.match(CAT)) == without_ref(first)
        (answer,) = agent.ask({"sha256": sha256(CAT)})
    assert answer["decision"]["action"] is None


def test_content_that_could_not_be_read_is_tried_again(agent):
    for _ in range(2):
        assert agent.match(CAT[:600])["decision"]["undecodable"]
    assert f"{REPEATED} 0.0" in agent.http.get("/metrics").text


def test_fingerprints_of_a_part_are_not_kept():
    repeats = RepeatedContent()
    repeats.keep(b"a", prints_of(1, remarks=(f"{LIMIT}only the first 8 hours were read",)))
    repeats.keep(b"b", prints_of(2, remarks=("the file is cut off",)))
    assert repeats.find(b"a") is None
    assert repeats.find(b"b").remarks == ("the file is cut off",)


def test_what_was_asked_for_longest_ago_is_forgotten():
    repeats = RepeatedContent(most_bytes=3000)
    for number in range(3):
        repeats.keep(bytes([number]), prints_of(number))
        repeats.keep(bytes([number]), prints_of(number))
    repeats.find(b"\x00")
    repeats.keep(b"\x03", replace(prints_of(3), each=(Fingerprint(Kind.VIDEO, bytes(1500)),)))
    kept = [number for number in range(4) if repeats.find(bytes([number]))]
    assert kept == [0, 3]
