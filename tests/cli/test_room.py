# SPDX-License-Identifier: Apache-2.0
"""The commands of a crisis' room, against a real hub on loopback."""

import json

import pytest

from tests.cli.conftest import run


@pytest.fixture(scope="module")
def crisis(hub):
    body = {
        "name": "Attack in a city",
        "happened_at": "2026-11-24T12:00:00Z",
        "countries": ["BE", "FR"],
    }
    with hub.client() as client:
        return client.post("/api/v1/crises", json=body).json()["id"]


def say(hub, *words, party="be-crisis-centre", code=0):
    said = run(*words, STEMTIDE_HUB_URL=hub.address, STEMTIDE_KEY=hub.keys[party])
    assert said.code == code, said.err
    return said


def test_a_message_is_posted_read_and_found(hub, crisis):
    say(hub, "situation", "post", crisis, "On a paste site.", "--kind", "technical")
    log = say(hub, "situation", "log", crisis, "--json").rows
    assert log[-1]["text"] == "On a paste site."
    found = say(hub, "search", "paste site")
    assert "messages" in found.out
    assert "Recognised as: text." in found.err
    assert "No result" in say(hub, "search", "unheard of").err


def test_text_that_looks_like_personal_data_is_sent_only_with_insist(hub, crisis):
    words = ("situation", "post", crisis, "Write to anna.muster@example.org.")
    assert "mail address" in say(hub, *words, code=1).err
    say(hub, "--insist", *words)
    assert say(hub, "situation", "log", crisis, "--json").rows[-1]["text"] == words[-1]
    assert say(hub, *words, code=1).out == ""


def test_a_line_is_proposed_and_agreed(hub, crisis):
    made = say(hub, "situation", "propose", crisis, "en=Do not share.", "nl=Deel niet.", "--json")
    line = made.rows[0]["id"]
    say(hub, "situation", "vote", line, "agree", party="eu-referral-unit")
    assert "agreed" in say(hub, "situation", "lines", crisis).out
    assert "LANGUAGE=TEXT" in say(hub, "situation", "propose", crisis, "words", code=2).err


def test_a_lead_is_reported_and_moved_on(hub):
    words = ["A man announces an attack.", "--level", "high_specific", "--basis", "voluntary"]
    words += ["--reasons", "He shows a rifle.", "--callback", "+32 2 555", "--country", "FR"]
    lead = say(hub, "lead", "report", *words, "--json").rows[0]["id"]
    other = "eu-referral-unit"
    assert lead in say(hub, "lead", "list", party=other).out
    say(hub, "lead", "receive", lead, party=other)
    say(hub, "lead", "pass", lead, party=other)
    done = say(hub, "lead", "close", lead, "--outcome", "no_threat", "--json", party=other)
    assert done.rows[0]["outcome"] == "no_threat"


def test_a_timeline_is_read_and_kept(hub, crisis, tmp_path):
    assert "crisis.warned" in say(hub, "report", "timeline", crisis, "--thing", "crisis").out
    out = tmp_path / "timeline.json"
    say(hub, "report", "export", crisis, "--out", out)
    assert json.loads(out.read_text())["entries"]
    say(hub, "report", "export", crisis, "--out", tmp_path / "timeline.pdf")
    assert (tmp_path / "timeline.pdf").read_bytes().startswith(b"%PDF-")
    assert "name a .json" in say(hub, "report", "export", crisis, "--out", "x.txt", code=2).err


def test_a_report_needs_an_activation_and_an_audience(hub, crisis):
    assert "not activated" in say(hub, "report", "open", crisis, code=1).err
    assert "no report yet" in say(hub, "report", "show", crisis, code=1).err
    words = ["report", "publish", crisis, "--audience", "room"]
    assert "add --yes" in say(hub, *words, code=2).err


def test_uploads_beyond_the_look_ups_are_listed_counted_and_discarded(hub):
    facts = {"labels": ["livestream"], "severity": "high", "tlp": "green"}
    body = {"kind": "sha256", "value": "ab" * 32, **facts}
    with hub.client() as client:
        uid = client.post("/api/v1/signals", json=body).json()["id"]
    at = "2026-11-24T12:00:00Z"
    row = {"signal": uid, "outcome": "blocked", "count": 900, "first_at": at, "last_at": at}
    report = {"report": uid, "agent": "uploads", "rows": [row]}
    report["lookups"] = [{"begins_at": at, "count": 7}]
    with hub.client(party="big-video") as client:
        assert client.post("/api/v1/outcomes", json=report).json()["set_aside"] == 900
    (found,) = say(hub, "outlier", "list", "--open", "--signal", uid, "--json").rows
    counted = say(hub, "outlier", "count", found["id"]).out
    assert "counted  900 blocked of 7 look-ups  big-video uploads" in counted
    assert "left out" in say(hub, "outlier", "discard", found["id"]).out
    assert "No outlier" in say(hub, "outlier", "list", "--open").err
    refused = say(hub, "outlier", "count", found["id"], party="big-video", code=1)
    assert "only the agency or the party" in refused.err


def test_a_signal_is_confirmed_disputed_and_the_dispute_set_aside(hub):
    facts = {"labels": ["livestream"], "severity": "high", "tlp": "green"}
    with hub.client() as client:
        body = {"kind": "sha256", "value": "c7" * 32, **facts}
        answer = client.post("/api/v1/signals", json=body)
        assert answer.is_success, answer.text
    uid = answer.json()["id"]
    agreed = say(hub, "signal", "agree", uid, party="eu-referral-unit").out
    assert "confirmed by: eu-referral-unit" in agreed
    empty = say(hub, "signal", "dispute", uid, "--reason", " ", party="big-video", code=2)
    assert "in your own words" in empty.err
    disputed = say(hub, "signal", "dispute", uid, "--reason", "News.", party="big-video").out
    assert "not disputed  basis speaks_alone" in disputed
    assert "disputed by: big-video" in disputed
    words = ["signal", "set-aside", uid, "big-video", "--reason", "The attacker filmed it."]
    assert "only an agency" in say(hub, *words, code=1).err
    (aside,) = say(hub, *words, "--json", party="eu-referral-unit").rows
    assert aside["opinions"][-1]["set_aside"]["by"] == "eu-referral-unit"
    (answered,) = say(
        hub, "signal", "answer", uid, "We disagree.", "--json", party="big-video"
    ).rows
    assert answered["opinions"][-1]["set_aside"]["answer"] == "We disagree."
    restored = say(hub, "signal", "restore", uid, "big-video", "--json", party="eu-referral-unit")
    assert restored.rows[0]["opinions"][-1]["set_aside"] is None


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("gifct", "2025", "perpetrator-content"), "did you mean perpetrator-content-incident?"),
        (("gifct", "2025", "nonsense"), "it has perpetrator-content-incident; --unlisted"),
        (("nz-dia", "2021", "nonsense"), "it has activate, increased-monitoring"),
    ],
)
def test_an_unlisted_type_of_a_neighbour_is_refused_with_those_listed(hub, crisis, words, expected):
    refused = say(hub, "crisis", "neighbour", crisis, *words, code=2)
    assert expected in " ".join(refused.err.split())
    assert refused.out == ""


def test_a_type_that_is_not_listed_yet_is_recorded_when_asked(hub, crisis):
    words = ("gifct", "2025", "new-type", "--unlisted", "--json")
    (row,) = say(hub, "crisis", "neighbour", crisis, *words).rows
    assert row["neighbours"][-1]["type"] == "new-type"
