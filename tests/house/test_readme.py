# SPDX-License-Identifier: Apache-2.0
"""The ten lines of the first page work, against a real hub and a real agent."""

import json
import re
import time
from pathlib import Path

import httpx
import pytest

from stemtide.exercises import pictures, processes
from stemtide.exercises.pictures import photographs, reencoded
from stemtide.fingerprints.kinds import Kind
from stemtide.fingerprints.sandbox.pool import Sandbox
from tests import tables
from tests.cli.conftest import run

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.flow
OWN_SETTINGS = {"DJANGO_SETTINGS_MODULE": "stemtide.hub.settings"}
"""What pytest sets is for pytest's own process."""


def ten_lines():
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    return code


def test_the_lines_are_few():
    lines = [one for one in ten_lines().splitlines() if one.strip()]
    assert len(lines) <= 10


@pytest.fixture
def shelf():
    running = []
    yield running
    for one in reversed(running):
        one.stop()


def stemtide(*words, folder):
    done = run(*words, "--json", "--data-dir", folder, **OWN_SETTINGS)
    assert done.code == 0, done.err
    return json.loads(done.out)


def share(hub, key, blob):
    with Sandbox() as sandbox:
        found = sandbox.fingerprint(blob)
    rows = [
        {"kind": one.kind, "value": one.hex, "quality": one.quality, "severity": "high"}
        | {"labels": ["perpetrator-content"], "confidence": 90}
        for one in found.each
        if one.kind in {Kind.PDQ, Kind.SHA256}
    ]
    answer = httpx.post(
        f"{hub}/api/v1/signals/bulk",
        json={"signals": rows},
        headers={"Authorization": f"Bearer {key}"},
        timeout=60,
    )
    return max(one["position"] for one in answer.raise_for_status().json()["signals"])


def test_the_ten_lines_block_what_is_shared_and_let_the_rest_pass(tmp_path, shelf):
    folder = tmp_path / "hub"
    tables.lay(folder)
    hub = processes.hub(folder, environment=OWN_SETTINGS)
    shelf.append(hub)
    hub.start()
    keys = {}
    for name, kind in (("an-authority", "authority"), ("a-provider", "provider")):
        stemtide("party", "add", name, "--kind", kind, folder=folder)
        keys[name] = stemtide("key", "new", "--party", name, folder=folder)["key"]
    agent = processes.agent(
        "uploads-1", folder=tmp_path / "agent", hub_url=hub.address, key=keys["a-provider"]
    )
    shelf.append(agent)
    agent.start()
    files = photographs()
    known, unknown = files["chelsea.png"], files[pictures.UNRELATED[0]]
    position = share(hub.address, keys["an-authority"], known)
    while httpx.get(f"{agent.address}/health", timeout=60).json()["position"] < position:
        time.sleep(0.01)

    said = {}
    exec(ten_lines().replace("http://127.0.0.1:8471", agent.address), said)  # noqa: S102  # our own page

    assert said["verdict"]("upload-1", known) == "block"
    assert said["verdict"]("upload-2", reencoded(known)) == "block"
    assert said["verdict"]("upload-3", unknown) == "publish"
    assert said["verdict"]("upload-4", known[:600]) == "hold"
    said["agent"].close()
