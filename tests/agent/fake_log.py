# SPDX-License-Identifier: Apache-2.0
"""The transparency log of the fake hub, which a test grows, rewrites or renames."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stemtide.protocol.tlog.merkle import Frontier, leaf_hash
from stemtide.protocol.tlog.notes import Checkpoint, NoteKey
from stemtide.protocol.tlog.statements import folder_of
from stemtide.protocol.tlog.tiles import Tile, pack_leaves


class FakeLog:
    """A log of fewer than 256 leaves. missing: paths that it does not give."""

    def __init__(self, leaves=3, *, origin="stemtide/log-1", key=None):
        self.origin = origin
        self.keys = [key or Ed25519PrivateKey.generate()]
        self.leaves = [f"leaf {number}".encode() for number in range(leaves)]
        self.cosignatures = []
        self.missing = set()

    @property
    def public(self):
        return [NoteKey.of(key, name=self.origin) for key in self.keys]

    def head(self):
        frontier = Frontier()
        for leaf in self.leaves:
            frontier.append(leaf_hash(leaf))
        return Checkpoint(self.origin, len(self.leaves), frontier.root())

    def grow(self, *leaves):
        self.leaves += leaves or [f"leaf {len(self.leaves)}".encode()]

    def file(self, path):
        """The bytes of a file; None if the log has none."""
        if path in self.missing:
            return None
        if path == "offered":
            return self.head().sign(self.keys).encode()
        if path == "keys":
            return "".join(f"{key}\n" for key in self.public).encode()
        folder = f"{folder_of(self.origin)}tile/"
        assert path.startswith(folder)
        tile = Tile.read(path.removeprefix(folder))
        if tile.level is None:
            return pack_leaves(self.leaves[tile.begin : tile.end])
        assert tile.level == 0
        return b"".join(map(leaf_hash, self.leaves[tile.begin : tile.end]))
