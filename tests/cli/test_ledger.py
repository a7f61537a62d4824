# SPDX-License-Identifier: Apache-2.0
"""stemtide ledger: an auditor copies and checks the log, and an operator the database."""

import asyncio
import gzip
import sqlite3
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from stemtide.agent.config.settings import Config
from stemtide.agent.hub.client import Client
from stemtide.agent.store.database import Store
from stemtide.agent.store.log.heads import read_log
from stemtide.agent.store.position import set_state
from stemtide.agent.sync.witness import LogWitness
from stemtide.cli.commands.ledger import logs
from stemtide.protocol.tlog.cosignatures import WitnessKey
from stemtide.protocol.tlog.notes import Checkpoint, Note, NoteKey
from stemtide.protocol.tlog.proofs import LogProof
from tests.agent.fake_hub import Server
from tests.cli.conftest import surroundings
from tests.hub.api.conftest import signal, wait_until
from tests.protocol import go_tlog
from tests.world import hex_value


@pytest.fixture
def auditor(stemtide, hub):
    """Run a command with a party's key."""
    key = hub.keys["rights-watch"]
    wait_until(lambda: stemtide("ledger", "keys", "--data-dir", hub.folder).code == 0)
    return lambda *words: stemtide(*words, STEMTIDE_KEY=key, STEMTIDE_HUB_URL=hub.address)


@pytest.fixture
def copy(auditor, tmp_path):
    """A folder with the hub's log as it is."""
    folder = tmp_path / "copy"
    done = auditor("ledger", "copy", folder)
    assert done.code == 0, done.err
    return folder


def size_of(folder):
    return Checkpoint.read(Note.read((folder / "checkpoint").read_text("utf-8")).text).size


def share(hub, number):
    with hub.client() as client:
        shared = client.post("/api/v1/signals", json=signal(hex_value(number), tlp="amber"))
        assert shared.status_code == 201


def test_a_copy_grows_with_the_log_and_holds(auditor, hub, copy):
    old = size_of(copy)
    share(hub, 163)
    wait_until(lambda: auditor("ledger", "copy", copy).code == 0 and size_of(copy) > old)
    for source in (copy, hub.address):
        done = auditor("ledger", "verify", source, "--json")
        assert done.code == 0, done.err
        (row,) = done.rows
        assert row["holds"]
        assert row["size"] >= size_of(copy)
    done = auditor("ledger", "verify", hub.address, "--from", copy)
    assert done.code == 0, done.err
    assert "leaves hold. The log proves from 20" in done.out


def test_a_copy_that_somebody_changed_does_not_hold(auditor, copy):
    bundle = next((copy / "tile/entries").glob("000*"))
    bundle = next(bundle.iterdir()) if bundle.is_dir() else bundle
    content = bytearray(bundle.read_bytes())
    content[-1] ^= 1
    bundle.write_bytes(content)
    done = auditor("ledger", "verify", copy)
    assert done.code == 1
    assert "has another root than the leaves" in done.out
    assert "not hold" in done.err


def test_a_head_of_another_key_is_refused(auditor, hub, copy):
    other = NoteKey("stemtide/other", bytes(32))
    done = auditor("ledger", "verify", hub.address, "--trust", other)
    assert done.code == 1
    assert "by no key that you trust" in done.err
    (copy / "keys").write_text(f"{other}\n", "utf-8")
    assert "by no key that you trust" in auditor("ledger", "copy", copy).err


@pytest.mark.nightly
def test_a_head_that_was_kept_shows_that_a_log_was_set_back(auditor, hub, copy, tmp_path):
    newer = tmp_path / "newer"
    old = size_of(copy)
    share(hub, 164)
    wait_until(lambda: auditor("ledger", "copy", newer).code == 0 and size_of(newer) > old)
    done = auditor("ledger", "verify", copy, "--from", newer / "checkpoint", "--json")
    assert done.code == 1
    assert "it was set back" in done.rows[0]["text"]


@pytest.mark.nightly
def test_an_entry_is_proved_from_the_log_and_opened_on_the_hubs_machine(
    stemtide, auditor, hub, copy
):
    text = auditor("ledger", "prove", 3, hub.address).out
    key = NoteKey.read((copy / "keys").read_text("utf-8").splitlines()[0])
    done = stemtide("ledger", "prove", 3, "--json", "--data-dir", hub.folder)
    assert done.code == 0, done.err
    (row,) = done.rows
    leaf = bytes.fromhex(row["leaf"])
    for proof in (text, row["proof"]):
        assert LogProof.read(proof).check(leaf, trusted=[key]).size > 3
    assert row["entry"]["number"] == 3

    done = auditor("ledger", "prove", 999_999, hub.address)
    assert (done.code, done.out) == (1, "")
    assert "has no leaf 999999" in done.err


@pytest.mark.nightly
def test_go_verifies_the_log_of_a_hub(auditor, hub, copy, tmp_path):
    (tmp_path / "go").mkdir()
    program = go_tlog.build(tmp_path / "go")
    old = size_of(copy)
    (copy / "checkpoint").rename(copy / "old")
    share(hub, 165)
    wait_until(lambda: auditor("ledger", "copy", copy).code == 0 and size_of(copy) > old)
    key = (copy / "keys").read_text("utf-8").splitlines()[0]
    run = go_tlog.check(program, copy, key, "old", "checkpoint")
    assert run.stdout.splitlines() == [f"{old} holds", f"{size_of(copy)} holds"], run.stderr


def test_a_stranger_is_told_when_there_is_a_head(stemtide, hub):
    done = stemtide("ledger", "verify", hub.address)
    assert done.code == 1
    assert "24 hours old" in done.err


def test_what_cannot_be_read_is_named(auditor, tmp_path):
    assert "cannot be read" in auditor("ledger", "verify", tmp_path / "nowhere").err
    assert "cannot be reached" in auditor("ledger", "verify", "http://127.0.0.1:9").err


@pytest.mark.nightly
def test_an_operator_is_told_which_entry_was_changed(stemtide, hub_folder):
    done = stemtide("ledger", "verify", "--data-dir", hub_folder)
    assert (done.code, "no transparency log yet" in done.err) == (1, True)
    stemtide(
        "party", "add", "one", "--kind", "authority", "--country", "BE", "--data-dir", hub_folder
    )
    grow(hub_folder)
    done = stemtide("ledger", "verify", "--data-dir", hub_folder, "--json")
    assert (done.code, done.rows[0]["holds"]) == (0, True), done.err

    with sqlite3.connect(hub_folder / "hub.sqlite3") as database:
        database.execute("DROP TRIGGER ledger_entry_no_update")
        database.execute("UPDATE ledger_entry SET actor = 'clock' WHERE number = 1")
    database.close()
    done = stemtide("ledger", "verify", "--data-dir", hub_folder, "--json")
    assert done.code == 1
    assert done.rows == [
        {"flaw": "changed", "entry": 1, "text": "entry 1 (party.added) was changed"}
    ]


GROW = """
from datetime import UTC, datetime
from stemtide.hub import boot
boot.start()
from stemtide.hub.rooms.transparency.writes import leaves
leaves.follow_ledger(datetime.now(UTC))
"""


def grow(folder):
    """Make leaves, as a hub that runs does each second."""
    environment = surroundings({"STEMTIDE_DATA_DIR": str(folder)})
    subprocess.run([sys.executable, "-c", GROW], check=True, env=environment)


def test_a_hub_that_sends_more_than_a_log_has_is_not_read_to_the_end():
    """The hub is the one that is audited: a small packed answer must not fill the memory."""
    bomb = gzip.compress(bytes(logs.MOST_BYTES + 1))

    async def send(_request):
        return Response(bomb, headers={"Content-Encoding": "gzip"})

    server = Server(Starlette(routes=[Route("/log/{path:path}", send)]))
    try:
        with pytest.raises(logs.LogReadError, match="sent more than"):
            logs.reader_of(server.url, key="")("tile/0/000")
    finally:
        server.stop()


class Watching:
    """An agent's part that watches the log of a real hub."""

    def __init__(self, hub, party, folder):
        self.folder = folder
        folder.mkdir()
        self.config = Config(
            name="uploads", hub_url=hub.address, key=hub.keys[party], data_dir=folder
        )
        with Store(folder) as store, store.write() as tx:
            set_state(tx, hub="hub", party=party, exercise="0")

    def check(self):
        """Check the log once; return what the agent then knows of it."""
        with Store(self.folder) as store:
            client = Client(self.config)
            witness = LogWitness(config=self.config, store=store, client=client, again_s=0)

            async def check():
                async with client:
                    await witness.check()

            asyncio.run(check())
            assert witness.trouble == ""
            return read_log(store.read)


def test_an_agent_cosigns_the_log_of_a_real_hub_and_an_auditor_demands_it(
    auditor, stemtide, hub, tmp_path
):
    agent = Watching(hub, "small-forum", tmp_path / "agent")
    wait_until(lambda: agent.check().cosigned_at)
    known = agent.check()
    listed = stemtide("ledger", "witness", "list", "--data-dir", hub.folder, "--json")
    (row,) = [row for row in listed.rows if row["name"] == "small-forum/uploads"]
    assert row["size"] == Checkpoint.read(Note.read(known.note).text).size
    done = auditor("ledger", "verify", hub.address, "--witness", row["key"])
    assert done.code == 0, done.err
    stranger = WitnessKey.of(Ed25519PrivateKey.generate(), name="small-forum/uploads")
    refused = auditor("ledger", "verify", hub.address, "--witness", stranger)
    assert refused.code == 1
    assert "is not cosigned by small-forum/uploads" in refused.err
    misplaced = stemtide("ledger", "verify", "--witness", row["key"], "--data-dir", hub.folder)
    assert misplaced.code == 2


@pytest.mark.nightly
def test_an_operator_lists_and_removes_a_witness(stemtide, hub):
    key = WitnessKey.of(Ed25519PrivateKey.generate(), name="witness.example/w9")
    here = ("--data-dir", hub.folder)
    added = stemtide("ledger", "witness", "add", key, "https://witness.example/w9", *here)
    assert added.code == 0, added.err
    again = stemtide("ledger", "witness", "add", key, "https://witness.example/w9", *here)
    assert again.code == 1
    assert "is or was a witness already" in again.err
    rows = stemtide("ledger", "witness", "list", *here, "--json").rows
    assert str(key) in {row["key"] for row in rows}
    assert stemtide("ledger", "witness", "remove", "witness.example/w9", *here).code == 0
    gone = stemtide("ledger", "witness", "remove", "witness.example/w9", *here)
    assert gone.code == 1
    assert "there is no witness" in gone.err
