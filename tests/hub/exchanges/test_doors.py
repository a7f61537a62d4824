# SPDX-License-Identifier: Apache-2.0
"""Who sees exchanges, who stops them, and what an operator may set up."""

import pytest

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotFoundError
from stemtide.hub.rooms.exchanges.reads import exchanges as reads
from stemtide.hub.rooms.exchanges.runner import ExchangeRunner
from stemtide.hub.rooms.exchanges.writes import exchanges as writes, withdrawals
from stemtide.interop.exchanges import Terms, WithdrawAllIn
from stemtide.protocol.enums import ExchangeKind, WithdrawReason
from tests.hub.api.conftest import Machine
from tests.hub.exchanges.conftest import told
from tests.hub.exchanges.test_taxii import indicator
from tests.world import NOON

MAY_SEE = {
    "be-crisis-centre": 200,
    "eu-referral-unit": 200,
    "big-video": 403,
    "tech-forum": 200,
    "rights-watch": 403,
}
MAY_STOP = {
    "be-crisis-centre": 403,
    "eu-referral-unit": 200,
    "big-video": 403,
    "tech-forum": 403,
    "rights-watch": 403,
}


@pytest.fixture
def call(world):
    def make(name, method, path):
        party = next(one for one in world.everyone if one.name == name)
        return Machine(world.key(party))(method, f"/api/v1/exchanges{path}")

    return make


@pytest.mark.parametrize(("name", "status"), MAY_SEE.items(), ids=MAY_SEE)
def test_coordinating_parties_see_exchanges(desk, call, name, status):
    desk.add()
    desk.take(told(1))
    assert call(name, "GET", "").status_code == status
    assert call(name, "GET", "/partner").status_code == status
    assert call(name, "GET", "/partner/log").status_code == status


@pytest.mark.parametrize("verb", ["", "/log", "/pause", "/resume"])
def test_a_stranger_cannot_tell_whether_an_exchange_is_there(desk, call, verb):
    desk.add()
    method = "POST" if verb in {"/pause", "/resume"} else "GET"
    seen, unseen = (call("big-video", method, f"/{name}{verb}") for name in ("partner", "none"))
    assert (seen.status_code, unseen.status_code) == (403, 403)
    assert seen.json()["detail"] == unseen.json()["detail"]


@pytest.mark.parametrize(("name", "status"), MAY_STOP.items(), ids=MAY_STOP)
def test_agencies_pause_and_resume_exchanges(desk, call, name, status):
    desk.add()
    assert call(name, "POST", "/partner/pause").status_code == status
    assert desk.row.is_paused is (status == 200)
    if status == 200:
        assert call(name, "POST", "/partner/pause").status_code == 409
        assert call(name, "POST", "/partner/resume").json()["state"] == "running"
        assert desk.world.last_entry().actor == f"party:{name}"


def test_no_answer_holds_the_secret(desk, call):
    desk.add(secret="hush", account="us")
    for path in ("", "/partner", "/partner/log"):
        assert b"hush" not in call("eu-referral-unit", "GET", path).content


def test_a_paused_exchange_is_not_due_and_goes_on_where_it_stood(desk):
    desk.add()
    desk.take(told(1), checkpoint={"place": 1})
    writes.pause("partner", actor="operator", now=NOON)
    assert writes.claim_due(desk.later(days=9), limit=9) == []
    writes.resume("partner", actor="operator", now=desk.now)
    (run,) = writes.claim_due(desk.now, limit=9)
    assert run.checkpoint == {"place": 1}


def test_a_run_is_taken_once_and_again_when_its_lease_is_over(desk):
    desk.add()
    assert len(writes.claim_due(NOON, limit=9)) == 1
    assert writes.claim_due(NOON, limit=9) == []
    assert len(writes.claim_due(desk.later(minutes=10), limit=9)) == 1


def test_a_removed_exchange_forgets_its_secret_and_can_take_its_signals_along(desk):
    desk.add(secret="hush")
    desk.take(told(1), told(2))
    body = WithdrawAllIn(count=2, reason=WithdrawReason.OTHER)
    withdrawals.begin("partner", body=body, now=NOON)
    assert withdrawals.finish("partner", now=NOON).withdrawn == 2
    writes.remove("partner", actor="operator", now=NOON)
    assert (desk.live(), desk.row.secret) == ([], "")
    with pytest.raises(NotFoundError):
        reads.find("partner")


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"name": "Not A Name"}, "name"),
        ({"every_s": 1}, "every"),
        ({"secret": "a\nb"}, "secret"),
        ({"account": "café"}, "account"),
        ({"terms": {"tlp_strictest": "red"}}, "tlp_strictest"),
        ({"terms": {"tlp_loosest": "amber+strict"}}, "tlp_loosest"),
    ],
    ids=["name", "often", "line", "letters", "red", "nothing"],
)
def test_what_is_wrong_with_a_new_exchange_is_named(desk, more, field):
    with pytest.raises(InvalidError) as refused:
        desk.add(**more)
    assert refused.value.field == field


def test_an_address_of_taxii_is_that_of_a_collection(desk):
    asked = writes.NewExchange("x", kind=ExchangeKind.TAXII, address="https://host.example/taxii2/")
    with pytest.raises(InvalidError, match="collection"):
        writes.add(asked, terms=Terms(), party=desk.party, actor="operator", now=NOON)


def test_a_party_is_that_of_one_exchange_and_no_observer(desk):
    desk.add()
    with pytest.raises(ConflictError, match="another exchange"):
        desk.add(name="second")
    with pytest.raises(InvalidError, match="observer"):
        desk.add(name="third", party=desk.world.observer)
    with pytest.raises(ConflictError, match="choose another"):
        desk.add()


def test_a_log_keeps_its_last_lines(desk, monkeypatch):
    monkeypatch.setattr(writes, "KEPT_LINES", 5)
    desk.add()
    for number in range(120):
        writes.write_line(desk.row, str(number), now=NOON)
    assert desk.row.lines.count() < 60
    assert desk.log()[0] == "119"


@pytest.mark.django_db(transaction=True)
def test_the_clock_runs_what_is_due_in_threads_of_its_own(committed_desk, partner):
    desk = committed_desk
    partner.answers = lambda *_: (200, {}, {"objects": [indicator()]})
    desk.add(address=partner.address)
    clock = ExchangeRunner(loopback=True, now=lambda: NOON, jitter=lambda: 0.5)
    assert clock.start_due(NOON) == 1
    clock.settle()
    assert clock.start_due(NOON) == 0
    clock.close()
    assert (desk.row.trouble, len(desk.live())) == ("", 1)


def test_metrics_count_exchanges_for_those_who_coordinate(desk, world):
    desk.add()
    agency = Machine(world.key(world.agency))("GET", "/metrics").content
    provider = Machine(world.key(world.big_provider))("GET", "/metrics").content
    assert b'stemtide_exchanges{state="running"} 1.0' in agency
    assert b"stemtide_exchanges" not in provider


def test_what_came_through_this_hub_is_refused_at_every_door(world):
    hub = reads.own_hub()
    with pytest.raises(InvalidError, match="contains this hub"):
        world.share(kind="sha256", via=(hub,))
