# SPDX-License-Identifier: Apache-2.0
import pytest


@pytest.mark.nightly
def test_a_party_says_how_it_is_reached(stemtide, hub_folder):
    def at_hub(*words):
        return stemtide(*words, STEMTIDE_DATA_DIR=str(hub_folder))

    assert at_hub("party", "add", "be-cc", "--kind", "authority", "--country", "BE").code == 0
    adding = ["party", "contact", "be-cc", "--address", "desk@be-cc.example"]
    added = at_hub(*adding, "--channel", "mail", "--language", "fr", "--always")
    assert added.code == 0, added.err
    (row,) = at_hub("party", "contacts", "--json").rows
    assert (row["party"], row["address"], row["is_24_7"]) == ("be-cc", "desk@be-cc.example", True)
    assert row["languages"] == ["fr"]
    wrong = at_hub(*adding, "--channel", "pigeon")
    assert (wrong.code, "known are mail, phone, url" in wrong.err) == (1, True)


def test_a_key_goes_into_a_file_only_when_it_was_made(stemtide, tmp_path, hub_folder):
    at, file = ("--data-dir", hub_folder), tmp_path / "agent.key"
    failed = stemtide("key", "new", "--party", "nobody", "--out", file, *at)
    assert (failed.code, list(tmp_path.glob("*agent.key*"))) == (1, [])
    assert stemtide("key", "new", "--party", "x", "--out", tmp_path / "no" / "k", *at).code == 2
    stemtide("party", "add", "agency", "--kind", "agency", *at)
    file.touch()  # what a shell leaves of a command that failed
    made = stemtide("key", "new", "--party", "agency", "--out", file, "--json", *at)
    assert made.rows[0]["file"] == str(file)
    assert "key" not in made.rows[0]
    assert file.read_text("utf-8").startswith("st_")
    assert file.stat().st_mode & 0o777 == 0o600
    again = stemtide("key", "new", "--party", "agency", "--out", file, *at)
    assert (again.code, "exists already" in again.err) == (2, True)


def test_an_empty_key_file_is_explained(stemtide, tmp_path):
    file = tmp_path / "empty.key"
    file.touch()
    asked = stemtide("crisis", "list", STEMTIDE_KEY_FILE=str(file))
    assert asked.code == 2
    assert f"{file} is empty" in asked.err
    assert f"stemtide key new --party NAME --out {file}" in asked.err


@pytest.mark.nightly
def test_the_published_authorities_are_listed_with_their_sources(stemtide, hub_folder):
    said = stemtide("party", "register", "--published", "--json", "--data-dir", hub_folder)
    german = [row for row in said.rows if row["country"] == "DE"]
    assert [row["points"] for row in german] == ["ab", "cd"]
    assert german[0]["source"] == "TerrOIBG § 1(1)"
    line = stemtide("party", "register", "--published", "--data-dir", hub_folder).out
    assert "DE ab   Bundeskriminalamt (BKA)  TerrOIBG § 1(1)" in line
