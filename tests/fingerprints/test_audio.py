# SPDX-License-Identifier: Apache-2.0
import io
import struct
import tracemalloc
from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
import pytest
from benchmarks.media import audio_sounds, audio_variants
from benchmarks.media.audio_sounds import RATE
from benchmarks.media.audio_variants import AAC, MP3_32K, OPUS_16K, WAV, File, encoded
from hypothesis import given, settings, strategies as st

from stemtide.fingerprints.audio import printer as audio_print
from stemtide.fingerprints.audio.decode import StreamDecoder, opened, to_mono
from stemtide.fingerprints.audio.fingerprint import fingerprint_audio, is_audio
from stemtide.fingerprints.audio.printer import HOP, Printer, print_samples
from stemtide.fingerprints.kinds import LIMIT, UNDECODABLE, FingerprintError
from stemtide.fingerprints.limits import DecodingLimits
from stemtide.fingerprints.values.audio import MAX_WORDS, Sound, Track
from tests.rounds import rounds

SPEECH = audio_sounds.speech(0, seconds=6.0)
FILES = {
    "audio/mp4": encoded(SPEECH, File("aac", "ipod")),
    "audio/mpeg": encoded(SPEECH, MP3_32K),
    "audio/ogg": encoded(SPEECH, OPUS_16K),
    "audio/wav": encoded(SPEECH, WAV),
    "audio/flac": encoded(SPEECH, File("flac", "flac", 0)),
    "audio/aac": encoded(SPEECH, File("aac", "adts")),
}


def words(content: bytes, *, limits: DecodingLimits | None = None) -> np.ndarray:
    return fingerprint_audio(content, limits=limits or DecodingLimits()).tracks[0].words


def at_8_khz(samples: np.ndarray) -> np.ndarray:
    out = audio_variants.filtered(samples, ("aresample", "8000"))
    return out[:: len(out) // (len(samples) * 8000 // RATE)] if len(out) > len(samples) / 2 else out


def oracle(samples: np.ndarray) -> np.ndarray:
    """The words as the definition says them, one bit after the other, in double precision."""
    edges = [300 * 2 ** (band / 12) * 3200 / 8000 for band in range(34)]

    def bands(start: int) -> list[float]:
        power = np.abs(np.fft.rfft(samples[start : start + 3200] * np.hanning(3200))) ** 2
        sums = []
        for low, high in pairwise(edges):
            shares = [max(0.0, min(bin_ + 1, high) - max(bin_, low)) for bin_ in range(len(power))]
            sums.append(float(np.log(np.dot(shares, power) + 1e-7)))
        return sums

    count = (len(samples) - 3600) // 800
    loud = [bands(800 * place) for place in range(count + 1)]
    return np.array(
        [
            sum(
                1 << bit
                for bit in range(32)
                if after[bit] - after[bit + 1] > before[bit] - before[bit + 1]
            )
            for before, after in pairwise(loud)
        ]
    )


def film(samples: np.ndarray, *, tracks: int = 1, late_s: float = 0.0) -> bytes:
    """A short film with so many sound tracks that begin so much later than its pictures."""
    out = io.BytesIO()
    with av.open(out, "w", format="matroska") as container:
        picture = container.add_stream("mpeg4", rate=10)
        picture.width = picture.height = 32
        picture.pix_fmt = "yuv420p"
        sounds = [
            container.add_stream("pcm_s16le", rate=RATE, layout="mono") for _ in range(tracks)
        ]
        for number in range(int(10 * (len(samples) / RATE + late_s))):
            grey = np.full((32, 32, 3), number % 255, np.uint8)
            frame = av.VideoFrame.from_ndarray(grey, "rgb24")
            frame.pts = number
            container.mux(picture.encode(frame))
        container.mux(picture.encode(None))
        for sound in sounds:
            for frame in audio_variants.frames_of(samples[None], "mono"):
                frame.pts += int(late_s * RATE)
                container.mux(sound.encode(frame))
            container.mux(sound.encode(None))
    return out.getvalue()


@pytest.mark.parametrize("media_type", sorted(FILES))
def test_every_kind_of_sound_file_is_recognised_and_fingerprinted(media_type):
    assert is_audio(FILES[media_type][:64]) == media_type
    sound = fingerprint_audio(FILES[media_type], limits=DecodingLimits())
    assert 54 <= len(sound.tracks[0].words) <= 57
    assert (sound.remarks, sound.tracks[0].is_telling) == ((), True)


@pytest.mark.parametrize(
    "head",
    [
        *(b"", b"\xff", b"ID", b"\xff\xff\xff\xff", b"\xff\xd8\xff\xe0 jpeg", b"\x89PNG"),
        *(b"RIFF1234WEBP", b"RIFF1234AVI ", b"\0\0\0\x20ftypisom", b"#EXTM3U"),
        b"OggS" + bytes(40) + b"theora",
    ],
)
def test_what_is_no_sound_file_is_not_taken_for_one(head):
    assert is_audio(head) == ""


def test_the_words_are_those_of_the_definition():
    samples = at_8_khz(SPEECH)[: 8000 * 3]
    printed = print_samples(samples).words
    telling = printed != 0
    assert telling.sum() > 15
    apart = np.bitwise_count(printed[telling] ^ oracle(samples).astype(np.uint32)[telling])
    assert apart.sum() <= 2  # single precision decides a tie otherwise once in a while


def test_the_words_between_are_those_of_the_sound_half_a_step_later():
    samples = at_8_khz(SPEECH)
    whole, later = print_samples(samples), print_samples(samples[HOP // 2 :])
    both = whole.heard[: len(later.words)] & later.heard
    assert np.array_equal(whole.between[: len(both)][both], later.words[both])


def test_it_does_not_matter_in_what_pieces_samples_come():
    rng = np.random.default_rng(1)
    samples = rng.normal(0, 0.1, 8000 * 20).astype(np.float32)
    printer = Printer()
    for piece in np.split(samples, np.sort(rng.integers(0, len(samples), 40))):
        printer.feed(piece)
    assert np.array_equal(printer.finish()[0].words, print_samples(samples).words)


@pytest.mark.parametrize("size", [0, 1, 3199, 4399])
def test_less_than_two_frames_have_no_word(size):
    assert len(print_samples(np.ones(size, dtype=np.float32)).words) == 0
    assert len(print_samples(np.ones(4400, dtype=np.float32)).words) == 1


def test_silence_and_steady_tones_are_not_heard():
    time_s = np.arange(8000 * 10) / 8000
    tone = 0.3 * np.sin(2 * np.pi * 500 * time_s)
    beeps = tone * (time_s % 0.4 < 0.2)
    for samples in (0 * tone, 1e-6 * tone, tone, beeps):
        track = print_samples(samples)
        assert (track.heard.sum(), track.words.sum(), track.is_telling) == (0, 0, False)


def test_a_steady_tone_amid_speech_is_left_out_and_the_speech_is_heard():
    speech = at_8_khz(SPEECH)
    tone = 0.3 * np.sin(2 * np.pi * 500 * np.arange(8000 * 20) / 8000).astype(np.float32)
    track = print_samples(np.concatenate([speech, tone, speech]))
    assert track.heard[:45].mean() > 0.7
    assert track.heard[100:220].sum() == 0


def test_a_film_and_its_sound_alone_have_the_same_words():
    alone, of_film = words(FILES["audio/wav"]), words(film(SPEECH))
    size = min(len(alone), len(of_film))
    assert np.bitwise_count(alone[:size] ^ of_film[:size]).mean() < 0.2


def test_the_first_two_sound_tracks_are_heard():
    assert len(fingerprint_audio(film(SPEECH, tracks=3), limits=DecodingLimits()).tracks) == 2


def test_sound_that_begins_late_keeps_its_time():
    late = fingerprint_audio(film(SPEECH, late_s=3.0), limits=DecodingLimits()).tracks[0]
    assert not late.heard[:25].any()
    alone = words(FILES["audio/wav"])
    apart = [
        np.bitwise_count(alone[10:40] ^ late.words[10 + by : 40 + by]).mean()
        for by in range(28, 33)
    ]
    assert min(apart) < 3


def test_a_film_without_sound_says_so_and_is_complete():
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 32
        container.mux(stream.encode(av.VideoFrame(32, 32, "yuv420p")))
        container.mux(stream.encode(None))
    sound = fingerprint_audio(out.getvalue(), limits=DecodingLimits())
    assert (sound.tracks, sound.remarks) == ((), ("the file has no sound",))


def test_a_path_an_open_file_and_bytes_give_the_same(tmp_path):
    path = tmp_path / "speech.m4a"
    path.write_bytes(FILES["audio/mp4"])
    with path.open("rb") as stream:
        values = [
            fingerprint_audio(c, limits=DecodingLimits()) for c in (path, stream, path.read_bytes())
        ]
    assert len({value.to_bytes() for value in values}) == 1


def test_one_channel_turned_around_is_heard_all_the_same():
    turned = encoded(np.stack([SPEECH, -SPEECH]), WAV)
    assert np.bitwise_count(words(turned) ^ words(FILES["audio/wav"])).mean() < 0.5


def test_samples_that_are_no_numbers_harm_nothing():
    wild = np.array([[np.nan, np.inf, -np.inf, 1e30, 0.5], [0, 0, 0, 0, 0.5]], dtype=np.float32)
    assert to_mono(wild).tolist() == [0, 0, 0, 4, 0.5]
    track = print_samples(np.where(np.arange(80_000) % 7, 8.0, -8.0))
    assert len(track.words) == 95


def test_progress_is_told_for_long_sound(monkeypatch):
    monkeypatch.setattr("stemtide.fingerprints.audio.decode._PROGRESS_EVERY_S", 0.0)
    told: list[float] = []
    fingerprint_audio(FILES["audio/wav"], limits=DecodingLimits(), progress=told.append)
    assert told == sorted(told)
    assert 0.9 < told[-1] <= 1.0


def test_sound_that_costs_more_than_allowed_is_heard_in_part_and_says_so(monkeypatch):
    monkeypatch.setattr("stemtide.fingerprints.audio.decode._CPU_SHARE", 0.0)
    sound = fingerprint_audio(FILES["audio/wav"], limits=DecodingLimits())
    assert sound.remarks[0].startswith(LIMIT)
    assert "cpu_s" in sound.remarks[0]


def test_a_track_longer_than_a_track_may_be_is_cut_and_says_so(monkeypatch):
    monkeypatch.setattr(audio_print, "MAX_WORDS", 40)
    sound = fingerprint_audio(FILES["audio/wav"], limits=DecodingLimits())
    assert len(sound.tracks[0].words) == 40
    assert sound.remarks[0].startswith(LIMIT)


@pytest.mark.nightly
def test_memory_does_not_grow_with_the_sound():
    samples = np.random.default_rng(2).normal(0, 0.1, 8000 * 30).astype(np.float32)
    printer = Printer()
    printer.feed(samples)
    tracemalloc.start()
    for _ in range(12):
        printer.feed(samples)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12 << 20


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"RIFF",
        bytes(1000),
        b"#EXTM3U\n#EXTINF:1\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        FILES["audio/mp4"][:200],
        FILES["audio/mp4"].replace(b"moov", b"woov"),
    ],
)
def test_what_cannot_be_decoded_says_so(content):
    sound = fingerprint_audio(content, limits=DecodingLimits())
    assert (sound.tracks, sound.remarks[0][: len(UNDECODABLE)]) == ((), UNDECODABLE)


def test_only_formats_on_the_list_are_opened(monkeypatch):
    monkeypatch.setattr("stemtide.fingerprints.audio.decode.FORMATS", "mp3")
    with pytest.raises(av.error.FFmpegError), opened(io.BytesIO(FILES["audio/wav"])):
        pass


def test_sound_of_a_kind_that_nobody_knows_says_so():
    blob = bytearray(FILES["audio/wav"])
    blob[20:22] = b"\x77\x77"  # its format, as RIFF numbers them
    found = fingerprint_audio(bytes(blob), limits=DecodingLimits())
    assert found.tracks == ()
    assert found.remarks == ("undecodable: its sound is of a kind that is not read here",)


@pytest.mark.parametrize("rate", rounds([1], nightly=[1, 100, 4_000_000_000]))
def test_absurd_sample_rates_are_refused_in_words(rate):
    content = bytearray(encoded(SPEECH[:RATE], WAV))
    content[24:28] = struct.pack("<I", rate)
    sound = fingerprint_audio(bytes(content), limits=DecodingLimits())
    assert sound.tracks == ()
    assert sound.remarks[0].startswith(UNDECODABLE)


def test_damaged_files_never_do_more_than_remark():
    rng = np.random.default_rng(3)
    for content in FILES.values():
        for _ in range(rounds(2, nightly=6)):
            damaged = np.frombuffer(content, np.uint8).copy()
            where = rng.integers(0, len(damaged), 40)
            damaged[where] = rng.integers(0, 256, 40)
            cut = damaged[: rng.integers(1, len(damaged))].tobytes()
            sound = fingerprint_audio(cut, limits=DecodingLimits())
            assert sound.tracks or sound.remarks


VALUES = [
    print_samples(at_8_khz(SPEECH)),
    Track(np.arange(9, dtype=np.uint32), np.arange(9) % 2 == 1),
]
SPELLED = [
    Sound((VALUES[0],)).to_bytes(),
    Sound(tuple(VALUES)).to_bytes(),
    Sound((VALUES[0],)).for_sharing().to_bytes(),
]


@pytest.mark.parametrize("value", SPELLED)
def test_a_fingerprint_is_read_as_it_was_spelled(value):
    assert Sound.from_bytes(value).to_bytes() == value


def test_a_shared_fingerprint_has_41_bytes_a_second():
    track = Track(np.ones(6000, dtype=np.uint32), np.ones(6000, dtype=np.bool_))
    assert len(Sound((track,)).to_bytes()) == 12 + 6000 * 4 + 750


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (b"", "begins with"),
        (b"aud2" + SPELLED[0][4:], "begins with"),
        (b"aud1\3" + SPELLED[0][5:], "tracks"),
        (b"aud1\0\0\0\0", "tracks"),
        (b"aud1\1\2" + SPELLED[0][6:], "byte 5"),
        (b"aud1\1\0\0\1" + SPELLED[0][8:], "byte"),
        (b"aud1\1\0\0\0\xff\xff\xff\xff", "words"),
        (b"aud1\1\0\0\0\0\0\0\0", "words"),
        (SPELLED[0][:-1], "announced"),
        (SPELLED[0] + b"\0", "announced"),
        (b"aud1\1\0\0\0" + struct.pack("<II", 1, 7) + b"\0", "not heard"),
        (b"aud1\1\0\0\0" + struct.pack("<II", 1, 7) + b"\3", "after the last"),
    ],
)
def test_a_malformed_fingerprint_is_refused_with_its_fault(value, why):
    with pytest.raises(FingerprintError, match=why):
        Sound.from_bytes(value)


def test_sound_without_a_track_or_with_too_long_a_one_is_not_spelled():
    endless = Track(np.zeros(MAX_WORDS + 1, np.uint32), np.zeros(MAX_WORDS + 1, np.bool_))
    for tracks in ((), (endless,), tuple(VALUES[1:]) * 3):
        with pytest.raises(FingerprintError):
            Sound(tracks).to_bytes()


@settings(max_examples=rounds(37, nightly=300), deadline=None)
@given(
    value=st.sampled_from(SPELLED),
    changes=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 255)), max_size=6),
    cut=st.integers(0, 30),
)
def test_mutated_fingerprints_are_read_or_refused(value, changes, cut):
    mutated = bytearray(value)
    for place, byte in changes:
        mutated[place % len(mutated)] = byte
    spelled = bytes(mutated[: len(mutated) - cut])
    try:
        sound = Sound.from_bytes(spelled)
    except FingerprintError:
        return
    assert sound.to_bytes() == spelled


def test_both_halves_of_a_joined_recording_are_heard():
    both = FILES["audio/mpeg"] + FILES["audio/mpeg"]
    assert len(words(both)) > 1.9 * len(words(FILES["audio/mpeg"]))


@pytest.mark.nightly
def test_m4a_and_aac_give_nearly_the_same_words():
    one, other = words(FILES["audio/mp4"]), words(encoded(SPEECH, AAC))
    assert np.bitwise_count(one ^ other[: len(one)]).mean() < 1


def test_a_clock_that_jumps_by_days_leaves_no_silence():
    printer = Printer()
    ear = StreamDecoder(printer)
    frames = audio_variants.frames_of(SPEECH[None], "mono")
    for place, frame in enumerate(frames):
        frame.pts += 10**11 * (place > len(frames) // 2)
        frame.time_base = Fraction(1, RATE)
        ear.hear(frame)
    ear.drain()
    assert len(printer.finish()[0].words) == pytest.approx(55, abs=1)


def test_a_disk_that_fails_is_not_taken_for_damaged_content():
    class Torn(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > 200_000:
                raise OSError("the disk is gone")
            return super().read(size)

    with pytest.raises(OSError, match="gone"):  # ours to know, not a fault of the content
        fingerprint_audio(Torn(FILES["audio/wav"]), limits=DecodingLimits())


@pytest.mark.parametrize("head", [b"RF64....WAVE", b"FORM....AIFF", b"#!AMR\n", b"ID3\4", b"fLaC"])
def test_rarer_beginnings_are_recognised(head):
    assert is_audio(head).startswith("audio/")
