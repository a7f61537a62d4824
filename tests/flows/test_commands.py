# SPDX-License-Identifier: Apache-2.0
"""Every command of the terminal against a real hub and a real agent."""

import json
import os
import signal
import subprocess

import pytest

from stemtide.exercises import cast, pictures, processes
from stemtide.protocol.law.frameworks import framework
from tests.cli.conftest import run
from tests.fingerprints.languages import SENTENCES
from tests.flows.conftest import digest, row

pytestmark = pytest.mark.flow


def test_a_crisis_a_share_a_look_and_a_withdrawal_from_the_terminal(house, tmp_path):
    agent = house.agent()
    house.caught_up(agent)
    files = pictures.photographs()
    original, copy = tmp_path / "coffee.png", tmp_path / "copy.jpg"
    original.write_bytes(files["coffee.png"])
    copy.write_bytes(pictures.resized(files["coffee.png"]))

    def stemtide(*words, by=cast.AUTHORITY, code=0):
        told = run(*words, STEMTIDE_HUB_URL=house.hub.address, STEMTIDE_KEY=house.keys[by])
        assert told.code == code, told.err
        return told

    (warned,) = stemtide(
        "crisis", "warn", "Played", "--country", "BE", "--country", "FR", "--json"
    ).rows
    for test in framework("eucp-2023").tests:
        stemtide("crisis", "answer", warned["id"], test, "yes", "--evidence", "played")
    activate(stemtide, warned["id"])

    sharing = ["signal", "share", original, "--label", "manifesto", "--severity", "critical"]
    sharing += ["--confidence", "95", "--crisis", warned["id"], "--expires", "30d", "--json"]
    planned = stemtide(*sharing, "--dry-run")
    assert house.rows("SELECT COUNT(*) FROM signals_signal") == [(0,)]
    shared = stemtide(*sharing).rows
    assert [one["kind"] for one in shared] == [one["kind"] for one in planned.rows]
    assert all(one["created"] for one in shared)
    pdq = next(one for one in shared if one["kind"] == "pdq")

    leaflet = tmp_path / "leaflet.txt"
    leaflet.write_text(" ".join(SENTENCES["de"]))
    about = ["signal", "share", leaflet, "--label", "manifesto", "--severity", "low", "--dry-run"]
    assert "probably de (99% sure): add --language de" in stemtide(*about).err
    stated = stemtide(*about, "--language", "de")
    assert {row["language"] for row in stated.rows} == {"de"}
    assert "probably" not in stated.err

    house.caught_up(agent)
    (looked,) = stemtide("match", copy, "--against", agent.address, "--json").rows
    assert (looked["action"], looked["matches"][0]["signal"]) == ("block", pdq["id"])
    assert house.rows("SELECT COUNT(*) FROM signals_sighting") == [(0,)]

    feed = tmp_path / "feed.jsonl"
    feed.write_text(stemtide("feed", "follow", "--once", "--json").out)
    (saved,) = stemtide("match", copy, "--against", feed, "--json").rows
    assert saved["matches"][0]["against"] == pdq["id"]

    stemtide("signal", "withdraw", pdq["id"], "--reason", "mistake", "--yes")
    (shown,) = stemtide("signal", "show", pdq["id"], "--json").rows
    assert (shown["state"], shown["withdraw_reason"]) == ("withdrawn", "mistake")
    lines = stemtide("feed", "follow", "--once", "--json", "--after", pdq["position"]).rows
    assert [one["op"] for one in lines if one["id"] == pdq["id"]] == ["drop"]
    calm_down(stemtide, warned["id"])
    assert json.loads(stemtide("crisis", "list", "--json").out)["id"] == warned["id"]


def activate(stemtide, crisis):
    """One party rates and proposes, another confirms and invites, a provider joins."""
    rating = stemtide("crisis", "triage", crisis, "--harm", "4", "--virality", "3")
    assert "says activate" in rating.out
    measure = ["--country", "BE", "--considered", "referrals", "--insufficient", "hosts abroad"]
    stemtide("crisis", "measure", crisis, *measure)
    (wider,) = stemtide("crisis", "widen", crisis, "--country", "se", "--json").rows
    assert "SE" in wider["countries"]
    stemtide("crisis", "propose", crisis, "activate", "--reason", "it spreads")
    confirm = ["crisis", "confirm", crisis, "--yes", "--json"]
    (active,) = stemtide(*confirm, by=cast.COORDINATOR).rows
    assert active["activated_at"]
    provider = cast.PROVIDERS[0]
    stemtide("crisis", "invite", crisis, provider, "--reason", "your service hosts the film")
    (joined,) = stemtide("crisis", "join", crisis, "--json", by=provider).rows
    assert (joined["your_state"], joined["in_room"]) == ("joined", True)
    told = stemtide("crisis", "participants", crisis, "--json").rows
    assert told[-1]["invite_reason"] == "your service hosts the film"
    assert {one["party"]: one["state"] for one in told} == {
        cast.AUTHORITY: "leads",
        cast.COORDINATOR: "leads",
        provider: "joined",
    }
    mirror = ["crisis", "neighbour", crisis, "gifct", "2025", "perpetrator-content-incident"]
    (mirrored,) = stemtide(*mirror, "--status", "active", "--json").rows
    assert mirrored["neighbours"][0]["is_known"]


def choose_what_stays(stemtide, crisis):
    """Closing waits for the answer which signals stay after the crisis."""
    refused = stemtide("crisis", "propose", crisis, "close", "--reason", "over", code=1)
    assert "say first which signals stay" in refused.err
    rows = stemtide("crisis", "adoption", crisis, "--json").rows
    assert rows
    named = ["--signal", rows[0]["id"]]
    stemtide("crisis", "adopt", crisis, *named)
    (undone,) = stemtide("crisis", "unadopt", crisis, *named, "--json").rows
    assert undone["adopted"] == 0
    (chosen,) = stemtide("crisis", "choose", crisis, "suggested", "--json").rows
    assert (chosen["is_current"], chosen["suggested"]) == (True, 0)


def calm_down(stemtide, crisis):
    """Reviewed, calmed down, closed by two parties."""
    stemtide("crisis", "review", crisis, "--reason", "new variants", "--next-h", "6")
    stemtide("crisis", "deescalate", crisis, "--reason", "fewer variants")
    choose_what_stays(stemtide, crisis)
    stemtide("crisis", "propose", crisis, "close", "--reason", "over")
    assert "close open: over" in stemtide("crisis", "show", crisis).out
    (closed,) = stemtide("crisis", "confirm", crisis, "--yes", "--json", by=cast.COORDINATOR).rows
    assert (closed["stage"], closed["accepts_signals"]) == ("closed", True)
    (clocks,) = stemtide("crisis", "clocks", crisis, "--json").rows
    assert clocks["first_signal_at"]
    stemtide("crisis", "leave", crisis, by=cast.PROVIDERS[0])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["signal", "share", "md5:00", "--label", "manifesto", "--severity", "low"], "32 hex"),
        (
            ["signal", "share", "md5:" + "0" * 32, "--label", "no-such", "--severity", "low"],
            "known are",
        ),
        (
            ["signal", "share", "md5:" + "0" * 32, "--label", "csam", "--severity", "low"],
            "hotline",
        ),
        (["signal", "show", "01a20eac-b579-7a46-93cb-be1060f95163"], "there is no signal"),
        (["signal", "show", "tuesday"], "uuid"),
        (["crisis", "warn", "Played", "--country", "XX"], "ISO 3166"),
    ],
)
def test_bad_input_is_one_line_with_the_remedy(house, words, told):
    said = run(*words, STEMTIDE_HUB_URL=house.hub.address, STEMTIDE_KEY=house.keys[cast.AUTHORITY])
    assert (said.code, said.out) == (1, "")
    assert told.lower() in said.err.lower()
    assert said.err.count("\n") == 1


def test_a_wrong_key_and_an_absent_hub_are_told_apart(house):
    look = ["crisis", "list"]
    wrong = run(*look, STEMTIDE_HUB_URL=house.hub.address, STEMTIDE_KEY="st_wrong_key")
    away = run(*look, STEMTIDE_HUB_URL="http://127.0.0.1:9", STEMTIDE_KEY="st_wrong_key")
    none = run(*look, STEMTIDE_HUB_URL=house.hub.address)
    assert (wrong.code, "key" in wrong.err) == (1, True)
    assert (away.code, "cannot be reached" in away.err) == (1, True)
    assert (none.code, "stemtide key new" in none.err) == (2, True)


def test_who_follows_the_feed_hears_also_after_the_hub_was_killed(house):
    environment = os.environ | {
        "STEMTIDE_HUB_URL": house.hub.address,
        "STEMTIDE_KEY": house.keys[cast.AUTHORITY],
    }
    command = [processes.command(), "feed", "follow", "--json"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as following:
        try:
            before, after = digest(), digest()
            house.share([row(before)])
            assert json.loads(following.stdout.readline())["value"] == before
            house.restart_hub()
            house.share([row(after)])
            assert json.loads(following.stdout.readline())["value"] == after
            following.send_signal(signal.SIGINT)
            following.wait()
        finally:
            following.kill()  # nothing happens to one that has ended
    assert following.returncode == 130
