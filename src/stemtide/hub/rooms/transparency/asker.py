# SPDX-License-Identifier: Apache-2.0
"""Asks the witnesses that the operator listed to cosign the newest head.

source: C2SP, tlog-witness (add-checkpoint).
"""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from stemtide.egress.posts import reach_of
from stemtide.egress.requests import NoAnswerError, OutboundRequest, send_request
from stemtide.hub.platform.errors import RefusalError
from stemtide.hub.platform.jobs import JobRunner
from stemtide.hub.rooms.transparency.reads import log, witnesses as reads
from stemtide.hub.rooms.transparency.reads.witnesses import DueWitness
from stemtide.hub.rooms.transparency.writes import witnesses
from stemtide.protocol.tlog.cosignatures import CheckpointRequest, WitnessKey
from stemtide.protocol.tlog.notes import MAX_BYTES, Checkpoint, Note, NoteError, read_signature

THREADS = 2
LEASE = timedelta(minutes=1)
"""After this time another scheduler asks, should ours have died."""

AGAIN = timedelta(minutes=2)
"""Time until a witness is asked again that did not answer rightly."""

_PATIENCE_S = 20
_OK, _CONFLICT = 200, 409
_MOST_DIGITS, _MOST_LEAVES = 20, 1 << 63
_SIZE_TYPE = "text/x.tlog.size"


class WitnessRefusedError(Exception):
    """A witness does not cosign. size: of the head that it says it has; None if it does not say."""

    def __init__(self, text: str, *, size: int | None = None) -> None:
        super().__init__(text)
        self.size = size


@dataclass(kw_only=True, eq=False)
class WitnessAsker(JobRunner[DueWitness]):
    """Asker of the witnesses that lack the newest offered head."""

    name = "witnesses"
    threads: int = THREADS

    def claim_due(self, now: datetime, *, limit: int) -> list[DueWitness]:
        """Claim witnesses that are due."""
        return witnesses.claim_due(now, until=now + LEASE, limit=limit)

    def run(self, job: DueWitness) -> None:
        """Ask one witness, and store its cosignature, or why there is none."""
        now = self.now()
        try:
            note = reads.offered()
            line = ask(job, note=note)
            size = Checkpoint.read(Note.read(note).text).size
            witnesses.note_answer(job.pk, size=size, line=line, now=now)
        except WitnessRefusedError as error:
            witnesses.note_failure(job.pk, trouble=str(error), size=error.size, next_at=now + AGAIN)
        except (NoAnswerError, RefusalError, NoteError) as error:
            witnesses.note_failure(job.pk, trouble=str(error), next_at=now + AGAIN)


def ask(witness: DueWitness, *, note: str) -> str:
    """Ask a witness to cosign a head; return its line of signature.

    raises: WitnessRefusedError; NoAnswerError, NoteError.
    """
    head = Checkpoint.read(Note.read(note).text)
    old_size = min(witness.size, head.size)
    path = log.tree(head.size).consistency_path(old_size)
    request = OutboundRequest(
        f"{witness.address}/add-checkpoint",
        "POST",
        headers={"content-type": "text/plain; charset=utf-8"},
        body=str(CheckpointRequest(old_size, tuple(path), note)).encode(),
    )
    response = send_request(
        request,
        reach=reach_of(loopback=settings.WITNESS_LOOPBACK),
        until=time.monotonic() + _PATIENCE_S,
        max_bytes=MAX_BYTES,
    )
    text = response.body.decode(errors="replace")
    if response.status == _CONFLICT and response.headers.get("content-type") == _SIZE_TYPE:
        raise WitnessRefusedError(
            "it has another head than the hub thought; it is asked again", size=_size(text)
        )
    if response.status != _OK:
        shown = "".join(filter(str.isprintable, text))[:200]
        raise WitnessRefusedError(f"it answered {response.status}: {shown}")
    key = WitnessKey.read(witness.key)
    for line in text.splitlines():
        signature = read_signature(line)
        if (signature.name, signature.key_id) == (key.name, key.id):
            return line
    raise WitnessRefusedError(f"its answer is not signed by {key.name}+{key.id.hex()}")


def _size(text: str) -> int:
    """Return the size of a head that a witness states. raises: WitnessRefusedError."""
    size = int(text) if text.strip().isdecimal() and len(text) <= _MOST_DIGITS else -1
    if not 0 <= size < _MOST_LEAVES:
        raise WitnessRefusedError("it has another head, and does not say which")
    return size
