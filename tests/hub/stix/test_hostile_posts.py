# SPDX-License-Identifier: Apache-2.0
"""What one hostile party posts ends no page, holds up nobody for long, and shows no more."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from stemtide.hub.rooms.signals.models import OpinionRow, Signal
from stemtide.hub.rooms.signals.writes import signals as writes
from stemtide.hub.rooms.stix.models import StixObject
from stemtide.interop.stix.objects import MARKING_OF, stix_time
from stemtide.interop.stix.posted import MAX_JUDGED
from stemtide.protocol.enums import WithdrawReason
from stemtide.protocol.messages.signals import WithdrawIn
from tests.hub.stix.conftest import indicator, said_of
from tests.world import NOON, hex_value

LAST = "9999-12-31T23:59:59.999Z"


def why(status):
    return [one["message"] for one in status.get("failures", [])]


@pytest.mark.parametrize("number", [float("inf"), -float("inf"), 10**30, -(10**4200)], ids=range(4))
def test_a_number_that_readers_cannot_read_is_refused_and_pages_go_on(shelf, number):
    status = shelf.post(indicator(x_a=[{"b": number}]))
    assert "a number is too large" in why(status)[0]
    assert shelf.post(indicator(x_a=2**53))["success_count"] == 1
    assert len(shelf.indicators()) == 1


def test_a_version_of_the_last_moment_that_there_is_breaks_no_revocation(shelf):
    assert "last year" in why(shelf.post(indicator(modified=LAST)))[0]
    shelf.post(indicator(modified="9998-12-31T23:59:59.999Z"))
    body = WithdrawIn(reason=WithdrawReason.OTHER)
    writes.withdraw(Signal.objects.get().uid, body=body, by=shelf.world.authority, now=NOON)
    (told,) = shelf.indicators()
    assert told["revoked"] is True


def test_an_opinion_of_one_signal_many_times_is_one(shelf):
    target = indicator()
    shelf.post(target, said_of(target["id"], object_refs=[target["id"]] * 5000))
    assert OpinionRow.objects.count() == 1
    assert shelf.world.ledger_kinds().count("opinion.given") == 1


def test_an_opinion_of_more_than_are_taken_at_once_is_refused(shelf):
    some = [indicator(hex_value(number)) for number in range(MAX_JUDGED + 1)]
    shelf.post(*some)
    ids = [one["id"] for one in some]
    status = shelf.post(said_of(ids[0], object_refs=ids))
    assert f"at most {MAX_JUDGED}" in why(status)[0]
    assert not OpinionRow.objects.exists()


def test_the_opinions_of_one_post_are_counted_together(shelf, monkeypatch):
    monkeypatch.setattr("stemtide.hub.rooms.stix.writes.posts.MAX_JUDGED", 2)
    some = [indicator(hex_value(number)) for number in range(3)]
    shelf.post(*some)
    status = shelf.post(*[said_of(one["id"]) for one in some])
    assert (status["success_count"], OpinionRow.objects.count()) == (2, 2)
    assert "send another" in why(status)[0]


def test_the_next_version_reads_as_few_rows_as_the_second(shelf):
    def version(number):
        at = stix_time(NOON + timedelta(minutes=number))
        return {**first, "modified": at}

    first = said_of(indicator()["id"], "note", content="x", object_refs=[indicator()["id"]])
    shelf.post(*[version(number) for number in range(30)])
    with CaptureQueriesContext(
        connection,
    ) as asked:
        shelf.post(version(31))
    (find,) = [one["sql"] for one in asked if "body" in one["sql"] and "SELECT" in one["sql"]]
    with connection.cursor() as cursor:
        cursor.execute(find)
        assert len(cursor.fetchall()) == 1
    rows = StixObject.objects.filter(stix_id=first["id"])
    assert (rows.count(), rows.get(is_latest=True).version_at) == (31, NOON + timedelta(minutes=31))


def test_an_opinion_for_some_is_not_told_to_all_who_have_its_signal(shelf):
    target = indicator()
    shelf.post(target)
    red = {"object_marking_refs": [MARKING_OF["red"]]}
    assert "cannot be TLP:RED" in why(shelf.post(said_of(target["id"], **red)))[0]
    assert not OpinionRow.objects.exists()


def test_an_opinion_that_names_a_signal_for_some_is_told_to_them_alone(shelf):
    world = shelf.world
    shelf.post(indicator())
    (every,) = shelf.indicators()
    world.share(value=hex_value(7), tlp="red", audience=(world.big_provider.name,))
    refs = [every["id"], *[one["id"] for one in shelf.indicators() if one != every]]
    assert len(refs) == 2
    assert shelf.post(said_of(refs[0], object_refs=refs))["success_count"] == 1
    opinions = {"types": frozenset({"opinion"})}
    assert len(shelf.told(world.big_provider, **opinions)) == 1
    assert shelf.told(world.small_provider, **opinions) == []
