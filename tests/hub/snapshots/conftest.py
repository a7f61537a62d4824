# SPDX-License-Identifier: Apache-2.0
import itertools
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from stemtide.hub.rooms.snapshots import builder as making
from stemtide.protocol.sync import snapshot_files
from tests.world import NOON


@dataclass
class Readers:
    """Takes snapshots and deltas of parties into files, as a reader would."""

    folder: Path
    numbers: itertools.count = field(default_factory=itertools.count)
    now: object = NOON

    def later(self, **more):
        self.now += timedelta(**more)

    @property
    def trusted(self):
        return making.hub_keys().public

    def path(self, name):
        return self.folder / f"{next(self.numbers)}-{name}.jsonl.gz"

    def kept(self, viewer, *, exercise=False, at_least=0, effort=lambda: 0.0):
        return making.newest(
            viewer=viewer, exercise=exercise, now=self.now, at_least=at_least, effort=effort
        )

    def whole(self, viewer, *, exercise=False):
        """The newest snapshot in a file of its own, and its manifest."""
        self.later(seconds=1)
        path = self.path("whole")
        path.write_bytes(self.kept(viewer, exercise=exercise).path.read_bytes())
        return path, self.manifest(path)

    def delta(self, viewer, manifest):
        """The delta from a version to the newest, in a file."""
        self.later(seconds=1)
        kept = self.kept(viewer, exercise=manifest.exercise, at_least=manifest.version)
        cut = making.delta(
            kept, base=manifest.version, view=manifest.view, history=manifest.history
        )
        path = self.path("delta")
        with cut.body:
            path.write_bytes(cut.head + cut.body.read())
        assert path.stat().st_size == len(cut.head) + cut.body_bytes
        return path

    def apply(self, base, delta):
        out = self.path("applied")
        snapshot_files.apply(base, delta, out, trusted=self.trusted)
        return out

    def manifest(self, path):
        with snapshot_files.opened_whole(path, trusted=self.trusted) as (head, _):
            return head.manifest

    def lines(self, path):
        """All verified lines of a whole snapshot."""
        with snapshot_files.opened_whole(path, trusted=self.trusted) as (_, lines):
            return b"".join(lines.pieces()).splitlines()


@pytest.fixture
def readers(tmp_path, settings):
    settings.DATA_DIR = tmp_path / "hub"
    settings.SIGNING_KEY_FILE = tmp_path / "hub" / "signing.key"
    settings.DATA_DIR.mkdir()
    return Readers(tmp_path)
