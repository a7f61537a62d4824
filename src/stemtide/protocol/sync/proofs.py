# SPDX-License-Identifier: Apache-2.0
"""Messages with which an agent has signals of its feed proved against the transparency log."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NamedTuple
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from stemtide.protocol.tlog.contents import contents_commitment, thing_commitment
from stemtide.protocol.tlog.merkle import HASH_BYTES, ProofError, check_consistency, leaf_hash
from stemtide.protocol.tlog.notes import Checkpoint, decode_base64
from stemtide.protocol.tlog.subsets import subset_root

MOST_SIGNALS = 500
"""Signals of one request."""

MOST_HEADS = 2
"""Heads of one request that the answer's head must continue."""

_Base64 = Annotated[str, Field(max_length=100)]
_Number = Annotated[int, Field(ge=0, le=2**56)]


class ProofsIn(BaseModel):
    """Signals that an agent wants proved.

    sizes: of heads that it has checked, which the head of the answer must continue.
    is_cosigned: whether the head must have a witness's cosignature; it is older then.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    signals: list[UUID] = Field(min_length=1, max_length=MOST_SIGNALS)
    sizes: list[_Number] = Field(default=[], max_length=MOST_HEADS)
    is_cosigned: bool = False


class HeadContinuation(BaseModel):
    """The proof that the answer's head continues a head of a size (RFC 6962). hashes: base64.

    If that size is greater, it is the proof that the other head continues the answer's.
    """

    size: _Number
    hashes: list[_Base64]


class ThingOpening(BaseModel):
    """A thing that an entry speaks of.

    index: among all things of the entry.
    open_facts: the JSON that the log commits to, word for word: the facts of a signal, or its id
    and the state in which it ended.
    salt, hidden: base64, of the commitment (see the transparency log).
    """

    index: _Number
    open_facts: Annotated[str, Field(max_length=20_000)]
    salt: _Base64
    hidden: _Base64


class EntryOpening(BaseModel):
    """An entry of the log, as far as the party may see it.

    entry: the first half of its leaf. count: of the things that it speaks of.
    hashes: the proof that the tree of these has the things that are opened.
    """

    number: _Number
    entry: _Base64
    count: _Number
    hashes: list[_Base64]
    things: list[ThingOpening]


class ProofsStart(BaseModel):
    """Where the log began to prove signals. Older signals are not proved.

    number: of the first entry. at: when. position: the feed's end then.
    """

    number: _Number
    at: AwareDatetime
    position: int


class ProofsOut(BaseModel):
    """Proofs that signals are in a signed head of the log.

    head: the signed head, with cosignatures. continues: for each of the sizes that the log has.
    hashes: the proof that the head's tree has the leaves of all entries.
    older: signals whose entries are older than the start. waiting: signals to ask for again later.
    """

    head: Annotated[str, Field(max_length=100_000)]
    continues: list[HeadContinuation]
    entries: list[EntryOpening]
    hashes: list[_Base64]
    start: ProofsStart
    older: list[UUID] = []
    waiting: list[UUID] = []


class OpenedThing(NamedTuple):
    """A thing that a head has. entry: its number. open_facts: the JSON; facts: the same, parsed."""

    entry: int
    open_facts: str
    facts: Mapping[str, Any]


def check_head(answer: ProofsOut, head: Checkpoint, *, checked: Sequence[Checkpoint]) -> None:
    """Check that a head continues heads that were checked before; a newer one continues it.

    raises: ProofError.
    """
    paths = {row.size: [_hash(text) for text in row.hashes] for row in answer.continues}
    for before in checked:
        if before.origin != head.origin:
            raise ProofError(f"the head is of {head.origin[:100]}, and not of {before.origin}")
        if before.size not in paths:
            raise ProofError(f"nothing proves that the head continues that of {before.size} leaves")
        old, new = sorted((before, head), key=lambda checkpoint: checkpoint.size)
        sizes = {"old_size": old.size, "size": new.size}
        check_consistency(paths[before.size], old_root=old.root, root=new.root, **sizes)


def open_things(answer: ProofsOut, head: Checkpoint) -> list[OpenedThing]:
    """Return the content of the entries of an answer, after a check. raises: ProofError."""
    leaves: dict[int, bytes] = {}
    opened: list[OpenedThing] = []
    for row in answer.entries:
        commitments = {
            thing.index: thing_commitment(
                thing.open_facts.encode(), salt=_hash(thing.salt), hidden=_hash(thing.hidden)
            )
            for thing in row.things
        }
        hashes = {index: leaf_hash(commitment) for index, commitment in commitments.items()}
        root = subset_root(hashes, [_hash(text) for text in row.hashes], size=row.count)
        leaf = _hash(row.entry) + contents_commitment(row.count, root)
        if row.number in leaves or len(commitments) != len(row.things):
            raise ProofError(f"entry {row.number} is opened twice")
        leaves[row.number] = leaf_hash(leaf)
        opened += [_opened(row.number, thing.open_facts) for thing in row.things]
    if leaves:
        path = [_hash(text) for text in answer.hashes]
        if subset_root(leaves, path, size=head.size) != head.root:
            raise ProofError(f"the head of {head.size} leaves has other entries than the answer")
    return opened


def _opened(entry: int, open_facts: str) -> OpenedThing:
    """Parse what a thing says. raises: ProofError."""
    try:
        facts = json.loads(open_facts)
    except (ValueError, RecursionError) as error:
        raise ProofError(f"entry {entry} speaks of what is no JSON") from error
    if not isinstance(facts, dict):
        raise ProofError(f"entry {entry} speaks of what is no object of JSON")
    return OpenedThing(entry, open_facts, facts)


def _hash(text: str) -> bytes:
    """Parse a hash or a salt. raises: ProofError."""
    raw = decode_base64(text)
    if len(raw) != HASH_BYTES:
        raise ProofError(f"{text[:60]!r} is no hash of a proof")
    return raw
