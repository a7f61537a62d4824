# SPDX-License-Identifier: Apache-2.0
"""The transparency log of the fake hub, which a test grows, rewrites or renames."""

import json

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stemtide.protocol.sync.proofs import (
    EntryOpening,
    HeadContinuation,
    ProofsOut,
    ThingOpening,
)
from stemtide.protocol.tlog.contents import contents_commitment, thing_commitment
from stemtide.protocol.tlog.merkle import Frontier, leaf_hash
from stemtide.protocol.tlog.notes import Checkpoint, NoteKey, encode_base64
from stemtide.protocol.tlog.statements import folder_of
from stemtide.protocol.tlog.subsets import SmallTree
from stemtide.protocol.tlog.tiles import Tile, TiledTree, pack_leaves


def texts(hashes):
    return [encode_base64(node) for node in hashes]


class FakeLog:
    """A log of fewer than 256 leaves. missing: paths that it does not give."""

    def __init__(self, leaves=3, *, origin="stemtide/log-1", key=None):
        self.origin = origin
        self.keys = [key or Ed25519PrivateKey.generate()]
        self.leaves = [f"leaf {number}".encode() for number in range(leaves)]
        self.cosignatures = []
        self.missing = set()
        self.things = {}
        self.start = None
        self.older = []
        self.cosigned = []
        self.asked = []

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

    def add(self, *things, salt=b"s" * 32):
        """Add an entry that speaks of things, as an honest hub does; return its number."""
        open_facts = [json.dumps(facts, sort_keys=True, default=str) for facts in things]
        hidden = [b"h" * 32] * len(open_facts)
        commitments = [
            thing_commitment(text.encode(), salt=salt, hidden=digest)
            for text, digest in zip(open_facts, hidden, strict=True)
        ]
        tree = SmallTree(commitments)
        number = len(self.leaves)
        root = tree.subtree(0, tree.size)
        self.leaves.append(b"e" * 32 + contents_commitment(tree.size, root))
        self.things[number] = (tree, open_facts, salt, hidden[0])
        return number

    def prove(self, body):
        """Prove what the log has of signals; None if this hub is older than proofs."""
        self.asked.append(body)
        if self.start is None:
            return None
        asked = set(map(str, body.signals))
        opened = [
            row for number in self.things if (row := self._open(number, asked)) and row.things
        ]
        head = self.head()
        tree = SmallTree(self.leaves)
        return ProofsOut(
            head=head.sign(self.keys) + "".join(witness(head.text) for witness in self.cosigned),
            continues=[self._continuation(size) for size in body.sizes if size <= head.size],
            entries=opened,
            hashes=texts(tree.path([row.number for row in opened])) if opened else [],
            start=self.start,
            older=self.older,
        )

    def _continuation(self, size):
        tree = TiledTree(len(self.leaves), lambda _tile: list(map(leaf_hash, self.leaves)))
        return HeadContinuation(size=size, hashes=texts(tree.consistency_path(size)))

    def _open(self, number, asked):
        tree, open_facts, salt, hidden = self.things[number]
        wanted = [at for at, text in enumerate(open_facts) if json.loads(text).get("uid") in asked]
        return EntryOpening(
            number=number,
            entry=encode_base64(b"e" * 32),
            count=tree.size,
            hashes=texts(tree.path(wanted)) if wanted else [],
            things=[
                ThingOpening(
                    index=at,
                    open_facts=open_facts[at],
                    salt=encode_base64(salt),
                    hidden=encode_base64(hidden),
                )
                for at in wanted
            ],
        )

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
