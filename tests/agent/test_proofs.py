# SPDX-License-Identifier: Apache-2.0
"""An agent has its feed proved: silence undoes nothing, and a proof of something else does."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stemtide.agent.config.tables import ConfigError
from stemtide.agent.hub.client import Client
from stemtide.agent.store.database import Store
from stemtide.agent.store.log import proofs
from stemtide.agent.store.log.heads import read_log
from stemtide.agent.store.position import set_state
from stemtide.agent.store.rows import signal_row
from stemtide.agent.sync import proof_status
from stemtide.agent.sync.prover import Prover
from stemtide.agent.sync.witness import LogWitness
from stemtide.fingerprints.text.fingerprint import sketch
from stemtide.protocol.sync.feed import Tombstone
from stemtide.protocol.sync.proofs import ProofsStart
from stemtide.protocol.tlog.cosignatures import WitnessKey, cosign
from tests.agent.fake_log import FakeLog
from tests.agent.test_long_kinds import made_words
from tests.agent.world import agent_of, config_of, sha256, until

LONG_AGO = timedelta(hours=1)


@pytest.fixture
def log(hub):
    """The log of a hub that proves its feed."""
    hub.log = FakeLog()
    hub.log.start = ProofsStart(number=1, at=datetime.now(UTC) - LONG_AGO, position=0)
    return hub.log


class Follower:
    """An agent's store, witness and prover, without its loops."""

    def __init__(self, hub, folder, **other):
        self.hub = hub
        self.config = config_of(hub, folder, **other)
        with Store(self.config.data_dir) as store, store.write() as tx:
            set_state(tx, hub=str(hub.id), party=hub.party, exercise="0")
        self.store = Store(self.config.data_dir)
        self.undone = 0

    def take(self, *entries, at=None):
        """Apply entries as a page of the feed."""
        former = self.store.find_ids(str(entry.id) for entry in entries)
        puts = [entry for entry in entries if not isinstance(entry, Tombstone)]
        now = at or datetime.now(UTC)
        self.store.apply(
            [signal_row(signal, signal.model_dump_json()) for signal in puts],
            [str(entry.id) for entry in entries if isinstance(entry, Tombstone)],
            position=self.hub.head,
            history="",
            parties=[],
            parties_after=0,
            synced_at=None,
            alongside=lambda tx: proofs.queue(tx, entries, former, now=now),
        )

    def check(self, times=1):
        """Check the log, and ask for proofs."""

        async def check():
            client = Client(self.config)
            witness = LogWitness(config=self.config, store=self.store, client=client, again_s=0)
            prover = Prover(
                config=self.config,
                store=self.store,
                client=client,
                witness=witness,
                on_undo=self._count,
            )
            async with client:
                await witness.check()
                for _ in range(times):
                    await prover.check()
            return prover.trouble

        return asyncio.run(check())

    def _count(self):
        self.undone += 1

    @property
    def status(self):
        return proof_status.proof_status(self.store, self.config)

    def is_off(self, signal):
        return hasattr(self.store.find_ids([str(signal.id)])[str(signal.id)], "why_off")


@pytest.fixture
def follower(hub, log, tmp_path):  # noqa: ARG001  # the hub has a log
    follower = Follower(hub, tmp_path)
    yield follower
    follower.store.close()


def said(signal, **other):
    """What a hub's log says of a signal that it shared."""
    facts = signal.model_dump(mode="json", include={*proofs.FACTS})
    at = signal.shared_at.astimezone(UTC).isoformat(timespec="microseconds")
    return facts | {"uid": str(signal.id), "shared_at": at} | other


def ended(signal, state="withdrawn"):
    return {"uid": str(signal.id), "state": state}


def test_what_the_log_says_as_well_is_proved(hub, log, follower):
    signals = [hub.share(sha256(b"%d" % number)) for number in range(5)]
    follower.take(*signals)
    assert follower.status.waiting == 5
    log.add(*map(said, signals[:4]))
    log.add(said(signals[4]))
    assert follower.check() == ""
    assert follower.status.waiting == 0
    assert follower.status.state == "proving"
    assert follower.status.alarm == ""


def test_a_long_value_is_proved_by_its_digest(hub, log, follower):
    value = sketch(" ".join(made_words(1, 900))).to_bytes()
    signal = hub.share(value.hex(), kind="text")
    follower.take(signal)
    follower.take(signal.model_copy(update={"position": hub.head + 1}))
    log.add(said(signal, value=sha256(value)))
    follower.check()
    assert follower.status.waiting == 0
    assert follower.status.state == "proving"


@pytest.mark.parametrize("state", ["withdrawn", "expired"])
def test_the_end_of_a_signal_is_proved(hub, log, follower, state):
    signal = hub.share(sha256(b"x"))
    follower.take(signal)
    log.add(said(signal))
    follower.check()
    follower.take(Tombstone(id=signal.id, position=hub.head + 1, state=state))
    assert follower.status.waiting == 1
    log.add(ended(signal, state))
    follower.check()
    assert follower.status.waiting == 0


def test_an_opinion_or_an_unknown_end_needs_no_new_proof(hub, log, follower):
    signal = hub.share(sha256(b"x"))
    follower.take(signal)
    log.add(said(signal))
    follower.check()
    follower.take(hub.confirm(signal, "paste-corner"))
    never_had = hub.share(sha256(b"y"))
    follower.take(Tombstone(id=never_had.id, position=hub.head + 1, state="withdrawn"))
    assert follower.status.waiting == 0
    follower.take(signal.model_copy(update={"labels": ["other"], "position": hub.head + 2}))
    assert follower.status.waiting == 1


CHANGES = {
    "sharer": {"shared_by": "paste-corner"},
    "labels": {"labels": ["other"]},
    "value": {"value": sha256(b"another")},
    "handling": {"tlp": "red"},
    "severity": {"severity": "low"},
}


@pytest.mark.parametrize("changed", CHANGES.values(), ids=[*CHANGES])
def test_a_signal_of_which_the_log_says_something_else_twice_is_switched_off(
    hub, log, follower, changed
):
    signal, other = hub.share(sha256(b"x")), hub.share(sha256(b"y"))
    follower.take(signal, other)
    log.add(said(signal, **changed), said(other))
    follower.check()
    assert not follower.is_off(signal)  # once may be a mistake
    assert follower.status.alarm == ""
    follower.check()
    assert follower.is_off(signal)
    assert not follower.is_off(other)
    assert follower.undone == 1
    (proof,) = follower.status.wrong
    (name,) = changed
    assert json.loads(proof.logged)[name] == changed[name]
    assert json.loads(proof.applied)[name] != changed[name]
    assert proof.head.startswith(log.origin)
    assert "says something else about 1 signals" in follower.status.alarm


def test_an_end_of_which_the_log_says_something_else_is_an_alarm(hub, log, follower):
    signal = hub.share(sha256(b"x"))
    follower.take(signal)
    follower.take(Tombstone(id=signal.id, position=hub.head + 1, state="withdrawn"))
    log.add(ended(signal, "expired"))
    follower.check()
    follower.check()
    (proof,) = follower.status.wrong
    assert json.loads(proof.logged)["state"] == "expired"


def test_what_has_no_proof_stays_applied_and_is_an_alarm_after_ten_minutes(hub, follower):
    signal = hub.share(sha256(b"x"))
    follower.take(signal)
    follower.check()
    assert follower.status.alarm == ""
    follower.take(hub.share(sha256(b"y")), at=datetime.now(UTC) - LONG_AGO)
    assert follower.status.alarm == ""  # the hub was not asked yet
    follower.check()
    assert "does not prove 1 entries of its feed, which stay applied" in follower.status.alarm
    assert not follower.is_off(signal)
    assert follower.undone == 0


def test_a_person_settles_an_alarm(hub, log, follower):
    signal, silent = hub.share(sha256(b"x")), hub.share(sha256(b"y"))
    follower.take(signal, silent, at=datetime.now(UTC) - LONG_AGO)
    log.add(said(signal, tlp="red"))
    follower.check()
    follower.check()
    assert proof_status.settle(follower.store, follower.config) == 2
    assert follower.status.alarm == ""
    assert follower.is_off(signal)


def forged_seen(answer):
    answer.entries[0].things[0].open_facts = (
        answer.entries[0].things[0].open_facts.replace("amber", "red")
    )


def forged_salt(answer):
    answer.entries[0].things[0].salt = answer.entries[0].things[0].hidden


def other_number(answer):
    answer.entries[0].number += 1


def huge_count(answer):
    answer.entries[0].count = 2**56


def no_hashes(answer):
    answer.hashes = []


def no_continuation(answer):
    answer.continues = []


def no_json(answer):
    answer.entries[0].things[0].open_facts = "[" * 10_000


def other_head(answer):
    answer.head = FakeLog(7).head().sign([Ed25519PrivateKey.generate()])


FORGERIES = [
    *(forged_seen, forged_salt, other_number, huge_count),
    *(no_hashes, no_continuation, no_json, other_head),
]


@pytest.mark.parametrize("forge", FORGERIES)
def test_a_forged_answer_proves_nothing_and_undoes_nothing(hub, log, follower, forge):
    signal = hub.share(sha256(b"x"))
    follower.take(signal)
    log.add(said(signal))
    honest = log.prove

    def prove(body):
        answer = honest(body)
        forge(answer)
        return answer

    log.prove = prove
    for _ in range(3):
        assert "does not prove its feed" in follower.check()
    assert follower.status.waiting == 1
    assert follower.status.wrong == []
    assert not follower.is_off(signal)
    assert read_log(follower.store.read).alarm is None


def test_an_unreadable_answer_costs_nothing_else(hub, follower):
    follower.take(hub.share(sha256(b"x")))
    hub.answers["/log/proofs"] = b'{"head": 7}'
    assert "does not prove its feed" in follower.check()
    assert follower.status.waiting == 1


def test_another_head_of_the_same_size_is_a_fork(hub, log, follower):
    signal = hub.share(sha256(b"x"))
    follower.take(signal)
    log.add(said(signal))
    follower.check()
    follower.take(hub.share(sha256(b"y")))
    leaves, honest = list(log.leaves), log.prove

    def prove(body):
        log.leaves = [*leaves[:-1], b"another last leaf"]
        answer = honest(body)
        log.leaves = leaves
        return answer

    log.prove = prove
    follower.check()
    alarm = read_log(follower.store.read).alarm
    assert "different roots" in alarm.text
    assert alarm.kept != alarm.shown


def test_a_hub_without_proofs_is_said_and_no_alarm(hub, log, follower):
    log.start = None
    follower.take(hub.share(sha256(b"x")), at=datetime.now(UTC) - LONG_AGO)
    assert follower.check() == ""
    assert follower.status.state == "older"
    assert follower.status.alarm == ""


def test_a_hub_that_never_answers_is_an_alarm(hub, log, follower):
    hub.answers["/log/proofs"] = b"{}"
    follower.take(hub.share(sha256(b"x")), at=datetime.now(UTC) - LONG_AGO)
    follower.check()
    assert follower.status.alarm
    del hub.answers["/log/proofs"]
    log.start = None
    follower.check()
    assert follower.status.alarm == ""
    hub.answers["/log/proofs"] = b"{}"
    follower.check()
    assert follower.status.alarm


def test_a_missing_cosigned_head_is_no_sign_of_an_older_hub(hub, log, tmp_path):
    key = WitnessKey.of(Ed25519PrivateKey.generate(), name="w/1")
    follower = Follower(hub, tmp_path, witnesses_required=1, witness_keys=(key,))
    log.start = None
    follower.take(hub.share(sha256(b"x")), at=datetime.now(UTC) - LONG_AGO)
    assert "does not prove its feed" in follower.check()
    assert follower.status.alarm
    follower.store.close()


def test_a_hub_that_no_longer_proves_is_an_alarm(hub, log, follower):
    signal = hub.share(sha256(b"x"))
    follower.take(signal)
    log.add(said(signal))
    follower.check()
    log.start = None
    follower.take(hub.share(sha256(b"y")), at=datetime.now(UTC) - LONG_AGO)
    assert "does not prove its feed" in follower.check()
    assert follower.status.alarm


def test_signals_older_than_the_proofs_need_none_and_newer_ones_do(hub, log, follower):
    old = hub.share(sha256(b"x"), shared_at=datetime.now(UTC) - timedelta(days=3))
    new = hub.share(sha256(b"y"))
    follower.take(old, new)
    log.older = [old.id, new.id]
    follower.check()
    assert follower.status.waiting == 1


def test_the_start_of_the_proofs_is_believed_once(hub, log, follower):
    first = hub.share(sha256(b"x"))
    follower.take(first)
    log.add(said(first))
    follower.check()
    later = datetime.now(UTC) + timedelta(days=1)
    log.start = ProofsStart(number=99, at=later, position=10**6)
    new = hub.share(sha256(b"y"))
    follower.take(new)
    log.older = [new.id]
    follower.check()
    assert follower.status.waiting == 1


def _cosigner(key, name):
    return lambda text: cosign(text, key=key, name=name, at=1_700_000_000)


def test_as_many_witnesses_as_required_must_have_cosigned(hub, log, tmp_path):
    keys = [Ed25519PrivateKey.generate() for _ in range(3)]
    names = ["w/1", "w/2", "w/3"]
    trusted = tuple(WitnessKey.of(key, name=name) for key, name in zip(keys, names, strict=True))
    follower = Follower(hub, tmp_path, witnesses_required=2, witness_keys=trusted[:2])
    signal = hub.share(sha256(b"x"))
    follower.take(signal)
    log.add(said(signal))
    for at, count in ((0, 0), (2, 1)):  # the third is not one of those that are trusted
        assert f"{count} of your witness_keys" in follower.check()
        assert follower.status.waiting == 1
        log.cosigned.append(_cosigner(keys[at], names[at]))
    assert "1 of your witness_keys" in follower.check()
    log.cosigned.append(_cosigner(keys[1], names[1]))
    assert follower.check() == ""
    assert follower.status.waiting == 0
    assert all(body.is_cosigned for body in log.asked)
    follower.store.close()


def test_witnesses_that_cannot_be_there_are_refused(hub, tmp_path):
    with pytest.raises(ConfigError, match="witness_keys has 0"):
        config_of(hub, tmp_path, witnesses_required=1).check()


def test_an_agent_queues_what_its_feed_brings_and_a_snapshot_is_not_queued(
    hub, log, sandbox, tmp_path
):
    hub.share(sha256(b"in the snapshot"))
    config = config_of(hub, tmp_path)
    with agent_of(config, sandbox) as agent:
        agent.wait(position=hub.head)
        assert agent.health()["unproved"] == 0
        signal = hub.share(sha256(b"x"))
        agent.wait(position=hub.head)
        assert until(lambda: agent.health()["unproved"] == 1)
        hub.withdraw(signal)
        agent.wait(position=hub.head)
        assert agent.health()["unproved"] == 1
        row = agent.http.get("/log").json()["proofs"]
        assert (row["waiting"], row["state"], row["wrong"]) == (1, "none", [])
        assert agent.http.post("/log/settle").json()["proofs"]["alarm"] is None
    assert log.asked == []
