# SPDX-License-Identifier: Apache-2.0
"""What the registered modalities make of real content, through the sandbox."""

import io
import struct
import zipfile

import pytest

from stemtide.exercises import media, pictures
from stemtide.fingerprints.analysis import MODALITIES, READING, AnalysisOptions
from stemtide.fingerprints.kinds import MAX_VALUE_BYTES, Kind
from stemtide.fingerprints.sandbox.pool import Sandbox
from stemtide.fingerprints.values.checks import add_long, check_value
from tests.fingerprints.modality import Sample, check_damage, check_head, check_vector, check_worker
from tests.fingerprints.pictures import encoded, photo
from tests.rounds import rounds

LONG = {Kind.VIDEO, Kind.AUDIO, Kind.GOP}


def wav():
    """The tune of the exercises, as a file with a head of 44 bytes."""
    samples = (media.tune(1, seconds=6.0) * 32_000).astype("<i2").tobytes()
    rate = media.RATE_HZ
    head = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16)
    body = b"WAVE" + head + b"data" + struct.pack("<I", len(samples)) + samples
    return b"RIFF" + struct.pack("<I", len(body)) + body


def packed():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as out:
        out.writestr(zipfile.ZipInfo("a.html"), media.document())
        out.writestr(zipfile.ZipInfo("b.png"), PICTURE)
    return file.getvalue()


DIGESTS = (Kind.SHA256, Kind.MD5)
PICTURE = encoded(photo().resize((320, 320)), "PNG")
FILM = media.film(pictures.photographs())
SAMPLES = {
    "image": Sample(PICTURE, "image/png", (Kind.PDQ,), vector="59bafc67"),
    "film": Sample(FILM, "video/mp4", (Kind.VIDEO, Kind.AUDIO, Kind.GOP)),
    "sound": Sample(wav(), "audio/wav", (Kind.AUDIO,)),
    "archive": Sample(packed(), "application/zip", (*DIGESTS, Kind.TEXT, *DIGESTS, Kind.PDQ)),
    "writing": Sample(media.document(), "text/html", (Kind.TEXT,), vector="57703d0d"),
    "live": Sample(FILM, "video/mp4", (Kind.VIDEO, Kind.AUDIO), named=True),
}
"""One for each modality that is registered, but for text in pictures: it needs Tesseract, and
tests/agent/test_picture_texts.py tries it.
"""


def test_every_modality_that_is_registered_has_a_sample():
    assert SAMPLES.keys() == MODALITIES.keys() - {READING}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_modality_knows_its_own_by_the_first_bytes(name):
    check_head(name, SAMPLES[name], SAMPLES)


QUICK = ["image", "archive", "writing"]
"""Those that take no film: tests/fingerprints/test_video.py and test_audio.py look at films."""


@pytest.mark.parametrize("name", rounds(QUICK, nightly=[*SAMPLES]))
def test_a_modality_makes_the_same_of_the_same(name, tmp_path):
    check_vector(name, SAMPLES[name], tmp_path / "content")


@pytest.mark.parametrize("name", rounds(QUICK, nightly=[*SAMPLES]))
def test_a_modality_says_what_it_cannot_read(name):
    check_damage(name, SAMPLES[name])


@pytest.mark.parametrize("name", rounds(["archive"], nightly=[*SAMPLES]))
def test_a_worker_makes_the_same_behind_its_walls(name):
    check_worker(name, SAMPLES[name])


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as one:
        yield one


@pytest.mark.nightly
def test_a_film_is_known_by_its_frames_its_sound_and_its_encode(sandbox):
    blob = media.film(pictures.photographs())
    sparse = sandbox.analyse(blob).fingerprints
    dense = sandbox.analyse(blob, options=AnalysisOptions(share=True)).fingerprints
    assert {one.kind for one in dense.each} == {Kind.SHA256, Kind.MD5, *LONG}
    assert (dense.media_type, dense.remarks) == ("video/mp4", ())
    for one in dense.each:
        assert check_value(one.kind, one.value) == one.value
    assert len(dense.of(Kind.VIDEO)[0].value) > len(sparse.of(Kind.VIDEO)[0].value)


def test_a_page_is_known_by_its_words_and_other_bytes_by_digests_alone(sandbox):
    page = sandbox.analyse(media.document()).fingerprints
    assert page.media_type == "text/html"
    assert [one.kind for one in page.each] == [Kind.SHA256, Kind.MD5, Kind.TEXT]
    other = sandbox.analyse(b"\x01\x02 only bytes").fingerprints
    assert [one.kind for one in other.each] == [Kind.SHA256, Kind.MD5]


def test_an_archive_with_nothing_in_it_says_so(sandbox):
    found = sandbox.fingerprint(b"PK\x05\x06" + bytes(18))
    assert (found.media_type, found.remarks) == ("application/zip", ("nothing is in this archive",))


def test_a_fingerprint_that_is_too_long_is_left_out_and_that_is_said():
    each, remarks = [], []
    add_long(each, remarks, Kind.AUDIO, bytes(MAX_VALUE_BYTES))
    add_long(each, remarks, Kind.AUDIO, bytes(MAX_VALUE_BYTES + 1))
    assert len(each) == 1
    assert remarks[0].startswith("limit: its audio fingerprint would have 4,194,305 bytes")
