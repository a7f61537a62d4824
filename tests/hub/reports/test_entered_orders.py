# SPDX-License-Identifier: Apache-2.0
"""Orders that were made elsewhere count once, for those whose word stands for them.

Figures were reckoned by hand from the rows. Minutes are after noon of 24 November 2026.
"""

from datetime import date

import pytest

from stemtide.hub.rooms.orders.models import Order
from stemtide.hub.rooms.orders.writes import entries
from stemtide.hub.rooms.parties.writes import competences
from stemtide.hub.rooms.reports.reads import dsa, orders as progress, yearly
from stemtide.hub.rooms.reports.rules.dsa import period_asked
from stemtide.protocol.enums import Duty
from stemtide.protocol.enums.progress import ProgressOf
from stemtide.protocol.law.yearly import YearlyForm
from stemtide.protocol.messages.orders import OrderReasonIn
from stemtide.protocol.messages.progress import ProgressQuery
from tests.hub.orders import cast
from tests.hub.orders.cast import after
from tests.hub.orders.elsewhere import OUTSIDE, enter
from tests.rounds import rounds
from tests.world import NOON

pytestmark = pytest.mark.django_db
WRONG = OrderReasonIn(text="We have no such file.")
NEXT_YEAR = after(60 * 24 * 60)


@pytest.fixture
def world(world):
    cast.name_competent(world)
    cast.inform(world)
    return world


def counts(world, party, form=None):
    report = yearly.yearly(2026, viewer=getattr(world, party), now=NEXT_YEAR, form=form)
    return {
        figure.name: figure.count
        for part in report.parts
        for figure in part.figures
        if figure.is_known
    }


def issued(world, party):
    query = ProgressQuery(of=ProgressOf.OWN, first=date(2026, 10, 1), last=date(2026, 12, 31))
    found = progress.orders(query, viewer=getattr(world, party), now=NEXT_YEAR)
    return found.total.issued


def everybodys(world):
    """Orders that count in the figures of all parties, as they are before rows are withheld."""
    query = ProgressQuery(of=ProgressOf.ALL, first=date(2026, 10, 1), last=date(2026, 12, 31))
    return progress._rows(query, viewer=world.agency).count()  # see above


def both_years(world):
    """Orders of the provider's and of the authority's yearly report, and of its State's return."""
    return (
        counts(world, "small_provider")["orders_received"],
        counts(world, "authority")["orders_issued"],
        counts(world, "authority", YearlyForm.ART_21)["ms_orders"],
    )


@pytest.mark.nightly
def test_an_entry_counts_for_who_entered_it_until_the_other_side_confirms_it(world):
    entered = enter(world)
    assert both_years(world) == (1, 0, 0)
    assert (issued(world, "small_provider"), issued(world, "authority")) == (1, 0)
    entries.confirm(entered.id, by=world.actor(world.authority), now=after(1))
    assert both_years(world) == (1, 1, 1)
    assert (issued(world, "small_provider"), issued(world, "authority")) == (1, 1)


def test_an_authoritys_entry_burdens_no_provider_before_it_confirms_it(world):
    entered = enter(world, world.authority)
    assert both_years(world) == (0, 1, 1)
    by = world.actor(world.small_provider)
    entries.dispute(entered.id, body=WRONG, by=by, now=after(1))
    assert both_years(world) == (0, 1, 1)
    cast.execute(world, entered.id)
    assert both_years(world) == (1, 1, 1)
    assert counts(world, "small_provider")["items_by_orders"] == 1


@pytest.mark.parametrize(
    ("write", "who"),
    [(entries.void, "small_provider"), (entries.dispute, "authority")][: rounds(1, nightly=None)],
)
def test_an_order_that_was_none_counts_for_nobody(world, write, who):
    entered = enter(world)
    cast.execute(world, entered.id)
    write(entered.id, body=WRONG, by=world.actor(getattr(world, who)), now=after(30))
    assert both_years(world) == (0, 0, 0)
    assert counts(world, "small_provider")["items_by_orders"] == 0
    assert issued(world, "small_provider") == 0


def test_an_order_of_an_authority_that_is_no_party_counts_for_its_provider(world):
    enter(world, outside_issuer=OUTSIDE)
    assert both_years(world) == (1, 0, 0)
    assert everybodys(world) == 0


def test_everybody_counts_what_both_sides_confirm(world):
    entered = enter(world)
    assert everybodys(world) == 0
    entries.confirm(entered.id, by=world.actor(world.authority), now=after(1))
    assert everybodys(world) == 1


def test_the_report_on_moderation_names_the_state_of_an_issuer_elsewhere(world):
    enter(world, outside_issuer=OUTSIDE)
    enter(world, world.authority, reference="ours")
    period = period_asked(2026, 0, now=NEXT_YEAR)
    facts = dsa._orders(period, world.small_provider)  # its only source of orders
    assert [fact.country for fact in facts] == ["DE"]


def test_an_order_from_paper_is_counted_beside_those_made_here(world):
    made = cast.issue(world)
    cast.receive(made.id)
    cast.execute(world, made.id)
    entered = enter(world)
    cast.execute(world, entered.id)
    entries.confirm(entered.id, by=world.actor(world.authority), now=after(40))
    assert both_years(world) == (2, 2, 2)
    assert Order.objects.count() == 2
    competences.name_competent(world.authority, Duty.MEASURES, actor="operator", now=NOON)
    assert counts(world, "authority", YearlyForm.ART_21)["ms_items"] == 2


@pytest.mark.nightly
def test_an_order_that_its_issuer_took_back_counts_for_nobody(world):
    entered = enter(world, world.authority)
    entries.void(entered.id, body=WRONG, by=world.actor(world.authority), now=after(1))
    assert both_years(world) == (0, 0, 0)
    assert issued(world, "authority") == 0
