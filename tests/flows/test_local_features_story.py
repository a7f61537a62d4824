# SPDX-License-Identifier: Apache-2.0
"""A sharer sends local features from the terminal, and a provider's agent finds a turned copy."""

import httpx
import pytest

from stemtide.exercises import cast
from tests.agent.test_local_features import cut, file
from tests.agent.world import until
from tests.cli.conftest import run

pytest.importorskip("stemtide.fingerprints.image.local", reason="needs stemtide[local]")
pytestmark = pytest.mark.flow


@pytest.fixture
def stemtide(house):
    def stemtide(*words, code=0):
        told = run(
            *words, STEMTIDE_HUB_URL=house.hub.address, STEMTIDE_KEY=house.keys[cast.AUTHORITY]
        )
        assert told.code == code, told.err
        return told

    return stemtide


def test_a_turned_copy_is_held_until_the_features_are_removed(house, tmp_path, stemtide):
    agent = house.agent(extra="local_features = true")
    plain = house.agent(cast.PROVIDERS[1])
    picture = tmp_path / "picture.jpg"
    picture.write_bytes(file())
    sharing = ["signal", "share", picture, "--label", "manifesto", "--severity", "critical"]
    sharing += ["--confidence", "95", "--local", "--json"]
    assert "1 with local features; nothing was sent" in stemtide(*sharing, "--dry-run").err
    rows = stemtide(*sharing).rows
    pdq = next(row for row in rows if row["kind"] == "pdq")
    assert [row["kind"] for row in rows if row["local_features"]] == ["pdq"]

    def decision(of):
        return matched(of.address)["decision"]["action"]

    until(lambda: decision(agent) == "hold")
    (match,) = matched(agent.address)["matches"]
    assert (match["signal"], match["transform"]) == (pdq["id"], "local features")
    house.caught_up(plain)
    assert decision(plain) is None

    assert stemtide("signal", "remove-local", pdq["id"], code=2).err
    removed = stemtide("signal", "remove-local", pdq["id"], "--yes")
    assert removed.out == f"{pdq['id']} has no local features any more.\n"
    until(lambda: decision(agent) is None)
    page = stemtide("signal", "show", pdq["id"], "--json").rows[0]
    assert page["state"] == "live"


def matched(address):
    answer = httpx.post(
        f"{address}/match", files={"file": ("copy.jpg", file(change=cut))}, timeout=60
    )
    return answer.json()["items"][0]


def test_a_mark_that_lets_others_pass_it_on_is_refused_before_a_file_is_read(stemtide):
    sharing = ["signal", "share", "no-such.jpg", "--label", "manifesto", "--severity", "low"]
    refused = stemtide(*sharing, "--tlp", "green", "--local", code=2)
    assert "leave out --tlp green, or --local" in refused.err


def test_a_text_is_shared_without_local_features(stemtide, tmp_path):
    text = tmp_path / "words.txt"
    text.write_text("seven words that say little to anybody here")
    sharing = ["signal", "share", text, "--label", "manifesto", "--severity", "low", "--local"]
    told = stemtide(*sharing, "--dry-run")
    assert "it has no local features: it is not a still picture" in told.err
    assert "0 with local features" in told.err
