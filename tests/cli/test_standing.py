# SPDX-License-Identifier: Apache-2.0
"""The commands for standings, against a real hub on loopback."""

from tests.cli.test_room import say

AGENCY = "eu-referral-unit"


def test_a_standing_is_listed_granted_and_shown_with_its_history(hub):
    assert "big-video" in say(hub, "standing", "list").out
    why = ("--reason", "They answer fast.")
    say(hub, "standing", "grant", "big-video", "--to", "trusted", *why, party=AGENCY)
    say(hub, "standing", "group", "big-video", "--group", "owner", *why, party=AGENCY)
    line = say(hub, "standing", "digests", "big-video", *why, party=AGENCY).out
    assert "trusted" in line
    assert "group owner" in line
    assert "speaks for digests" in line
    assert "member to trusted  by eu-referral-unit  They answer fast." in (
        say(hub, "standing", "show", "big-video", party=AGENCY).out
    )
    assert "They answer fast." not in say(hub, "standing", "show", "big-video").out
    refused = say(hub, "standing", "grant", "small-forum", "--to", "trusted", *why, code=1)
    assert "only an agency" in refused.err


def test_a_suspension_is_proposed_and_not_confirmed_by_a_key_of_the_same_agency(hub):
    why = ("--reason", "It shares newspapers.")
    assert say(hub, "standing", "suspend", "small-forum", *why, party=AGENCY, code=2).err
    made = say(hub, "standing", "suspend", "small-forum", *why, "--yes", "--json", party=AGENCY)
    proposal = made.rows[0]["id"]
    refused = say(hub, "standing", "confirm", proposal, party=AGENCY, code=1)
    assert "person" in refused.err
    assert proposal in say(hub, "standing", "proposals", party=AGENCY).out
    assert "No proposal" in say(hub, "standing", "proposals").err
    assert "withdrawn" in say(hub, "standing", "withdraw", proposal, party=AGENCY).out
    assert say(hub, "standing", "lift", "small-forum", *why, party=AGENCY, code=1).err
    made = say(hub, "standing", "suspend", "small-forum", *why, "--yes", "--json", party=AGENCY)
    again = made.rows[0]["id"]
    assert say(hub, "standing", "decline", again, *why, party=AGENCY, code=1).err
    say(hub, "standing", "withdraw", again, party=AGENCY)
