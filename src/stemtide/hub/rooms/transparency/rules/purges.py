# SPDX-License-Identifier: Apache-2.0
"""Certificates of what was erased: which class of rows, how many, by which rule. Decision 0190."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from stemtide.protocol.law.retention import RowClass

FORMAT = "stemtide-purge/1"
"""The first line of a certificate: no other signature of the hub can be taken for one."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """The content of a certificate. leaves: number and hash of each leaf whose salt was erased."""

    origin: str
    uid: str
    row_class: RowClass
    rule: str
    count: int
    at: datetime
    leaves: Sequence[tuple[int, str]]
    rows: str

    def text(self) -> str:
        """Return the text that is signed."""
        lines = [
            FORMAT,
            self.origin,
            self.uid,
            f"class {self.row_class}",
            f"rule {self.rule}",
            f"erased {self.count}",
            f"at {self.at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            f"leaves {len(self.leaves)} {leaves_digest(self.leaves)}",
            f"rows {self.rows}",
        ]
        return "".join(f"{line}\n" for line in lines)


def leaves_digest(leaves: Iterable[tuple[int, str]]) -> str:
    """Return the SHA-256 of the leaves: a line with number and hash for each, in order."""
    lines = "".join(f"{number} {digest}\n" for number, digest in sorted(leaves))
    return hashlib.sha256(lines.encode()).hexdigest()


def rows_digest(ids: Iterable[str], *, salt: str) -> str:
    """Return the SHA-256 of the salt and the ids of the erased rows, one a line, in order."""
    lines = "".join(f"{line}\n" for line in (salt, *sorted(ids)))
    return hashlib.sha256(lines.encode()).hexdigest()
