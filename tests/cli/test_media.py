# SPDX-License-Identifier: Apache-2.0
import hashlib
import json
import random
import zipfile

import pytest
from PIL import Image

from stemtide.exercises import pictures


@pytest.fixture(scope="module")
def album(tmp_path_factory):
    folder = tmp_path_factory.mktemp("album")
    files = pictures.photographs()
    for name in ("coffee.png", "chelsea.png"):
        (folder / name).write_bytes(files[name])
    (folder / "coffee-again.jpg").write_bytes(pictures.reencoded(files["coffee.png"]))
    (folder / "words.txt").write_text("not a picture")
    (folder / "half.jpg").write_bytes(pictures.reencoded(files["coffee.png"])[:9000])
    return folder


def test_hash_says_every_fingerprint(stemtide, album):
    told = stemtide("hash", "--json", album / "coffee.png")
    (row,) = told.rows
    prints = {one["kind"]: one["value"] for one in row["fingerprints"]}
    blob = (album / "coffee.png").read_bytes()
    assert told.code == 0
    assert set(prints) == {"pdq", "sha256", "md5"}
    assert prints["sha256"] == hashlib.sha256(blob).hexdigest()
    assert row["media_type"] == "image/png"


def test_hash_reads_several_and_spells_urls_one_way(stemtide, album):
    told = stemtide(
        "hash", "--json", album / "words.txt", "HTTPS://Example.com:443/a?utm_source=x#y",
        "https://example.com/a",
    )  # fmt: skip
    words, long, short = told.rows
    assert {one["kind"] for one in words["fingerprints"]} == {"sha256", "md5"}
    assert long["fingerprints"] == short["fingerprints"]


@pytest.mark.nightly
def test_a_cut_off_picture_is_hashed_as_far_as_it_goes_and_said(stemtide, album):
    told = stemtide("hash", album / "half.jpg")
    assert told.code == 0
    assert "pdq" in told.out
    assert "half.jpg" in told.err


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("no-such-file.jpg", "is not a file"),
        ("pdq:abcd", "64 hex digits"),
        ("javascript://x", "javascript"),
    ],
)
def test_what_cannot_be_fingerprinted_is_named(stemtide, name, remedy):
    told = stemtide("hash", name)
    assert told.code == 1
    assert told.out == ""
    assert remedy in told.err
    assert "Traceback" not in told.err


@pytest.mark.nightly
def test_a_folder_stands_for_its_files_and_an_empty_one_for_nothing(stemtide, album, tmp_path):
    told = stemtide("hash", "--json", album)
    assert [row["name"] for row in told.rows] == sorted(str(one) for one in album.iterdir())
    told = stemtide("hash", tmp_path)
    assert told.code == 1
    assert "is a folder without files" in told.err


@pytest.mark.nightly
def test_standard_input_is_content_too(stemtide, album):
    told = stemtide("hash", "--json", "-", stdin=(album / "coffee.png").read_bytes())
    assert told.rows[0]["name"] == "-"
    assert told.rows[0]["media_type"] == "image/png"


def test_match_finds_the_altered_copy_among_files(stemtide, album):
    told = stemtide(
        "match", "--json", album / "coffee-again.jpg", album / "words.txt",
        "--against", album / "coffee.png", "--against", album / "chelsea.png",
    )  # fmt: skip
    altered, words = told.rows
    assert told.code == 0
    assert altered["file"] == str(album / "coffee-again.jpg")
    assert {one["type"] for one in altered["matches"]} == {"pdq"}
    assert {one["against"] for one in altered["matches"]} == {str(album / "coffee.png")}
    assert altered["matches"][0]["distance"] <= 31
    assert altered["matches"][0]["confidence"] == 1.0
    assert words["matches"] == []


def test_a_dull_picture_and_a_damaged_one_are_no_silent_non_match(stemtide, album, tmp_path):
    Image.new("RGB", (64, 64), (90, 90, 90)).save(tmp_path / "a-grey.png")
    (tmp_path / "b-damaged.jpg").write_bytes((album / "half.jpg").read_bytes()[:40])
    told = stemtide("match", tmp_path, "--against", album / "coffee.png").out
    grey, damaged = told.split("b-damaged.jpg")
    assert "no match\n  low quality" in grey
    assert "it is of one colour" in grey
    assert "no match, but not all could be looked at\n  undecodable: " in damaged


def test_match_reads_a_saved_feed_with_its_withdrawals(stemtide, album, tmp_path):
    (row,) = stemtide("hash", "--json", album / "coffee.png").rows
    pdq = next(one for one in row["fingerprints"] if one["kind"] == "pdq")
    put = {
        "op": "put", "position": 1, "id": "2b0cf3c4-6f3f-4b6f-9c38-96e6a5d1c9b1", "kind": "pdq",
        "value": pdq["value"], "quality": 100, "within_bits": None, "content": None,
        "labels": ["manifesto"], "severity": "high", "provenance": "unknown", "confidence": 80,
        "tlp": "amber", "pap": "green", "disputed": False, "crisis": None, "exercise": False,
        "shared_by": "be-crisis-centre", "shared_at": "2026-11-24T12:00:00Z", "expires_at": None,
    }  # fmt: skip
    drop = {"op": "drop", "position": 2, "id": put["id"], "state": "withdrawn"}
    feed = tmp_path / "feed.jsonl"
    feed.write_text(json.dumps(put) + "\n")
    look = ["match", "--json", album / "coffee-again.jpg", "--against", feed]
    (match,) = stemtide(*look).rows[0]["matches"]
    assert match["against"] == put["id"]
    assert (match["labels"], match["shared_by"]) == (["manifesto"], "be-crisis-centre")
    feed.write_text(json.dumps(put) + "\n" + json.dumps(drop) + "\n")
    assert stemtide(*look).rows[0]["matches"] == []
    feed.write_text(json.dumps(put) + "\n{}\n")
    told = stemtide(*look)
    assert (told.code, "line 2" in told.err) == (1, True)


@pytest.mark.nightly
def test_a_folder_can_be_matched_against(stemtide, album, tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/coffee.png").write_bytes((album / "coffee.png").read_bytes())
    (row,) = stemtide("match", "--json", album / "coffee-again.jpg", "--against", tmp_path).rows
    assert {one["against"] for one in row["matches"]} == {str(tmp_path / "deep/coffee.png")}


@pytest.mark.parametrize("before", [["chelsea.png"], []])
def test_a_pattern_that_the_shell_wrote_out_after_against_is_refused(stemtide, album, before):
    queries = [album / name for name in before]
    told = stemtide("match", *queries, "--against", album / "coffee.png", album / "half.jpg")
    assert (told.code, told.out) == (2, "")
    assert f"Name the folder (--against {album})" in told.err


@pytest.mark.nightly
def test_what_to_look_up_may_follow_a_reference_of_another_folder(stemtide, album, tmp_path):
    (tmp_path / "copy.png").write_bytes((album / "coffee.png").read_bytes())
    told = stemtide("match", "--json", "--against", album / "coffee.png", tmp_path / "copy.png")
    assert [one["file"] for one in told.rows] == [str(tmp_path / "copy.png")]


def test_the_help_names_the_extra_that_a_second_look_needs(stemtide):
    assert "stemtide[local]" in stemtide("match", "--help").out


def test_an_agent_that_is_away_is_named(stemtide, album):
    told = stemtide("match", album / "coffee.png", "--against", "http://127.0.0.1:9")
    assert told.code == 1
    assert "http://127.0.0.1:9 cannot be reached" in told.err


def test_a_mirrored_picture_and_a_cropped_one_are_found_and_how_is_said(stemtide, album, tmp_path):
    picture = Image.open(album / "coffee.png").convert("RGB")
    width, height = picture.size
    picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(tmp_path / "mirrored.png")
    box = (width // 20, height // 20, width - width // 20, height - height // 20)
    picture.crop(box).save(tmp_path / "cropped.png")
    told = stemtide("match", "--json", tmp_path, "--against", album / "coffee.png")
    cropped, mirrored = told.rows
    assert "mirrored" in {one["transform"] for one in mirrored["matches"]}
    assert cropped["matches"]


@pytest.mark.nightly
def test_an_excerpt_of_a_text_is_found_in_a_longer_one(stemtide, tmp_path):
    words = random.Random(3)  # noqa: S311 - the same text in every run
    made = [f"{words.choice('bdfglmnprst')}{words.choice('aeiou')}{n % 97}x" for n in range(900)]
    (tmp_path / "known.txt").write_text(" ".join(made))
    (tmp_path / "post.txt").write_text("Look at this! " + " ".join(made[300:480]).upper())
    told = stemtide("match", "--json", tmp_path / "post.txt", "--against", tmp_path / "known.txt")
    (row,) = told.rows
    (match,) = row["matches"]
    assert (match["type"], match["against"]) == ("text", str(tmp_path / "known.txt"))
    assert match["confidence"] > 0.9


@pytest.mark.nightly
def test_a_picture_in_an_archive_is_found_and_named(stemtide, album, tmp_path):
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as archive:
        archive.write(album / "coffee-again.jpg", "inside/again.jpg")
    told = stemtide("match", tmp_path / "many.zip", "--against", album / "coffee.png")
    assert "inside/again.jpg" in told.out


@pytest.mark.nightly
def test_a_picture_under_a_sticker_and_cut_unevenly_is_found_by_places_in_it(
    stemtide, album, tmp_path
):
    pytest.importorskip("cv2")
    with Image.open(album / "coffee.png") as whole:
        part = whole.convert("RGB").crop((0, 0, whole.width * 3 // 4, whole.height * 4 // 5))
    part.paste((10, 200, 30), (20, 20, part.width // 3, part.height // 3))
    part.save(tmp_path / "part.jpg", quality=80)
    asked = ("match", "--json", tmp_path / "part.jpg", "--against", album / "coffee.png")
    asked += ("--against", album / "chelsea.png")
    (plain,) = stemtide(*asked).rows
    assert plain["matches"] == []
    (row,) = stemtide(*asked, "--local").rows
    (match,) = row["matches"]
    assert match["against"] == str(album / "coffee.png")
    assert match["type"] == "local"
    assert match["score"] >= 10
    assert match["confidence"] > 0.9
    assert "places agree" in stemtide(*(one for one in asked if one != "--json"), "--local").out


@pytest.mark.nightly
def test_an_unrelated_picture_shares_no_places(stemtide, album):
    pytest.importorskip("cv2")
    told = stemtide(
        "match", "--json", "--local", album / "chelsea.png", "--against", album / "coffee.png"
    )
    assert told.rows[0]["matches"] == []


def test_places_are_sent_to_no_agent(stemtide, album):
    told = stemtide("match", "--local", album / "coffee.png", "--against", "http://127.0.0.1:9")
    assert told.code == 2
    assert "never sent or shared" in told.err


def test_an_option_that_an_agent_would_pass_over_is_refused(stemtide, album):
    there = ["--against", "http://127.0.0.1:9"]
    told = stemtide("match", "--within-bits", "9", album / "coffee.png", *there)
    assert (told.code, "--within-bits is for files and feeds" in told.err) == (2, True)
