# SPDX-License-Identifier: Apache-2.0
"""The search at the desk: what finds what, with which reason, and who finds nothing."""

import re
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from stemtide.hub.rooms.orders.models import Order
from stemtide.hub.rooms.parties.reads import people
from stemtide.hub.rooms.referrals.models import Referral
from stemtide.hub.rooms.referrals.writes import referrals as referring
from stemtide.protocol.enums import Role
from stemtide.protocol.messages.referrals import AssessIn, SendIn
from tests.hub.desk.conftest import PDQ
from tests.hub.desk.test_complaints import file
from tests.hub.desk.test_inbox import issue
from tests.rounds import at_night, few
from tests.world import hex_value

pytestmark = pytest.mark.django_db
URL = "https://video.example/watch?v=1"
OFFICER = Role.DUTY_OFFICER


def said(answer):
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def found(desk, query, *, page="/search"):
    """The links of the results, on the page or in the palette."""
    html = desk.get(page, {"q": query}).content.decode()
    links = re.findall(r'class="(?:said__text|palette__option)"[^>]*?href="([^"]+)"', html)
    return [link for link in links if not link.startswith("/search")]


def short(reference):
    """A file reference as people type it: small letters, and no noughts before the number."""
    return re.sub(r"-0+(\d+)$", r"-\1", reference).lower()


@pytest.fixture
def desks(world):
    """An officer of each party, and the agency's coordinator."""
    names = ("authority", "neighbour", "provider", "rival", "observer")
    return {name: world.desk(name, OFFICER) for name in names} | {
        "agency": world.desk("agency", Role.COORDINATOR)
    }


@at_night
def test_a_referral_is_found_by_its_number_id_and_address_by_those_who_may_see_it(world, desks):
    body = AssessIn(url=URL, provider="provider", labels=["incitement"], reason="It incites.")
    referring.refer(body, assessment=SendIn(), by=world.actor("authority"), now=world.now)
    referral = Referral.objects.get()
    queries = (referral.reference, short(referral.reference), str(referral.uid), URL)
    for name, desk in desks.items():
        links = (
            [f"/referrals/{referral.uid}"] if name in {"authority", "agency", "provider"} else []
        )
        assert [found(desk, query) for query in queries] == [links] * 4, name
    page = said(desks["agency"].get("/search", {"q": referral.reference}))
    assert "Searched as: file reference." in page
    assert "The authority → The provider" in page


def test_an_order_is_found_by_its_sides_and_finding_it_is_no_receipt(world, desks):
    made = issue(world)
    Order.objects.update(received_at=None)
    queries = few((3,), of=[made.reference, short(made.reference), str(made.id), made.urls[0]])
    for name, desk in desks.items():
        links = [f"/orders/{made.id}"] if name in {"authority", "provider"} else []
        assert [found(desk, query) for query in queries] == [links] * len(queries), name
    assert Order.objects.get().received_at is None


@at_night
def test_a_complaint_is_found_by_its_own_provider_alone(world, desks):
    complaint = file(world, basis="own", ground=None)
    for query in (complaint.number, short(complaint.number), "case-1", str(complaint.id)):
        assert found(desks["provider"], query) == [f"/complaints/{complaint.id}"], query
        assert all(found(desks[name], query) == [] for name in desks if name != "provider")
    assert found(world.desk("provider", Role.OBSERVER), complaint.number) == []


@at_night
def test_a_signal_is_found_by_how_its_fingerprint_begins_and_by_its_host(world, desks):
    picture = world.share(value=hex_value(5))
    page = world.share(kind="url", value="https://forum.example/thread/7?page=2")
    world.share(kind="url", value="https://forum.example.org/other")
    for query, uid, reason in (
        (hex_value(5)[:6], picture, "Begins with these characters"),
        (str(picture).replace("-", "")[:12], picture, "Begins with these characters"),
        ("forum.example", page, "Address at this host"),
        ("WWW.forum.example/thread", page, "This address, or one that begins with it"),
    ):
        answer = desks["provider"].get("/search", {"q": query})
        assert f"/signals/{uid}" in answer.content.decode(), query
        assert reason in said(answer)
    assert found(desks["provider"], "forum.example") == [f"/signals/{page}"]


@at_night
def test_what_ended_is_found_too(world, desks):
    uid = world.share(value=hex_value(5))
    world.withdraw(uid)
    assert found(desks["rival"], hex_value(5)[:8]) == [f"/signals/{uid}"]


def test_what_is_marked_red_is_found_by_its_recipients_alone_and_leaves_no_trace(world, desks):
    facts = {"tlp": "red", "audience": ("provider",)}
    hidden = world.share(value=hex_value(5), **facts)
    world.share(kind="url", value="https://forum.example/thread/7", **facts)
    found(desks["rival"], "caches are filled")
    desks["authority"].post(f"/signals/{hidden}/do/name", {"name-title": "Bridge"})
    pairs = [
        ("bridge", "tunnel"),
        (hex_value(5)[:8], hex_value(6)[:8]),
        (hex_value(5), hex_value(6)),
        ("forum.example", "other.example"),
        (str(hidden), str(uuid4())),
    ]
    for query, unknown in few((0, 2), of=pairs):
        assert found(desks["provider"], query) != []
        with CaptureQueriesContext(connection) as asked:
            answer = said(desks["rival"].get("/search", {"q": query}))
        with CaptureQueriesContext(connection) as asked_unknown:
            nothing = said(desks["rival"].get("/search", {"q": unknown}))
        assert answer == nothing
        assert len(asked) == len(asked_unknown)


@at_night
def test_content_is_found_by_the_words_of_its_titles_as_clusters_and_signals(world, desks):
    crisis = world.crisis(active=True, joined=("provider",))
    first = world.share(crisis=crisis, tlp="green")
    near = world.share(crisis=crisis, tlp="green", value=f"{int(PDQ, 16) ^ 1:064x}")
    loose = world.share(tlp="green", value=hex_value(5))
    for signal, title in ((near, "BRÜCKE, zweite Kamera"), (loose, "Eine Brücke")):
        desks["authority"].post(f"/signals/{signal}/do/name", {"name-title": title})
    cluster = f"/crises/{crisis}/content/{first}"
    assert found(desks["provider"], "brücke") == [cluster, f"/signals/{loose}", f"/signals/{near}"]
    assert found(desks["provider"], "kamera brücke", page="/search/_results") == [
        cluster,
        f"/signals/{near}",
    ]
    assert found(desks["provider"], "brücke tunnel") == []
    page = said(desks["provider"].get("/search", {"q": "Kamera"}))
    assert "Content by title" in page
    assert "Title in a cluster · 2 variants · " in page


@at_night
def test_a_cluster_is_not_found_by_those_who_do_not_see_its_crisis(world, desks):
    crisis = world.crisis(active=True)
    first = world.share(crisis=crisis, tlp="green")
    world.share(crisis=crisis, tlp="green", value=f"{int(PDQ, 16) ^ 1:064x}")
    desks["authority"].post(f"/signals/{first}/do/name", {"name-title": "Bridge"})
    assert found(desks["rival"], "bridge") == [f"/signals/{first}"]


@at_night
def test_parties_are_found_by_all_and_people_by_those_who_may_see_them(world, desks):
    assert found(desks["provider"], "the rival") == ["/contacts#party-rival"]
    assert found(desks["agency"], "The Rival") == ["/parties/rival"]
    officer = "duty_officer@authority.example"
    administrator = world.desk("authority", Role.ADMINISTRATOR)
    assert found(administrator, "duty_officer@") == [
        f"/people#person-{people.person_named(officer).pk}"
    ]
    assert found(desks["authority"], officer) == []
    assert found(world.desk("rival", Role.ADMINISTRATOR), officer) == []


@at_night
def test_pages_are_found_by_the_words_of_their_titles_as_far_as_one_may_open_them(desks):
    assert found(desks["authority"], "new hold", page="/search/_results") == [
        "/referrals/holds/new"
    ]
    assert found(desks["provider"], "new hold", page="/search/_results") == []
    assert "/share" in found(desks["provider"], "", page="/search/_results")


def test_the_palette_compares_no_pictures_and_reads_no_logs(world, desks, settings):
    settings.RATES = {"heavy": 1}
    uid = world.share(value=hex_value(5))
    world.share(value=f"{int(hex_value(5), 16) ^ 1:064x}")
    for _ in range(2):
        assert found(desks["authority"], hex_value(5), page="/search/_results") == [
            f"/signals/{uid}"
        ]


@at_night
def test_a_query_that_is_too_long_is_refused_beside_the_field(desks):
    answer = desks["authority"].get("/search", {"q": "x" * 5000})
    assert answer.status_code == 422
    assert 'id="q-error"' in answer.content.decode()
