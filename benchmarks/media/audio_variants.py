# SPDX-License-Identifier: Apache-2.0
"""What happens to sound as it spreads: twenty-one variants of a sound, each a real encoded file.

The codecs, the tempo and the compressor are FFmpeg's, called through PyAV; the rest is arithmetic.
Every variant begins a random part of a tenth of a second later than its source, so that no
fingerprint is helped by frames that fall on the same samples.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from benchmarks.media.audio_sounds import RATE, Samples, convolved

Make = Callable[[Samples, Samples, np.random.Generator], bytes]


@dataclass(frozen=True, slots=True)
class File:
    """How a sound is stored: codec, container, bits a second, and samples a second."""

    codec: str = "aac"
    container: str = "mp4"
    bit_rate: int = 96_000
    rate: int = 44_100


AAC = File()
MP3_32K = File("libmp3lame", "mp3", 32_000, 22_050)
OPUS_16K = File("libopus", "ogg", 16_000, 48_000)
WAV = File("pcm_s16le", "wav", 0, RATE)


def encoded(samples: Samples, file: File = AAC) -> bytes:
    """Store samples, (n,) or (c, n), as a file."""
    channels = np.clip(np.atleast_2d(samples), -1, 1).astype(np.float32)
    layout = "mono" if len(channels) == 1 else "stereo"
    out = io.BytesIO()
    with av.open(out, "w", format=file.container) as container:
        stream = container.add_stream(file.codec, rate=file.rate, layout=layout)
        if file.bit_rate:
            stream.bit_rate = file.bit_rate
        for frame in frames_of(channels, layout):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()


def decoded(content: bytes | Path) -> Samples:
    """Read a file's first sound track, mono at RATE."""
    source = io.BytesIO(content) if isinstance(content, bytes) else str(content)
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=RATE)
    parts = []
    with av.open(source) as container:
        for frame in (*container.decode(audio=0), None):
            parts += [each.to_ndarray()[0] for each in resampler.resample(frame)]
    return np.concatenate(parts)


def filtered(samples: Samples, *filters: tuple[str, str]) -> Samples:
    """Put samples through FFmpeg's filters, one after the other."""
    graph = av.filter.Graph()
    steps = [
        graph.add("abuffer", f"sample_rate={RATE}:sample_fmt=fltp:channel_layout=mono"),
        *(graph.add(name, arguments) for name, arguments in filters),
        graph.add("aformat", f"sample_fmts=fltp:sample_rates={RATE}:channel_layouts=mono"),
        graph.add("abuffersink"),
    ]
    graph.link_nodes(*steps).configure()
    parts = []
    for frame in (*frames_of(samples[None], "mono"), None):
        graph.push(frame)
        try:
            while True:
                parts.append(graph.pull().to_ndarray()[0])
        except (av.error.BlockingIOError, av.error.EOFError):
            continue
    return np.concatenate(parts)


def frames_of(channels: Samples, layout: str) -> list[av.AudioFrame]:
    frames = []
    for start in range(0, channels.shape[1], 4096):
        part = np.ascontiguousarray(channels[:, start : start + 4096], dtype=np.float32)
        frame = av.AudioFrame.from_ndarray(part, format="fltp", layout=layout)
        frame.sample_rate = RATE
        frame.pts = start
        frames.append(frame)
    return frames


def _noisy(
    samples: Samples, rng: np.random.Generator, *, snr_db: float, knee_hz: float = 1e9
) -> Samples:
    """Add noise that is white up to a frequency and falls by 3 dB an octave above."""
    spectrum = np.fft.rfft(rng.normal(0, 1, len(samples)))
    spectrum /= np.sqrt(1 + np.fft.rfftfreq(len(samples), 1 / RATE) / knee_hz)
    noise = np.fft.irfft(spectrum, len(samples))
    power = np.mean(samples**2) * 10 ** (-snr_db / 10)
    return np.asarray(0.6 * (samples + noise * np.sqrt(power / np.mean(noise**2))), np.float32)


def _pitched(samples: Samples, semitones: float) -> Samples:
    ratio = 2 ** (semitones / 12)
    return filtered(
        samples,
        ("asetrate", str(round(RATE * ratio))),
        ("aresample", str(RATE)),
        ("atempo", f"{1 / ratio:.6f}"),
    )


def _sped(samples: Samples, ratio: float) -> Samples:
    return filtered(samples, ("asetrate", str(round(RATE * ratio))), ("aresample", str(RATE)))


def _reverb(samples: Samples, rng: np.random.Generator) -> Samples:
    tail = int(1.2 * RATE)
    echo = rng.normal(0, 1, tail) * 10 ** (-3 * np.arange(tail) / tail)
    echo *= 0.7 / np.sqrt((echo**2).sum())
    echo[0] = 1.0
    return 0.6 * convolved(samples, echo)


def excerpt(samples: Samples, rng: np.random.Generator, *, seconds: float) -> Samples:
    """A stretch of it that is not mostly silence."""
    size = int(seconds * RATE)
    for _ in range(20):
        start = int(rng.integers(0, max(1, len(samples) - size)))
        part = samples[start : start + size]
        if np.mean(part**2) > 0.2 * np.mean(samples**2):
            break
    return part


def _embedded(samples: Samples, other: Samples, rng: np.random.Generator) -> Samples:
    return np.concatenate([other, excerpt(samples, rng, seconds=15), other[::-1]])


def _under_music(samples: Samples, other: Samples) -> Samples:
    laid = np.resize(other, len(samples))
    level = np.sqrt(np.mean(samples**2) / np.mean(laid**2)) * 10 ** (-6 / 20)
    return np.asarray(0.6 * (samples + level * laid), np.float32)


VARIANTS: dict[str, Make] = {
    "re-encoded 64 kbit/s": lambda s, _o, _r: encoded(s, File(bit_rate=64_000)),
    "mp3 32 kbit/s": lambda s, _o, _r: encoded(s, MP3_32K),
    "opus 16 kbit/s": lambda s, _o, _r: encoded(s, OPUS_16K),
    "telephone band": lambda s, _o, _r: encoded(
        filtered(s, ("highpass", "f=300"), ("lowpass", "f=3400"), ("aresample", "8000"))
    ),
    "level -20 dB": lambda s, _o, _r: encoded(0.1 * s),
    "clipped +10 dB": lambda s, _o, _r: encoded(3.2 * s),
    "tempo 1.05": lambda s, _o, _r: encoded(filtered(s, ("atempo", "1.05"))),
    "tempo 1.25": lambda s, _o, _r: encoded(filtered(s, ("atempo", "1.25"))),
    "tempo 0.8": lambda s, _o, _r: encoded(filtered(s, ("atempo", "0.8"))),
    "pitch +1 semitone": lambda s, _o, _r: encoded(_pitched(s, 1)),
    "pitch -1 semitone": lambda s, _o, _r: encoded(_pitched(s, -1)),
    "speed and pitch 1.05": lambda s, _o, _r: encoded(_sped(s, 1.05)),
    "reverb": lambda s, _o, r: encoded(_reverb(s, r)),
    "compressor": lambda s, _o, _r: encoded(
        filtered(s, ("acompressor", "threshold=0.05:ratio=8:attack=5:release=80:makeup=4"))
    ),
    "noise 10 dB": lambda s, _o, r: encoded(_noisy(s, r, snr_db=10)),
    "noise 0 dB": lambda s, _o, r: encoded(_noisy(s, r, snr_db=0)),
    "street noise 5 dB": lambda s, _o, r: encoded(_noisy(s, r, snr_db=5, knee_hz=500)),
    "excerpt 5 s": lambda s, _o, r: encoded(excerpt(s, r, seconds=5)),
    "excerpt 10 s": lambda s, _o, r: encoded(excerpt(s, r, seconds=10)),
    "embedded": lambda s, o, r: encoded(_embedded(s, o, r)),
    "music on top": lambda s, o, _r: encoded(_under_music(s, o)),
}


def variants(samples: Samples, *, other: Samples, seed: int) -> dict[str, bytes]:
    """All variants of a sound, by name; `other` is what it is embedded in and overlaid with."""
    made = {}
    for place, (name, make) in enumerate(VARIANTS.items()):
        rng = np.random.default_rng([seed, place])
        late = samples[int(rng.integers(0, RATE // 10)) :]
        made[name] = make(late, other, rng)
    return made
