# SPDX-License-Identifier: Apache-2.0
"""What is done about tasks of a cluster that fail or never end. test_ray.py asks a real cluster."""

import itertools
import time
from types import SimpleNamespace

import pytest

from stemtide import __version__
from stemtide.catalogue import cluster
from stemtide.catalogue.cluster import ClusterError, RayWorkers
from stemtide.catalogue.content import ReadingSettings
from stemtide.catalogue.items import ItemLook, StoredItem
from stemtide.fingerprints.limits import SandboxError


class NodeDiedError(Exception):
    """As Ray raises it."""


class FakeRay:
    """Ray with one node, whose tasks end as a test says: by their number, from 1 on."""

    exceptions = SimpleNamespace(RayError=NodeDiedError)

    def __init__(self, *, never=(), failing=(), error=None, version=__version__, prefix=""):
        self.version, self.prefix = version, prefix
        self.never, self.failing = set(never), set(failing)
        self.error = error or NodeDiedError("The node died.\nmore")
        self.tasks = []
        self.is_shut_down = False
        self._numbers = itertools.count(1)

    def remote(self, **_options):
        return lambda _function: SimpleNamespace(remote=self._submit)

    def _submit(self, items, _settings):
        number = next(self._numbers)
        self.tasks.append([item.ref for item in items])
        return number, tuple(items)

    def wait(self, refs, *, num_returns, timeout):
        ended = [ref for ref in refs if ref[0] not in self.never]
        if not ended:
            time.sleep(min(timeout, 0.01))
        return ended[:num_returns], []

    def get(self, ref, *, timeout):
        assert timeout
        number, items = ref
        if number in self.failing:
            raise self.error
        looked = [StoredItem(self.prefix + item.ref, item.location) for item in items]
        return self.version, [ItemLook(item, None, f"task {number}") for item in looked]

    def cluster_resources(self):
        return {"CPU": 1.0}

    def shutdown(self):
        self.is_shut_down = True


@pytest.fixture
def look(monkeypatch):
    """Look at three pieces of content in batches of one, by a fake cluster; return the results."""

    def look_all(ray):
        monkeypatch.setattr(cluster, "_connect", lambda _address: ray)
        items = [StoredItem(f"post-{number}", f"/{number}") for number in range(3)]
        workers = RayWorkers("auto", ReadingSettings(), late_s=0.05)
        looks = workers.look_all(iter([[item] for item in items]))
        return {look.item.ref: look.trouble for batch in looks for look in batch}

    return look_all


def test_a_batch_that_never_ends_is_given_out_again_and_counts_once(look):
    ray = FakeRay(never=[2])
    troubles = look(ray)
    assert troubles == {"post-0": "task 1", "post-1": "task 4", "post-2": "task 3"}
    assert ray.is_shut_down


def test_a_batch_whose_node_dies_is_given_out_again(look):
    assert look(FakeRay(failing=[1]))["post-0"] == "task 4"


def test_a_batch_that_no_node_can_read_is_unreadable(look):
    ray = FakeRay(failing=range(1, 100))
    assert set(look(ray).values()) == {"no node could read it: The node died."}
    assert len(ray.tasks) == 9


def test_a_node_without_its_walls_ends_the_scan(look):
    ray = FakeRay(failing=[2], error=SandboxError("accept_missing_walls does not name network"))
    with pytest.raises(SandboxError, match="does not name network"):
        look(ray)
    assert ray.is_shut_down


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"version": "0.0.9"}, "a node has Stemtide 0.0.9, .*: install the same version"),
        ({"prefix": "other-"}, "about other content than it was given"),
    ],
)
def test_a_node_of_another_version_or_about_other_content_ends_the_scan(look, facts, why):
    ray = FakeRay(**facts)
    with pytest.raises(ClusterError, match=why):
        look(ray)
    assert ray.is_shut_down
