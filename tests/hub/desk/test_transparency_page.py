# SPDX-License-Identifier: Apache-2.0
"""The public page of the transparency log: what strangers may see, and no more."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.test import Client

from stemtide.hub.rooms.parties.reads.parties import Caller
from stemtide.hub.rooms.transparency.reads import log, witnesses as reads
from stemtide.hub.rooms.transparency.writes import leaves, witnesses
from stemtide.protocol.sync.witnesses import CosignatureIn
from stemtide.protocol.tlog.cosignatures import WitnessKey, cosign
from stemtide.protocol.tlog.notes import Checkpoint, Note, encode_base64
from tests.rounds import few

NOW = datetime.now(UTC)
OLD = NOW - timedelta(days=2)


def page(**query):
    answer = Client().get("/transparency", query)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.fixture
def hub(world):
    """A hub with a public head, a newer one, and a party's witness."""
    leaves.follow_ledger(OLD)
    witnesses.offer_head(OLD)
    private = Ed25519PrivateKey.generate()
    name = f"{world.party['provider'].name}/uploads"
    text = Note.read(reads.offered()).text
    body = CosignatureIn(
        key=str(WitnessKey.of(private, name=name)),
        size=int(text.split("\n")[1]),
        line=cosign(text, key=private, name=name, at=int(OLD.timestamp())),
    )
    by = Caller(world.party["provider"], "abc", frozenset())
    witnesses.add_cosignature(body, by=by, now=OLD)
    world.share()
    leaves.follow_ledger(NOW)
    return world


@pytest.mark.usefixtures("hub")
def test_a_stranger_sees_the_public_head_and_how_to_check_it():
    public = log.head(now=NOW, is_member=False)
    newest = log.head(now=NOW, is_member=True)
    assert public.size < newest.size
    shown = page()
    assert encode_base64(Checkpoint.read(Note.read(public.note).text).root) in shown
    assert encode_base64(Checkpoint.read(Note.read(newest.note).text).root) not in shown
    assert "stemtide ledger copy log --hub http://testserver" in shown
    assert str(log.log_keys()[0]) in shown
    assert f"{OLD:%Y-%m-%d}" in shown
    assert f"{NOW:%Y-%m-%d}" not in shown


def test_a_stranger_sees_how_many_parties_watch_and_not_which(hub):
    shown = page()
    assert "The programs of 1 party watch the log" in shown
    assert "provider/uploads" not in shown
    assert hub.party["provider"].title not in shown


@pytest.mark.usefixtures("hub")
def test_a_listed_witness_is_shown_with_its_key():
    key = WitnessKey.of(Ed25519PrivateKey.generate(), name="witness.example/w1")
    witnesses.list_witness(str(key), address="https://w.example", actor="host", now=NOW)
    assert str(key) in page()


@pytest.mark.usefixtures("world")
def test_a_hub_without_a_head_says_so():
    assert "There is no head to show yet." in page()


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize(
    ("language", "words"),
    few((2,), of=[("nl", "Getuigen"), ("fr", "Témoins"), ("de", "Zeugen"), ("en", "Witnesses")]),
)
def test_the_page_is_in_four_languages_and_sets_no_cookie(language, words):
    answer = Client().get("/transparency", {"language": language})
    assert words in answer.content.decode()
    assert answer.headers["Content-Language"] == language
    assert not answer.cookies


def test_the_page_is_only_read():
    assert Client().post("/transparency").status_code == 405
