# SPDX-License-Identifier: Apache-2.0
"""A provider's own HMA holds what the policy says, and nothing else, whatever happens to whom."""

from datetime import UTC, datetime, timedelta

import pytest

from stemtide.protocol.enums import SignalState
from tests.agent.companions import (
    BLOCK,
    CANARY,
    HOLD,
    SOON_S,
    in_process,
    pdq,
    settings,
    standing,
    until_holds,
    until_in_doubt,
    until_quiet,
    with_companion,
)
from tests.agent.fake_hma import Content, FakeHma
from tests.agent.world import agent_of, config_of, until
from tests.rounds import rounds


@pytest.fixture
def hma():
    hma = FakeHma().start()
    yield hma
    hma.stop()


@pytest.fixture
def config(hub, hma, tmp_path):
    return with_companion(hub, hma, tmp_path)


@pytest.fixture
def hasty(hub, hma, tmp_path, sandbox):
    """An agent that does not wait long for an answer, and has nothing to do."""
    with agent_of(with_companion(hub, hma, tmp_path, timeout_s=SOON_S), sandbox) as agent:
        until_quiet(agent, handed=3)
        yield agent


def test_a_shared_hash_lies_in_the_bank_of_what_the_policy_does(hub, hma, agent):
    first, film = hub.share(pdq()), hub.share("ab" * 16, kind="md5")
    picture = hub.share(pdq(), kind="pdq", severity="medium")
    until_holds(hma, BLOCK, ["ab" * 16], kind="video_md5")
    until_holds(hma, HOLD, [picture.value])
    told = until_quiet(agent, handed=5)
    assert (told["reachable"], told["banks"]) == (True, [CANARY, HOLD, BLOCK])
    notes = {one.note for one in hma.contents.values() if one.bank in {BLOCK, HOLD}}
    assert notes == {f"stemtide:uploads:{one.id}" for one in (film, picture)}
    assert first.value not in str(hma.contents)  # a SHA-256, which HMA does not know


def test_what_lay_at_the_hub_before_is_handed_over_at_the_start(hub, hma, tmp_path, sandbox):
    old = [hub.share(pdq(), kind="pdq").value for _ in range(rounds(40, nightly=450))]
    with agent_of(with_companion(hub, hma, tmp_path), sandbox) as agent:
        until_holds(hma, BLOCK, old)
        until_quiet(agent)


@pytest.mark.usefixtures("agent")
def test_a_hash_moves_with_who_stands_behind_it(hub, hma):
    one = hub.share(pdq(), kind="pdq", shared_by="paste-corner")
    until_holds(hma, HOLD, [one.value])
    one = hub.confirm(one, "another-provider")
    until_holds(hma, BLOCK, [one.value])
    hub.confirm(one)
    until_holds(hma, HOLD, [one.value])
    same = hub.share(one.value, kind="pdq", shared_by="another-provider")
    until_holds(hma, BLOCK, [one.value] * 2)
    hub.withdraw(same)
    until_holds(hma, HOLD, [one.value])


@pytest.mark.usefixtures("agent")
def test_a_hash_of_a_suspended_party_leaves_and_comes_back(hub, hma):
    one = hub.share(pdq(), kind="pdq", shared_by="be-crisis-centre")
    until_holds(hma, BLOCK, [one.value])
    hub.set_party("be-crisis-centre", standing="suspended")
    until_holds(hma, BLOCK, [])
    until_holds(hma, HOLD, [])
    hub.set_party("be-crisis-centre", standing="member")
    until_holds(hma, BLOCK, [one.value])


@pytest.mark.usefixtures("agent")
def test_a_withdrawn_hash_is_deleted_and_the_canaries_stay(hub, hma):
    gone, stays = hub.share(pdq(), kind="pdq"), hub.share(pdq(), kind="pdq")
    until_holds(hma, BLOCK, [gone.value, stays.value])
    hub.withdraw(gone)
    until_holds(hma, BLOCK, [stays.value])
    assert len(hma.values(CANARY)) == 2  # a lone PDQ hash matches nothing


@pytest.mark.usefixtures("agent")
def test_a_disputed_hash_moves_to_the_bank_that_a_person_looks_at(hub, hma):
    signal = hub.share(pdq(), kind="pdq")
    until_holds(hma, BLOCK, [signal.value])
    hub.dispute(signal)
    until_holds(hma, BLOCK, [])
    until_holds(hma, HOLD, [signal.value])


@pytest.mark.usefixtures("agent")
def test_a_hash_that_our_own_party_disputes_lies_in_no_bank(hub, hma):
    signal = hub.share(pdq(), kind="pdq")
    until_holds(hma, BLOCK, [signal.value])
    hub.dispute(signal, by_you=True)
    until_holds(hma, BLOCK, [])
    assert hma.values(HOLD) == []


def came_in_time(hub, hma, *, lasts_s):
    """Whether a hash that expires soon came to HMA before."""
    ends = datetime.now(UTC) + timedelta(seconds=lasts_s)
    value = hub.share(pdq(), kind="pdq", expires_at=ends).value

    def told():
        is_there = value in hma.values(BLOCK)
        return "came" if is_there else datetime.now(UTC) > ends and "late"

    return until(told) == "came"


@pytest.mark.nightly
@pytest.mark.usefixtures("agent")
def test_an_expired_hash_is_deleted_while_the_hub_is_away(hub, hma):
    lasts = (2, 10, 50)  # for longer, where all is slow
    assert any(came_in_time(hub, hma, lasts_s=one) for one in lasts)
    hub.stop()
    until_holds(hma, BLOCK, [])


def test_an_exercise_never_comes_to_hma(hub, hma, tmp_path, sandbox):
    with agent_of(with_companion(hub, hma, tmp_path, exercise=True), sandbox) as agent:
        drill, real = hub.share(pdq(), kind="pdq", exercise=True), hub.share(pdq(), kind="pdq")
        until_holds(hma, BLOCK, [real.value])
        assert agent.health()["signals"]["pdq"] == 2
        assert drill.value not in str(hma.contents)


def test_what_changes_while_hma_is_away_is_done_when_it_is_back(hub, hma, hasty):
    gone = hub.share(pdq(), kind="pdq")
    until_holds(hma, BLOCK, [gone.value])
    hma.stop()
    hub.withdraw(gone)
    new = hub.share(pdq(), kind="pdq")
    hasty.wait_position(hub.head)
    assert hasty.ask({"pdq": new.value})[0]["decision"]["action"] == "block"
    until(lambda: "cannot be reached" in hasty.health()["troubles"].get("companion", ""))
    assert standing(hasty)["reachable"] is False
    hma.start()
    until_holds(hma, BLOCK, [new.value])
    assert until_quiet(hasty)["reachable"]
    until(lambda: "companion" not in hasty.health()["troubles"])


@pytest.mark.nightly
def test_an_answer_that_is_lost_leaves_no_second_content(hub, hma, hasty):
    hma.builds_itself = False  # so that the doubt lasts until it was seen
    hma.faults["lost answer"] = 1
    signal = hub.share(pdq(), kind="pdq")
    until_in_doubt(hasty)
    hma.builds_itself = True
    until_holds(hma, BLOCK, [signal.value])  # the second one was deleted
    until_quiet(hasty, handed=4)
    assert hma.values(BLOCK) == [signal.value]


@pytest.mark.nightly
def test_a_hash_withdrawn_before_its_answer_was_lost_goes_whole(hub, hma, hasty):
    hma.builds_itself = False  # so that its copy cannot be found yet
    hma.faults["lost answer"] = 1
    signal = hub.share(pdq(), kind="pdq")
    until(lambda: len(hma.values(BLOCK)) == 2)
    hub.withdraw(signal)
    until(lambda: len(hma.values(BLOCK)) == 1)
    hma.builds_itself = True
    until_holds(hma, BLOCK, [])
    until_quiet(hasty, handed=3)


@pytest.mark.nightly
@pytest.mark.usefixtures("agent")
def test_a_bank_that_was_deleted_is_made_and_filled_anew(hub, hma):
    old = hub.share(pdq(), kind="pdq")
    until_holds(hma, BLOCK, [old.value])
    hma.banks.pop(BLOCK)
    hma.contents = {n: one for n, one in hma.contents.items() if one.bank != BLOCK}
    new = hub.share(pdq(), kind="pdq")
    until_holds(hma, BLOCK, [old.value, new.value])


@pytest.mark.usefixtures("agent")
def test_an_hma_set_back_is_filled_and_what_is_of_others_stays(hub, hma):
    signals = [hub.share(pdq(), kind="pdq") for _ in range(3)]
    until_holds(hma, BLOCK, [one.value for one in signals])
    hma.banks, hma.contents, hma.last_id = {"OTHER": 1.0}, {}, 0
    others = {number: Content("OTHER", {"pdq": pdq()}, "of others") for number in range(1, 20)}
    hma.contents, hma.last_id = dict(others), 19
    hub.withdraw(signals[0])
    until_holds(hma, BLOCK, [one.value for one in signals[1:]])
    assert {number: hma.contents[number] for number in others} == others


def test_a_bank_that_others_made_is_left_alone_until_a_person_says_so(hub, hma, tmp_path, sandbox):
    hma.banks, hma.contents, hma.last_id = {BLOCK: 1.0}, {7: Content(BLOCK, {"pdq": pdq()})}, 7
    signal = hub.share(pdq(), kind="pdq")
    with agent_of(with_companion(hub, hma, tmp_path), sandbox) as agent:
        until(lambda: "did not make" in agent.health()["troubles"].get("companion", ""))
        assert 7 in hma.contents
        assert agent.http.post("/companion/rebuild", json={"anew": True}).status_code == 202
        until_holds(hma, BLOCK, [signal.value])
        until_quiet(agent)


@pytest.mark.nightly
def test_a_content_that_a_person_deleted_stays_away_until_a_rebuild(hub, hma, agent):
    first, second = hub.share(pdq(), kind="pdq"), hub.share(pdq(), kind="pdq")
    until_quiet(agent, handed=5)
    (number,) = [n for n, one in hma.contents.items() if one.signals.get("pdq") == first.value]
    del hma.contents[number]
    third = hub.share(pdq(), kind="pdq")
    until_holds(hma, BLOCK, [second.value, third.value])
    assert agent.http.post("/companion/rebuild", json={}).json() == {"anew": False}
    until_holds(hma, BLOCK, [one.value for one in (first, second, third)])


@pytest.mark.nightly
def test_another_hma_is_filled_from_the_beginning(hub, hma, tmp_path, sandbox):
    signal = hub.share(pdq(), kind="pdq")
    with agent_of(with_companion(hub, hma, tmp_path), sandbox):
        until_holds(hma, BLOCK, [signal.value])
    other = FakeHma().start()
    try:
        with agent_of(with_companion(hub, other, tmp_path), sandbox):
            until_holds(other, BLOCK, [signal.value])
    finally:
        other.stop()


@pytest.mark.nightly
def test_fewer_banks_and_kinds_in_the_settings_take_the_rest_away(hub, hma, tmp_path, sandbox):
    value, film = hub.share(pdq(), kind="pdq").value, hub.share("cd" * 16, kind="md5").value
    held = hub.share(pdq(), kind="pdq", disputed=True).value
    with agent_of(with_companion(hub, hma, tmp_path), sandbox) as agent:
        until_quiet(agent, handed=6)
        assert (hma.values(BLOCK), hma.values(HOLD)) == ([value], [held])
        assert hma.values(BLOCK, "video_md5") == [film]
    less = settings(hma, actions=frozenset({"hold"}), kinds=frozenset({"pdq"}))
    with agent_of(config_of(hub, tmp_path, companion=less), sandbox):
        until_holds(hma, BLOCK, [])
        until_holds(hma, BLOCK, [], kind="video_md5")
        until_holds(hma, HOLD, [value, held])  # a person may look at what could be stopped


@pytest.mark.nightly
def test_what_hma_holds_is_known_after_the_agents_file_was_damaged(hub, hma, tmp_path, sandbox):
    gone, stays = hub.share(pdq(), kind="pdq"), hub.share(pdq(), kind="pdq")
    config = with_companion(hub, hma, tmp_path)
    with agent_of(config, sandbox) as agent:
        until_quiet(agent, handed=5)
    with (config.data_dir / "agent.db").open("r+b") as file:
        blob = file.read()
        place = blob.index(gone.value.encode()) // 4096 * 4096  # a page of signals
        file.seek(place)
        file.write(b"\xff" * 4096)
    hub.withdraw(gone)
    with agent_of(config, sandbox) as agent:
        until_holds(hma, BLOCK, [stays.value])
        until_quiet(agent)


def test_the_settings_header_is_sent_with_each_request(hub, hma, tmp_path, sandbox):
    given = settings(hma, header="x-key", secret="hush")
    with agent_of(config_of(hub, tmp_path, companion=given), sandbox):
        until(lambda: len(hma.values(CANARY)) == 2)
    assert {one.get("x-key") for one in hma.headers} == {"hush"}


@pytest.mark.nightly
def test_freshness_says_what_hma_was_handed_and_what_it_matches(hub, hma, agent):
    until_quiet(agent)
    hma.builds_itself = False
    hub.share(pdq(), kind="pdq")
    told = until(lambda: (now := standing(agent))["unmatched"] == 1 and now)
    assert (told["handed"], told["waiting"]) == (4, 0)
    until(lambda: standing(agent)["behind_s"] > 0)
    hma.build()
    assert until_quiet(agent)["last_delay_s"] >= 0
    assert "stemtide_agent_companion_unmatched 0.0" in agent.http.get("/metrics").text


@pytest.mark.nightly
def test_an_hma_that_lacks_a_kind_gets_the_others(hub, hma, tmp_path, sandbox):
    hma.types = ("pdq",)
    film, picture = hub.share("ef" * 16, kind="md5"), hub.share(pdq(), kind="pdq")
    with agent_of(with_companion(hub, hma, tmp_path), sandbox) as agent:
        until_holds(hma, BLOCK, [picture.value])
        until(lambda: "does not match md5" in agent.health()["troubles"].get("companion", ""))
    assert film.value not in str(hma.contents)


@pytest.mark.parametrize("fault", rounds(["500"], nightly=["500", "redirect", "endless"]))
def test_an_hma_that_answers_nonsense_holds_nobody_up(hub, hma, agent, fault):
    until_quiet(agent)
    hma.faults[fault] = 10**6
    signal = hub.share(pdq(), kind="pdq")
    agent.wait_position(hub.head)
    until(lambda: agent.health()["troubles"].get("companion"))
    assert agent.ask({"pdq": signal.value})[0]["decision"]["action"] == "block"
    hma.faults.clear()
    until_holds(hma, BLOCK, [signal.value])


@pytest.mark.nightly
def test_an_id_given_twice_is_not_believed(hub, hma, hasty):
    first = hub.share(pdq(), kind="pdq")
    until_quiet(hasty, handed=4)
    hma.faults["same id"] = 1  # the answer names the content of the first one
    second = hub.share(pdq(), kind="pdq")
    until_holds(hma, BLOCK, [first.value, second.value])
    until_quiet(hasty, handed=5)


@pytest.mark.nightly
def test_one_hash_that_hma_refuses_holds_up_no_other(hub, hma, agent):
    until_quiet(agent)
    hma.faults["refuse all"] = 1
    hub.share(pdq(), kind="pdq")
    until(lambda: standing(agent)["refused"] == 1)
    second = hub.share(pdq(), kind="pdq")
    until_holds(hma, BLOCK, [second.value])
    assert "refused by HMA" in agent.health()["troubles"]["companion"]
    agent.http.post("/companion/rebuild", json={})
    until(lambda: len(hma.values(BLOCK)) == 2)


@pytest.mark.nightly
def test_a_kill_before_the_answer_leaves_one_content(hub, hma, tmp_path):
    agent = in_process(hub, hma, tmp_path, timeout_s=SOON_S)
    try:
        until_quiet(agent, handed=3)
        hma.builds_itself = False  # so that the doubt lasts until it was seen
        hma.faults["lost answer"] = 1
        signal = hub.share(pdq(), kind="pdq")
        until(lambda: hma.values(BLOCK) == [signal.value])
        agent.kill()
        gone = hub.share(pdq(), kind="pdq")
        hub.withdraw(gone, state=SignalState.WITHDRAWN)
        agent.start()
        until_in_doubt(agent)
        hma.builds_itself = True
        until_quiet(agent, handed=4)
        assert hma.values(BLOCK) == [signal.value]
    finally:
        agent.kill()


@pytest.mark.nightly
def test_a_withdrawal_while_the_agent_is_dead_reaches_hma_when_it_lives(hub, hma, tmp_path):
    agent = in_process(hub, hma, tmp_path, timeout_s=SOON_S)
    try:
        signal = hub.share(pdq(), kind="pdq")
        until_holds(hma, BLOCK, [signal.value])
        agent.kill()
        hub.withdraw(signal)
        agent.start()
        until_holds(hma, BLOCK, [])
    finally:
        agent.kill()


@pytest.mark.nightly
def test_of_several_processes_one_keeps_hma_up(hub, hma, tmp_path):
    agent = in_process(hub, hma, tmp_path, more="http_workers = 2")
    try:
        values = [hub.share(pdq(), kind="pdq").value for _ in range(100)]
        until_holds(hma, BLOCK, values)
        agent.wait(http_workers=2)
        for _ in range(10):  # whichever process answers
            until_quiet(agent, handed=103)
        assert hma.asked[f"POST /c/bank/{BLOCK}/signal"] == 100
        assert agent.http.post("/companion/rebuild", json={"anew": True}).status_code == 202
        until(lambda: hma.asked[f"DELETE /c/bank/{BLOCK}"])
        until_holds(hma, BLOCK, values)
    finally:
        agent.stop()


@pytest.mark.nightly
def test_a_withdrawal_overtakes_what_waits(hub, hma, tmp_path, sandbox):
    given = settings(hma, per_second=5)
    with agent_of(config_of(hub, tmp_path, companion=given), sandbox) as agent:
        first = hub.share(pdq(), kind="pdq")
        until_holds(hma, BLOCK, [first.value])
        for _ in range(300):
            hub.share(pdq(), kind="pdq")
        until(lambda: standing(agent)["waiting"] > 200)
        hub.withdraw(first)
        until(lambda: first.value not in hma.values(BLOCK))
        assert standing(agent)["waiting"] > 100
