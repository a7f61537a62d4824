# SPDX-License-Identifier: Apache-2.0
"""stemtide match --private against a real hub: what it prints, and how it fails."""

import hashlib
import json
import sys
from functools import partial

import pytest

from tests.cli.conftest import run, run_process
from tests.hub.api.conftest import wait_until
from tests.rounds import rounds

SCOPE = "private:match"


@pytest.fixture(scope="module")
def key(hub):
    return hub.another_key("big-video", SCOPE)


@pytest.fixture(scope="module")
def listed(hub, key):
    """The bytes of a file, and the id of its signal, which the hub has evaluated."""
    content = b"a file that is listed"
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
    look_up = partial(run, "match", "--json", "--private", hub.address, STEMTIDE_KEY=key)
    wait_until(lambda: look_up("-", stdin=content).rows[0]["matches"])
    return content, answer.json()["id"]


@pytest.fixture
def place(hub, key):
    return hub.address, key


@pytest.fixture
def files(tmp_path, listed):
    (tmp_path / "listed.bin").write_bytes(listed[0])
    (tmp_path / "unlisted.bin").write_bytes(b"a file that is not listed")
    return tmp_path


@pytest.mark.parametrize("whole", rounds([()], nightly=[(), ("--whole",)]))
def test_equal_files_are_found_and_others_are_not(stemtide, place, files, listed, whole):
    done = stemtide("match", "--json", "--private", place[0], *whole, files, STEMTIDE_KEY=place[1])
    assert done.code == 0, done.err
    found, other = done.rows
    (match,) = found["matches"]
    assert match == {"signal": listed[1], "kind": "sha256", "part": "", "action": "hold"}
    assert other["matches"] == []
    assert "no altered copies" in done.err
    assert hashlib.sha256(listed[0]).hexdigest() not in json.dumps(done.rows)


@pytest.mark.nightly
def test_people_read_what_may_be_done(stemtide, hub, key, files, listed):
    done = stemtide("match", "--private", hub.address, files, STEMTIDE_KEY=key)
    assert f"  {listed[1]}  sha256, hold at most" in done.out
    assert "unlisted.bin\n  no match" in done.out


@pytest.mark.nightly
def test_an_address_is_found_in_another_spelling(stemtide, hub, key):
    with hub.client() as client:
        body = {"kind": "url", "value": "https://listed.example/a?id=7", "severity": "high"}
        answer = client.post("/api/v1/signals", json=body | {"labels": ["perpetrator-content"]})
        assert answer.status_code == 201, answer.text
    look_up = partial(stemtide, "match", "--json", "--private", hub.address, STEMTIDE_KEY=key)
    spelled = "HTTPS://Listed.example:443/a?id=7#x"
    wait_until(lambda: look_up(spelled).rows[0]["matches"])
    rows = look_up(spelled, "https://listed.example/other").rows
    assert [[match["kind"] for match in row["matches"]] for row in rows] == [["url"], []]


MISUSE = [
    (("--private", "http://127.0.0.1:1"), "a key is needed"),
    (("--private", "http://127.0.0.1:1", "--local"), "equal files"),
    ((), "--against or --private"),
    (("--against", "x", "--private", "http://127.0.0.1:1"), "--against or --private"),
    (("--against", "x", "--whole"), "--whole is for --private"),
    (("--private", "http://127.0.0.1:1", "--within-bits", "9"), "equal files"),
]


@pytest.mark.parametrize(("words", "remedy"), rounds(MISUSE[:2], nightly=MISUSE))
def test_misuse_is_named(stemtide, files, words, remedy):
    done = stemtide("match", files / "listed.bin", *words)
    assert (done.code, done.out) == (2, "")
    assert remedy in done.err


def test_a_key_without_the_scope_and_a_hub_that_is_away_are_failures(stemtide, hub, files):
    other = hub.another_key("big-video", "feed:read")
    done = stemtide("match", files, "--private", hub.address, STEMTIDE_KEY=other)
    assert done.code == 1
    assert "lacks the scope private:match" in done.err
    done = stemtide("match", files, "--private", "http://127.0.0.1:1", STEMTIDE_KEY=other)
    assert done.code == 1
    assert "cannot be reached" in done.err


WITHOUT_VOPRF = """
import sys

sys.modules["voprf"] = None
from stemtide.cli.app import main

main()
"""


@pytest.mark.nightly
def test_without_its_extra_the_command_names_it(tmp_path):
    (tmp_path / "file.bin").write_bytes(b"a file")
    words = ("match", "--private", "http://127.0.0.1:1", tmp_path / "file.bin")
    program = (sys.executable, "-c", WITHOUT_VOPRF)
    done = run_process(*words, program=program, STEMTIDE_KEY="st_x")
    assert (done.code, done.out) == (2, "")
    assert "pip install 'stemtide[private]'" in done.err
