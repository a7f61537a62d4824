# SPDX-License-Identifier: Apache-2.0
"""Coop 1.0.2 with an agent in HMA's place: every call it makes, and what it then does, replayed.

source: Coop 1.0.2, server/services/hmaService, as read; `Does` is what its code does by the status.
"""

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import httpx
import pytest

from tests.agent.test_hma import media
from tests.agent.test_match import CAT, ROCKET, pdq_of, smaller
from tests.agent.world import agent_of, config_of
from tests.rounds import rounds

BANK = "COOP_ORG1_EU_CRISIS"


class Does(Enum):
    """What Coop does with its own row of a bank, or with the page that asked."""

    GO_ON = "uses the answer"
    ADD = "adds its row of the bank"
    FORGET = "deletes its row of the bank, and with it the bank's place in every rule"
    KEEP = "logs it and keeps its row"
    STOP = "throws: nothing is changed, and the person sees it"
    BLANK = "shows nothing of it, or what it knows itself"


@dataclass(frozen=True)
class Call:
    """A call of Coop. Ways in `by` are by status; ok: any 2xx; else: any other, and no answer."""

    method: str
    path: str
    ok: Does
    other: Does
    sent: dict[str, Any] | None = None
    by: dict[int, Does] = field(default_factory=dict)


CALLS = {
    # making a bank
    "create": Call(
        "POST", "/c/banks", Does.ADD, Does.STOP, {"name": "{bank}", "enabled_ratio": "1"}
    ),
    "create at less": Call(
        "POST", "/c/banks", Does.ADD, Does.STOP, {"name": "{bank}", "enabled_ratio": "0.5"}
    ),
    "create by exchange": Call(
        "POST",
        "/c/exchanges",
        Does.ADD,
        Does.STOP,
        {"bank": "{bank}", "api": "{api}", "api_json": {}},
    ),
    "set the ratio after that": Call(
        "PUT", "/c/bank/{bank}", Does.GO_ON, Does.KEEP, {"enabled_ratio": 0.5}
    ),
    "clean up after a failure": Call("DELETE", "/c/bank/{bank}", Does.GO_ON, Does.KEEP),
    # reading: for each item, each report, each list and each form of a bank
    "read": Call("GET", "/c/bank/{bank}", Does.KEEP, Does.KEEP, by={404: Does.FORGET}),
    "hash an item": Call("GET", "/h/hash?url={url}", Does.GO_ON, Does.BLANK),
    "look a hash up": Call(
        "GET", "/m/lookup?signal={signal}&signal_type=pdq", Does.GO_ON, Does.BLANK
    ),
    # changing a bank
    "change the ratio": Call(
        "PUT", "/c/bank/{bank}", Does.GO_ON, Does.STOP, {"enabled_ratio": 0.5}
    ),
    "rename: the new one": Call(
        "POST", "/c/banks", Does.GO_ON, Does.STOP, {"name": "{bank}_2", "enabled_ratio": "1"}
    ),
    "rename: the old one": Call("DELETE", "/c/bank/{bank}", Does.GO_ON, Does.KEEP),
    "add content by address": Call(
        "POST", "/c/bank/{bank}/content?url={url}", Does.GO_ON, Does.STOP
    ),
    # exchanges
    "list the kinds": Call("GET", "/c/exchanges/apis", Does.GO_ON, Does.STOP),
    "ask about a kind": Call("GET", "/c/exchanges/api/{api}", Does.GO_ON, Does.BLANK),
    "ask for its form": Call("GET", "/c/exchanges/api/{api}/schema", Does.GO_ON, Does.BLANK),
    "set credentials": Call(
        "POST", "/c/exchanges/api/{api}", Does.GO_ON, Does.STOP, {"credential_json": {"a": "b"}}
    ),
    "show what feeds a bank": Call(
        "GET", "/c/exchange/{bank}", Does.GO_ON, Does.BLANK, by={404: Does.BLANK}
    ),
    "show how it stands": Call("GET", "/c/exchange/{bank}/status", Does.GO_ON, Does.BLANK),
    # what a person asked for: Coop deletes its row whatever HMA says
    "delete": Call("DELETE", "/c/bank/{bank}", Does.FORGET, Does.FORGET),
}


class Coop:
    """Coop's hash banks of one organisation: HMA's names of those that it has rows of."""

    def __init__(self, address: str, *banks: str) -> None:
        self._address = address
        self.rows = set(banks)
        self.last: Any = None

    def do(self, name: str, bank: str = BANK, **values: str) -> Does:
        """Make a call and do what Coop does then."""
        call, values = CALLS[name], {"bank": bank, "api": "stemtide"} | values
        sent = call.sent and {
            key: value.format(**values) if isinstance(value, str) else value
            for key, value in call.sent.items()
        }
        address = self._address + call.path.format(**values)
        answer = httpx.request(call.method, address, json=sent, timeout=60)
        self.last = answer.json()
        does = call.by.get(answer.status_code, call.ok if answer.is_success else call.other)
        if does is Does.ADD:
            self.rows.add(bank)
        if does is Does.FORGET:
            self.rows.discard(bank)
        return does

    def submit(self, url: str) -> set[str]:
        """Take an item in: return the banks that its picture is in."""
        for bank in [*self.rows]:
            self.do("read", bank)
        self.do("hash an item", url=url)
        self.do("look a hash up", signal=self.last["pdq"])
        return self.rows & self.last.keys()


@pytest.fixture
def placed(hub, tmp_path, sandbox):
    """A provider's media, and the address of an agent in HMA's place that knows the cat."""
    hub.share(pdq_of(sandbox, CAT), kind="pdq")
    config = config_of(hub, tmp_path, hma_bank=BANK, fetch_hosts=("127.0.0.1",))
    pictures = {"/cat": (200, {}, smaller(CAT)), "/rocket": (200, {}, ROCKET)}
    with media(pictures) as files, agent_of(config, sandbox) as agent:
        agent.wait(position=1)
        yield files, str(agent.http.base_url).rstrip("/")


@pytest.mark.nightly
def test_a_bank_of_coop_lives_through_all_that_its_people_do(placed):
    files, address = placed
    coop = Coop(address)
    assert coop.do("list the kinds") is Does.GO_ON
    assert coop.last == ["stemtide"]
    assert coop.do("create") is Does.ADD
    assert coop.submit(f"{files}/cat") == {BANK}
    assert coop.submit(f"{files}/rocket") == set()
    for name in ("ask about a kind", "ask for its form", "show what feeds a bank"):
        assert coop.do(name) is Does.GO_ON
    assert coop.do("show how it stands") is Does.GO_ON
    assert (coop.last["up_to_date"], coop.last["fetched_items"]) == (True, 1)
    for name in ("change the ratio", "set credentials"):
        assert coop.do(name) is Does.STOP
        assert coop.last["message"]
    assert coop.do("add content by address", url=f"{files}/rocket") is Does.STOP
    assert coop.submit(f"{files}/cat") == {BANK}
    assert coop.do("delete") is Does.FORGET
    assert coop.do("create by exchange") is Does.ADD
    assert coop.do("set the ratio after that") is Does.KEEP
    assert coop.submit(f"{files}/cat") == {BANK}


def test_coop_keeps_a_bank_of_its_own_at_the_agent(placed):
    files, address = placed
    coop, bank = Coop(address), "COOP_ORG1_OURS"
    assert coop.do("create", bank) is Does.ADD
    assert coop.submit(f"{files}/rocket") == set()
    assert coop.do("add content by address", bank, url=f"{files}/rocket") is Does.GO_ON
    assert coop.submit(f"{files}/rocket") == {bank}
    assert coop.do("change the ratio", bank) is Does.GO_ON
    assert coop.last["matching_enabled_ratio"] == 0.5
    assert coop.do("read", bank) is Does.KEEP
    assert coop.do("show what feeds a bank", bank) is Does.BLANK
    assert coop.do("rename: the new one", bank) is Does.GO_ON  # empty, as at HMA
    assert coop.do("rename: the old one", bank) is Does.GO_ON
    assert coop.submit(f"{files}/rocket") == set()
    assert coop.do("create at less", bank) is Does.ADD
    assert coop.do("delete", bank) is Does.FORGET
    assert coop.last == {"message": "Done"}


@pytest.mark.nightly
def test_the_hub_feeds_no_bank_but_the_one_of_the_settings(placed):
    _, address = placed
    coop = Coop(address)
    assert coop.do("create by exchange", "COOP_ORG1_OTHER") is Does.STOP
    assert coop.do("create by exchange", api="stop_ncii") is Does.STOP
    assert coop.do("create at less") is Does.STOP
    assert coop.rows == set()


@pytest.mark.nightly
def test_no_answer_makes_coop_forget_a_bank_that_lies_elsewhere(placed):
    files, address = placed
    banks = (BANK, "COOP_ORG1_OF_ANOTHER_HMA", "COOP_ORG1_")
    coop = Coop(address, *banks)
    for name in CALLS.keys() - {"delete"}:
        for bank in banks:
            coop.do(name, bank, url=f"{files}/cat", signal="0" * 64)
            assert coop.rows == {*banks}, name


@pytest.mark.nightly
@pytest.mark.parametrize("end", rounds(["//"], nightly=["/", "//"]))
def test_an_address_that_ends_in_a_slash_finds_every_route(placed, end):
    files, address = placed
    coop = Coop(address + end)
    assert coop.do("create") is Does.ADD
    assert coop.submit(f"{files}/cat") == {BANK}
    answer = httpx.get(f"{address}/m/lookup/", params={"signal": "0" * 64, "signal_type": "pdq"})
    assert (answer.status_code, answer.json()) == (200, {})


def test_an_agent_without_signals_yet_forgets_no_bank_and_matches_nothing(hub, tmp_path, sandbox):
    hub.stop()
    with agent_of(config_of(hub, tmp_path, hma_bank=BANK), sandbox) as agent:
        coop = Coop(str(agent.http.base_url).rstrip("/"), BANK)
        assert coop.do("read") is Does.KEEP
        assert coop.do("look a hash up", signal="0" * 64) is Does.BLANK
        assert agent.http.get(f"/c/bank/{BANK}/content/1").status_code == 503
        assert coop.rows == {BANK}
