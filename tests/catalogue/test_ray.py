# SPDX-License-Identifier: Apache-2.0
"""Scans by a Ray cluster: the same command and results, while nodes die and freeze."""

import faulthandler
import io
import json
import subprocess
import time

import pytest
from PIL import Image

from tests.catalogue.conftest import CAT, ROCKET
from tests.catalogue.ray_cluster import RayCluster
from tests.catalogue.test_interrupted import looked_at
from tests.cli.conftest import COMMAND, run_bare, surroundings

MANY = 20_000
EVERY = 500
"""One file in so many matches."""


def small(blob):
    """A picture that is quickly read."""
    made = io.BytesIO()
    Image.open(io.BytesIO(blob)).convert("RGB").resize((160, 120)).save(made, "JPEG", quality=90)
    return made.getvalue()


def test_a_cluster_without_a_token_is_refused(scan, stored):
    said = scan(stored, "--ray", "10.0.0.1:6379")
    assert said.code == 1
    assert "set RAY_AUTH_MODE=token" in said.err


@pytest.mark.nightly
@pytest.mark.usefixtures("agent")
def test_without_ray_the_command_names_the_extra(stored, tmp_path):
    said = run_bare(
        *("catalogue", "scan", stored, "--config", tmp_path / "agent.toml", "--ray", "auto"),
        RAY_AUTH_MODE="token",
    )
    assert said.code == 1
    assert "pip install 'stemtide[ray]'" in said.err


@pytest.fixture
def cluster():
    """A head and two nodes, of one core each."""
    pytest.importorskip("ray")
    cluster = RayCluster()
    try:
        for _ in range(2):
            cluster.add_node()
        yield cluster
    finally:
        cluster.stop()


@pytest.mark.nightly
@pytest.mark.flow
def test_a_cluster_that_answers_without_a_token_is_refused(scan, stored):
    pytest.importorskip("ray")
    cluster = RayCluster(is_open=True)
    try:
        said = scan(stored, "--ray", cluster.address, **cluster.environment)
    finally:
        cluster.stop()
    assert (said.code, "answers without a token: " in said.err) == (1, True), said.err


@pytest.mark.nightly
@pytest.mark.flow
def test_a_cluster_of_which_one_node_is_killed_and_one_frozen_scans_everything(
    cluster, scan, share, tmp_path
):
    folder = tmp_path / "many"
    folder.mkdir()
    cat, rocket = small(CAT), small(ROCKET)
    for number in range(MANY):
        (folder / f"{number:05}.jpg").write_bytes(cat if number % EVERY == 0 else rocket)
    share(cat)
    words = ["catalogue", "scan", folder, "--config", tmp_path / "agent.toml", "--json"]
    process = subprocess.Popen(
        [COMMAND, *map(str, words), "--ray", cluster.address],
        env=surroundings(cluster.environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    records = tmp_path / "agent" / "catalogues" / "main" / "catalogue.db"
    while not looked_at(records):  # on a busy machine Ray takes minutes to begin
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    cluster.nodes[1].kill()
    cluster.nodes[2].freeze()
    faulthandler.cancel_dump_traceback_later()  # no test may hang, but a busy machine takes long
    out, err = process.communicate()
    assert process.returncode == 0, err
    rows = [json.loads(line) for line in out.decode().splitlines()]  # and nothing of Ray's
    assert rows[-1]["looked"] == MANY
    assert looked_at(records) == MANY
    matched = sorted(row["ref"] for row in rows if row["event"] == "match")
    assert matched == [str(folder / f"{number:05}.jpg") for number in range(0, MANY, EVERY)]
    again = scan(folder)  # by processes, from the same records
    assert (again.code, again.rows[-1]["looked"]) == (0, 0)
