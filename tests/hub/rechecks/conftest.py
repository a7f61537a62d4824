# SPDX-License-Identifier: Apache-2.0
"""Requests that a provider has answered, ready to be checked."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import transaction

from stemtide.egress.probe import Probe
from stemtide.fingerprints.url import canonical as urls
from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.orders.models import Copy, Order, OrderAddress
from stemtide.hub.rooms.rechecks import rules, writes
from stemtide.hub.rooms.rechecks.models import Recheck
from stemtide.hub.rooms.referrals.models import Referral
from tests.world import NOON

PAGE = "https://video.example/watch/12"


class Requests:
    """Makes requests with an answer, and lets the clock follow them."""

    def __init__(self, world):
        self.world = world
        self.count = 0

    def _tell(self, kind, row):
        with transaction.atomic():
            ledger.append(kind, actor=self.world.big_provider.ref, subject=row.ref, now=NOON)

    def referral(self, url=PAGE, *, state="removed", signals=(), **facts):
        """A referral of the authority to the big provider, answered at noon."""
        self.count += 1
        row = Referral.objects.create(
            uid=uuid4(),
            reference=f"RF-2026-{self.count:05}",
            sender=self.world.authority,
            provider=self.world.big_provider,
            url=url,
            digest=urls.digest(urls.canonical(url)).hex() if "example" in url else "",
            content_type="video",
            reason="it calls for violence",
            state=state,
            assessed_at=NOON,
            answered_at=NOON,
            **facts,
        )
        row.signals.set(signals)
        self._tell("referral.answered", row)
        writes.follow_requests(NOON)
        return row

    def order(self, *addresses, state="executed", copied=()):
        """An order of the authority to the big provider, executed at noon."""
        self.count += 1
        row = Order.objects.create(
            uid=uuid4(),
            reference=f"RO-2026-{self.count:05}",
            issued_by=self.world.authority,
            addressee=self.world.big_provider,
            state=state,
            drafted_at=NOON,
            answered_at=NOON,
        )
        for place, url in enumerate(addresses or (PAGE,)):
            OrderAddress.objects.create(order=row, place=place, url=url)
        for party in copied:
            Copy.objects.create(order=row, sent_to=party, sent_at=NOON)
        self._tell("order.answered", row)
        writes.follow_requests(NOON)
        return row

    def becomes(self, row, state, *, kind="referral.reinstated"):
        row.state = state
        row.save(update_fields=["state"])
        self._tell(kind, row)
        writes.follow_requests(NOON + timedelta(hours=1))

    def recheck(self, asked):
        (row,) = asked.rechecks.all()
        return row

    def note(self, row, status=None, *, now, **seen):
        """Take what is due and note that it was seen so."""
        row = Recheck.objects.get(pk=row.pk)
        (errand,) = [one for one in writes.claim_due(now, limit=9) if one.uid == row.uid]
        seen = Probe(row.url, status=status, **seen)
        found = rules.judge(seen, url=row.url)
        assert writes.note(errand, response=seen, finding=found, now=now)
        return Recheck.objects.get(pk=row.pk)


@pytest.fixture
def requests(world):
    return Requests(world)
