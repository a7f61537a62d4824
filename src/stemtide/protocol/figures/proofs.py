# SPDX-License-Identifier: Apache-2.0
"""Check, as a stranger, that a hub's public log has the digest of published figures.

1 The digest of the figures is the one that the entry of the ledger has.
2 The leaf commits to that entry, with the salt that the hub shows.
3 The signed head has the leaf, at the number of the entry.
"""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from stemtide.protocol.figures.messages import PublicFigures, digest_of
from stemtide.protocol.tlog.audit import LogCopy
from stemtide.protocol.tlog.merkle import ProofError, check_inclusion, leaf_hash

_ENTRY = b"stemtide-entry/1\n"
_HALF = 32


class FiguresError(ValueError):
    """A text is not the figures of a quarter."""


class _Opening(BaseModel):
    """The opening of a leaf: the entry, and what hides it. In hex."""

    model_config = ConfigDict(extra="ignore")

    entry: dict[str, Any]
    leaf: str
    salt: str


class FiguresProof(BaseModel):
    """The entry with the digest of figures, and the opening of its leaf."""

    digest: str
    entry: int
    opening: _Opening


def read_figures(text: str, *, quarter: str) -> PublicFigures:
    """Return the figures of a quarter. raises: FiguresError."""
    try:
        figures = PublicFigures.model_validate_json(text)
    except ValidationError as error:
        raise FiguresError("these are no figures in the format stemtide-figures/1") from error
    if figures.quarter != quarter:
        raise FiguresError(f"these are the figures of {figures.quarter[:20]}")
    return figures


def proof_faults(text: str, *, proof: str, figures: PublicFigures, log: LogCopy) -> Iterator[str]:
    """Yield why a log does not prove the figures of a quarter; nothing if it does.

    text: the figures, as the hub sent them. proof: as the hub sent it.

    raises: TileError; errors of reading the log.
    """
    try:
        shown = FiguresProof.model_validate_json(proof)
    except ValidationError:
        yield "the opening of the leaf cannot be read"
        return
    yield from _entry_faults(text, proof=shown, figures=figures)
    yield from _leaf_faults(shown, log=log)


def _entry_faults(text: str, *, proof: FiguresProof, figures: PublicFigures) -> Iterator[str]:
    """Yield what the entry of the ledger says otherwise than the figures."""
    entry = proof.opening.entry
    detail = entry.get("detail")
    subject = (entry.get("kind"), entry.get("subject"), entry.get("number"))
    if subject != ("figures.published", f"figures:{figures.quarter}", figures.head + 1):
        yield "the entry is about something else"
    if not isinstance(detail, dict) or detail.get("digest") != digest_of(text):
        yield "the figures are others than those whose digest is in the ledger"
    if proof.entry != figures.head + 1:
        yield f"the figures count entries up to {figures.head}, and the entry is {proof.entry}"


def _leaf_faults(proof: FiguresProof, *, log: LogCopy) -> Iterator[str]:
    """Yield why the log does not have the entry that the hub shows."""
    try:
        leaf, salt = bytes.fromhex(proof.opening.leaf), bytes.fromhex(proof.opening.salt)
    except ValueError:
        yield "the opening of the leaf cannot be read"
        return
    facts = json.dumps(
        proof.opening.entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    if hashlib.sha256(_ENTRY + salt + facts.encode()).digest() != leaf[:_HALF]:
        yield "the leaf of the entry does not commit to it"
    if not 0 <= proof.entry < log.head.size:
        yield "the signed head of the log does not have this leaf"
        return
    try:
        path = log.tree().inclusion_path(proof.entry)
        place = {"index": proof.entry, "size": log.head.size}
        check_inclusion(leaf_hash(leaf), path, root=log.head.root, **place)
    except ProofError:
        yield "the signed head of the log does not have this leaf"
