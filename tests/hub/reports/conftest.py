# SPDX-License-Identifier: Apache-2.0
"""A crisis that is over, and short ways to write its report."""

import pytest

from stemtide.hub.rooms.reports.writes import reports as writes
from stemtide.hub.rooms.signals.writes import signals
from stemtide.protocol.messages.reports import PublishIn, SectionIn, sections_of
from stemtide.protocol.messages.signals import WithdrawIn
from tests.hub.situation.conftest import Room
from tests.world import NOON, hex_value, outcome, report_of


class After(Room):
    """One crisis and what is written of it."""

    def opened(self, party="authority", role="analyst"):
        return writes.open_report(self.crisis.id, by=self.actor(party, role), now=NOON)

    def write(self, report, name, text="Words.", party="authority", role="analyst"):
        body = SectionIn(text=text)
        by = self.actor(party, role)
        return writes.write_section(report.id, name=name, body=body, by=by, now=NOON)

    def written(self):
        report = self.opened()
        for one in sections_of(report.framework):
            report = self.write(report, one.name)
        return report

    def agree(self, report, party="agency", role="coordinator"):
        return writes.agree(report.id, by=self.actor(party, role), now=NOON)

    def publish(self, report, audience="parties", party="agency", role="coordinator"):
        body = PublishIn(audience=audience)
        return writes.publish(report.id, body=body, by=self.actor(party, role), now=NOON)

    def close(self):
        self.world.close(self.crisis)


@pytest.fixture
def after(world):
    """Everyone but the observer takes part."""
    crisis = world.activate()
    others = (world.other_authority, world.big_provider, world.small_provider, world.consortium)
    world.join(crisis, *others)
    return After(world=world, crisis=crisis)


@pytest.fixture
def busy(after):
    """The same after something happened in it: three signals, one withdrawn, sightings."""
    shared = [after.world.share(value=hex_value(n), crisis=after.crisis.id) for n in range(3)]
    after.post(text="Seen on three services.")
    rows = (outcome(shared[0].id, count=30), outcome(shared[1].id, "held", count=4))
    signals.report_outcomes(report_of(*rows), by=after.world.big_provider, now=NOON)
    body = WithdrawIn(reason="context")
    signals.withdraw(shared[2].id, body=body, by=after.world.authority, now=NOON)
    return after
