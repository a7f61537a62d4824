# SPDX-License-Identifier: Apache-2.0
import random
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image, ImageOps

from stemtide.fingerprints.kinds import FingerprintError
from stemtide.fingerprints.values.video import Sampling, VideoPrint, ViewKind
from stemtide.fingerprints.video import fingerprint as video
from stemtide.fingerprints.video.fingerprint import fingerprint_video, is_video
from tests.fingerprints.videos import LIMITS, changed, clip, encoded, pictures, remuxed, sound_only
from tests.rounds import rounds


def made(blob, **options):
    return fingerprint_video(blob, limits=LIMITS, **options)


def test_a_signal_has_four_hashes_a_second():
    one = made(clip("street"), sampling=Sampling.SHARE)
    assert 30 <= len(one) <= 48
    assert [view.number for view in one.views] == [0]
    assert one.remarks == ()
    assert (one.width, one.height) == (256, 144)
    assert one.duration_ms == pytest.approx(12_000, abs=100)
    assert np.median(one.rows["quality"]) > 50


def test_a_still_picture_is_kept_once_in_two_seconds():
    one = made(encoded(pictures("street")[:1] * 120), sampling=Sampling.SHARE)
    assert len(one) == 5


def test_a_robust_signal_has_crops_as_well():
    one = made(clip("street"), sampling=Sampling.SHARE, robust=True)
    crops = [view for view in one.views if view.kind is ViewKind.CROP]
    assert len(crops) == 5 + len(video.CORNERS)
    counts = np.bincount(one.rows["view"])
    assert len(set(counts[: len(crops) + 1].tolist())) == 1


def test_a_query_has_the_rectangle_within_a_letterbox():
    blob = changed("street", lambda one: ImageOps.expand(one, (0, 30), "black"))
    one = made(blob)
    boxes = [view.box for view in one.views if view.kind is ViewKind.RECT]
    right = (30 / 204, 174 / 204, 0, 1)
    assert any(max(abs(a - b) for a, b in zip(box, right, strict=True)) < 0.02 for box in boxes)


def test_every_rectangle_is_a_view_of_its_own():
    blob = changed(
        "street",
        lambda one: ImageOps.expand(ImageOps.expand(one, (40, 30), "red"), (60, 40), "black"),
    )
    one = made(blob)
    rects = [view.number for view in one.views if view.kind is ViewKind.RECT]
    assert len(rects) == len(set(rects)) >= 2
    times = one.rows["at_ms"][one.rows["view"] == rects[0]]
    assert len(set(times.tolist())) == len(times) == 24


@pytest.mark.nightly
def test_each_part_of_a_compilation_may_have_its_own_rectangle():
    plain = [one.resize((256, 204)) for one in pictures("table")] * 3
    boxed = [ImageOps.expand(one, (0, 30), "black") for one in pictures("street")] * 3
    one = made(encoded([*plain, *boxed]))
    rects = {view.number for view in one.views if view.kind is ViewKind.RECT}
    times = one.rows["at_ms"][np.isin(one.rows["view"], list(rects))]
    assert times.max() > 36_000


def test_the_key_frame_pass_hashes_key_frames_only():
    assert len(made(clip("street"), sampling=Sampling.KEY_FRAMES)) == 6


def test_a_file_is_read_like_its_bytes(tmp_path):
    file = tmp_path / "clip.mp4"
    file.write_bytes(clip("street"))
    assert made(file).to_bytes() == made(clip("street")).to_bytes()


@pytest.mark.parametrize("container", ["matroska", "mpegts", "flv", "avi"])
def test_the_container_changes_nothing(container):
    codec = "mpeg4" if container == "avi" else "libx264"
    blob = encoded(pictures("street")[:48], codec=codec)
    ours, theirs = made(blob), made(remuxed(blob, container=container))
    assert theirs.remarks == ()
    assert np.array_equal(ours.rows["pdq"], theirs.rows["pdq"])


def test_it_round_trips_through_bytes():
    one = made(clip("street"), sampling=Sampling.SHARE, robust=True)
    again = VideoPrint.from_bytes(one.to_bytes())
    assert again.to_bytes() == one.to_bytes()
    assert again.sampling is Sampling.SHARE
    assert np.array_equal(again.rows, one.rows)


def test_nothing_decodable_is_said_never_passed_over():
    for blob in (b"", clip("street")[:2000], b"ffconcat version 1.0\nfile x\n"):
        one = made(blob)
        assert len(one) == 0
        assert one.remarks[0].startswith("undecodable: ")
        assert len(VideoPrint.from_bytes(one.to_bytes())) == 0


def test_sound_alone_is_no_failure():
    one = made(sound_only())
    assert one.remarks == ("no moving pictures in it",)


def test_a_picture_that_is_too_large_is_a_limit_not_an_error():
    one = fingerprint_video(clip("street"), limits=replace(LIMITS, max_pixels=99))
    assert one.remarks[0].startswith("limit: ")


def test_a_cut_file_is_hashed_as_far_as_it_goes():
    whole = remuxed(clip("street"), container="matroska")
    one = made(whole[: len(whole) // 2])
    assert len(one) >= 5
    assert one.rows["at_ms"].max() < 9000


def test_mutated_files_never_raise():
    chance = random.Random(4)  # noqa: S311 - no secret
    blob = remuxed(clip("street")[:], container="mpegts")[:60_000]
    for source in (clip("street"), blob):
        for _ in range(12):
            bad = bytearray(source)
            for _ in range(chance.randrange(1, 60)):
                bad[chance.randrange(len(bad))] = chance.randrange(256)
            one = made(bytes(bad), every_s=2.0)
            assert len(one) or one.remarks


def test_a_picture_of_four_pixels_is_said_to_be_too_small():
    one = made(encoded([Image.new("RGB", (4, 4))] * 12, codec="mpeg4"))
    assert len(one) == 0
    assert any(remark.startswith(("limit: ", "undecodable: ")) for remark in one.remarks)


@pytest.fixture(scope="module")
def spelled():
    return made(clip("table")).to_bytes()


@settings(max_examples=rounds(37, nightly=300), deadline=None)
@given(st.data())
def test_malformed_bytes_raise_nothing_but_fingerprint_errors(spelled, data):
    bad = bytearray(spelled)
    for _ in range(data.draw(st.integers(0, 6))):
        bad[data.draw(st.integers(0, 120))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.sampled_from([len(bad), 0, 5, 23, 60, len(bad) - 1]))
    with suppress(FingerprintError):
        VideoPrint.from_bytes(bytes(bad[:cut]))


@pytest.mark.parametrize(
    ("head", "media_type"),
    [
        (b"\x00\x00\x00\x20ftypisom", "video/mp4"),
        (b"\x00\x00\x00\x14ftypqt  ", "video/quicktime"),
        (b"\x00\x00\x00\x20ftypavif", ""),
        (b"\x00\x00\x00\x20ftypheic", ""),
        (b"\x00\x00\x00\x20ftypM4A ", ""),
        (b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01B\x82\x84webm", "video/webm"),
        (b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01B\x82\x88matroska", "video/x-matroska"),
        (b"RIFF\x00\x00\x00\x00AVI LIST", "video/x-msvideo"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", ""),
        (b"FLV\x01", "video/x-flv"),
        (b"\x00\x00\x01\xba", "video/mpeg"),
        (b"OggS" + bytes(24) + b"\x80theora", "video/ogg"),
        (b"OggS" + bytes(24) + b"OpusHead", ""),
        (b"GIF89a", ""),
        (b"", ""),
        (b"%PDF-1.7", ""),
        (b"G" + b"o" * 300, ""),
        ((b"G" + bytes(187)) * 2, "video/mp2t"),
    ],
)
def test_first_bytes_tell_videos_from_others(head, media_type):
    assert is_video(head) == media_type
