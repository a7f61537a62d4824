# SPDX-License-Identifier: Apache-2.0
"""A second look at uploads by local features, for pictures of own banks."""

import sqlite3
from contextlib import closing

import pytest

from stemtide.agent.recognise.own_banks import item_of_file
from stemtide.fingerprints.kinds import Fingerprint, Fingerprints, Kind
from tests.agent.world import agent_of, config_of
from tests.fingerprints.pictures import encoded, photo
from tests.rounds import rounds

pytest.importorskip("stemtide.fingerprints.image.local", reason="needs stemtide[local]")

BANK = "OUR_BLOCKS"


def file(name="coffee.png", *, change=lambda image: image):
    return encoded(change(photo(name)), "JPEG", quality=85)


def cut(image):
    """A copy that no hash finds: turned, and unevenly cut."""
    return image.rotate(11).crop((40, 30, image.width - 110, image.height - 60))


def mirrored(image):
    return cut(image.transpose(0))


def add(agent, blob):
    made = agent.http.post("/banks", json={"name": BANK, "action": "block"})
    assert made.status_code in {201, 422}
    added = agent.http.post(f"/c/bank/{BANK}/content", files={"photo": ("a.jpg", blob)})
    assert added.status_code == 200, added.text


@pytest.fixture
def agent(hub, tmp_path, sandbox):
    with agent_of(config_of(hub, tmp_path, local_features=True), sandbox) as agent:
        agent.wait(ready=True)
        add(agent, file())
        yield agent


COPIES = [(cut, "local features"), (mirrored, "local features, mirrored")]


@pytest.mark.parametrize(
    ("change", "transform"),
    rounds(COPIES[1:], nightly=COPIES),
)
def test_a_copy_that_no_hash_finds_is_held_and_the_answer_says_how_it_was_found(
    agent, change, transform
):
    answer = agent.match(file(change=change))
    (match,) = answer["matches"]
    assert (answer["decision"]["action"], match["transform"]) == ("hold", transform)
    assert (match["kind"], match["match_percent"], match["bank"]) == ("pdq", 94, BANK)
    assert match["stretches"][0]["score"] >= 10
    why = answer["decision"]["why"]
    assert "94 % sure, by local features (" in why
    assert "places agree): the bank says block; a match that is 94 % sure leads to hold" in why


def test_a_copy_that_hashes_find_blocks_and_is_listed_once(agent):
    answer = agent.match(file(change=lambda image: image.resize((500, 330))))
    assert answer["decision"]["action"] == "block"
    assert [match["transform"] for match in answer["matches"]] == [""]


@pytest.mark.parametrize(
    "name", rounds(["page.png"], nightly=["rocket.jpg", "chelsea.png", "page.png"])
)
def test_other_pictures_are_not_held(agent, name):
    assert agent.match(file(name))["matches"] == []


def test_an_item_that_was_taken_out_is_found_no_more_and_can_be_put_back(agent):
    agent.http.delete(f"/banks/{BANK}")
    assert agent.match(file(change=cut))["matches"] == []
    agent.http.post(f"/banks/{BANK}/restore")
    assert len(agent.match(file(change=cut))["matches"]) == 1


def test_local_features_are_in_no_answer_and_are_kept_over_a_restart(hub, tmp_path, sandbox, agent):
    answer = agent.match(file(change=cut))
    assert {print_["kind"] for print_ in answer["fingerprints"]} <= {"pdq", "sha256", "md5"}
    assert "local" not in answer
    agent.stop()
    with agent_of(config_of(hub, tmp_path, local_features=True), sandbox) as again:
        again.wait(ready=True)
        assert len(again.match(file(change=cut))["matches"]) == 1


def test_an_agent_without_the_setting_stores_and_finds_nothing(hub, tmp_path, sandbox):
    config = config_of(hub, tmp_path)
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True)
        add(agent, file())
        assert agent.match(file(change=cut))["matches"] == []
        with closing(sqlite3.connect(config.data_dir / "agent.db")) as database:
            assert database.execute("SELECT count(*) FROM own_places").fetchone() == (0,)


@pytest.mark.parametrize(("within_bits", "local"), [(None, b"places"), (0, b""), (31, b"")])
def test_a_picture_with_a_distance_of_its_own_is_found_by_its_hashes_alone(within_bits, local):
    pdq = Fingerprint(Kind.PDQ, bytes.fromhex("0f1e" * 16), quality=100)
    prints = Fingerprints(each=(pdq,), local=(b"places", b"mirrored"))
    (content,) = item_of_file(prints, reason="Ours.", within_bits=within_bits).prints
    assert (content.within_bits, content.local) == (within_bits, local)
