# SPDX-License-Identifier: Apache-2.0
"""Who is competent for what, and file references without gaps."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone

import pytest
from django.db import connection, transaction

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotFoundError
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.ledger.rules.ledger import NoTransactionError
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads import competences as reads
from stemtide.hub.rooms.parties.writes import competences as writes
from stemtide.protocol.enums import Duty

NOW = datetime(2026, 11, 25, 4, 0, tzinfo=UTC)


def named(party, duty=Duty.ISSUE):
    return writes.name_competent(party, duty, actor="operator:test", now=NOW)


def test_a_named_authority_is_in_the_register_for_everybody(world):
    named(world.authority)
    country = world.authority.country
    assert reads.is_competent(world.authority, Duty.ISSUE)
    assert not reads.is_competent(world.authority, Duty.SCRUTINISE)
    assert reads.competent(country, Duty.ISSUE) == [world.authority]
    (row,) = reads.register()
    assert (row.party, row.country, row.duty) == (world.authority.name, country, Duty.ISSUE)
    assert reads.register() == [row]


def test_a_competence_ends_and_may_be_given_again(world):
    named(world.authority)
    writes.end_competence(world.authority, Duty.ISSUE, actor="operator:test", now=NOW)
    assert reads.register() == []
    assert not reads.is_competent(world.authority, Duty.ISSUE)
    named(world.authority)
    assert reads.is_competent(world.authority, Duty.ISSUE)
    kinds = Entry.objects.filter(kind__startswith="competence.").values_list("kind", "detail")
    assert [kind for kind, _ in kinds] == [
        *("competence.named", "competence.ended", "competence.named"),
    ]
    assert all(detail == {"duty": "issue"} for _, detail in kinds)


@pytest.mark.parametrize("who", ["agency", "big_provider", "observer"])
def test_only_an_authority_is_named(world, who):
    with pytest.raises(InvalidError, match="only an authority"):
        named(getattr(world, who))


@pytest.mark.parametrize(("country", "told"), [("", "not known"), ("NZ", "'NZ'")])
def test_only_a_member_state_names(world, country, told):
    Party.objects.filter(pk=world.authority.pk).update(country=country)
    world.authority.refresh_from_db()
    with pytest.raises(InvalidError, match=told):
        named(world.authority)


def test_twice_and_never_are_refused(world):
    named(world.authority)
    with pytest.raises(ConflictError, match="already"):
        named(world.authority)
    with pytest.raises(NotFoundError, match="not competent to penalties"):
        writes.end_competence(world.authority, Duty.PENALTIES, actor="operator:test", now=NOW)


def numbers(party, *moments, series="RO"):
    with transaction.atomic():
        return [writes.next_reference(party, series, now=one) for one in moments]


def test_references_count_for_each_party_series_and_year(world):
    later = NOW + timedelta(days=60)
    assert numbers(world.authority, NOW, NOW, later, NOW) == [
        *("RO-2026-00001", "RO-2026-00002", "RO-2027-00001", "RO-2026-00003"),
    ]
    assert numbers(world.authority, NOW, series="HD") == ["HD-2026-00001"]
    assert numbers(world.agency, NOW) == ["RO-2026-00001"]


def test_the_year_of_a_reference_is_that_of_utc(world):
    new_year_in_auckland = datetime(2027, 1, 1, 9, 0, tzinfo=timezone(timedelta(hours=13)))
    assert numbers(world.authority, new_year_in_auckland) == ["RO-2026-00001"]


def test_what_is_given_up_gives_its_number_back(world):
    with transaction.atomic():
        assert writes.next_reference(world.authority, "RO", now=NOW) == "RO-2026-00001"
        transaction.set_rollback(True)
    assert numbers(world.authority, NOW) == ["RO-2026-00001"]


def test_a_series_has_a_name_of_capitals(world):
    with pytest.raises(ValueError, match="capital letters"), transaction.atomic():
        writes.next_reference(world.authority, "ro", now=NOW)


def test_it_counts_only_inside_a_transaction(committed_world):
    with pytest.raises(NoTransactionError):
        writes.next_reference(committed_world.authority, "RO", now=NOW)


def test_many_at_once_leave_no_gap(committed_world):
    def count(_):
        try:
            return numbers(committed_world.authority, NOW)[0]
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        found = sorted(pool.map(count, range(24)))
    assert found == [f"RO-2026-{number:05d}" for number in range(1, 25)]


def test_no_two_authorities_have_one_file_reference(world):
    def given(party):
        with transaction.atomic():
            return writes.next_state_reference(party, "RO", now=NOW)

    assert given(world.authority) == "RO-BE-2026-00001"
    assert given(world.other_authority) == "RO-FR-2026-00001"
    assert given(world.agency) == "RO-EU-2026-00001"
    colleague = Party.objects.create(
        name="be-prosecutor", country="BE", kind="authority", joined_at=NOW
    )
    assert [given(one) for one in (colleague, world.authority, colleague)] == [
        *("RO-BE-2026-00002", "RO-BE-2026-00003", "RO-BE-2026-00004")
    ]
