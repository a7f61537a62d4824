# SPDX-License-Identifier: Apache-2.0
"""Proofs as text: that a leaf is in a log, with the signed head that has it.

source: C2SP, tlog-proof.
"""

import base64
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Self

from stemtide.protocol.tlog.merkle import HASH_BYTES, ProofError, check_inclusion, leaf_hash
from stemtide.protocol.tlog.notes import Checkpoint, NoteKey, decode_base64, read_checkpoint

_HEADER = "c2sp.org/tlog-proof@v1"
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})")


@dataclass(frozen=True, slots=True)
class LogProof:
    """The proof that a leaf is at an index of a log. checkpoint: the signed note."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: str

    @classmethod
    def read(cls, text: str) -> Self:
        """Parse a proof; its "extra" line is ignored. raises: ProofError."""
        head, gap, checkpoint = text.partition("\n\n")
        lines = head.split("\n")
        if lines[1:2] and lines[1].startswith("extra "):
            del lines[1]
        index = _INDEX.fullmatch(lines[1]) if len(lines) > 1 else None
        if lines[0] != _HEADER or not index or not gap:
            raise ProofError(f"this is no proof of a log: it begins with {_HEADER}")
        return cls(int(index[1]), tuple(map(_read_hash, lines[2:])), checkpoint)

    def __str__(self) -> str:
        hashes = "".join(f"{base64.b64encode(node).decode()}\n" for node in self.path)
        return f"{_HEADER}\nindex {self.index}\n{hashes}\n{self.checkpoint}"

    def check(self, leaf: bytes, *, trusted: Collection[NoteKey]) -> Checkpoint:
        """Check that the log of a trusted key has a leaf; return the head that has it.

        raises: ProofError, NoteError.
        """
        head = read_checkpoint(self.checkpoint, trusted=trusted)
        check_inclusion(
            leaf_hash(leaf), self.path, index=self.index, size=head.size, root=head.root
        )
        return head


def _read_hash(line: str) -> bytes:
    """Parse a line of a proof. raises: ProofError."""
    raw = decode_base64(line)
    if len(raw) != HASH_BYTES:
        raise ProofError(f"{line[:60]!r} is no hash of a proof")
    return raw
