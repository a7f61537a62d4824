# SPDX-License-Identifier: Apache-2.0
"""The JavaScript of docs/use/connect/upload-form.md, run by Node through a provider's server."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from stemtide.protocol.private_match.oprf import OprfServer, new_seed
from tests.agent.fake_hub import Server
from tests.hub.api.conftest import wait_until

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/use/connect/upload-form.md").read_text("utf-8")
MODULES = Path(sys.prefix) / "js" / "node_modules"
NODE = shutil.which("node")
INSTALL = "npm install --prefix .venv/js @noble/curves@2"

pytestmark = pytest.mark.skipif(
    NODE is None or not (MODULES / "@noble/curves").is_dir(),
    reason=f"needs Node 20.19 or later, and a package: {INSTALL}",
)

RUN = """
import { readFileSync } from "node:fs";
import { matchFile } from "./private-match.mjs";
const files = process.argv.slice(3).map((name) => new Blob([readFileSync(name)]));
for (const file of files) console.log(JSON.stringify(await matchFile(file, process.argv[2])));
"""


def block(language):
    """Return a block of the page."""
    (text, *_) = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    return text


@pytest.fixture
def look_up(tmp_path):
    """Run the page's script; return the signals of each file, or raise with what Node printed."""
    (tmp_path / "node_modules").symlink_to(MODULES)
    (tmp_path / "private-match.mjs").write_text(block("js"), "utf-8")
    (tmp_path / "run.mjs").write_text(RUN, "utf-8")

    def run(address, *contents):
        names = []
        for number, content in enumerate(contents):
            names.append(f"{number}.bin")
            (tmp_path / names[-1]).write_bytes(content)
        command = [NODE, "run.mjs", f"{address}/private-match", *names]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]

    return run


@pytest.fixture(scope="module")
def key(hub):
    return hub.another_key("big-video", "private:match")


@pytest.fixture
def server(hub, key, monkeypatch):
    """A provider's server, which passes the calls on."""
    monkeypatch.setenv("STEMTIDE_HUB", hub.address)
    monkeypatch.setenv("STEMTIDE_KEY", key)
    names = {}
    exec(compile(block("python"), "pass_on.py", "exec"), names)  # noqa: S102 - of the page
    server = Server(names["app"])
    yield server.url
    server.stop()


def share(hub, content):
    body = {
        "kind": "sha256",
        "value": hashlib.sha256(content).hexdigest(),
        "pap": "amber",
        "labels": ["perpetrator-content"],
        "severity": "high",
    }
    with hub.client() as client:
        answer = client.post("/api/v1/signals", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def test_a_listed_file_is_found_before_it_is_sent_and_others_are_not(hub, server, look_up):
    content = b"a film that is listed"
    signal = share(hub, content)

    answers = []

    def is_listed():
        try:
            answers[:] = look_up(server, content, b"a film that is not listed")
        except RuntimeError as error:
            if "HTTP 503" not in str(error):  # the hub evaluates its list first
                raise
        return bool(answers and answers[0])

    wait_until(is_listed)
    found, other = answers
    assert found == [{"signal": signal, "action": "hold"}]
    assert other == []


def test_the_server_passes_on_one_digest_at_a_time_and_three_calls_alone(server):
    many = {"epoch": 1, "blinded": ["0" * 64] * 4}
    assert httpx.post(f"{server}/private-match/evaluations", json=many).status_code == 413
    assert httpx.get(f"{server}/signals").status_code == 404
    assert httpx.post(f"{server}/private-match/..", json={}).status_code in {404, 405}


def test_a_hub_that_uses_another_key_is_refused(look_up):
    published, used = OprfServer(new_seed()), OprfServer(new_seed())

    async def head(_request):
        facts = {"epoch": 1, "suite": "ristretto255-SHA512", "prefix_bits": 0}
        return JSONResponse(facts | {"public_key": published.public_key.hex()})

    async def evaluate(request):
        blinded = [bytes.fromhex(element) for element in (await request.json())["blinded"]]
        evaluated, proof = used.evaluate(blinded)
        listed = [element.hex() for element in evaluated]
        return JSONResponse({"epoch": 1, "evaluated": listed, "proof": proof.hex()})

    routes = [
        Route("/private-match", head),
        Route("/private-match/evaluations", evaluate, methods=["POST"]),
    ]
    server = Server(Starlette(routes=routes))
    try:
        with pytest.raises(RuntimeError, match=r"proof|verif"):
            look_up(server.url, b"a file")
    finally:
        server.stop()


def test_the_hub_lets_no_page_of_another_site_read_its_answers(hub, key):
    with httpx.Client(base_url=hub.address) as client:
        headers = {"Authorization": f"Bearer {key}", "Origin": "https://provider.example"}
        answers = [
            client.get("/api/v1/private-match", headers=headers),
            client.options("/api/v1/private-match/evaluations", headers=headers),
        ]
    assert not any("access-control-allow-origin" in answer.headers for answer in answers)
