# SPDX-License-Identifier: Apache-2.0
"""The commands for orders that were made elsewhere, against a real hub on loopback."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.cli.test_room import say
from tests.hub.papers.papers import plain

URL = "https://small-forum.example/thread/7"
PROVIDER = "small-forum"


def ago(minutes):
    return (datetime.now(UTC) - timedelta(minutes=minutes)).isoformat()


@pytest.fixture
def enter(hub, tmp_path):
    def run(reference, *words, code=0):
        file = tmp_path / f"{reference}.pdf"
        file.write_bytes(plain(reference))
        times = ["--issued", ago(30), "--received", ago(20), "--channel", "perci", "--url", URL]
        return say(
            hub, "order", "enter", file, "--reference", reference, *times, *words,
            party=PROVIDER, code=code,
        )  # fmt: skip

    return run


def test_an_order_is_entered_confirmed_and_its_document_read(hub, enter, tmp_path):
    said = enter("BE-1", "--issuer", "be-crisis-centre")
    assert "entered by hand by small-forum, waiting" in said.out
    assert "Its document is unsealed." in said.err
    uid = said.out.split()[0]
    assert "confirmed" in say(hub, "order", "confirm-entry", uid).out
    shown = say(hub, "order", "authentic", uid).out
    assert "BE: published for point (a): no; named are Federal prosecution service" in shown
    assert "made elsewhere, its document sealed by nobody" in shown
    out = tmp_path / "got.pdf"
    say(hub, "order", "document", uid, "--out", out)
    assert out.read_bytes() == plain("BE-1")


@pytest.mark.nightly
def test_an_order_is_disputed_or_taken_back_with_yes(hub, enter):
    first = enter("BE-2", "--issuer", "be-crisis-centre", "--json").rows[0]["id"]
    assert "add --yes" in say(hub, "order", "dispute-entry", first, "Not ours.", code=2).err
    ended = say(hub, "order", "dispute-entry", first, "Not ours.", "--yes", "--json").rows[0]
    assert (ended["state"], ended["entry"]["state"]) == ("withdrawn", "disputed")
    outside = ["--issuer-title", "Polizei", "--issuer-state", "DE", "--issuer-contact", "+49 1"]
    second = enter("DE-1", *outside, "--json").rows[0]
    assert second["entry"]["outside_issuer"]["contact"] == "+49 1"
    words = ["order", "void-entry", second["id"], "A mistake.", "--yes", "--json"]
    assert say(hub, *words, party=PROVIDER).rows[0]["entry"]["state"] == "voided"


@pytest.mark.nightly
def test_what_is_wrong_with_an_entry_is_named(enter, tmp_path):
    assert "issuer: name the authority" in enter("BE-3", code=1).err
    assert "--set" in enter("BE-4", "--set", "nothing=1", code=2).err
    fields = tmp_path / "annex.json"
    fields.write_text(json.dumps({"reasons": "Incitement."}))
    row = enter("BE-5", "--issuer", "be-crisis-centre", "--annex", fields, "--json").rows[0]
    assert row["annex"]["reasons"] == "Incitement."
