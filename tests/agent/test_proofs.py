# SPDX-License-Identifier: Apache-2.0
"""An agent has its feed proved: silence undoes nothing, and a proof of something else does."""

import asyncio
import json
from collections import Counter
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
from tests.rounds import rounds

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

    def wait(self, by=LONG_AGO):
        """Let time pass since the hub was first asked for entries."""
        with self.store.write() as tx:
            tx.execute(
                "UPDATE unproved SET first_asked_at = first_asked_at - ? WHERE first_asked_at > 0",
                (by.total_seconds(),),
            )

    def load(self, *signals, position=None):
        """Take a snapshot of signals."""
        incoming = self.store.begin_incoming()
        rows = [signal_row(signal, signal.model_dump_json()) for signal in signals]
        self.store.add_incoming(incoming, rows)
        now = datetime.now(UTC)
        self.store.adopt_incoming(
            incoming,
            origin=self.store.origin,
            position=position or self.hub.head,
            now=now,
            alongside=lambda tx, _library: proofs.queue_snapshot(tx, now=now),
        )

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


@pytest.mark.parametrize("state", rounds(["withdrawn"], nightly=["withdrawn", "expired"]))
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


@pytest.mark.parametrize("changed", rounds([*CHANGES][:2], nightly=[*CHANGES]))
def test_a_signal_of_which_the_log_says_something_else_twice_is_switched_off(
    hub, log, follower, changed
):
    signal, other = hub.share(sha256(b"x")), hub.share(sha256(b"y"))
    follower.take(signal, other)
    log.add(said(signal, **CHANGES[changed]), said(other))
    follower.check()
    assert not follower.is_off(signal)  # once may be a mistake
    assert follower.status.alarm == ""
    follower.check()
    assert follower.is_off(signal)
    assert not follower.is_off(other)
    assert follower.undone == 1
    (proof,) = follower.status.wrong
    ((name, value),) = CHANGES[changed].items()
    assert json.loads(proof.logged)[name] == value
    assert json.loads(proof.applied)[name] != value
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
    follower.take(signal, at=datetime.now(UTC) - LONG_AGO)
    assert follower.status.alarm == ""  # the hub was not asked yet
    follower.check()
    assert follower.status.alarm == ""  # it was asked only now: a long queue is no fault of it
    follower.wait()
    assert "does not prove 1 entries of its feed, which stay applied" in follower.status.alarm
    assert not follower.is_off(signal)
    assert follower.undone == 0


def test_a_hub_that_sends_a_signal_anew_all_the_time_is_late_as_well(hub, follower):
    signal = hub.share(sha256(b"x"))
    follower.take(signal)
    follower.check()
    follower.wait()
    follower.take(signal.model_copy(update={"labels": ["other"], "position": hub.head + 1}))
    assert "does not prove 1 entries" in follower.status.alarm
    follower.take(Tombstone(id=signal.id, position=hub.head + 2, state="withdrawn"))
    assert follower.status.alarm == ""  # its end is another entry


def test_a_hub_that_takes_back_each_end_is_late_as_well(hub, follower):
    signal = hub.share(sha256(b"x"))
    follower.take(signal)
    follower.check()
    follower.take(Tombstone(id=signal.id, position=hub.head + 1, state="withdrawn"))
    follower.check()
    follower.wait()
    follower.take(signal.model_copy(update={"position": hub.head + 2}))
    assert "does not prove 1 entries" in follower.status.alarm


@pytest.mark.parametrize("place", rounds([2**70], nightly=[2**63 - 1, 10**19, 2**70]))
def test_no_signal_of_a_snapshot_counts_as_later_than_the_snapshot(hub, log, follower, place):
    first = hub.share(sha256(b"x"))
    follower.load(first.model_copy(update={"position": place}))
    log.add(said(first))
    follower.check()
    assert follower.status.waiting == 0
    assert follower.status.record.snapshot == hub.head


def test_signals_of_a_snapshot_that_still_wait_are_of_it_after_the_next_one(hub, follower):
    first = hub.share(sha256(b"x"))
    follower.load(first)
    follower.load(first, position=hub.head + 5)
    assert follower.status.record.snapshot == first.position


def test_a_file_of_the_first_agents_with_proofs_gets_the_column_it_lacks(tmp_path):
    row = "INSERT INTO unproved (signal, position, ended, applied_at) VALUES ('a', 1, '', 0)"
    with Store(tmp_path) as store, store.write() as tx:
        tx.execute("ALTER TABLE unproved DROP COLUMN first_asked_at")
        tx.execute(row)
    with Store(tmp_path) as store:
        assert proofs.count_unproved(store.read, before=1.0) == (1, 0)


def test_a_file_of_an_agent_without_proofs_and_signatures_takes_a_snapshot(hub, tmp_path):
    with Store(tmp_path) as store, store.write() as tx:
        set_state(tx, hub=str(hub.id), party=hub.party, exercise="0")
        tx.execute("DROP TABLE unproved")
        tx.execute("DROP TABLE wrong_proofs")
    with Store(tmp_path) as store:
        assert store.origin is None or store.origin.party == ""


def test_entries_that_wait_and_new_ones_are_asked_for_in_turns(hub, log, follower, monkeypatch):
    monkeypatch.setattr("stemtide.agent.sync.prover.MOST_SIGNALS", 1)
    monkeypatch.setattr("stemtide.agent.sync.prover.CALLS", 2)
    old = hub.share(sha256(b"old"))
    follower.take(old)
    follower.check()
    follower.take(*(hub.share(sha256(b"%d" % number)) for number in range(3)))
    log.asked.clear()
    follower.check()
    assert [old.id] in [body.signals for body in log.asked]
    assert len({body.signals[0] for body in log.asked}) == 2


def test_a_person_settles_an_alarm(hub, log, follower):
    signal, silent = hub.share(sha256(b"x")), hub.share(sha256(b"y"))
    follower.take(signal, silent)
    log.add(said(signal, tlp="red"))
    follower.check()
    follower.check()
    follower.wait()
    assert proof_status.settle(follower.store, follower.config) == 2
    assert follower.status.alarm == ""
    assert follower.is_off(signal)


def test_a_wrong_proof_of_another_version_does_not_count(hub, log, follower):
    """The feed brings a new version while the hub answers for the old one."""
    signal = hub.share(sha256(b"x"))
    follower.take(signal)
    log.add(said(signal, labels=["other"]))
    follower.check()
    honest = log.prove

    def prove(body):
        answer = honest(body)
        follower.take(signal.model_copy(update={"labels": ["third"], "position": hub.head + 1}))
        return answer

    log.prove = prove
    follower.check()
    log.prove = honest
    assert follower.status.wrong == []
    assert not follower.is_off(signal)  # once so far, for this version
    follower.check()
    assert follower.is_off(signal)


ENDS = ["0001-01-01T00:00:00+14:00", "9999-12-31T23:00:00-14:00"]


@pytest.mark.parametrize("at", rounds(ENDS[:1], nightly=ENDS))
def test_a_time_at_the_end_of_the_calendar_is_a_fact_like_others(hub, log, follower, at):
    signal = hub.share(sha256(b"x"), shared_at=datetime.fromisoformat(at))
    other = hub.share(sha256(b"y"))
    follower.take(signal, other)
    log.add(said(other) | {"uid": str(signal.id)}, said(other))
    assert follower.check(times=2) == ""
    assert follower.is_off(signal)
    assert follower.status.waiting == 0


def test_a_position_that_is_no_number_of_the_file_stops_nothing(hub, log, follower):
    signal = hub.share(sha256(b"x"))
    follower.take(signal.model_copy(update={"position": 2**70}))
    log.add(said(signal))
    follower.check()
    assert follower.status.waiting == 0


def test_a_signal_that_leaves_while_the_hub_answers_is_no_failure(hub, log, follower):
    signal = hub.share(sha256(b"x"))
    follower.take(signal)
    log.add(said(signal))
    found = follower.store.find_ids

    def find_ids(ids):
        rows = found(ids)
        with follower.store.write() as tx:
            tx.execute("DELETE FROM signals")
        return rows

    follower.store.find_ids = find_ids
    assert follower.check() == ""
    assert follower.status.waiting == 0


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


@pytest.mark.parametrize("forge", rounds(FORGERIES[:3], nightly=FORGERIES))
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
    follower.take(hub.share(sha256(b"x")))
    assert follower.check() == ""
    follower.wait()
    assert follower.status.state == "older"
    assert follower.status.alarm == ""


def test_a_hub_that_never_answers_is_an_alarm(hub, log, follower):
    hub.answers["/log/proofs"] = b"{}"
    follower.take(hub.share(sha256(b"x")))
    follower.check()
    follower.wait()
    assert follower.status.alarm
    del hub.answers["/log/proofs"]
    log.start = None
    follower.check()
    assert follower.status.alarm == ""
    hub.answers["/log/proofs"] = b"{}"
    follower.check()
    assert follower.status.alarm


def test_a_hub_that_shows_no_head_is_an_alarm_if_witnesses_are_required(hub, tmp_path):
    key = WitnessKey.of(Ed25519PrivateKey.generate(), name="w/1")
    follower = Follower(hub, tmp_path, witnesses_required=1, witness_keys=(key,))
    follower.take(hub.share(sha256(b"x")))
    assert "has not shown a signed head of its log" in follower.check()
    follower.wait()
    assert "does not prove 1 entries" in follower.status.alarm
    follower.store.close()


def test_a_hub_without_a_log_is_no_alarm_if_no_witness_is_required(hub, tmp_path):
    follower = Follower(hub, tmp_path)
    follower.take(hub.share(sha256(b"x")))
    assert follower.check() == ""
    follower.wait()
    assert follower.status.alarm == ""
    follower.store.close()


def test_a_missing_cosigned_head_is_no_sign_of_an_older_hub(hub, log, tmp_path):
    key = WitnessKey.of(Ed25519PrivateKey.generate(), name="w/1")
    follower = Follower(hub, tmp_path, witnesses_required=1, witness_keys=(key,))
    log.start = None
    follower.take(hub.share(sha256(b"x")))
    assert "does not prove its feed" in follower.check()
    follower.wait()
    assert follower.status.alarm
    follower.store.close()


def test_a_hub_that_no_longer_proves_is_an_alarm(hub, log, follower):
    signal = hub.share(sha256(b"x"))
    follower.take(signal)
    log.add(said(signal))
    follower.check()
    log.start = None
    follower.take(hub.share(sha256(b"y")))
    assert "does not prove its feed" in follower.check()
    follower.wait()
    assert follower.status.alarm


def test_signals_older_than_the_proofs_need_none_and_newer_ones_do(hub, log, follower):
    old = hub.share(sha256(b"x"), shared_at=datetime.now(UTC) - timedelta(days=3))
    new = hub.share(sha256(b"y"))
    follower.take(old, new)
    log.older = [old.id, new.id]
    follower.check()
    assert follower.status.waiting == 1


def test_a_made_up_signal_with_an_old_time_needs_a_proof_as_well(hub, log, follower):
    first = hub.share(sha256(b"x"))
    follower.take(first)
    log.add(said(first))
    follower.check()
    made_up = hub.share(sha256(b"y"), shared_at=datetime.now(UTC) - timedelta(days=3))
    follower.take(made_up, at=datetime.now(UTC) + 2 * LONG_AGO)
    log.older = [made_up.id]
    follower.check()
    assert follower.status.waiting == 1


def test_what_a_later_snapshot_brings_is_proved_and_what_was_there_is_not_asked_again(
    hub, log, follower
):
    signals = [hub.share(sha256(b"%d" % number)) for number in range(4)]
    follower.load(*signals[:2])
    log.add(*map(said, signals))
    follower.check()
    moved = signals[0].model_copy(update={"position": 99, "confirmed_by": ["paste-corner"]})
    changed = signals[1].model_copy(update={"labels": ["other"]})
    follower.load(moved, changed, signals[2])
    log.asked.clear()
    assert follower.status.waiting == 2
    follower.check(times=2)
    assert {*log.asked[0].signals} == {signals[1].id, signals[2].id}
    assert follower.is_off(changed)
    assert not follower.is_off(signals[2])


def test_ends_from_before_a_snapshot_need_no_proof(hub, log, follower):
    signal = hub.share(sha256(b"x"))
    follower.take(signal)
    log.add(said(signal))
    follower.check()
    follower.take(Tombstone(id=signal.id, position=hub.head + 1, state="withdrawn"))
    follower.load()
    follower.check()
    follower.wait()
    assert follower.status.waiting == 0
    assert follower.status.alarm == ""


@pytest.mark.nightly
def test_of_too_many_signals_of_a_snapshot_some_are_proved_at_random(hub, tmp_path, monkeypatch):
    monkeypatch.setattr(proofs, "MOST_OF_SNAPSHOT", 2)
    monkeypatch.setattr(proofs, "SIGNALS_OF_SAMPLE", 2)
    signals = [hub.share(sha256(b"%d" % number)) for number in range(8)]
    samples = Counter()
    for name in range(40):
        follower = Follower(hub, tmp_path / str(name))
        follower.load(*signals)
        asked = {uid for (uid,) in follower.store.read("SELECT signal FROM unproved")}
        assert follower.status.record.beyond == 8 - len(asked)
        assert asked >= {str(signals[6].id), str(signals[7].id)}
        samples.update(asked)
        follower.store.close()
    assert samples.keys() == {str(signal.id) for signal in signals}  # also the first and the last
    assert len({*samples.values()}) > 1


def test_signals_of_a_snapshot_that_are_older_than_the_proofs_are_counted(hub, log, follower):
    first = hub.share(sha256(b"x"))
    follower.take(first)
    log.add(said(first))
    follower.check()
    old = hub.share(sha256(b"y"), shared_at=datetime.now(UTC) - timedelta(days=3))
    follower.load(first, old)
    with follower.store.write() as tx:
        tx.execute("UPDATE unproved SET applied_at = applied_at + 7200")
    log.older = [old.id]
    follower.check()
    assert follower.status.waiting == 0
    assert follower.status.record.unprovable == 1


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


def test_an_agent_queues_what_its_feed_and_a_snapshot_bring(hub, log, sandbox, tmp_path):
    hub.share(sha256(b"in the snapshot"))
    config = config_of(hub, tmp_path)
    with agent_of(config, sandbox) as agent:
        agent.wait(position=hub.head)
        assert agent.health()["unproved"] == 1
        signal = hub.share(sha256(b"x"))
        agent.wait(position=hub.head)
        assert until(lambda: agent.health()["unproved"] == 2)
        hub.withdraw(signal)
        agent.wait(position=hub.head)
        assert agent.health()["unproved"] == 2
        assert agent.health()["unprovable"] == 0
        row = agent.http.get("/log").json()["proofs"]
        assert (row["waiting"], row["state"], row["wrong"]) == (2, "none", [])
        assert agent.http.post("/log/settle").json()["proofs"]["alarm"] is None
    assert log.asked == []
