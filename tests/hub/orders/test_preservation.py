# SPDX-License-Identifier: Apache-2.0
"""By which law removed content is preserved: its dates, its extensions, and who may see it."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command

from stemtide.hub.platform.errors import (
    ConflictError,
    InvalidError,
    NotAllowedError,
    NotFoundError,
    RateLimitError,
    RefusalError,
)
from stemtide.hub.rooms.ledger.rules.rate_limits import LimitGroup
from stemtide.hub.rooms.orders.models import Order, Preservation
from stemtide.hub.rooms.orders.reads import orders as reads
from stemtide.hub.rooms.orders.rules import preservation as rules
from stemtide.hub.rooms.orders.writes import preservation as writes
from stemtide.protocol.enums.orders import PreservationBasis
from stemtide.protocol.messages.orders import AccessIn, LongerPreservationIn, PreservationIn
from tests.hub.orders import cast
from tests.hub.orders.cast import after
from tests.rounds import rounds
from tests.world import NOON

EPOC_PR = {
    "basis": "e_evidence",
    "authority": "Investigating judge, Ghent",
    "reference": "EP-7",
    "since": NOON,
}
NATIONAL = {
    "basis": "national",
    "authority": "Public prosecutor, Paris",
    "reference": "N-1",
    "since": NOON,
    "until": NOON + timedelta(days=90),
    "law": "Art. 60-2 CPP",
}
DAY = timedelta(days=1)
LAST = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


@pytest.fixture
def executed(orders):
    uid = cast.issue(orders).id
    cast.execute(orders, uid)
    return uid


def record(world, uid, party, *, at=None, **facts):
    body = PreservationIn.model_validate(EPOC_PR | facts)
    return writes.record(uid, body=body, by=world.actor(party), now=at or after(30))


def longer(world, uid, party, kept, *, at=None, **facts):
    body = LongerPreservationIn.model_validate(facts)
    by = world.actor(party)
    return writes.extend_recorded(uid, kept.id, body=body, by=by, now=at or after(40))


def test_an_epoc_pr_ends_after_sixty_days_and_is_extended_by_thirty_once(orders, executed):
    kept = record(orders, executed, orders.authority).preservations[1]
    assert (kept.basis, kept.entered_by) == (PreservationBasis.E_EVIDENCE, "be-crisis-centre")
    assert kept.until == datetime(2027, 1, 24, tzinfo=UTC)
    kept = longer(orders, executed, orders.authority, kept).preservations[1]
    assert kept.until == datetime(2027, 2, 23, tzinfo=UTC)
    with pytest.raises(ConflictError, match=r"Art\. 11\(1\).* allows one extension.*Annex V"):
        longer(orders, executed, orders.authority, kept)
    kept = longer(orders, executed, orders.authority, kept, production="EPOC-8").preservations[1]
    assert (kept.until, kept.production) == (None, "EPOC-8")


@pytest.mark.parametrize(
    ("days", "facts", "words"),
    [
        (61, {}, "a new EPOC-PR is needed"),
        (1, {"until": NOON + 90 * DAY}, "adds 30 days: leave it out"),
        (1, {"reference": "N-2"}, "reference: is the file number of the EPOC-PR, which stays"),
    ][: rounds(1, nightly=None)],
)
def test_what_article_11_does_not_allow_is_refused_with_its_remedy(
    orders, executed, days, facts, words
):
    kept = record(orders, executed, orders.authority).preservations[1]
    with pytest.raises(RefusalError, match=words):
        longer(orders, executed, orders.authority, kept, at=NOON + days * DAY, **facts)
    row = Preservation.objects.get(uid=kept.id)
    assert (row.until, row.reference) == (kept.until, "EP-7")


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"basis": "tco"}, r"basis: begins by itself .*Art\. 6\(1\)"),
        ({"until": NOON + DAY}, r"until: is set by .*60 days"),
        ({"law": "Art. 1"}, r"law: is set by .*60 days"),
        ({"since": NOON + 2 * DAY}, "since: is in the future"),
        ({"since": datetime(2026, 8, 17, tzinfo=UTC)}, "since: is before 18 August 2026"),
        ({"since": NOON - 61 * DAY}, "since: is more than 60 days ago"),
        (NATIONAL | {"law": " "}, "law: is missing"),
        (NATIONAL | {"until": None}, "until: is missing"),
        (NATIONAL | {"until": NOON}, "until: is in the past"),
        (NATIONAL | {"until": LAST}, "until: is more than 30 years away: correct the year"),
        (NATIONAL | {"since": NOON - 31 * 366 * DAY}, "since: is more than 30 years ago"),
    ][:: rounds(4, nightly=1)],
)
def test_a_basis_without_its_dates_is_refused(orders, executed, facts, words):
    with pytest.raises(InvalidError, match=words):
        record(orders, executed, orders.authority, **facts)
    assert orders.ledger_kinds()[-1] == "preservation.started"


@pytest.mark.nightly
def test_an_extension_is_offered_while_article_11_allows_one(orders, executed):
    def is_offered(at):
        by = orders.actor(orders.authority)
        return "extend_preservation" in reads.moves(Order.objects.get(uid=executed), by=by, now=at)

    kept = record(orders, executed, orders.authority).preservations[1]
    assert is_offered(NOON + 59 * DAY)
    assert not is_offered(NOON + 61 * DAY)  # it is over
    longer(orders, executed, orders.authority, kept, production="EPOC-8")
    assert not is_offered(after(50))  # it waits for production
    with pytest.raises(ConflictError, match="until they are produced"):
        longer(orders, executed, orders.authority, kept)


@pytest.mark.nightly
def test_national_law_is_extended_by_a_named_decision(orders, executed):
    provider = orders.small_provider
    kept = record(orders, executed, provider, **NATIONAL).preservations[1]
    assert (kept.law, kept.until) == ("Art. 60-2 CPP", NOON + 90 * DAY)
    with pytest.raises(InvalidError, match="reference: is missing"):
        longer(orders, executed, provider, kept, until=NOON + 99 * DAY)
    with pytest.raises(InvalidError, match="until: must be after"):
        longer(orders, executed, provider, kept, until=NOON + 80 * DAY, reference="N-2")
    with pytest.raises(InvalidError, match="production: belongs to an EPOC-PR"):
        longer(orders, executed, provider, kept, production="EPOC-8")
    told = longer(orders, executed, provider, kept, until=NOON + 99 * DAY, reference="N-2")
    assert (told.preservations[1].until, told.preservations[1].reference) == (
        NOON + 99 * DAY,
        "N-2",
    )


@pytest.mark.nightly
def test_an_order_is_read_however_long_another_law_preserves_it(orders, executed):
    kept = record(orders, executed, orders.small_provider, **NATIONAL).preservations[1]
    with pytest.raises(InvalidError, match="until: is more than 30 years away"):
        longer(orders, executed, orders.small_provider, kept, until=LAST, reference="N-2")
    with pytest.raises(InvalidError, match="until: is more than 30 years away"):
        writes.extend(
            executed, body=cast.longer(LAST), by=orders.actor(orders.authority), now=after(40)
        )
    Preservation.objects.update(until=LAST)
    for viewer in (orders.authority, orders.other_authority, orders.small_provider):
        assert reads.order(executed, viewer=viewer, now=after(40)).preservations


@pytest.mark.nightly
def test_article_6_is_not_extended_or_ended_as_other_laws_are(orders, executed):
    kept = reads.order(executed, viewer=orders.authority, now=after(30)).preservations[0]
    with pytest.raises(ConflictError, match=r"review proceedings only \(Art\. 6\(2\)\)"):
        longer(orders, executed, orders.authority, kept)
    with pytest.raises(ConflictError, match=r"six months \(Art\. 6\(1\)\)"):
        writes.end(executed, kept.id, by=orders.actor(orders.authority), now=after(40))


def test_another_law_is_seen_by_who_entered_it_and_the_provider_alone(orders, executed):
    kept = record(orders, executed, orders.other_authority).preservations[1]

    def seen(viewer):
        return len(reads.order(executed, viewer=viewer, now=after(40)).preservations)

    assert [seen(orders.authority), seen(orders.other_authority), seen(orders.small_provider)] == [
        *(1, 2, 2),
    ]
    kinds = [entry.kind for entry in reads.history(executed, viewer=orders.authority)]
    assert "preservation.recorded" not in kinds
    with pytest.raises(NotFoundError):
        longer(orders, executed, orders.authority, kept)


def test_who_did_not_record_a_preservation_cannot_end_it(orders, executed):
    kept = record(orders, executed, orders.authority).preservations[1]
    with pytest.raises(NotAllowedError, match="only the party that recorded"):
        writes.end(executed, kept.id, by=orders.actor(orders.small_provider), now=after(40))
    told = writes.end(executed, kept.id, by=orders.actor(orders.authority), now=after(40))
    assert told.preservations[1].ended_at == after(40)
    assert orders.ledger_kinds()[-1] == "preservation.ended"
    with pytest.raises(ConflictError, match="has ended: record a new one"):
        longer(orders, executed, orders.authority, kept)


def test_content_is_destroyed_when_the_last_law_has_ended(orders, executed):
    provider = orders.actor(orders.small_provider)
    kept = record(
        orders, executed, orders.authority, **NATIONAL | {"until": NOON + 400 * DAY}
    ).preservations[1]
    late = NOON + 300 * DAY
    with pytest.raises(ConflictError, match="until 2027-12-29"):
        writes.note_destroyed(executed, by=provider, now=late)
    writes.end(executed, kept.id, by=orders.actor(orders.authority), now=late)
    told = writes.note_destroyed(executed, by=provider, now=late)
    assert {kept.destroyed_at for kept in told.preservations} == {late}


@pytest.mark.nightly
def test_content_that_waits_for_production_is_not_destroyed(orders, executed):
    kept = record(orders, executed, orders.authority).preservations[1]
    longer(orders, executed, orders.authority, kept, production="EPOC-8")
    with pytest.raises(ConflictError, match=r"Art\. 11\(2\)"):
        writes.note_destroyed(
            executed, by=orders.actor(orders.small_provider), now=NOON + 300 * DAY
        )


def test_an_access_is_noted_with_the_law_by_which_the_content_is_preserved(orders, executed):
    provider = orders.actor(orders.small_provider)
    kept = record(orders, executed, orders.authority).preservations[1]
    body = {"purpose": "prosecution", "who": "Federal police", "preservation": kept.id}
    told = writes.note_access(
        executed, body=AccessIn.model_validate(body), by=provider, now=after(50)
    )
    assert [len(kept.accesses) for kept in told.preservations] == [0, 1]
    review = AccessIn.model_validate(body | {"purpose": "review"})
    with pytest.raises(InvalidError, match="purpose: does not fit: an EPOC-PR"):
        writes.note_access(executed, body=review, by=provider, now=after(50))


@pytest.mark.nightly
def test_an_authority_records_at_most_so_many(orders, executed):
    for number in range(rules.MAX_RECORDED):
        told = record(orders, executed, orders.authority, reference=f"EP-{number}")
    with pytest.raises(ConflictError, match="20 preservations of this order: end one first"):
        record(orders, executed, orders.authority)
    one = told.preservations[-1]
    writes.end(executed, one.id, by=orders.actor(orders.authority), now=after(40))
    record(orders, executed, orders.authority, reference="EP-20", at=after(50))
    record(orders, executed, orders.small_provider)


@pytest.mark.nightly
def test_ended_preservations_do_not_grow_without_limit(orders, executed, settings):
    settings.ALERTING_ACTS = {LimitGroup.ORDER: 4}
    authority = orders.actor(orders.authority)

    def record_and_end(times):
        for _ in range(times):
            kept = record(orders, executed, orders.authority)
            writes.end(executed, kept.preservations[-1].id, by=authority, now=after(40))

    record_and_end(1)
    with pytest.raises(RateLimitError):
        record_and_end(4)


def test_nothing_is_recorded_before_an_order_is_executed(orders):
    uid = cast.issue(orders).id
    with pytest.raises(ConflictError, match="was not executed"):
        record(orders, uid, orders.authority)


@pytest.mark.nightly
def test_an_endpoint_of_the_other_side_is_refused(orders, executed):
    body = PreservationIn.model_validate(EPOC_PR)
    for party, is_providers in ((orders.authority, True), (orders.small_provider, False)):
        with pytest.raises(NotAllowedError, match="this endpoint is for"):
            writes.record(
                executed,
                body=body,
                by=orders.actor(party),
                now=after(30),
                is_providers=is_providers,
            )


@pytest.mark.nightly
def test_a_row_of_older_code_is_found_by_the_id_of_its_order(orders, executed):
    Preservation.objects.update(uid=None)
    told = reads.order(executed, viewer=orders.authority, now=after(30))
    assert told.preservations[0].id == Order.objects.get(uid=executed).uid
    body = AccessIn(purpose="review", who="A court", preservation=executed)
    told = writes.note_access(
        executed, body=body, by=orders.actor(orders.small_provider), now=after(40)
    )
    assert told.preservations[0].accesses[0].who == "A court"


@pytest.mark.nightly
def test_migrations_keep_article_6_back_and_forth(committed_world):
    world = committed_world
    uid = _executed_order(world)
    call_command("migrate", "orders", "0007", verbosity=0)
    call_command("migrate", verbosity=0)
    [kept] = reads.order(uid, viewer=world.authority, now=after(40)).preservations
    assert (kept.id, kept.basis) == (uid, PreservationBasis.TCO)


def _executed_order(world):
    cast.name_competent(world)
    cast.inform(world)
    uid = cast.issue(world).id
    cast.execute(world, uid)
    record(world, uid, world.authority)
    return uid
