# SPDX-License-Identifier: Apache-2.0
"""What a provider's HMA lost, what it kept of a lost answer, and what a person deleted there."""

import os
import signal

import httpx
import pytest

from tests.agent.companions import (
    BLOCK,
    SOON_S,
    in_process,
    pdq,
    until_holds,
    until_in_doubt,
    until_quiet,
    with_companion,
)
from tests.agent.fake_hma import Content, FakeHma
from tests.agent.world import agent_of, until
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


def near(value, number):
    """The same hash but for some of its last bits."""
    return f"{int(value, 16) ^ number:064x}"


@pytest.mark.nightly
def test_the_copy_of_a_lost_answer_is_found_among_many_neighbours(hub, hma, hasty):
    value = pdq()
    others = [hub.share(near(value, number), kind="pdq").value for number in range(1, 121)]
    until_holds(hma, BLOCK, others)
    until_quiet(hasty, handed=123)
    hma.builds_itself = False  # so that the doubt lasts until it was seen
    hma.faults["lost answer"] = 1
    shared = hub.share(value, kind="pdq")
    until_in_doubt(hasty)
    hma.builds_itself = True
    until_quiet(hasty, handed=124)
    assert hma.values(BLOCK) == sorted([*others, shared.value])


@pytest.mark.nightly
def test_the_copy_of_a_lost_answer_is_found_below_many_contents_of_others(hub, hma, hasty):
    hma.builds_itself = False
    hma.faults["lost answer"] = 1
    value = hub.share(pdq(), kind="pdq").value
    until(lambda: len(hma.values(BLOCK)) == 2)
    others = {n: Content(BLOCK, {"pdq": near(value, n)}, "of others") for n in range(900, 1150)}
    hma.contents.update(others)
    hma.last_id = 1150
    hma.builds_itself = True
    until(lambda: hma.values(BLOCK).count(value) == 1)
    until_quiet(hasty, handed=4)
    assert others.items() <= hma.contents.items()


@pytest.mark.nightly
def test_the_newest_content_that_a_person_deleted_stays_away(hub, hma, config, sandbox):
    with agent_of(config, sandbox) as agent:
        first, newest = hub.share(pdq(), kind="pdq"), hub.share(pdq(), kind="pdq")
        until_holds(hma, BLOCK, [first.value, newest.value])
        until_quiet(agent, handed=5)
    (number,) = [n for n, one in hma.contents.items() if one.signals.get("pdq") == newest.value]
    del hma.contents[number]
    with agent_of(config, sandbox) as agent:  # it looks at HMA anew
        third = hub.share(pdq(), kind="pdq")
        until(lambda: third.value in hma.values(BLOCK))
        until_quiet(agent)
        assert hma.values(BLOCK) == sorted([first.value, third.value])
        agent.http.post("/companion/rebuild", json={})
        until_holds(hma, BLOCK, [one.value for one in (first, newest, third)])


@pytest.mark.nightly
def test_an_hma_whose_contents_are_all_gone_is_filled_again(hub, hma, config, sandbox):
    with agent_of(config, sandbox) as agent:
        values = [hub.share(pdq(), kind="pdq").value for _ in range(5)]
        until_holds(hma, BLOCK, values)
        until_quiet(agent, handed=8)
    hma.contents = {}
    with agent_of(config, sandbox) as agent:
        until_holds(hma, BLOCK, values)
        until_quiet(agent)


OUTAGES = [pytest.param("500", 0, id="all"), pytest.param("500 to posts", 1, id="posts")]


@pytest.mark.parametrize(("fault", "each"), rounds(OUTAGES[1:], nightly=OUTAGES))
def test_an_outage_puts_few_hashes_in_doubt(hub, hma, agent, fault, each):
    until_quiet(agent)
    hma.faults[fault] = 10**6
    began, looked = hma.asked.total(), hma.asked["GET /status"]
    values = [hub.share(pdq(), kind="pdq").value for _ in range(100)]
    until(lambda: hma.asked.total() - began >= 8 + 4)
    handed = hma.asked[f"POST /c/bank/{BLOCK}/signal"]
    assert handed <= 8 + each * (hma.asked["GET /status"] - looked)
    hma.faults.clear()
    until_holds(hma, BLOCK, values)


@pytest.mark.nightly
def test_a_leader_killed_in_the_middle_of_a_hand_over_leaves_no_copy(hub, hma, tmp_path):
    agent = in_process(hub, hma, tmp_path, more="http_workers = 2", timeout_s=SOON_S)
    try:
        agent.wait(http_workers=2, ready=True)
        agent.http.close()
        hma.faults["lost answer"] = 8
        signals = [hub.share(pdq(), kind="pdq") for _ in range(60)]
        until(lambda: hma.faults["lost answer"] == 0)
        os.kill(agent.pids()[0], signal.SIGKILL)  # with eight hashes that were taken on their way
        hub.withdraw(signals[0])
        agent.http = httpx.Client(base_url=agent.http.base_url, timeout=60)
        until_holds(hma, BLOCK, [one.value for one in signals[1:]])
        agent.wait(http_workers=2)
        until_quiet(agent, handed=59 + 3)
        assert len(hma.values(BLOCK)) == 59
    finally:
        agent.kill()
