# SPDX-License-Identifier: Apache-2.0
"""The commands for all open disputes of a party, against a real hub on loopback."""

from tests.cli.test_room import say

AGENCY = "eu-referral-unit"


def test_all_disputes_of_a_party_are_counted_set_aside_answered_and_restored(hub):
    facts = {"labels": ["livestream"], "severity": "high", "tlp": "green"}
    with hub.client() as client:
        body = {"kind": "sha256", "value": "ce" * 32, **facts}
        uid = client.post("/api/v1/signals", json=body).json()["id"]
    why = ("--reason", "It shows the news.")
    say(hub, "signal", "dispute", uid, *why, party="small-forum")
    (counted,) = say(hub, "dispute", "count", "small-forum", "--json", party=AGENCY).rows
    number = counted["count"]
    assert counted["parties"] == [{"party": "small-forum", "count": number}]
    words = ("dispute", "set-aside", "small-forum", *why)
    stale = say(hub, *words, "--count", str(number + 1), party=AGENCY, code=1)
    assert f"you saw {number + 1}" in stale.err
    (made,) = say(hub, *words, "--count", str(number), "--json", party=AGENCY).rows
    assert made["id"] in say(hub, "dispute", "list", party="small-forum").out
    say(hub, "dispute", "answer", made["id"], "It is ours.", party="small-forum")
    line = say(hub, "dispute", "restore", made["id"], party=AGENCY).out
    assert "taken back" in line
    assert "answered by: small-forum" in line
    refused = say(hub, "dispute", "restore", made["id"], party="small-forum", code=1)
    assert "only an agency" in refused.err
