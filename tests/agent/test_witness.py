# SPDX-License-Identifier: Apache-2.0
"""An agent watches its hub's log: it cosigns what grows, and stops where the past was rewritten."""

import asyncio
import stat
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from stemtide.agent.hub.client import Client
from stemtide.agent.store.database import Store
from stemtide.agent.store.log.heads import LogAlarm, read_log, write_alarm
from stemtide.agent.store.position import set_state
from stemtide.agent.sync.witness import LogWitness, accept
from stemtide.agent.sync.witness_key import NAME
from stemtide.protocol.sync.signatures import PublicKey
from stemtide.protocol.tlog.cosignatures import WitnessKey, cosigners
from stemtide.protocol.tlog.notes import Checkpoint, Note
from stemtide.protocol.tlog.statements import Statement
from tests.agent.fake_log import FakeLog
from tests.agent.world import agent_of, config_of, sha256, until
from tests.rounds import rounds

KNOWN, LATER = b"known", b"later"


@pytest.fixture
def log(hub):
    """The log of the fake hub."""
    hub.log = FakeLog()
    return hub.log


class Watcher:
    """A witness with a store of its own."""

    def __init__(self, hub, folder, **other):
        self.config = config_of(hub, folder, **other)
        with Store(self.config.data_dir) as store, store.write() as tx:
            set_state(tx, hub=str(hub.id), party=hub.party, exercise="0")
        self.store = Store(self.config.data_dir)
        self.open()

    def open(self):
        """Begin as a process does that finds this store."""
        client = Client(self.config)
        self.witness = LogWitness(config=self.config, store=self.store, client=client, again_s=0)
        self._client = client

    def check(self):
        async def check():
            async with self._client:
                await self.witness.check()

        asyncio.run(check())
        trouble = self.witness.trouble
        self.open()
        return trouble

    @property
    def record(self):
        return read_log(self.store.read)


@pytest.fixture
def watcher(hub, log, tmp_path):  # noqa: ARG001  # the hub has a log
    watcher = Watcher(hub, tmp_path)
    yield watcher
    watcher.store.close()


def head_of(note):
    return Checkpoint.read(Note.read(note).text)


def test_a_log_that_grows_is_checked_and_cosigned(watcher, log):
    for _ in range(3):
        assert watcher.check() == ""
        assert head_of(watcher.record.note) == log.head()
        log.grow()
    assert [body.size for body in log.cosignatures] == [3, 4, 5]
    assert watcher.record.checked_at
    assert watcher.record.cosigned_at
    assert watcher.record.alarm is None


def test_a_cosignature_is_of_this_agent_and_verifies(watcher, log):
    watcher.check()
    (body,) = log.cosignatures
    key = WitnessKey.read(body.key)
    assert key.name == "small-provider/uploads"
    note = Note.read(f"{log.file('offered').decode()}{body.line}")
    (at,) = cosigners(note, trusted=[key]).values()
    assert abs(at - datetime.now(UTC).timestamp()) < 3600


def test_the_key_stays_and_only_the_agent_s_user_can_read_it(watcher, log):
    watcher.check()
    log.grow()
    watcher.check()
    assert len({body.key for body in log.cosignatures}) == 1
    path = watcher.config.data_dir / NAME
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", rounds([b"nonsense"], nightly=[b"nonsense", b""]))
def test_a_damaged_key_is_named_and_the_head_is_checked_all_the_same(watcher, log, content):
    (watcher.config.data_dir / NAME).write_bytes(content)
    assert "witness.pem holds no key: move it away" in watcher.check()
    assert head_of(watcher.record.note) == log.head()
    assert log.cosignatures == []


def test_a_key_of_another_kind_is_named(watcher):
    pem = generate_private_key(SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    (watcher.config.data_dir / NAME).write_bytes(pem)
    assert "a key of another kind" in watcher.check()


def rewrite(log):
    log.leaves[1] = b"another past"
    log.grow()


def set_back(log):
    log.leaves.pop()


def replace_the_last(log):
    log.leaves[-1] = b"another last leaf"


@pytest.mark.parametrize("change", rounds([rewrite], nightly=[rewrite, set_back, replace_the_last]))
def test_a_log_that_was_rewritten_is_an_alarm_with_both_heads(watcher, log, change):
    watcher.check()
    before = watcher.record.note
    change(log)
    watcher.check()
    alarm = watcher.record.alarm
    assert alarm.kept == before
    assert head_of(alarm.shown) == log.head()
    assert not alarm.is_renamed
    assert "rewritten" in watcher.witness.reason_to_wait()
    assert len(log.cosignatures) == 1


def test_an_alarm_stays_when_the_hub_shows_the_old_log_again(watcher, log):
    watcher.check()
    before = list(log.leaves)
    rewrite(log)
    watcher.check()
    log.leaves = [*before, b"leaf 3"]
    watcher.check()
    assert watcher.record.alarm is not None
    assert len(log.cosignatures) == 1


def test_a_head_that_is_right_the_second_time_is_no_alarm(hub, watcher, log):
    watcher.check()
    good = list(log.leaves)
    rewrite(log)
    bad, count = list(log.leaves), hub.asked["/log"]

    class OnceWrong(FakeLog):
        def file(self, path):
            if path == "offered":
                self.asked += 1
            self.leaves = bad if self.asked == 1 else [*good, b"leaf 3"]
            return super().file(path)

    once = OnceWrong(origin=log.origin, key=log.keys[0])
    once.asked = 0
    hub.log = once
    assert watcher.check() == ""
    assert watcher.record.alarm is None
    assert head_of(watcher.record.note).size == 4
    assert hub.asked["/log"] > count


def test_a_log_after_a_restore_stops_nothing_and_is_not_cosigned(hub, watcher, log):
    watcher.check()
    hub.log = restore(log, overlap=2)
    watcher.check()
    alarm = watcher.record.alarm
    assert alarm.is_renamed
    assert hub.log.origin in alarm.text
    assert watcher.witness.reason_to_wait() == ""
    assert hub.log.cosignatures == []


def restore(log, *, overlap, last=None):
    """The log of the hub after a restore."""
    hub = "stemtide/00000000-0000-0000-0000-000000000001"
    before = Statement(log.origin, "2026-11-24T12:00:00.000000+00:00", 0)
    now = "2026-11-29T07:16:48.000000+00:00"
    statement = Statement(f"{hub}/20261129T071648Z", now, overlap - 1, overlap, last, before)
    restored = FakeLog(0, origin=statement.origin, key=log.keys[0])
    restored.leaves = [statement.data, *log.leaves[1:overlap], b"the restore"]
    return restored


def test_a_log_after_a_restore_says_what_is_lost_and_is_cosigned_once_accepted(hub, watcher, log):
    watcher.check()
    hub.log = restore(log, overlap=2, last=log.head())
    watcher.check()
    text = watcher.record.alarm.text
    assert "restored at 2026-11-29T07:16:48" in text
    assert text.endswith("entries 2 to 2 and any later ones are lost")
    shown = head_of(watcher.record.alarm.shown)
    assert accept(watcher.store, size=shown.size, root=shown.root)
    hub.log.grow()
    assert watcher.check() == ""
    assert watcher.record.alarm is None
    assert len(hub.log.cosignatures) == 1


def test_a_restore_that_knows_of_less_than_the_agent_saw_is_said(hub, watcher, log):
    watcher.check()
    hub.log = restore(log, overlap=2)
    watcher.check()
    assert "more is lost than it says" in watcher.record.alarm.text


def test_a_proof_that_the_hub_withholds_is_trouble_and_no_alarm(watcher, log):
    watcher.check()
    log.grow()
    log.missing.add("tile/0/000.p/4")
    watcher.check()
    log.missing.clear()
    log.missing.add("nothing")
    assert watcher.record.alarm is None
    assert head_of(watcher.record.note).size == 3
    assert len(log.cosignatures) == 1


def test_an_older_hub_without_a_log_is_no_trouble(hub, watcher):
    hub.log = None
    assert watcher.check() == ""
    assert watcher.record.note == ""


def test_only_the_key_that_signed_before_is_believed(hub, watcher, log):
    watcher.check()
    other = FakeLog(4, origin=log.origin)
    hub.log = other
    assert "signed by no key that it had before" in watcher.check()
    assert watcher.record.alarm is None
    assert head_of(watcher.record.note).size == 3


def test_a_new_key_is_believed_once_it_signs_beside_the_old_one(watcher, log):
    watcher.check()
    old = log.keys[0]
    log.keys = [Ed25519PrivateKey.generate(), old]
    log.grow()
    assert watcher.check() == ""
    log.keys = log.keys[:1]
    log.grow()
    assert watcher.check() == ""
    assert head_of(watcher.record.note).size == 5


def test_a_pinned_key_alone_is_believed(hub, log, tmp_path):
    pinned = PublicKey.of(log.keys[0])
    watcher = Watcher(hub, tmp_path, hub_public_key=(pinned,))
    assert watcher.check() == ""
    hub.log = FakeLog(4, origin=log.origin)
    assert "by no key that you trust" in watcher.check()
    watcher.store.close()


def test_an_agent_with_an_alarm_matches_on_and_applies_nothing_until_a_person_accepts(
    hub, log, config, sandbox
):
    hub.share(sha256(KNOWN))
    with agent_of(config, sandbox) as agent:
        agent.wait(position=hub.head, ready=True)
    note = replace(log.head(), size=9).sign(log.keys)
    alarm = LogAlarm("it was set back", log.file("offered").decode(), note, "2026-11-29T12:00:00")
    with Store(config.data_dir) as store, store.write() as tx:
        write_alarm(tx, alarm)
    with agent_of(config, sandbox) as agent:
        hub.share(sha256(LATER))
        trouble = until(lambda: agent.health()["troubles"].get("hub"))
        assert "transparency log was rewritten" in trouble
        assert "stemtide agent log show" in agent.health()["troubles"]["log_alarm"]
        assert agent.match(KNOWN)["matches"]
        assert agent.health()["position"] == hub.head - 1
        assert not agent.match(LATER)["matches"]
        state = agent.http.get("/log").json()
        assert state["alarm"]["shown"]["size"] == 9
        wrong = agent.http.post("/log/accept", json={"size": 8, "root": "AAAA"})
        assert wrong.status_code == 422
        head = {name: state["alarm"]["shown"][name] for name in ("size", "root")}
        assert agent.http.post("/log/accept", json=head).json()["alarm"] is None
        agent.wait(position=hub.head)
        assert agent.match(LATER)["matches"]
        assert "log_alarm" not in agent.health()["troubles"]


def test_a_rewritten_log_is_an_alarm_also_while_a_new_name_waits(hub, watcher, log):
    watcher.check()
    old = list(log.leaves)
    hub.log = restore(log, overlap=2)
    watcher.check()
    assert watcher.record.alarm.is_renamed
    assert watcher.witness.reason_to_wait() == ""
    hub.log = log
    log.leaves = [b"another past", *old[1:], b"leaf 3"]
    watcher.check()
    assert not watcher.record.alarm.is_renamed
    assert "rewritten" in watcher.witness.reason_to_wait()


def test_heads_of_a_new_name_are_compared_with_each_other(hub, watcher, log):
    watcher.check()
    hub.log = restore(log, overlap=2)
    watcher.check()
    hub.log.leaves[-1] = b"another"
    hub.log.grow()
    watcher.check()
    assert not watcher.record.alarm.is_renamed


def test_a_new_name_that_no_restore_explains_stops_new_entries(hub, watcher, log):
    watcher.check()
    hub.log = FakeLog(2, origin="stemtide/log-2", key=log.keys[0])
    watcher.check()
    assert "It names no restore" in watcher.record.alarm.text
    assert not watcher.record.alarm.is_renamed
    assert "rewritten" in watcher.witness.reason_to_wait()


def test_a_log_that_was_there_and_is_withheld_is_trouble(hub, watcher, log):
    watcher.check()
    hub.log = None
    assert "could not be checked" in watcher.check()
    hub.log = log
    assert watcher.check() == ""


@pytest.mark.parametrize("change", rounds(["root"], nightly=["root", "origin"]))
def test_a_restore_that_names_another_past_stops_new_entries(hub, watcher, log, change):
    """A log that was rewritten cannot pass for one that a restore opened."""
    watcher.check()
    head = log.head()
    if change == "root":
        last, named = replace(head, root=bytes(32)), log
    else:
        last, named = replace(head, origin="stemtide/other"), FakeLog(3, origin="stemtide/other")
    hub.log = restore(named, overlap=2, last=last)
    hub.log.keys = log.keys
    watcher.check()
    assert not watcher.record.alarm.is_renamed
    assert "rewritten" in watcher.witness.reason_to_wait()
