# SPDX-License-Identifier: Apache-2.0
"""Makes the visits that are due: outside every transaction, a few at a time."""

import secrets
from dataclasses import dataclass, replace
from datetime import datetime

from django.conf import settings

from stemtide.egress.probe import (
    ANYWHERE,
    THIS_MACHINE,
    Probe,
    ProbeFailure,
    normalise,
    probe_address,
)
from stemtide.hub.platform.jobs import JobRunner
from stemtide.hub.rooms.rechecks import rules, writes
from stemtide.hub.rooms.rechecks.reads import Errand
from stemtide.hub.rooms.rechecks.rules import VisitResult
from stemtide.protocol.enums.rechecks import Reason, Verdict

THREADS = 4
"""Visits that are under way at once."""


@dataclass(frozen=True, slots=True)
class Way:
    """How this hub visits. is_on: whether at all; loopback: whether this machine too."""

    is_on: bool = True
    loopback: bool = False


def way_of_settings() -> Way:
    """Return how this hub visits, from its settings."""
    return Way(is_on=settings.RECHECKS, loopback=settings.RECHECK_LOOPBACK)


@dataclass(kw_only=True, eq=False)
class Visitor(JobRunner[Errand]):
    """Visitor of due addresses."""

    name = "rechecks"
    threads: int = THREADS
    way: Way

    def claim_due(self, now: datetime, *, limit: int) -> list[Errand]:
        """Claim due visits, if this hub visits at all."""
        return writes.claim_due(now, limit=limit) if self.way.is_on else []

    def run(self, job: Errand) -> VisitResult:
        """Make one visit and record its finding."""
        response, finding = visit(job, way=self.way)
        writes.note(job, response=response, finding=finding, now=self.now())
        return finding


def visit(errand: Errand, *, way: Way) -> tuple[Probe, VisitResult]:
    """Look at an address, and at one beside it that cannot exist where that helps to judge.

    An exercise visits this machine alone, where the settings let it, and nothing else ever.
    """
    if errand.exercise and not way.loopback:
        return Probe(errand.url), VisitResult(Verdict.UNCLEAR, Reason.EXERCISE)
    reach = THIS_MACHINE if errand.exercise else replace(ANYWHERE, loopback=way.loopback)
    response = probe_address(errand.url, reach=reach, words=rules.says_removed)
    control = None
    if response.trouble is not ProbeFailure.REFUSED and rules.needs_control(
        response, url=errand.url
    ):
        beside = rules.control_url(
            normalise(response.url, reach=reach), chance=secrets.token_hex(8)
        )
        control = probe_address(beside, reach=reach)
    return response, rules.judge(response, url=errand.url, control=control)
