# SPDX-License-Identifier: Apache-2.0
"""What shows that an order is authentic, to a provider that asks once."""

import pytest

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.rooms.orders.models import Receipt
from stemtide.hub.rooms.orders.reads.authenticity import authenticity
from stemtide.hub.rooms.parties.reads.authorities import listing, published_authorities
from stemtide.protocol.enums import Duty
from stemtide.protocol.law.authorities import AuthorityDataError
from stemtide.protocol.messages.documents import Listed, OwnKeyState, StampState
from tests.hub.orders import cast
from tests.hub.orders.elsewhere import enter
from tests.hub.papers.keys_of_parties import lay_out
from tests.world import NOON

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    return tmp_path


def of(orders, made, *, viewer=None):
    return authenticity(made.id, viewer=viewer or orders.small_provider, now=NOON)


def titled(party, title, country=None):
    party.title, party.country = title, country or party.country
    party.save(update_fields=["title", "country"])
    return party


def test_a_provider_learns_in_one_step_whether_an_order_is_authentic(orders, folder, settings):
    titled(orders.authority, "Federaal Parket (BE)", "BE")
    lay_out(folder, settings, **{orders.authority.name: {}})
    made = cast.issue(orders)
    found = of(orders, made)
    assert (found.issuer, found.state) == (orders.authority.name, "BE")
    assert (found.listing.answer, found.listing.point) == (Listed.YES, "a")
    assert (found.listing.name, found.listing.in_list) == ("Federal prosecution service", True)
    assert "C 224" in found.listing.source
    assert found.competent_since is not None
    assert found.own_key is OwnKeyState.READY
    assert orders.authority.name in found.own_seal.signer
    assert "self-signed" in found.hub_seal.signer
    assert (found.stamp, found.stamp_host) == (StampState.OFF, "")


def test_an_order_made_elsewhere_shows_the_seals_of_its_document_and_no_other(
    orders, folder, settings
):
    """Whoever enters it cannot make this hub vouch for the issuer that they name."""
    lay_out(folder, settings, **{orders.authority.name: {}})
    entered = enter(orders)
    found = of(orders, entered)
    assert (found.is_entered, found.issuer) == (True, orders.authority.name)
    assert (found.own_key, found.own_seal, found.hub_seal) == (OwnKeyState.NONE, None, None)
    assert found.entered_seals == entered.document.seals


def test_an_issuer_outside_the_hub_is_looked_up_by_the_name_on_the_order(orders):
    outside = {"name": "Bundeskriminalamt", "state": "DE", "contact": "duty@bka.example"}
    found = of(orders, enter(orders, issuer="", outside_issuer=outside))
    assert (found.title, found.state, found.competent_since) == ("Bundeskriminalamt", "DE", None)
    assert found.listing.answer is Listed.YES


def test_asking_is_no_receipt(orders):
    made = cast.issue(orders)
    of(orders, made)
    assert not Receipt.objects.exists()


def test_whoever_may_not_see_an_order_learns_nothing_of_it(orders):
    made = cast.draft(orders)
    with pytest.raises(NotFoundError):
        of(orders, made)
    with pytest.raises(NotFoundError):
        of(orders, made, viewer=orders.big_provider)


def test_an_order_can_be_read_while_the_hubs_seal_cannot_be_used(orders, settings):
    made = cast.issue(orders)
    settings.SEAL_FILE = "/nowhere.p12"
    assert of(orders, made).hub_seal is None


@pytest.mark.parametrize(
    ("title", "country", "answer"),
    [
        ("Federaal parket", "BE", Listed.YES),
        ("Crisis Centre", "BE", Listed.NO),
        ("Federaal parket", "DE", Listed.NO),
        ("Bundesnetzagentur", "DE", Listed.NO),
        ("Procura della Repubblica presso il Tribunale di Roma", "IT", Listed.NOT_KNOWN),
        ("Federaal parket", "SK", Listed.NOT_KNOWN),
        ("Federaal parket", "", Listed.NOT_KNOWN),
    ],
)
def test_the_register_says_yes_no_or_that_it_does_not_know(title, country, answer):
    found = listing(title, country=country, duty=Duty.ISSUE)
    assert found.answer is answer
    assert bool(found.source) is (answer is Listed.YES)


def test_who_is_published_instead_is_named():
    found = listing("Crisis Centre", country="BE", duty=Duty.ISSUE)
    assert found.others == ["Federal prosecution service", "I2-IRU"]


OWN = """
[SK]
complete = ["a"]
[[SK.authority]]
names = ["Office"]
points = ["a"]
source = "Letter of the ministry"
as_of = 2026-01-01
party = "sk-office"
"""


def test_an_operator_adds_a_state_and_names_its_party(settings, tmp_path):
    (tmp_path / "own.toml").write_text(OWN)
    settings.AUTHORITIES_FILE = str(tmp_path / "own.toml")
    in_slovakia = {"country": "SK", "duty": Duty.ISSUE}
    assert listing("Something else", party="sk-office", **in_slovakia).answer is Listed.YES
    assert listing("Office", party="other", **in_slovakia).answer is Listed.NO
    assert "DE" in published_authorities()


def test_an_operators_list_that_cannot_be_read_hides_no_answer(settings, tmp_path):
    settings.AUTHORITIES_FILE = str(tmp_path / "own.toml")
    for text in (None, "[BE"):
        if text:
            (tmp_path / "own.toml").write_text(text)
        with pytest.raises(AuthorityDataError, match=r"own\.toml"):
            published_authorities()
        found = listing("Federaal parket", country="BE", duty=Duty.ISSUE)
        assert found.answer is Listed.YES
