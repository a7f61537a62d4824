# SPDX-License-Identifier: Apache-2.0
"""A file that kills the worker process that reads it hides no other file."""

import os
import signal

from stemtide.catalogue import processes
from stemtide.catalogue.content import ReadingSettings
from stemtide.catalogue.items import ItemLook, StoredItem
from stemtide.catalogue.processes import ProcessWorkers

HOSTILE = {"post-5", "post-30"}


def die_of_hostile(items, _settings):
    """Look at content as a worker does that some files kill."""
    if any(item.ref in HOSTILE for item in items):
        os.kill(os.getpid(), signal.SIGKILL)
    return [ItemLook(item, None) for item in items]


def test_only_the_file_that_kills_its_worker_is_given_up(monkeypatch):
    monkeypatch.setattr(processes, "look_at", die_of_hostile)
    items = [StoredItem(f"post-{number}", f"/{number}") for number in range(32)]
    batches = iter([items[start : start + 4] for start in range(0, 32, 4)])
    workers = ProcessWorkers(2, ReadingSettings())
    looks = [look for batch in workers.look_all(batches) for look in batch]
    assert sorted(look.item.ref for look in looks) == sorted(item.ref for item in items)
    assert {look.item.ref for look in looks if "died" in look.trouble} == HOSTILE
