# SPDX-License-Identifier: Apache-2.0
"""`stemtide match` asks a real agent about every kind of content, by fingerprints alone."""

import io
import json
import wave
import zipfile

import numpy as np
import pytest

from stemtide.exercises.media import RATE_HZ, tune
from stemtide.fingerprints.text.fingerprint import sketch
from tests.agent import streams
from tests.agent.fake_hub import KEY
from tests.agent.test_long_kinds import MANIFESTO
from tests.agent.test_match import CAT, pdq_of, smaller
from tests.agent.world import AgentInProcess
from tests.cli.conftest import run

TOML = """
name = "uploads"
hub_url = "{url}"
key = "{key}"
data_dir = "{folder}/agent"
port = 0
"""


def wav(samples):
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE_HZ)
        out.writeframes((20000 * samples).astype(np.int16).tobytes())
    return file.getvalue()


def archive(**files):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        for name, blob in files.items():
            packed.writestr(f"{name}.jpg", blob)
    return file.getvalue()


@pytest.fixture
def desk(hub, sandbox, tmp_path):
    """A folder with one file of each kind, and the agent that knows what is in them."""
    for kind, value in streams.shared_values(sandbox).items():
        if kind in {"video", "audio"}:
            hub.share(value, kind=kind)
    text = sketch(" ".join(MANIFESTO)).to_bytes().hex()
    hub.share(text, kind="text", labels=["manifesto"], shared_by="be-crisis-centre")
    hub.share(pdq_of(sandbox, CAT), kind="pdq", labels=["still"])
    folder = tmp_path / "desk"
    folder.mkdir()
    (folder / "film.mp4").write_bytes(streams.known_film())
    (folder / "sound.wav").write_bytes(wav(tune(streams.KNOWN.tune, seconds=streams.KNOWN_S)))
    (folder / "text.txt").write_text(" ".join(MANIFESTO[200:500]))
    (folder / "zip.zip").write_bytes(archive(cat=smaller(CAT)))
    (folder / "other.txt").write_text("nothing of it")
    agent = AgentInProcess(tmp_path, TOML.format(url=hub.url, key=KEY, folder=tmp_path))
    agent.wait(position=hub.head)
    yield folder, str(agent.http.base_url).rstrip("/")
    agent.stop()


@pytest.mark.nightly
def test_match_finds_a_film_a_sound_a_text_and_a_picture_in_an_archive_at_an_agent(desk):
    folder, address = desk
    told = run("match", folder, "--against", address, "--json")
    assert told.code == 0, told.err
    found = {
        row["file"].rsplit("/", 1)[1]: {match["kind"] for match in row["matches"]}
        for row in map(json.loads, told.out.splitlines())
    }
    assert found == {
        "film.mp4": {"video", "audio"},
        "sound.wav": {"audio"},
        "text.txt": {"text"},
        "zip.zip": {"pdq"},
        "other.txt": set(),
    }
    said = run("match", folder / "text.txt", folder / "zip.zip", "--against", address).out
    assert "% sure, " in said
    assert "manifesto, shared by be-crisis-centre" in said
    assert "cat.jpg, " in said
    assert "bits away, still, shared by europol" in said
