# SPDX-License-Identifier: Apache-2.0
import asyncio
import json
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook as Verifier

from stemtide.agent.config.settings import WebhookSettings
from stemtide.agent.outbox.actions import Deliverer, MatchReason, record
from stemtide.agent.store.database import Store
from stemtide.protocol.enums import Action, SignalState
from stemtide.protocol.law.deadlines import months_after
from tests.agent.world import (
    NEW_SECRET,
    SECRET,
    agent_of,
    config_of,
    sha256,
    share_for_a_while,
    until,
)

ONE, TWO = sha256(b"one"), sha256(b"two")


def webhook(provider, **other):
    return WebhookSettings(url=provider.url, secret=SECRET, backoff_s=0.02, **other)


@pytest.fixture
def config(hub, provider, tmp_path):
    return config_of(hub, tmp_path, webhook=webhook(provider), exercise=True)


def lines(config):
    if not config.actions_path.exists():
        return []
    return [json.loads(line) for line in config.actions_path.read_text("utf-8").splitlines()]


def written(config):
    return [(one["type"], one["data"]["ref"]) for one in lines(config)]


def share(hub, agent, value=ONE, **other):
    signal = hub.share(value, **other)
    agent.wait(position=hub.head)
    return signal


def set_back(hub, agent):
    """Restore the hub from an empty backup; the agent hears of it at once, for more came since."""
    before = hub.head
    hub.set_back({}, 0)
    for number in range(before + 1):
        hub.share(sha256(b"since %d" % number))
    agent.wait(position=before + 1)


def test_a_block_reaches_the_webhook_signed_and_the_file(hub, agent, provider, config):
    signal = share(hub, agent)
    agent.ask({"ref": "post-1", "sha256": ONE})
    until(lambda: provider.heard and lines(config))
    (said,), (line,) = provider.heard, lines(config)
    assert (said["type"], said["data"]["ref"]) == ("content.block", "post-1")
    assert said["data"]["signal"] == said["data"]["matches"][0]["signal"] == str(signal.id)
    assert (said["data"]["rule"], said["data"]["exercise"]) == ("grave-and-sure", False)
    assert line == {"id": provider.ids[0], **said}


def test_a_webhook_is_a_cloud_event_as_well(hub, agent, provider):
    share(hub, agent)
    agent.ask({"ref": "post-1", "sha256": ONE})
    until(lambda: provider.heard)
    told = {name: value for name, value in provider.headers[0].items() if name.startswith("ce-")}
    assert told == {
        "ce-specversion": "1.0",
        "ce-id": provider.ids[0],
        "ce-source": "/agents/uploads",
        "ce-type": "content.block",
        "ce-time": provider.heard[0]["timestamp"].replace("+00:00", "Z"),
    }


def test_while_a_secret_is_renewed_receivers_of_both_take_what_comes(
    hub, provider, tmp_path, sandbox
):
    both = WebhookSettings(url=provider.url, secret=NEW_SECRET, old_secret=SECRET)
    with agent_of(config_of(hub, tmp_path / "renewed", webhook=both), sandbox) as agent:
        share(hub, agent)
        agent.ask({"ref": "post-1", "sha256": ONE})
        until(lambda: provider.heard)  # whoever knows the old secret alone has verified it
    body = json.dumps(provider.heard[0])
    assert Verifier(NEW_SECRET).verify(body, provider.headers[0]) == provider.heard[0]


def test_a_hold_reaches_the_webhook(hub, agent, provider):
    share(hub, agent, severity="low")
    agent.ask({"ref": "post-1", "sha256": ONE})
    until(provider.told)
    assert provider.told() == [("content.hold", "post-1")]


def test_a_log_only_reaches_the_file(hub, agent, provider, config):
    share(hub, agent, pap="red")
    agent.ask({"ref": "post-1", "sha256": ONE})
    until(lambda: lines(config))
    assert (written(config), provider.heard) == ([("content.log", "post-1")], [])


def test_an_exercise_never_reaches_the_webhook(hub, agent, provider, config):
    share(hub, agent, exercise=True)
    share(hub, agent, TWO)
    agent.ask({"ref": "exercise", "sha256": ONE}, {"ref": "real", "sha256": TWO})
    until(lambda: len(lines(config)) == 2 and provider.heard)
    assert written(config) == [("content.log", "exercise"), ("content.block", "real")]
    assert [one["data"]["exercise"] for one in lines(config)] == [True, False]
    assert provider.told() == [("content.block", "real")]


def test_content_asked_about_again_is_acted_upon_once(hub, agent, config):
    share(hub, agent)
    for _ in range(3):
        assert agent.ask({"ref": "post-1", "sha256": ONE})[0]["decision"]["action"] == "block"
    agent.ask({"ref": "post-2", "sha256": ONE})
    until(lambda: len(lines(config)) == 2)
    assert written(config) == [("content.block", "post-1"), ("content.block", "post-2")]
    until(lambda: sum(hub.outcomes.values()) == 2)


def test_a_withdrawal_releases_what_was_blocked_because_of_it(hub, agent, provider):
    signal = share(hub, agent)
    agent.ask({"ref": "post-1", "sha256": ONE}, {"ref": "post-2", "sha256": ONE})
    until(lambda: len(provider.heard) == 2)
    hub.withdraw(signal)
    until(lambda: len(provider.heard) == 4)
    assert set(provider.told()[2:]) == {
        ("content.release", "post-1"),
        ("content.release", "post-2"),
    }
    released = provider.heard[2]["data"]
    assert (released["action"], released["undoes"]) == (None, "block")
    assert released["why"] == f"signal {signal.id} was withdrawn"
    until(lambda: hub.outcomes[str(signal.id), "reversed"] == 2)
    assert hub.outcomes[str(signal.id), "blocked"] == 0


def test_a_signal_that_a_hub_lost_with_its_backup_releases_what_it_blocked(hub, agent, provider):
    kept = share(hub, agent, TWO)
    before = (hub.entries.copy(), hub.head)
    lost = share(hub, agent)
    agent.ask({"ref": "post-1", "sha256": ONE}, {"ref": "post-2", "sha256": TWO})
    until(lambda: len(provider.heard) == 2 and hub.outcomes[str(kept.id), "blocked"])
    hub.set_back(*before)
    for number in range(3):
        hub.share(sha256(bytes([number])))

    until(lambda: ("content.release", "post-1") in provider.told())
    assert provider.heard[-1]["data"]["why"] == f"the hub no longer has signal {lost.id}"
    assert ("content.release", "post-2") not in provider.told()


def test_a_signal_that_expired_before_a_snapshot_releases_nothing(hub, agent, provider):
    def blocks():
        return agent.ask({"ref": "post-1", "sha256": ONE})[0]["decision"]["action"] == "block"

    share(hub, agent, TWO)
    share_for_a_while(hub, agent, ONE, matches=blocks)
    until(lambda: not blocks())
    set_back(hub, agent)
    assert provider.told() == [("content.block", "post-1")]


@pytest.mark.parametrize("is_away", [False, True])
def test_a_signal_that_ends_with_its_crisis_releases_nothing(hub, agent, provider, config, is_away):
    """The feed says the end before it comes: away or not, the agent stops matching, and no more."""
    signal = share(hub, agent)
    agent.ask({"ref": "post-1", "sha256": ONE})
    until(provider.told)
    ends_at = datetime.now(UTC) + timedelta(seconds=2)
    hub.limit(signal, expires_at=ends_at)
    agent.wait(position=2)
    until(lambda: agent.ask({"ref": "post-2", "sha256": ONE})[0]["decision"]["action"] != "block")
    if is_away:
        set_back(hub, agent)
    else:
        hub.withdraw(signal, state=SignalState.EXPIRED)
        agent.wait(position=3)
    agent.wait(deliveries=0)
    assert {kind for kind, ref in written(config) if ref == "post-1"} == {"content.block"}


@pytest.mark.parametrize(("months", "releases"), [(37, False), (35, True)])
def test_a_signal_whose_term_ended_before_a_snapshot_releases_nothing(
    hub, agent, provider, months, releases
):
    old = share(hub, agent, shared_at=months_after(datetime.now(UTC), -months))
    agent.ask({"ref": "post-1", "sha256": ONE})
    until(provider.told)
    set_back(hub, agent)
    until(lambda: len(provider.told()) == 1 + releases)
    agent.wait(deliveries=0)
    assert [kind for kind, _ in provider.told()[1:]] == ["content.release"] * releases, old.id


def test_a_withdrawal_leaves_what_another_signal_blocks_too(hub, agent, provider, config):
    first = share(hub, agent)
    second = share(hub, agent)
    agent.ask({"ref": "post-1", "sha256": ONE})
    hub.withdraw(first)
    agent.wait(position=3)
    assert written(config) in ([], [("content.block", "post-1")])
    hub.withdraw(second)
    until(lambda: ("content.release", "post-1") in provider.told())
    agent.wait(deliveries=0)
    assert [kind for kind, _ in written(config)] == ["content.block", "content.release"]


def test_a_withdrawal_turns_a_block_into_a_hold_that_another_signal_asks_for(hub, agent, provider):
    blocks = share(hub, agent)
    share(hub, agent, severity="low")
    agent.ask({"ref": "post-1", "sha256": ONE})
    until(provider.told)
    hub.withdraw(blocks)
    until(lambda: len(provider.heard) == 2)
    assert provider.told()[1] == ("content.hold", "post-1")
    assert provider.heard[1]["data"]["undoes"] == "block"


def test_a_dispute_of_its_own_party_releases_what_an_agent_blocked(hub, agent, provider):
    signal = share(hub, agent)
    agent.ask({"ref": "post-1", "sha256": ONE})
    until(provider.told)
    hub.dispute(signal, by_you=True)
    until(lambda: len(provider.heard) == 2)
    assert provider.told()[1] == ("content.release", "post-1")
    assert provider.heard[1]["data"]["action"] == "log"


def test_a_dispute_turns_a_block_into_a_hold(hub, agent, provider):
    signal = share(hub, agent)
    agent.ask({"ref": "post-1", "sha256": ONE})
    until(provider.told)
    hub.dispute(signal)
    until(lambda: len(provider.heard) == 2)
    assert provider.told()[1] == ("content.hold", "post-1")
    assert provider.heard[1]["data"]["why"] == f"signal {signal.id} is disputed"


def test_an_expiry_undoes_nothing(hub, agent, provider, config):
    signal = share(hub, agent)
    agent.ask({"ref": "post-1", "sha256": ONE})
    until(provider.told)
    hub.withdraw(signal, state=SignalState.EXPIRED)
    agent.wait(position=2, deliveries=0)
    assert written(config) == [("content.block", "post-1")]


def test_a_webhook_that_fails_is_tried_again_with_the_same_id(hub, agent, provider, config):
    share(hub, agent)
    provider.failures = 3
    agent.ask({"ref": "post-1", "sha256": ONE})
    until(provider.told)
    until(lambda: lines(config))
    assert provider.ids == [lines(config)[0]["id"]]
    agent.wait(deliveries=0, dead_letters=0)


def test_a_webhook_given_up_is_a_dead_letter_until_someone_retries_it(
    hub, tmp_path, sandbox, provider
):
    config = config_of(hub, tmp_path, webhook=webhook(provider, attempts=2))
    provider.failures = 2
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True)
        share(hub, agent)
        agent.ask({"ref": "post-1", "sha256": ONE})
        health = agent.wait(dead_letters=1)
        assert health["troubles"]["webhook"] == f"{provider.url} answered 503"
        assert agent.http.post("/deliveries/retry").json()["deliveries"] == 1
        agent.wait(dead_letters=0, deliveries=0)
    assert provider.told() == [("content.block", "post-1")]


def test_a_receiver_that_asks_for_it_is_left_alone_for_a_while(hub, agent, provider):
    share(hub, agent)
    provider.failures, provider.failure, provider.retry_after = 1, 429, "1"
    asked_at = time.monotonic()
    agent.ask({"ref": "post-1", "sha256": ONE})
    until(lambda: provider.headers)
    agent.ask({"ref": "post-2", "sha256": ONE})
    until(lambda: len(provider.headers) > 1)  # of post-2 as well
    assert time.monotonic() - asked_at > 0.7  # without it, the first wait is 20 ms
    until(lambda: len(provider.told()) == 2)
    assert len(provider.headers) == 3


async def deliver_until(holds, *, config, store, now):
    """Deliver at a standing clock until something holds."""
    delivering = asyncio.create_task(Deliverer(config=config, store=store, clock=lambda: now).run())
    await asyncio.to_thread(until, holds)
    delivering.cancel()
    with suppress(asyncio.CancelledError):
        await delivering


def queue_blocks(store, config, number):
    """Queue a block of each of some posts, in their order."""
    reason = MatchReason("signal", Action.BLOCK, "sha256", 0, "")
    with store.write() as tx:
        extra, at = {"exercise": False}, datetime.now(UTC)
        for post in range(number):
            record(tx, ref=f"post-{post}", reasons=[reason], extra=extra, config=config, now=at)


def test_each_failure_doubles_a_webhooks_wait_and_what_is_asked_for_outlives_a_restart(
    hub, tmp_path, provider
):
    hook = WebhookSettings(url=provider.url, secret=SECRET, backoff_s=1.0)
    config, now, waits = config_of(hub, tmp_path, webhook=hook), time.time(), []
    provider.failures = 4
    with Store(config.data_dir) as store:

        def attempts():
            return store.read("SELECT attempts, due_at FROM deliveries WHERE channel = 'webhook'")[
                0
            ]

        queue_blocks(store, config, 1)
        for number in range(1, 5):
            provider.failure, provider.retry_after = (503, "") if number < 4 else (429, "90")
            asyncio.run(
                deliver_until(
                    lambda n=number: attempts()[0] == n, config=config, store=store, now=now
                )
            )
            waits.append(attempts()[1] - now)
            now = attempts()[1]
    bounds = [(0.5, 1), (1, 2), (2, 4), (90, 90)]
    assert all(
        low - 1e-3 <= wait <= high + 1e-3 for wait, (low, high) in zip(waits, bounds, strict=True)
    ), waits


@pytest.mark.nightly
def test_the_oldest_webhooks_go_first(hub, tmp_path, provider):
    config = config_of(hub, tmp_path, webhook=webhook(provider))
    with Store(config.data_dir) as store:
        queue_blocks(store, config, 40)
        asyncio.run(
            deliver_until(
                lambda: len(provider.heard) == 40, config=config, store=store, now=time.time()
            )
        )
    first, last = provider.told()[0], provider.told()[-1]
    assert int(first[1].removeprefix("post-")) < 8  # as many are under way at a time
    assert int(last[1].removeprefix("post-")) >= 20


def test_a_receiver_that_is_gone_is_not_tried_again_until_someone_says_so(hub, agent, provider):
    share(hub, agent)
    provider.failures, provider.failure = 1, 410
    agent.ask({"ref": "post-1", "sha256": ONE})
    agent.wait(dead_letters=1)
    assert len(provider.headers) == 1
    agent.http.post("/deliveries/retry")
    until(provider.told)


@pytest.mark.nightly
def test_a_receiver_that_never_stops_answering_holds_up_nothing(hub, tmp_path, sandbox, provider):
    config = config_of(hub, tmp_path, webhook=webhook(provider, attempts=1, timeout_s=0.3))
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True)
        share(hub, agent)
        provider.talk = b"x"
        agent.ask(*({"ref": f"post-{one}", "sha256": ONE} for one in range(9)))
        health = agent.wait(dead_letters=9)
        assert "TimeoutError" in health["troubles"]["webhook"]
        provider.talk = None
    patient = config_of(hub, tmp_path, webhook=webhook(provider, timeout_s=60))
    with agent_of(patient, sandbox) as agent:
        agent.http.post("/deliveries/retry")
        agent.wait(dead_letters=0, deliveries=0)
    # What was given up on may still be heard now: its sender cannot know.
    assert {ref for _, ref in provider.told()} == {f"post-{one}" for one in range(9)}


@pytest.mark.nightly
def test_a_receiver_that_says_much_is_not_listened_to(hub, agent, provider):
    share(hub, agent)
    provider.talk = b"x" * 1_000_000
    agent.ask({"ref": "post-1", "sha256": ONE})
    agent.wait(deliveries=0, dead_letters=0)


def test_a_release_replaces_a_block_that_was_never_delivered(hub, agent, provider):
    signal = share(hub, agent)
    provider.failures = 1_000_000
    agent.ask({"ref": "post-1", "sha256": ONE})
    until(lambda: agent.health()["troubles"].get("webhook"))
    hub.withdraw(signal)
    # Once the release is tried, no block is on its way any more.
    until(lambda: provider.headers[-1]["ce-type"] == "content.release")
    provider.failures = 0
    agent.wait(deliveries=0)
    assert provider.told() == [("content.release", "post-1")]


def test_a_file_that_cannot_be_written_is_said_and_made_good(hub, agent, config):
    share(hub, agent)
    config.actions_path.mkdir()
    agent.ask({"ref": "post-1", "sha256": ONE})
    until(lambda: "cannot be written" in agent.health()["troubles"].get("actions_file", ""))
    config.actions_path.rmdir()
    until(lambda: lines(config))
    assert written(config) == [("content.block", "post-1")]
    agent.wait(deliveries=0)
    until(lambda: "actions_file" not in agent.health()["troubles"])


def test_the_file_may_be_rotated_at_any_time(hub, agent, config):
    share(hub, agent)
    agent.ask({"ref": "post-1", "sha256": ONE})
    until(lambda: lines(config))
    config.actions_path.rename(config.actions_path.with_suffix(".1"))
    agent.ask({"ref": "post-2", "sha256": ONE})
    until(lambda: lines(config))
    assert written(config) == [("content.block", "post-2")]
