# SPDX-License-Identifier: Apache-2.0
"""The operator looks after people, on the hub's own machine."""

import os

import pytest


@pytest.fixture
def invited(stemtide, hub_folder):
    """Have a person invited; return the address, the link, and where the hub is."""
    who, at = "duty@agency.example", ("--data-dir", hub_folder)
    stemtide("party", "add", "agency", "--kind", "agency", *at)
    added = stemtide(
        *("person", "add", who, "--party", "agency", "--role", "duty_officer", "--json", *at),
        STEMTIDE_ADDRESS="https://hub.example.eu/",
    )
    return who, added.rows[0]["link"], at


def test_a_person_is_invited_and_erased(stemtide, invited):
    who, link, at = invited
    assert link.startswith("https://hub.example.eu/invited/")
    assert stemtide("person", "deactivate", who, *at).code == 0
    assert stemtide("person", "erase", who, *at).code == 2
    assert stemtide("person", "erase", who, "--yes", *at).code == 0
    (listed,) = stemtide("person", "list", "--party", "agency", "--json", *at).rows
    assert "duty" not in listed["email"]


@pytest.mark.nightly
def test_a_person_is_invited_anew_changed_and_shut_out(stemtide, invited):
    who, link, at = invited
    again = stemtide("person", "invite", who, *at)
    assert again.out.startswith("/invited/")
    assert "STEMTIDE_ADDRESS is not set" in again.err
    assert again.out.strip() != link
    assert stemtide("person", "role", who, "analyst", *at).code == 0
    unlocked = stemtide("person", "unlock", who, *at)
    assert (unlocked.code, "not locked" in unlocked.err) == (1, True)
    confirmed = stemtide("person", "confirm", who, "--yes", *at)
    assert (confirmed.code, "already counts" in confirmed.err) == (1, True)
    assert stemtide("person", "sign-out", who, *at).code == 0
    listed = stemtide("person", "list", "--party", "agency", "--json", *at).rows
    assert [(one["email"], one["role"], one["state"]) for one in listed] == [
        (who, "analyst", "active")
    ]
    early = stemtide("person", "erase", who, "--yes", *at)
    assert (early.code, "deactivate them first" in early.err) == (1, True)
    assert stemtide("person", "deactivate", who, *at).code == 0
    assert stemtide("person", "erase", who, "--yes", *at).code == 0
    assert stemtide("person", "reactivate", who, *at).code == 1


@pytest.mark.nightly
def test_a_script_may_bring_a_password(stemtide, tmp_path, hub_folder):
    at = ("--data-dir", hub_folder)
    stemtide("party", "add", "agency", "--kind", "agency", *at)
    (tmp_path / "password").write_text("correct-horse-battery\n", "utf-8")
    added = stemtide(
        *("person", "add", "a@b.example", "--party", "agency", "--role", "analyst", "--json"),
        *("--password-file", tmp_path / "password", *at),
    )
    assert added.rows == [{"email": "a@b.example", "party": "agency", "role": "analyst"}]


@pytest.mark.nightly
def test_a_link_has_the_address_of_the_hub_that_runs(stemtide, hub_folder):
    """Of this folder alone, and of a process that is still there."""
    at = ("--data-dir", hub_folder)
    stemtide("party", "add", "agency", "--kind", "agency", *at)
    adding = ("--party", "agency", "--role", "analyst", *at)
    note = hub_folder / "hub.address"
    note.write_text(f"{os.getpid()} http://127.0.0.1:9876\n", "utf-8")
    added = stemtide("person", "add", "a@b.example", *adding)
    assert added.out.startswith("http://127.0.0.1:9876/invited/")
    note.write_text("999999999 http://127.0.0.1:9876\n", "utf-8")  # it died without a word
    assert stemtide("person", "add", "c@b.example", *adding).out.startswith("/invited/")
    note.write_text("scribble", "utf-8")
    assert stemtide("person", "add", "d@b.example", *adding).out.startswith("/invited/")
