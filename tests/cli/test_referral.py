# SPDX-License-Identifier: Apache-2.0
"""The commands of referrals, batches and holds, against a real hub on loopback."""

import csv

from tests.cli.test_room import say
from tests.rounds import rounds

OTHER, PROVIDER = "fr-referral-unit", "big-video"
WHY = ["--label", "incitement", "--reason", "It calls for an attack."]


def refer(hub, number, *more, party="be-crisis-centre", code=0):
    url = f"https://video.example/watch?v={number}"
    words = ["referral", "assess", url, "--provider", PROVIDER, *WHY, *more]
    return say(hub, *words, "--json", party=party, code=code)


def test_a_referral_goes_from_search_to_reinstatement(hub):
    found = say(hub, "referral", "search", "hxxps://video[.]example/watch?v=1")
    assert "nothing prevents sending" in found.err
    assessed = refer(hub, 1).rows[0]
    sent = say(hub, "referral", "send", assessed["id"], "--json").rows[0]
    assert sent["state"] == "sent"
    assert sent["id"] in say(hub, "referral", "list", "--state", "sent", party=PROVIDER).out
    say(hub, "referral", "acknowledge", sent["id"], "--reference", "T-1", party=PROVIDER)
    asked = ["referral", "answer", sent["id"], "needs_context", "--question", "Which scene?"]
    say(hub, *asked, party=PROVIDER)
    say(hub, "referral", "explain", sent["id"], "From 2:10 on.")
    blocked = ["geo_blocked", "--country", "BE", "--country", "FR"]
    done = say(hub, "referral", "answer", sent["id"], *blocked, party=PROVIDER)
    assert "geo_blocked" in done.out
    say(hub, "referral", "reinstate", sent["id"], "--note", "News.", party=PROVIDER)
    shown = say(hub, "referral", "show", sent["id"])
    assert "reinstated" in shown.out
    assert "T-1" in shown.out


def test_a_dry_run_records_nothing(hub):
    assert refer(hub, 2, "--dry-run").rows[0]["provider"] == PROVIDER
    assert "No such referral" in say(hub, "referral", "list", "--reference", "RF-1999-00001").err


def test_another_authoritys_referral_needs_a_reason(hub):
    refer(hub, 3, "--send", party=OTHER)
    search = say(hub, "referral", "search", "https://video.example/watch?v=3")
    assert "needs --despite" in search.err
    assert OTHER in search.out
    assert "despite" in refer(hub, 3, "--send", code=1).err
    made = refer(hub, 3, "--send", "--despite", "Ours shows the place.")
    assert made.rows[0]["state"] == "sent"


def test_what_is_sent_is_withdrawn_only_with_a_yes_and_what_is_assessed_is_dropped(hub):
    sent = refer(hub, 4, "--send").rows[0]["id"]
    words = ["referral", "withdraw", sent, "--reason", "mistake"]
    assert "--yes" in say(hub, *words, code=2).err
    assert "withdrawn" in say(hub, *words, "--yes").out
    assessed = refer(hub, 5).rows[0]["id"]
    assert "not_referred" in say(hub, "referral", "drop", assessed, "--reason", "lawful").out


def test_a_hold_delays_a_referral_until_it_is_lifted_or_overridden(hub):
    url = "https://video.example/watch?v=6"
    words = ["--reason", "investigation", "--contact", "the duty desk", "--json"]
    place = ["hold", "place", "--url", url, "--until", "2d", *words]
    held = say(hub, *place, party=OTHER).rows[0]
    assert "would wait" in say(hub, "referral", "search", url).err
    waits = refer(hub, 6, "--send").rows[0]
    assert waits["state"] == "held"
    assert "1 waiting" in say(hub, "hold", "list", party=OTHER).out
    say(hub, "hold", "extend", held["id"], "--until", "3d", party=OTHER)
    override = ["referral", "send", waits["id"], "--override", "A child is shown at home."]
    assert "sent" in say(hub, *override).out
    assert "lifted" in say(hub, "hold", "lift", held["id"], party=OTHER).out
    assert "No hold" in say(hub, "hold", "list", party=OTHER).err
    assert "lifted" in say(hub, "hold", "list", "--all", party=OTHER).out
    assert "7 days" in say(hub, *place[:5], "30d", *words, party=OTHER, code=1).err


def test_a_batch_is_tried_sent_repeated_and_read(hub, tmp_path):
    file, out = tmp_path / "day.csv", tmp_path / "outcomes.csv"
    count = rounds(60, nightly=600)
    lines = [f"https://video.example/watch?v=day{one}" for one in range(count)]
    file.write_text("\n".join(["url", *lines, "nonsense"]), "utf-8")
    words = ["referral", "batch", file, "--provider", PROVIDER, *WHY]
    tried = say(hub, *words, "--dry-run", code=1)
    assert f"{count + 1} rows: {count} sent, 1 bad url. Nothing was sent." in tried.err
    assert "needs a name" in say(hub, *words, code=2).err
    first = say(hub, *words, "--name", "Action day", "--out", out, "--json", code=1)
    again = say(hub, *words, "--name", "Action day", "--json", code=1)
    assert [one["outcome"] for one in first.rows] == ["sent"] * count + ["bad_url"]
    assert again.rows == first.rows
    assert "Referring" in first.err
    with out.open(encoding="utf-8") as told:
        cells = list(csv.DictReader(told))
    assert cells[-2]["reference"] == first.rows[-2]["reference"]
    batch = say(hub, "referral", "batches", "--json").rows[0]
    assert batch["outcomes"] == {"sent": count, "bad_url": 1}
    read = say(hub, "referral", "rows", batch["id"], "--json", code=1)
    assert read.rows == first.rows
    listed = say(hub, "referral", "list", "--batch", batch["id"], "--json")
    assert len(listed.rows) == count


def test_a_file_that_is_no_batch_says_what_to_do(hub, tmp_path):
    file = tmp_path / "day.csv"
    file.write_text("address\nhttps://video.example\n", "utf-8")
    assert "no column url" in say(hub, "referral", "batch", file, "--dry-run", code=2).err
