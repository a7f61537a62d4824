# SPDX-License-Identifier: Apache-2.0
"""A message that is refused whole stops no other; time that ends loses nothing that is known."""

import json
import re
import time

import pytest

from stemtide.hub.rooms.exchanges.models import Outgoing
from stemtide.hub.rooms.exchanges.reads import pushes as reads_pushing
from stemtide.hub.rooms.exchanges.sources.bisect import PROVEN_AFTER
from stemtide.hub.rooms.exchanges.writes import exchanges as writes, pushes as writes_pushing
from stemtide.hub.rooms.signals.writes import signals
from stemtide.protocol.messages.signals import WithdrawIn
from tests.hub.exchanges.conftest import NOON
from tests.hub.exchanges.test_pushing import StopNcii, Taxii
from tests.hub.exchanges.test_taxii import indicator, stix_time
from tests.rounds import rounds
from tests.world import hex_value

RUN_S = "stemtide.hub.rooms.exchanges.runner.RUN_S"


@pytest.fixture
def four(desk):
    """Shares four signals that may leave; they are in the order of their numbers."""
    return [
        desk.world.share(kind="md5", value=hex_value(number, digits=32), tlp="green")
        for number in range(4)
    ]


def states():
    return list(Outgoing.objects.order_by("pk").values_list("state", flat=True))


def limited(server, *, status, most):
    """A server that answers a post of more than some objects, or of a bad one, with a status."""

    def answer(method, path, headers, body):
        if method == "POST" and len(json.loads(body)["objects"]) > most:
            return status, {}, {}
        return server.answer(method, path, headers, body)

    return answer


@pytest.mark.usefixtures("four")
@pytest.mark.parametrize("status", [413, 400, 422][: rounds(1, nightly=None)])
def test_a_post_that_is_refused_whole_is_halved(desk, partner, status):
    desk.add(address=partner.address, direction="push", secret="key")
    partner.answers = limited(Taxii(partner), status=status, most=1)
    assert desk.run() == {"pushed": 4}
    assert desk.row.trouble == ""


@pytest.mark.usefixtures("four")
def test_an_object_that_is_always_refused_stands_alone_in_the_end(desk, partner):
    desk.add(address=partner.address, direction="push", secret="key")
    server = Taxii(partner)
    bad = hex_value(2, digits=32)
    partner.answers = lambda *asked: (
        (422, {}, {}) if bad in str(asked[3]) else server.answer(*asked)
    )
    assert desk.run() == {"pushed": 3, "push_refused": 1}
    assert states() == ["sent", "sent", "refused", "sent"]


@pytest.mark.usefixtures("four")
def test_failures_without_names_are_found_one_by_one(desk, partner):
    desk.add(address=partner.address, direction="push", secret="key")
    server = Taxii(partner)
    bad = hex_value(2, digits=32)

    def answer(*asked):
        status, headers, body = server.answer(*asked)
        return status, headers, body | {"failure_count": int(bad in str(asked[3]))}

    partner.answers = answer
    assert desk.run() == {"pushed": 3, "push_refused": 1}


@pytest.mark.usefixtures("four")
def test_what_was_refused_stands_behind_what_was_never_told(desk, partner):
    desk.add(address=partner.address, direction="push", secret="key")
    partner.answers = lambda *_: (422, {}, {})
    desk.run()
    desk.world.share(kind="md5", value=hex_value(9, digits=32), tlp="green")
    desk.later(hours=1)
    (run,) = writes.claim_due(desk.now, limit=1, name="partner")
    writes_pushing.note_waiting(run, now=desk.now)
    due = reads_pushing.outgoing_signals(run, viewer=desk.party, now=desk.now, limit=5)
    assert [one.row["value"] for one in due] == [
        hex_value(number, digits=32) for number in (9, 0, 1, 2, 3)
    ]


@pytest.mark.usefixtures("four")
@pytest.mark.parametrize("status", [401, 404, 409, 429][:: rounds(2, nightly=1)])
@pytest.mark.parametrize("kind", ["taxii", "stopncii"])
def test_what_speaks_of_us_is_trouble_and_refuses_no_signal(desk, partner, kind, status):
    desk.add(kind, address=partner.address, direction="push", secret="key")
    partner.answers = lambda *_: (status, {}, {})
    assert desk.run() == {}
    assert str(status) in desk.row.trouble
    assert (states(), len(partner.asked)) == (["waiting"] * 4, 1)


@pytest.mark.usefixtures("four")
def test_what_is_known_when_trouble_comes_is_kept(desk, partner):
    desk.add("stopncii", address=partner.address, direction="push", secret="key")
    server = StopNcii(partner)
    server.bad = {hex_value(0, digits=32)}

    def answer(*asked):
        return server.answer(*asked) if len(partner.asked) <= 4 else (503, {}, {})

    partner.answers = answer  # all of it, its first half, the first alone, the second alone
    assert desk.run() == {"pushed": 1, "push_refused": 1}
    assert "busy" in desk.row.trouble
    assert states() == ["refused", "sent", "waiting", "waiting"]


@pytest.mark.usefixtures("four")
def test_what_is_known_when_time_ends_is_kept_and_the_rest_goes_on_soon(desk, partner, monkeypatch):
    monkeypatch.setattr(RUN_S, 0.01)
    desk.add(address=partner.address, direction="push", secret="key")
    quick = limited(Taxii(partner), status=413, most=1)

    def slow(*asked):
        time.sleep(0.03)
        return quick(*asked)

    partner.answers = slow
    assert desk.run() == {"pushed": 1}  # all four, the first two, and the first alone
    assert (desk.row.trouble, (desk.row.next_at - desk.now).seconds) == ("", 5)
    monkeypatch.setattr(RUN_S, 60)
    assert desk.run() == {"pushed": 3}


def test_what_a_server_does_not_know_is_refused_alone(desk, partner, four):
    desk.add("stopncii", address=partner.address, direction="push", secret="key")
    server = StopNcii(partner)
    desk.run()
    del server.held[hex_value(0, digits=32)]

    def answer(method, path, headers, body):
        rows = json.loads(body).get("hashFeedbacks", ())
        is_unknown = any(one["hashValue"] not in server.held for one in rows)
        return (404, {}, {}) if is_unknown else server.answer(method, path, headers, body)

    partner.answers = answer
    for one in four[:2]:
        body = WithdrawIn(reason="mistake")
        signals.withdraw(one.id, body=body, by=desk.world.authority, now=desk.later(minutes=1))
    assert desk.run() == {"pushed": 1, "push_refused": 1}
    assert states() == ["taking_back", "ended", "sent", "sent"]


def slow_pages(partner, *, pages, pause_s):
    """Pages of one object each, by next, slowly; a post is taken at once."""
    server = Taxii(partner)

    def answer(method, path, headers, body):
        if method == "POST" or "/status/" in path:
            return server.answer(method, path, headers, body)
        time.sleep(pause_s)
        number = int(path.partition("next=")[2].partition("&")[0] or 0)
        last = {"X-TAXII-Date-Added-Last": stix_time(NOON)}
        more = {"more": True, "next": str(number + 1)} if number + 1 < pages else {}
        return 200, last, {"objects": [indicator(number)], **more}

    partner.answers = answer
    return server


def test_a_slow_source_goes_on_soon_and_is_no_trouble(desk, partner, monkeypatch):
    monkeypatch.setattr(RUN_S, 0.01)
    desk.add(address=partner.address)
    slow_pages(partner, pages=2, pause_s=0.03)
    assert desk.run() == {"shared": 1}
    assert (desk.row.trouble, (desk.row.next_at - desk.now).seconds) == ("", 5)
    assert desk.run() == {"shared": 1}
    assert desk.row.trouble == ""


def test_pulling_that_takes_all_its_time_leaves_pushing_its_own(desk, partner, monkeypatch):
    monkeypatch.setattr(RUN_S, 0.02)
    desk.add(address=partner.address, direction="both", secret="key")
    desk.world.share(kind="md5", tlp="green")
    slow_pages(partner, pages=9, pause_s=0.03)
    assert desk.run() == {"shared": 1, "pushed": 1}
    assert (desk.row.trouble, (desk.row.next_at - desk.now).seconds) == ("", 5)


@pytest.mark.nightly
def test_a_run_ends_though_requests_never_do(desk, partner, monkeypatch):
    monkeypatch.setattr(RUN_S, 0)
    monkeypatch.setattr("stemtide.hub.rooms.exchanges.sources.source.AFTER_S", 0.4)
    desk.add(address=partner.address, direction="push", secret="key")
    server = Taxii(partner)
    server.pending = 9
    desk.world.share(kind="md5", tlp="green")
    desk.run()
    # The time is over before a request, or in the midst of one.
    assert re.search("too slow for one run|too long to answer", desk.row.trouble)
    assert len(partner.asked) < 9


@pytest.mark.parametrize("kind", ["taxii", "stopncii"][: rounds(1, nightly=None)])
@pytest.mark.usefixtures("four")
def test_a_partner_that_refuses_all_there_is_is_trouble_until_it_did_so_for_long(
    desk, partner, kind
):
    desk.add(kind, address=partner.address, direction="push", secret="key")
    partner.answers = lambda *_: (400, {}, {})
    for pause in (PROVEN_AFTER / 2, PROVEN_AFTER / 2):
        assert desk.run() == {}
        assert "takes nothing of what is sent" in desk.row.trouble
        assert states() == ["waiting"] * 4
        assert (desk.row.next_at - desk.now).total_seconds() == desk.row.every_s
        desk.now += pause
    assert desk.run() == {"push_refused": 4}
    assert (desk.row.trouble, states()) == ("", ["refused"] * 4)


def test_what_is_new_and_refused_beside_what_is_refused_for_long_has_its_own_time(desk, partner):
    desk.add(address=partner.address, direction="push", secret="key")
    partner.answers = lambda *_: (422, {}, {})
    desk.world.share(kind="md5", value=hex_value(1, digits=32), tlp="green")
    assert desk.run() == {}
    desk.now += PROVEN_AFTER
    desk.world.share(kind="md5", value=hex_value(2, digits=32), tlp="green")
    assert desk.run() == {"push_refused": 1}
    assert states() == ["refused", "waiting"]
    assert "takes nothing of what is sent" in desk.row.trouble


def test_a_signal_that_is_refused_alone_and_ends_here_is_not_to_be_taken_back(desk, partner):
    desk.add(address=partner.address, direction="push", secret="key")
    placed = desk.world.share(kind="md5", tlp="green")
    partner.answers = lambda *_: (422, {}, {})
    assert desk.run() == {}
    body = WithdrawIn(reason="mistake")
    signals.withdraw(placed.id, body=body, by=desk.world.authority, now=desk.later(minutes=5))
    assert desk.run() == {}
    assert (states(), len(partner.asked), desk.row.trouble) == (["ended"], 1, "")


def test_what_may_be_there_and_is_then_refused_alone_is_taken_back_all_the_same(desk, partner):
    desk.add(address=partner.address, direction="push", secret="key")
    placed = desk.world.share(kind="md5", tlp="green")
    for status in (503, 422):
        partner.answers = lambda *_, status=status: (status, {}, {})
        assert desk.run() == {}
    Taxii(partner)
    body = WithdrawIn(reason="mistake")
    signals.withdraw(placed.id, body=body, by=desk.world.authority, now=desk.later(minutes=5))
    assert desk.run() == {"pushed": 1}
    assert states() == ["ended"]


def test_a_status_that_is_not_to_be_had_says_nothing_of_the_post(desk, partner, monkeypatch):
    monkeypatch.setattr("stemtide.hub.rooms.exchanges.sources.taxii_push._PAUSE_S", 0)
    desk.add(address=partner.address, direction="push", secret="key")
    placed = desk.world.share(kind="md5", tlp="green")
    server = Taxii(partner)
    server.pending = 9
    partner.answers = lambda *asked: server.answer(*asked) if asked[0] == "POST" else (400, {}, {})
    assert desk.run() == {}
    assert "status is not to be had" in desk.row.trouble
    server = Taxii(partner)
    body = WithdrawIn(reason="mistake")
    signals.withdraw(placed.id, body=body, by=desk.world.authority, now=desk.later(minutes=5))
    assert desk.run() == {"pushed": 1}
    assert server.posts[0][0]["revoked"] is True


@pytest.mark.nightly
def test_a_withdrawal_that_is_taken_proves_nothing_of_what_is_new(desk, partner, four):
    desk.add("stopncii", address=partner.address, direction="push", secret="key")
    server = StopNcii(partner)
    desk.run()
    desk.world.share(kind="md5", value=hex_value(9, digits=32), tlp="green")
    body = WithdrawIn(reason="mistake")
    signals.withdraw(four[0].id, body=body, by=desk.world.authority, now=desk.later(minutes=5))
    partner.answers = lambda *asked: (
        (400, {}, {}) if asked[1].endswith("SubmitHashes") else server.answer(*asked)
    )
    assert desk.run() == {"pushed": 1}
    assert "takes nothing of what is sent" in desk.row.trouble
    assert states() == ["ended", "sent", "sent", "sent", "waiting"]
    partner.answers = server.answer
    assert desk.run() == {"pushed": 1}


@pytest.mark.usefixtures("four")
@pytest.mark.nightly
def test_a_partner_that_refused_all_there_is_and_is_well_again_gets_all(desk, partner):
    desk.add(address=partner.address, direction="push", secret="key")
    partner.answers = lambda *_: (400, {}, {})
    desk.run()
    Taxii(partner)
    assert desk.run() == {"pushed": 4}
    assert desk.row.trouble == ""


@pytest.mark.usefixtures("four")
def test_refusals_before_trouble_prove_nothing_where_nothing_was_taken(desk, partner):
    desk.add(address=partner.address, direction="push", secret="key")
    # All of it, its first half, the first alone; then trouble.
    partner.answers = lambda *_: (422 if len(partner.asked) <= 3 else 503, {}, {})
    assert desk.run() == {}
    assert ("busy" in desk.row.trouble, states()) == (True, ["waiting"] * 4)
