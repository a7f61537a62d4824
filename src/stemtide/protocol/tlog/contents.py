# SPDX-License-Identifier: Apache-2.0
"""Commitments of a leaf to the content that its entry speaks of, each thing by itself.

1 A thing is JSON in two parts: open facts, for all who receive it, and hidden ones.
2 Its two salts are the halves of the SHA-512 of "stemtide-salts/2", a newline, the content salt of
  the entry (32 bytes) and the index of the thing (8 bytes, the highest first).
3 Its hidden part is the SHA-256 of "stemtide-hidden/2", a newline, the second salt and the JSON.
4 Its commitment is the SHA-256 of "stemtide-content/2", a newline, the first salt, the hidden part
  and the JSON of the open facts.
5 The second half of the leaf is the SHA-256 of "stemtide-contents/2", a newline, the number of
  things (8 bytes) and the root of the tree (RFC 6962) over their commitments.

Who knows both salts of one thing, but not the content salt, can open no other. Decision 0187.
"""

import hashlib
from collections.abc import Sequence

from stemtide.protocol.tlog.merkle import leaf_hash, root_of

SALT_BYTES = 32

_SALTS = b"stemtide-salts/2\n"
_HIDDEN = b"stemtide-hidden/2\n"
_THING = b"stemtide-content/2\n"
_CONTENTS = b"stemtide-contents/2\n"


def thing_salts(content_salt: bytes, index: int) -> tuple[bytes, bytes]:
    """Return the two salts of a thing: of its open facts, and of its hidden ones."""
    salts = hashlib.sha512(_SALTS + content_salt + index.to_bytes(8)).digest()
    return salts[:SALT_BYTES], salts[SALT_BYTES:]


def hidden_digest(hidden: bytes, salt: bytes) -> bytes:
    """Return the digest of the hidden part of a thing."""
    return hashlib.sha256(_HIDDEN + salt + hidden).digest()


def thing_commitment(open_facts: bytes, *, salt: bytes, hidden: bytes) -> bytes:
    """Return the commitment to a thing. hidden: the digest of its hidden part."""
    return hashlib.sha256(_THING + salt + hidden + open_facts).digest()


def contents_commitment(count: int, root: bytes) -> bytes:
    """Return the second half of a leaf. root: of the tree over the commitments to its things."""
    return hashlib.sha256(_CONTENTS + count.to_bytes(8) + root).digest()


def commit_to_things(commitments: Sequence[bytes]) -> bytes:
    """Return the second half of a leaf over the commitments to all its things."""
    root = root_of([leaf_hash(commitment) for commitment in commitments])
    return contents_commitment(len(commitments), root)
