# SPDX-License-Identifier: Apache-2.0
"""Scans of what a provider has stored: folders and CSV files, on one machine."""

import os
from pathlib import Path

import pytest

from stemtide.catalogue.content import ReadingSettings, look_at
from stemtide.catalogue.folder import open_catalogue
from stemtide.catalogue.items import StoredItem
from stemtide.fingerprints.limits import DecodingLimits
from stemtide.fingerprints.sandbox.walls import Wall
from tests.catalogue.conftest import CAT, ROCKET, events, summary
from tests.cli.conftest import run
from tests.fingerprints.videos import clip
from tests.rounds import rounds


@pytest.mark.nightly
def test_a_scan_lists_what_signals_match(scan, share, stored):
    signal = share(CAT, labels=["propaganda"])
    said = scan(stored)
    assert said.code == 0, said.err
    (match,) = events(said, "match")
    assert match["ref"] == match["location"] == str(stored / "2025" / "cat.png")
    assert [(m["signal"], m["distance_bits"]) for m in match["matches"]] == [(str(signal.id), 0)]
    numbers = summary(said)
    assert (numbers["listed"], numbers["looked"], numbers["matched"]) == (3, 3, 1)


@pytest.mark.nightly
def test_a_second_scan_looks_only_at_what_is_new_or_changed(scan, share, stored):
    share(CAT)
    scan(stored)
    (stored / "new.png").write_bytes(CAT)
    (stored / "rocket.jpg").write_bytes(CAT)
    said = scan(stored)
    assert {match["ref"] for match in events(said, "match")} == {
        str(stored / "new.png"),
        str(stored / "rocket.jpg"),
    }
    assert (summary(said)["listed"], summary(said)["looked"]) == (4, 2)


def test_a_second_scan_compares_what_is_stored_with_new_signals_alone(scan, share, stored):
    share(CAT)
    scan(stored)
    rocket = share(ROCKET)
    said = scan(stored)
    (match,) = events(said, "match")
    assert [m["signal"] for m in match["matches"]] == [str(rocket.id)]
    assert match["ref"] == str(stored / "rocket.jpg")
    assert (summary(said)["looked"], summary(said)["signals"]) == (0, 1)
    assert summary(scan(stored))["signals"] == 0


@pytest.mark.nightly
def test_a_name_that_steers_a_terminal_is_written_out(share, stored, tmp_path):
    share(CAT)
    (stored / "2025" / "cat.png").rename(stored / "\x1b[2J\u202ecat\u00a0\nmatch  x.png")
    said = run("catalogue", "scan", stored, "--config", tmp_path / "agent.toml")
    line = said.out.splitlines()[0]
    assert line == f"match       {stored}/\\x1b[2J\\u202ecat\u00a0\\nmatch  x.png"


@pytest.mark.nightly
def test_without_json_people_read_the_matches_and_the_numbers(share, stored, tmp_path):
    signal = share(CAT, labels=["propaganda"])
    said = run("catalogue", "scan", stored, "--config", tmp_path / "agent.toml")
    first, second, *numbers = said.out.splitlines()
    assert first == f"match       {stored}/2025/cat.png"
    assert second == f"  {signal.id}  pdq, 0 bits away, propaganda, shared by {signal.shared_by}"
    assert numbers[0].startswith("3 listed, 3 looked at (")
    assert numbers[1] == "1 matched, 0 could not be read"


def test_a_csv_file_gives_ids_with_paths_and_addresses(scan, share, served, tmp_path):
    share(CAT)
    with (tmp_path / "agent.toml").open("a") as settings:
        settings.write('fetch_hosts = ["127.0.0.1"]\n')
    listing = tmp_path / "list.csv"
    listing.write_text(
        "id,path,url\npost-1,stored/2025/cat.png,\n"
        f"post-2,,{served}/2025/cat.png\npost-3,stored/rocket.jpg,\n"
    )
    said = scan(listing)
    assert said.code == 0, said.out
    assert {match["ref"] for match in events(said, "match")} == {"post-1", "post-2"}


def test_an_address_inside_the_network_is_not_requested(scan, tmp_path):
    listing = tmp_path / "list.csv"
    listing.write_text("id,url\npost-1,http://127.0.0.1:9/cat.png\npost-2,ftp://a.example/x\n")
    said = scan(listing)
    assert said.code == 1
    why = {row["ref"]: row["why"] for row in events(said, "unreadable")}
    assert "not public" in why["post-1"] or "only port" in why["post-1"]
    assert why["post-2"] == "its url is no http:// or https:// address: see path"


def test_rows_that_name_no_content_are_listed_and_the_others_looked_at(scan, stored, tmp_path):
    listing = tmp_path / "list.csv"
    listing.write_text(
        "id,path\n,stored/rocket.jpg\npost-2,\npost-3,stored/gone.png\n"
        "post-4,stored/rocket.jpg\npost-4,stored/2025/cat.png\n"
    )
    said = scan(listing)
    assert said.code == 1
    assert [(row["ref"], row["why"]) for row in events(said, "unreadable")] == [
        (f"{listing}, row 2", "has no id: give your own id of the content"),
        (f"{listing}, row 3", "has neither a path nor a url (id post-2)"),
        ("post-3", f"{stored}/gone.png cannot be read: No such file or directory"),
        (
            str(stored / "2025" / "cat.png"),
            "its id is also that of other content (post-4): ids are unique",
        ),
    ]
    assert (summary(said)["looked"], summary(said)["unreadable"]) == (1, 4)


UNLISTED = [
    ("missing", None, "does not exist"),
    ("one.png", CAT, "is a single file"),
    ("list.csv", b"ref,path\n1,a.png\n", "has no column id"),
    ("list.csv", b"id,name\n1,a.png\n", "has neither a column path nor a column url"),
    ("list.csv", b"id,path\n1,\xff.png\n", "cannot be read as CSV"),
]


@pytest.mark.parametrize(("name", "content", "why"), rounds(UNLISTED[:1], nightly=UNLISTED))
def test_a_source_that_cannot_be_listed_ends_the_scan(scan, tmp_path, name, content, why):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    said = scan(tmp_path / name)
    assert said.code == 1
    assert why in said.err


@pytest.mark.nightly
def test_content_that_cannot_be_read_is_listed_each_time_until_it_can(scan, share, stored):
    share(CAT)
    (stored / "cut.png").write_bytes(CAT[:100])
    os.mkfifo(stored / "pipe")
    (stored / "nowhere").symlink_to("gone.png")
    for _ in range(2):
        said = scan(stored)
        assert said.code == 1
        why = {Path(row["ref"]).name: row["why"] for row in events(said, "unreadable")}
        assert set(why) == {"cut.png", "pipe", "nowhere"}
        assert "undecodable" in why["cut.png"]
    (stored / "cut.png").write_bytes(CAT)
    (stored / "pipe").unlink()
    (stored / "nowhere").unlink()
    said = scan(stored)
    assert (said.code, len(events(said, "match"))) == (0, 1)


@pytest.mark.nightly
def test_a_film_that_takes_too_long_is_unreadable_and_the_next_file_is_looked_at(tmp_path, stored):
    limits = DecodingLimits(wall_s=5, long_wall_s=0.001)
    film = tmp_path / "film.mp4"
    film.write_bytes(clip("street"))
    items = [StoredItem("film", str(film)), StoredItem("cat", str(stored / "2025" / "cat.png"))]
    film_look, cat_look = look_at(items, ReadingSettings(frozenset(Wall), limits=limits))
    assert film_look.trouble.startswith("limit: ")
    assert cat_look.trouble == ""


def test_a_file_that_goes_while_the_scan_runs_is_listed(tmp_path):
    item = StoredItem("post-1", str(tmp_path / "gone.png"))
    (look,) = look_at([item], ReadingSettings(frozenset(Wall)))
    assert (look.prints, "cannot be read: No such file" in look.trouble) == (None, True)


def test_a_name_that_leads_out_of_the_folder_of_catalogues_is_refused(scan, stored):
    said = scan(stored, "--name", "../journal")
    assert (said.code, "is no name of a catalogue" in said.err) == (1, True)


def test_only_one_scan_of_a_catalogue_runs_at_a_time(scan, config, stored):
    with open_catalogue(config, "main"):
        said = scan(stored)
    assert (said.code, "another scan of the catalogue main is running" in said.err) == (1, True)
