# SPDX-License-Identifier: Apache-2.0
"""What happens to uploads when those behind a signal change: suspended, unconfirmed, withdrawn."""

import pytest

from stemtide.agent.config.settings import Rule, WebhookSettings
from stemtide.fingerprints.url.canonical import digest
from stemtide.protocol.enums import Action, Standing
from tests.agent.world import SECRET, agent_of, config_of, sha256, until
from tests.rounds import rounds

KNOWN = b"content that is shared"
PAPER = "daily.example/news/"
LICENCE = b"Apache License, Version 2.0"


def decision(agent, ref="upload-1"):
    return agent.ask({"ref": ref, "sha256": sha256(KNOWN)})[0]["decision"]


@pytest.fixture
def followed(hub, provider, tmp_path, sandbox):
    """An agent whose provider hears of its actions."""
    webhook = WebhookSettings(url=provider.url, secret=SECRET)
    with agent_of(config_of(hub, tmp_path, webhook=webhook), sandbox) as agent:
        agent.wait(ready=True, hub_reachable=True)
        yield agent


def heard(provider, *types):
    """Wait for these messages about the first upload; return the last one."""
    until(lambda: [kind for kind, ref in provider.told() if ref == "upload-1"] == [*types])
    return provider.heard[-1]["data"]


def test_a_provider_alone_blocks_nothing_at_others(hub, agent):
    """Attack 1: folders of two newspapers and the SHA-256 of a licence, all critical and sure."""
    for folder in (PAPER, "evening.example/world/"):
        hub.share(
            digest(folder).hex(),
            kind="url",
            reach="folder",
            shared_by="paste-corner",
            confidence=100,
        )
    hub.share(sha256(LICENCE), shared_by="paste-corner", confidence=100)
    agent.wait(position=3)
    answers = agent.ask(
        {"url": "https://daily.example/news/42"},
        {"url": "https://evening.example/world/7"},
        {"sha256": sha256(LICENCE)},
    )
    assert [answer["decision"]["action"] for answer in answers] == ["hold", "hold", "hold"]
    assert "provider paste-corner alone shares it" in answers[0]["decision"]["missing"]
    assert (
        answers[2]["decision"]["missing"]
        == answers[2]["matches"][0]["missing"]
        == (
            "block needs a second independent party or an authority; provider paste-corner alone"
            " shares it"
        )
    )


def test_a_suspension_holds_what_was_blocked_and_stops_new_action(hub, followed, provider):
    hub.share(sha256(KNOWN), shared_by="be-crisis-centre")
    followed.wait(position=1)
    assert decision(followed)["action"] == "block"
    heard(provider, "content.block")
    hub.set_party("be-crisis-centre", standing="suspended")
    followed.wait(position=2)
    told = heard(provider, "content.block", "content.hold")
    assert (told["undoes"], told["why"]) == ("block", "authority be-crisis-centre is suspended")
    assert decision(followed, "upload-2")["action"] == "log"
    hub.set_party("be-crisis-centre", standing="member")
    followed.wait(position=3)
    assert decision(followed, "upload-3")["action"] == "block"
    assert decision(followed)["action"] == "block"  # sent again, it is decided anew
    heard(provider, "content.block", "content.hold", "content.block")


@pytest.mark.nightly
def test_a_suspension_leaves_a_hold_as_it_is(hub, followed, provider):
    hub.share(sha256(KNOWN), shared_by="paste-corner")
    followed.wait(position=1)
    assert decision(followed)["action"] == "hold"
    heard(provider, "content.hold")
    hub.set_party("paste-corner", standing="suspended")
    followed.wait(position=2)
    assert decision(followed)["action"] == "log"  # as a new upload
    signal = next(iter(hub.entries.values()))
    hub.withdraw(signal)
    followed.wait(position=3)
    assert heard(provider, "content.hold", "content.release")["undoes"] == "hold"


@pytest.mark.nightly
def test_a_dispute_after_a_suspension_still_leaves_a_hold(hub, followed, provider):
    signal = hub.share(sha256(KNOWN), shared_by="be-crisis-centre")
    followed.wait(position=1)
    assert decision(followed)["action"] == "block"
    heard(provider, "content.block")
    hub.set_party("be-crisis-centre", standing="suspended")
    followed.wait(position=2)
    heard(provider, "content.block", "content.hold")
    hub.dispute(signal)
    followed.wait(position=3)
    hub.withdraw(signal)
    followed.wait(position=4)
    told = heard(provider, "content.block", "content.hold", "content.release")
    assert told["why"] == f"signal {signal.id} was withdrawn"


@pytest.mark.nightly
def test_a_rule_that_no_longer_fits_a_partys_standing_leaves_a_hold(
    hub, provider, tmp_path, sandbox
):
    members = Rule("members", Action.BLOCK, sharer_standing=frozenset({Standing.MEMBER}))
    webhook = WebhookSettings(url=provider.url, secret=SECRET)
    hub.share(sha256(KNOWN), shared_by="paste-corner")
    with agent_of(config_of(hub, tmp_path, webhook=webhook, rules=(members,)), sandbox) as agent:
        agent.wait(ready=True, position=1)
        assert decision(agent)["action"] == "block"
        heard(provider, "content.block")
        hub.set_party("paste-corner", standing="new")
        agent.wait(position=2)
        heard(provider, "content.block", "content.hold")
        assert decision(agent, "upload-2")["action"] == "log"


@pytest.mark.parametrize(
    "confirmation", rounds(["agrees"], nightly=["agrees", "shares", "shares later"])
)
def test_another_basis_keeps_a_block_through_a_suspension(hub, followed, provider, confirmation):
    signal = hub.share(sha256(KNOWN), shared_by="be-crisis-centre")
    if confirmation == "agrees":
        hub.confirm(signal, "fr-referral-unit")
    if confirmation == "shares":
        hub.share(sha256(KNOWN), shared_by="fr-referral-unit")
    followed.wait_position(hub.head)
    assert decision(followed)["action"] == "block"
    heard(provider, "content.block")
    if confirmation == "shares later":
        hub.share(sha256(KNOWN), shared_by="fr-referral-unit")
    hub.set_party("be-crisis-centre", standing="suspended")
    followed.wait_position(hub.head)
    heard(provider, "content.block")
    hub.set_party("fr-referral-unit", standing="suspended")
    followed.wait_position(hub.head)
    heard(provider, "content.block", "content.hold")


@pytest.mark.nightly
def test_a_confirmation_that_is_taken_back_leaves_a_hold(hub, followed, provider):
    signal = hub.share(sha256(KNOWN), shared_by="paste-corner")
    signal = hub.confirm(signal, "another-provider")
    followed.wait(position=2)
    assert decision(followed)["action"] == "block"
    heard(provider, "content.block")
    hub.confirm(signal)
    followed.wait(position=3)
    told = heard(provider, "content.block", "content.hold")
    assert told["why"] == f"fewer parties stand behind signal {signal.id}"


def test_a_second_party_makes_new_uploads_block(hub, agent):
    signal = hub.share(sha256(KNOWN), shared_by="paste-corner")
    agent.wait(position=1)
    assert decision(agent)["action"] == "hold"
    hub.confirm(signal, "another-provider")
    agent.wait(position=2)
    assert decision(agent, "upload-2")["action"] == "block"


def test_a_withdrawal_weakens_signals_that_counted_its_sharer(hub, followed, provider):
    hub.share(sha256(KNOWN), shared_by="paste-corner")
    other = hub.share(sha256(KNOWN), shared_by="another-provider")
    followed.wait(position=2)
    assert decision(followed)["action"] == "block"
    heard(provider, "content.block")
    hub.withdraw(other)
    followed.wait(position=3)
    assert heard(provider, "content.block", "content.hold")["signal"] == str(other.id)


def test_a_sharers_withdrawal_releases_nothing_that_a_later_signal_asks_for(
    hub, followed, provider
):
    first = hub.share(sha256(KNOWN), shared_by="be-crisis-centre")
    followed.wait(position=1)
    assert decision(followed)["action"] == "block"
    heard(provider, "content.block")
    second = hub.share(sha256(KNOWN), shared_by="europol")
    hub.withdraw(first)
    followed.wait(position=3)
    until(lambda: hub.outcomes[str(second.id), "blocked"] == 1)
    heard(provider, "content.block")
    hub.withdraw(second)
    followed.wait(position=4)
    heard(provider, "content.block", "content.release")


@pytest.mark.nightly
def test_two_parties_that_become_one_count_once(hub, followed, provider):
    signal = hub.share(sha256(KNOWN), shared_by="paste-corner")
    hub.confirm(signal, "another-provider")
    followed.wait(position=2)
    assert decision(followed)["action"] == "block"
    heard(provider, "content.block")
    hub.set_party("paste-corner", group="one owner")
    hub.set_party("another-provider", group="one owner")
    followed.wait(position=4)
    heard(provider, "content.block", "content.hold")


def test_a_suspension_that_was_missed_is_found_in_a_snapshot(hub, config, sandbox):
    signal = hub.share(sha256(KNOWN), shared_by="be-crisis-centre")
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True, position=1)
        assert decision(agent)["action"] == "block"
    hub.set_party("be-crisis-centre", standing="suspended")
    hub.set_back({signal.id: signal.model_copy(update={"position": 2})}, 2)
    hub.marks = {}  # another history: a snapshot is asked for
    hub.share(sha256(b"other"))
    with agent_of(config, sandbox) as agent:
        agent.wait(position=3)
        until(lambda: hub.outcomes[str(signal.id), "held"] == 1)
        assert decision(agent, "upload-2")["action"] == "log"


def test_an_older_hub_makes_the_agent_hold_and_say_so(hub, config, sandbox):
    hub.parties = None
    hub.share(sha256(KNOWN))
    hub.share(sha256(b"own"), shared_by=hub.party)
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True, position=2)
        answer = decision(agent)
        assert answer["action"] == "hold"
        assert "upgrade the hub" in answer["missing"]
        trouble = until(lambda: agent.health()["troubles"].get("parties"))
        assert f"the hub {hub.url} does not send" in trouble
        own = agent.ask({"sha256": sha256(b"own")})[0]["decision"]
        assert own["action"] == "block"


def test_a_known_standing_is_no_trouble(agent):
    until(lambda: agent.health()["hub_reachable"])
    assert "parties" not in agent.health()["troubles"]
