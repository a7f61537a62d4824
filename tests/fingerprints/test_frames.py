# SPDX-License-Identifier: Apache-2.0
import io
import os
from dataclasses import replace

import av
import numpy as np
import pytest
from PIL import ImageOps

from stemtide.fingerprints.image import pdq
from stemtide.fingerprints.limits import LimitError, UndecodableError
from stemtide.fingerprints.video import frames, rects as frames_rects, thumbnails as frames_thumbs
from stemtide.fingerprints.video.frames import Depth, FrameReader, NoPicturesError
from tests.fingerprints.videos import FPS, LIMITS, SIZE, clip, encoded, pictures, sound_only
from tests.rounds import rounds


def walk(blob, *, depth=Depth.FULL, every_s=0.25, **more):
    way = FrameReader(limits=LIMITS, depth=depth, every_s=every_s, **more)
    return way, list(way.frames(blob))


def test_frames_come_on_a_grid_of_time_whatever_the_frame_rate():
    way, found = walk(clip("street"))
    assert [round(one.at_s * 4) for one in found] == list(range(48))
    assert (way.width, way.height, way.codec) == (*SIZE, "h264")
    assert way.duration_s == pytest.approx(12, abs=0.1)
    assert way.remarks == []


def test_the_brightness_is_that_of_the_luma_plane():
    _, found = walk(clip("street"))
    with av.open(io.BytesIO(clip("street"))) as container:
        first = next(container.decode(video=0)).to_ndarray()[: SIZE[1]]
    assert np.array_equal(found[0].luma, first)
    assert not found[0].is_full_range


@pytest.mark.parametrize("pix_fmt", ["yuv422p", "yuv444p", "yuv420p10le", "yuvj420p"])
def test_other_planes_and_depths_look_the_same(pix_fmt):
    plain = walk(clip("street"))[1][4]
    profile = {"yuv422p": "high422", "yuv444p": "high444", "yuv420p10le": "high10"}
    options = {"profile": profile[pix_fmt]} if pix_fmt in profile else {}
    other = walk(encoded(pictures("street")[:24], pix_fmt=pix_fmt, **options))[1][4]
    spread = 255 / 219 if other.is_full_range else 1
    ours, theirs = (one.luma.astype(float) - one.luma.mean() for one in (plain, other))
    assert np.abs(ours * spread - theirs).mean() < 6


CODECS = [("libx265", "mp4"), ("libsvtav1", "mp4"), ("libvpx-vp9", "webm")]


@pytest.mark.parametrize(("codec", "container"), rounds(CODECS[:2], nightly=CODECS))
def test_key_frames_alone_are_decoded_for_every_codec(codec, container):
    options = {"x265-params": "log-level=none:keyint=12"} if codec == "libx265" else {"g": "12"}
    options |= {"preset": "ultrafast" if codec == "libx265" else "12", "deadline": "realtime"}
    blob = encoded(pictures("table")[:48], codec=codec, container=container, **options)
    way, found = walk(blob, depth=Depth.KEY_FRAMES)
    assert way.decoded == len(found) <= 6
    assert [round(one.at_s) for one in found][:3] == [0, 1, 2]


@pytest.mark.skipif(not hasattr(os, "sched_getscheduler"), reason="only Linux says it")
def test_to_encode_leaves_the_tests_no_priority_over_others():
    before = os.sched_getscheduler(0)
    encoded(pictures("table")[:4], codec="libsvtav1", preset="12")
    assert os.sched_getscheduler(0) == before


def test_a_sparse_walk_decodes_a_part_of_the_frames():
    full, _ = walk(clip("street"))
    sparse, found = walk(clip("street"), depth=Depth.SPARSE, every_s=0.5)
    assert sparse.decoded < 0.7 * full.decoded
    assert len(found) == 24


def test_a_video_of_b_frames_hides_nothing_from_a_sparse_walk():
    blob = encoded(pictures("street"), bf="16", b_adapt="0", **{"b-pyramid": "none", "g": "144"})
    _, found = walk(blob, depth=Depth.SPARSE, every_s=0.5)
    times = [one.at_s for one in found]
    assert times == sorted(times)
    assert max(np.diff(times)) < 1.5


def test_times_that_jump_are_laid_end_to_end():
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as out:
        stream = out.add_stream("mpeg4", rate=FPS)
        stream.width, stream.height = SIZE
        for number, picture in enumerate(pictures("street")[:48]):
            frame = av.VideoFrame.from_image(picture)
            frame.pts = number + (10_000_000 if number >= 24 else 0)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    damaged = bytearray(file.getvalue())
    _, found = walk(bytes(damaged), every_s=0.5)
    assert len(found) >= 8


@pytest.mark.parametrize(
    "blob",
    [
        b"",
        b"no video",
        b"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"\x00\x00\x00\x18ftypmp42" + b"\xff" * 400,
        b"\x1a\x45\xdf\xa3" + b"\x01" * 400,
    ],
)
def test_what_is_no_video_or_names_other_files_is_undecodable(blob):
    with pytest.raises(UndecodableError):
        walk(blob)


def test_other_decoders_than_the_allowed_do_not_run():
    with pytest.raises(UndecodableError, match="ffv1"):
        walk(encoded(pictures("street")[:2], codec="ffv1", container="matroska"))
    unknown = encoded(pictures("street")[:2], container="matroska")
    with pytest.raises(UndecodableError, match="unknown"):
        walk(unknown.replace(b"V_MPEG4/ISO/AVC", b"V_UNKNOWN/OTHER"))


def test_sound_alone_has_no_moving_pictures():
    with pytest.raises(NoPicturesError, match=r"no .*moving pictures"):
        walk(sound_only())


def test_a_picture_over_the_limit_is_refused_before_it_is_decoded():
    way = FrameReader(limits=replace(LIMITS, max_pixels=1000), depth=Depth.FULL, every_s=1)
    with pytest.raises(LimitError, match="256 x 144"):
        next(iter(way.frames(clip("street"))))


def test_when_time_runs_out_the_rest_is_said_to_be_unseen():
    way = FrameReader(limits=replace(LIMITS, wall_s=1e-9), depth=Depth.FULL, every_s=0.1)
    with pytest.raises(UndecodableError):
        list(way.frames(clip("street")))
    assert any("it would take too long" in one for one in way.remarks)


def test_long_videos_are_looked_at_less_often_over_their_whole_length(monkeypatch):
    monkeypatch.setattr(frames, "MAX_LOOKS", 24)
    way, found = walk(clip("street"))
    times = [one.at_s for one in found]
    assert times == sorted(times)
    assert 0.25 in times
    assert times[-1] > 8
    assert "one frame in 0.5 s was seen from" in way.remarks[0]


def test_a_false_length_does_not_thin_out_what_is_looked_at():
    blob = bytearray(clip("street"))
    at = blob.find(b"mvhd") + 20
    blob[at : at + 4] = b"\x7f\xff\xff\xff"
    assert len(walk(bytes(blob))[1]) == 48


def test_progress_is_told():
    told = []
    walk(clip("street"), every_s=2, progress=told.append)
    assert told == sorted(told)
    assert 0.8 < told[-1] <= 1


def test_parts_are_hashed_like_pictures_and_their_quality_is_that_of_full_contrast():
    parts = np.stack([np.asarray(one.convert("L")) for one in pictures("table")[:3]])
    hashes, qualities = frames_thumbs.hash_parts(parts[:, 20:, 30:], gains=[1.0, 1.0, 1.2])
    for place, part in enumerate(parts[:, 20:, 30:]):
        value, trust = pdq.hash_luma(part)
        assert hashes[place].tobytes() == value or place == 2
        assert qualities[place] == trust if place < 2 else qualities[place] >= trust


@pytest.mark.parametrize("shape", [(720, 1280), (90, 160), (2000, 60), (48, 3000), (5, 5)])
def test_thumbs_keep_brightness_and_are_small(shape):
    luma = np.full(shape, 77, np.uint8)
    thumb = frames_thumbs.thumb_of(luma)
    assert (thumb == 77).all()
    assert max(thumb.shape) <= 256 or min(thumb.shape) < 96


def test_letterbox_pillarbox_and_frame_are_found():
    for border in ((0, 30), (60, 0), (50, 40)):
        framed = [ImageOps.expand(one, border, "#203050") for one in pictures("street")[::9]]
        thumbs = np.stack([np.asarray(one.convert("L")) for one in framed])
        height, width = thumbs.shape[1:]
        across, down = border
        right = (down, height - down, across, width - across)
        rects = frames_rects.find_rects(thumbs)
        assert any(max(abs(a - b) for a, b in zip(one, right, strict=True)) <= 3 for one in rects)


def test_a_video_without_a_border_has_no_rectangles_that_cut_it_much():
    thumbs = np.stack([np.asarray(one.convert("L")) for one in pictures("street")[::9]])
    assert len(frames_rects.find_rects(thumbs)) <= 2


def test_black_frames_have_no_rectangles():
    assert frames_rects.find_rects(np.zeros((16, 90, 160), np.uint8)) == []
