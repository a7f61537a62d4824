# SPDX-License-Identifier: Apache-2.0
import io
import random
from contextlib import suppress

import av
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from stemtide.fingerprints.kinds import FingerprintError
from stemtide.fingerprints.values.gop import GopPrint
from stemtide.fingerprints.video.gop import fingerprint_gops
from tests.fingerprints.videos import FPS, LIMITS, clip, encoded, pictures, remuxed
from tests.rounds import rounds


def made(blob):
    return fingerprint_gops(blob, limits=LIMITS)


def digests(blob):
    return {bytes(row) for row in made(blob).rows["digest"]}


def test_there_is_one_group_for_each_key_picture():
    one = made(clip("street"))
    assert one.remarks == ()
    assert len(one) >= 6
    assert one.rows["at_ms"][:2].tolist() == [0, 2000]


@pytest.mark.parametrize("container", ["matroska", "mpegts", "flv", "mov"])
@pytest.mark.parametrize("sound", [False, True])
def test_another_container_title_or_sound_changes_no_group(container, sound):
    wrapped = remuxed(clip("street"), container=container, sound=sound and container != "flv")
    assert digests(wrapped) == digests(clip("street"))


@pytest.mark.parametrize(
    ("codec", "options"),
    [
        ("libx265", {"x265-params": "log-level=none:keyint=24:open-gop=1", "preset": "ultrafast"}),
        ("mpeg4", {"g": "24"}),
        ("libx264", {"g": "24", "x264-params": "open-gop=1:slices=3"}),
    ],
)
def test_other_codecs_survive_a_new_wrapping_as_well(codec, options):
    blob = encoded(pictures("street"), codec=codec, **options)
    assert len(digests(blob)) >= 5
    assert digests(remuxed(blob, container="matroska")) == digests(blob)
    assert digests(remuxed(blob, container="mpegts")) == digests(blob)


def test_the_index_may_lie_in_front(tmp_path):
    with (
        av.open(io.BytesIO(clip("street"))) as source,
        av.open(str(tmp_path / "front.mp4"), "w", options={"movflags": "faststart"}) as out,
    ):
        stream = source.streams.video[0]
        copy = out.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if packet.dts is not None:
                packet.stream = copy
                out.mux(packet)
    front = (tmp_path / "front.mp4").read_bytes()
    assert front.find(b"moov") < front.find(b"mdat")
    assert digests(front) == digests(clip("street"))


def test_a_copied_cut_keeps_its_whole_groups():
    cut = digests(remuxed(clip("street"), container="mp4", from_s=4.0))
    assert len(cut & digests(clip("street"))) == len(made(clip("street"))) - 2


def test_another_encode_of_the_same_pictures_has_other_groups():
    assert not digests(encoded(pictures("street"), crf="33")) & digests(clip("street"))


def test_groups_too_small_to_tell_anything_are_left_out():
    assert len(made(encoded(pictures("street")[:4]))) == 0


def test_what_is_no_video_is_undecodable():
    for blob in (b"", b"no video", clip("street")[:2000]):
        assert made(blob).remarks[0].startswith("undecodable: ")


def test_mutated_files_never_raise():
    chance = random.Random(5)  # noqa: S311 - no secret
    for _ in range(40):
        bad = bytearray(clip("street"))
        for _ in range(chance.randrange(1, 80)):
            bad[chance.randrange(len(bad))] = chance.randrange(256)
        made(bytes(bad))


def test_it_round_trips_through_bytes():
    one = made(clip("street"))
    assert np.array_equal(GopPrint.from_bytes(one.to_bytes()).rows, one.rows)


@pytest.fixture(scope="module")
def spelled():
    return made(clip("street")).to_bytes()


@settings(max_examples=rounds(25, nightly=200), deadline=None)
@given(st.data())
def test_malformed_bytes_raise_nothing_but_fingerprint_errors(spelled, data):
    bad = bytearray(spelled)
    for _ in range(data.draw(st.integers(0, 4))):
        bad[data.draw(st.integers(0, len(bad) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.sampled_from([len(bad), 0, 5, 13, len(bad) - 1]))
    with suppress(FingerprintError):
        GopPrint.from_bytes(bytes(bad[:cut]))


def test_frames_of_a_group_are_counted():
    assert made(clip("street")).rows["frames"][0] == 2 * FPS
