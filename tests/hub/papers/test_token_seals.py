# SPDX-License-Identifier: Apache-2.0
"""Seals by a key on a token: SoftHSM stands in for the hardware, by the same PKCS #11."""

import logging
import threading
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from stemtide.hub.platform.documents import hub_seal as own, party_seals, token_seals
from stemtide.hub.platform.documents.verification import verify_pdf
from stemtide.protocol.messages.documents import OwnKeyState, SealVerdict, Trust
from tests.hub.papers import softhsm
from tests.hub.papers.keys_of_parties import lay_out, self_signed
from tests.hub.papers.papers import as_pem, certificate, name, text_of
from tests.hub.papers.test_party_seals import OTHER, POLICE, sealed
from tests.rounds import rounds
from tests.world import NOON

pytestmark = pytest.mark.skipif(
    not softhsm.is_installed(),
    reason="no token in software: apt install softhsm2, pip install stemtide[pkcs11]",
)


@pytest.fixture(scope="module", autouse=True)
def tokens(tmp_path_factory):
    """A folder of tokens for this file: the library reads once where they are."""
    folder = tmp_path_factory.mktemp("softhsm")
    softhsm.begin(folder)
    return folder


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    return tmp_path


@pytest.fixture
def lay(settings, tmp_path):
    """Put a key on a token of its own, and let the hub use it."""
    label = f"token {uuid4().hex[:16]}"

    def lay(key, one, *, pin=softhsm.PIN):
        (tmp_path / "key.pem").write_bytes(as_pem(key))
        softhsm.make_token(label, tmp_path / "key.pem")
        (tmp_path / "be.pem").write_bytes(
            as_pem(key, one).partition(b"-----END PRIVATE KEY-----\n")[2]
        )
        (tmp_path / "be.pin").write_text(pin)
        (tmp_path / "be.pin").chmod(0o600)
        lay_out(tmp_path, settings).write_text(
            f'[be-police]\ntoken_library = "{softhsm.LIBRARY}"\ntoken = "{label}"\nkey = "seal"\n'
            f'pin_file = "{tmp_path}/be.pin"\ncertificate_file = "{tmp_path}/be.pem"\n'
        )
        return label

    return lay


def curve():
    key = ec.generate_private_key(ec.SECP256R1())
    return key, certificate(key, name("be-police", "Authority"))


def seals(pdf):
    found = verify_pdf(pdf, trusted=own.hub_trust(NOON), now=NOON)
    assert found.verdict is SealVerdict.GENUINE
    return [(seal.trust, seal.party) for seal in found.seals]


KINDS = {"curve": curve, "rsa": lambda: self_signed("be-token")}


@pytest.mark.parametrize("kind", list(KINDS)[: rounds(1, nightly=None)])
def test_an_order_is_sealed_by_a_key_that_stays_on_its_token(lay, kind):
    lay(*KINDS[kind]())
    assert party_seals.own_seal_of(POLICE, now=NOON).state is OwnKeyState.READY
    assert seals(sealed()) == [(Trust.PARTY, POLICE), (Trust.OWN, "")]
    assert seals(sealed()) == [(Trust.PARTY, POLICE), (Trust.OWN, "")]  # in a session of its own


def test_an_order_leaves_when_the_token_is_gone_and_says_so(lay):
    label = lay(*self_signed("be-token"))
    assert party_seals.own_seal_of(POLICE, now=NOON).state is OwnKeyState.READY
    softhsm.drop_token(label)
    pdf = sealed()
    assert seals(pdf) == [(Trust.OWN, "")]
    assert "own seal could not be used" in " ".join(text_of(pdf).split())


def test_a_wrong_pin_is_named_and_not_repeated(lay, caplog):
    caplog.set_level(logging.DEBUG)
    label = lay(*self_signed("be-token"), pin="000999")
    found = party_seals.own_seal_of(POLICE, now=NOON)
    assert found.state is OwnKeyState.UNUSABLE
    assert label in found.why
    assert "000999" not in caplog.text + repr(found)


def test_a_certificate_of_another_key_is_refused_before_it_seals(lay):
    lay(self_signed("be-token")[0], self_signed("be-other")[1])
    found = party_seals.own_seal_of(POLICE, now=NOON)
    assert found.state is OwnKeyState.UNUSABLE
    assert "does not belong to the certificate" in found.why


def test_a_token_that_hangs_holds_up_no_order_for_long(lay, monkeypatch):
    lay(*self_signed("be-token"))
    assert party_seals.own_seal_of(POLICE, now=NOON).state is OwnKeyState.READY
    end = threading.Event()
    monkeypatch.setattr(token_seals, "TIMEOUT_S", 0.2)
    monkeypatch.setattr(token_seals, "_slot", lambda _: end.wait() and None)
    try:
        for _ in range(2):  # the second does not wait for the first
            assert seals(sealed()) == [(Trust.OWN, "")]
    finally:
        end.set()


def test_a_token_that_hangs_is_asked_once_for_all_its_library_holds(lay, tmp_path, monkeypatch):
    lay(*self_signed("be-token"))
    listed, other = tmp_path / "parties.toml", tmp_path / "fr.pem"
    other.write_bytes(as_pem(*self_signed("fr-token")))
    row = listed.read_text()
    listed.write_text(row + row.replace(POLICE, OTHER).replace(f"{tmp_path}/be.pem", str(other)))
    end, asked = threading.Event(), []
    monkeypatch.setattr(token_seals, "TIMEOUT_S", 0.2)
    monkeypatch.setattr(token_seals, "_slot", lambda token: asked.append(token) or end.wait())
    try:
        assert party_seals.own_seal_of("small-forum", now=NOON).state is OwnKeyState.NONE
        assert len(own.hub_trust(NOON).parties) == 2  # recognised without their tokens
        assert not asked
        for party in (POLICE, OTHER, POLICE):
            assert party_seals.own_seal_of(party, now=NOON).state is OwnKeyState.UNUSABLE
        assert len(asked) == 1
    finally:
        end.set()


def test_tokens_of_two_parties_with_one_certificate_are_not_used(lay, tmp_path):
    lay(*self_signed("be-token"))
    listed = tmp_path / "parties.toml"
    listed.write_text(listed.read_text() + listed.read_text().replace(POLICE, OTHER))
    found = party_seals.own_seal_of(OTHER, now=NOON)
    assert (found.state, found.seal) == (OwnKeyState.UNUSABLE, None)
    assert "its own key" in found.why
    assert not own.hub_trust(NOON).parties


def test_a_token_of_which_there_is_no_library_is_named(settings, tmp_path):
    (tmp_path / "be.pem").write_bytes(as_pem(*self_signed("be-token")))
    (tmp_path / "be.pin").write_text("1")
    (tmp_path / "be.pin").chmod(0o600)
    lay_out(tmp_path, settings).write_text(
        f'[be-police]\ntoken_library = "/nowhere.so"\ntoken = "t"\nkey = "seal"\n'
        f'pin_file = "{tmp_path}/be.pin"\ncertificate_file = "{tmp_path}/be.pem"\n'
    )
    found = party_seals.own_seal_of(POLICE, now=NOON)
    assert (found.state, "cannot be used" in found.why) == (OwnKeyState.UNUSABLE, True)
