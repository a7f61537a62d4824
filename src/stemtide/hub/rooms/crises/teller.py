# SPDX-License-Identifier: Apache-2.0
"""Tell neighbours of our activations, by signed messages, outside every transaction."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from stemtide.egress.posts import PostOutcome, post
from stemtide.hub.platform.jobs import JobRunner
from stemtide.hub.rooms.crises.writes import telling
from stemtide.hub.rooms.crises.writes.telling import DueTelling
from stemtide.protocol.activations import TYPE, ActivationMessage, encode, sign, signing_key

THREADS = 2
TIMEOUT_S = 15.0
"""Longest duration of one attempt."""


@dataclass(kw_only=True, eq=False)
class NeighbourTeller(JobRunner[DueTelling]):
    """Teller of activations. loopback: whether it connects to this machine as well."""

    name = "neighbours"
    threads: int = THREADS
    loopback: bool

    def claim_due(self, now: datetime, *, limit: int) -> list[DueTelling]:
        """Claim activations that a neighbour has not heard."""
        return telling.claim_due(now, limit=limit)

    def run(self, job: DueTelling) -> None:
        """Send one message, and record whether the neighbour took it."""
        now = self.now()
        body = encode(ActivationMessage(type=TYPE, timestamp=now, data=job.activation))
        headers = sign(str(job.message), body, key=signing_key(settings.SECRET_KEY), at=now)
        result = post(
            job.url,
            content=body,
            headers={"content-type": "application/json", **headers},
            loopback=self.loopback,
            timeout_s=TIMEOUT_S,
            now=now,
        )
        error = "" if result.fate is PostOutcome.SENT else result.words
        telling.note(job, error=error, now=self.now())
