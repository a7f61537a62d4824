# SPDX-License-Identifier: Apache-2.0
"""Verify sealed PDFs, in another process.

A PDF from a stranger may be a bomb. The process that serves people never parses one: it passes
the bytes to a process with little time and memory, no network and no writable files, and
checks its small answer.

source: ETSI EN 319 102-1 (validation of signatures), without time stamps and revocation: no
        certificate is fetched.
"""

import hashlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from asn1crypto import x509
from pydantic import ValidationError

from stemtide.protocol.messages.documents import (
    MAX_DOCUMENT_BYTES,
    SealSeen,
    SealVerdict,
    Trust,
    Verification,
)

_WALL_S = 30.0
_SLOTS = threading.BoundedSemaphore(2)
"""Documents that are verified at once in this process; others wait."""

_askers: set[str] = set()
_askers_lock = threading.Lock()

_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
"""What the other process gets of ours: no secret can leak from what it was never given."""


@dataclass(frozen=True, slots=True)
class Trusted:
    """The certificates that the hub trusts.

    own:     its own; None if it has none.
    parties: names of parties by the certificate of their own key, DER: recognised under a trusted
             seal, and not enough alone.
    stamps:  those of time stamp authorities, which are trusted for nothing else.
    """

    own: x509.Certificate | None = None
    named: Sequence[x509.Certificate] = ()
    parties: Mapping[bytes, str] = field(default_factory=dict)
    stamps: Sequence[x509.Certificate] = ()


class AnotherDocumentError(Exception):
    """The caller has another document under verification already. The message names the remedy."""


def verify_pdf(pdf: bytes, *, trusted: Trusted, now: datetime, of: str = "") -> Verification:
    """Return the verdict on a PDF. Nothing in the document can make it raise.

    of: the party that asks, "" for the hub's operator. A party has one document verified at a
        time, so that none takes all slots.

    raises: AnotherDocumentError.
    """
    properties: dict[str, Any] = {"sha256": hashlib.sha256(pdf).hexdigest(), "size_bytes": len(pdf)}
    if len(pdf) > MAX_DOCUMENT_BYTES:
        why = f"it is larger than {MAX_DOCUMENT_BYTES:,} bytes"
        return Verification(verdict=SealVerdict.UNREADABLE, why=why, **properties)
    try:
        with _turn(of), _SLOTS:
            seals, data = _look(pdf, trusted=trusted, now=now)
    except _UnreadableError as error:
        return Verification(verdict=SealVerdict.UNREADABLE, why=str(error), **properties)
    verdict = _verdict(seals)
    if verdict is SealVerdict.GENUINE:
        properties |= {"form": str(data.get("form", "")), "values": data.get("values", {})}
    return Verification(verdict=verdict, seals=seals, **properties)


@contextmanager
def _turn(of: str) -> Iterator[None]:
    """Let a party verify one document at a time. raises: AnotherDocumentError."""
    with _askers_lock:
        if of in _askers:
            raise AnotherDocumentError(
                "another document of your party is being looked at: send this one once that is done"
            )
        if of:
            _askers.add(of)
    try:
        yield
    finally:
        with _askers_lock:
            _askers.discard(of)


def _verdict(seals: Sequence[SealSeen]) -> SealVerdict:
    """Return the verdict on all seals together: the worst of theirs.

    The own key of a party vouches under the hub's seal alone: by itself, any party that has one
    could seal an order in the name of another.
    """
    if not seals:
        return SealVerdict.UNSEALED
    if not all(seal.is_intact for seal in seals) or not any(seal.is_whole for seal in seals):
        return SealVerdict.CHANGED
    whole = [seal for seal in seals if seal.is_whole]
    is_trusted = any(seal.trust in {Trust.OWN, Trust.NAMED} for seal in whole)
    return SealVerdict.GENUINE if is_trusted else SealVerdict.UNTRUSTED


class _UnreadableError(Exception):
    """It cannot be read. The message says why in a few words."""


def _look(
    pdf: bytes, *, trusted: Trusted, now: datetime
) -> tuple[tuple[SealSeen, ...], dict[str, Any]]:
    """Return the seals in a PDF and the entries of its form, as the other process reports them.

    raises: _UnreadableError.
    """
    question = {
        "now": now.isoformat(),
        "own": trusted.own.dump().hex() if trusted.own else "",
        "parties": {der.hex(): party for der, party in trusted.parties.items()},
        "stamps": [certificate.dump().hex() for certificate in trusted.stamps],
        "named": [certificate.dump().hex() for certificate in trusted.named],
    }
    try:
        done = subprocess.run(  # a program of ours; the document is its input alone
            [sys.executable, "-I", "-m", "stemtide.hub.platform.documents.verifier_process"],
            input=json.dumps(question).encode() + b"\n" + pdf,
            capture_output=True,
            timeout=_WALL_S,
            check=False,
            env=_ENVIRONMENT,
        )
    except subprocess.TimeoutExpired as error:
        raise _UnreadableError("to look at it takes too long") from error
    if done.returncode != 0:
        raise _UnreadableError("to look at it takes too much time or memory")
    try:
        answer = json.loads(done.stdout)
        if "why" in answer:
            raise _UnreadableError(str(answer["why"])[:200])
        return tuple(SealSeen.model_validate(seal) for seal in answer["seals"]), answer["form"]
    except (ValueError, TypeError, KeyError, ValidationError) as error:
        raise _UnreadableError("what was found in it makes no sense") from error
