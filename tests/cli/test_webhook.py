# SPDX-License-Identifier: Apache-2.0
"""The commands of webhooks, against a real hub and a receiver on loopback."""

import time
from contextlib import ExitStack

import pytest

from tests.cli.conftest import run
from tests.hub.alerts.receivers import answer
from tests.hub.webhooks.conftest import Ear


def say(hub, *words, code=0):
    key = hub.keys["be-crisis-centre"]
    said = run("webhook", *words, STEMTIDE_HUB_URL=hub.address, STEMTIDE_KEY=key)
    assert said.code == code, said.err
    return said


@pytest.mark.nightly
def test_a_webhook_from_its_first_day_to_its_last(hub):
    with ExitStack() as stack:
        ear = Ear(stack)
        ear.replies = [answer(410), answer(204)]
        [made] = say(hub, "add", ear.url, "--type", "signal.*", "--json").rows
        uid, ear.secret = made["id"], made["secret"]
        assert uid in say(hub, "list").out
        [told] = say(hub, "change", uid, "--type", "hold.met", "--exercise", "--json").rows
        assert (told["event_types"], told["exercise"]) == (["hold.met"], True)
        say(hub, "test", uid)
        while say(hub, "show", uid, "--json").rows[0]["state"] == "active":
            time.sleep(0.1)
        assert "410" in say(hub, "show", uid).out
        [lost] = say(hub, "deliveries", uid, "--state", "stopped", "--json").rows
        assert "resume it first" in say(hub, "again", uid, lost["id"], code=1).err
        assert "active" in say(hub, "resume", uid).out
        say(hub, "again", uid, lost["id"])
        while not say(hub, "deliveries", uid, "--state", "sent").out:
            time.sleep(0.1)
        assert ear.ids == [lost["id"]] * 2
        assert [said["type"] for said in ear.heard] == ["webhook.test"] * 2
        assert say(hub, "secret", uid).out.startswith("whsec_")
        assert "paused" in say(hub, "pause", uid).out
        say(hub, "remove", uid, code=2)
        say(hub, "remove", uid, "--yes")
        assert say(hub, "list").out == ""


def test_what_the_hub_refuses_is_told(hub):
    assert "no event" in say(hub, "add", "http://127.0.0.1:9/", "--type", "no.such", code=1).err
    assert "name a change" in say(hub, "change", "x", code=2).err
