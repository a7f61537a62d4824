# SPDX-License-Identifier: Apache-2.0
"""Time stamps on seals: what an authority confirms, and what happens if it does not."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from stemtide.hub.platform.documents import hub_seal as own, timestamps
from stemtide.hub.platform.documents.pdf_seals import seal_pdf
from stemtide.hub.platform.documents.seal_files import seal_in
from stemtide.hub.platform.documents.verification import Trusted, verify_pdf
from stemtide.protocol.messages.documents import SealVerdict, StampState, Trust
from tests.cli.conftest import run
from tests.hub.papers.keys_of_parties import lay_out
from tests.hub.papers.papers import plain, text_of
from tests.hub.papers.stamping import StampServer, stamping
from tests.hub.papers.test_party_seals import sealed
from tests.rounds import rounds


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    timestamps._failures.clear()
    return tmp_path


@pytest.fixture
def authority(settings, tmp_path):
    with stamping(tmp_path, settings) as server:
        yield server


def now():
    """The authority's clock is the machine's."""
    return datetime.now(UTC)


def looked_at(pdf, **more):
    found = verify_pdf(pdf, trusted=more.get("trusted") or own.hub_trust(now()), now=now())
    assert found.verdict is SealVerdict.GENUINE
    return found.seals


def is_without(pdf):
    said = "Without a time stamp: the time stamp authority gave none in time"
    return looked_at(pdf)[-1].stamp is None and said in " ".join(text_of(pdf).split())


def test_the_time_of_a_document_is_confirmed_by_an_authority(authority):
    pdf = sealed(now=now())
    (hubs,) = looked_at(pdf)
    assert (hubs.stamp.is_intact, hubs.stamp.is_trusted) == (True, True)
    assert "Time stamps" in hubs.stamp.signer
    assert abs(hubs.stamp.at - now()) < timedelta(days=1)
    assert "A time stamp authority confirms the time" in text_of(pdf)
    (question,) = authority.questions
    assert len(question["message_imprint"]["hashed_message"].native) == 32


@pytest.mark.usefixtures("authority")
def test_the_time_stamp_is_on_the_last_seal_and_so_covers_both(settings, folder):
    lay_out(folder, settings, be_police={"days": 36_500})
    theirs, hubs = looked_at(sealed(now=now()))
    assert (theirs.trust, theirs.stamp) == (Trust.PARTY, None)
    assert hubs.stamp.is_trusted


def test_no_authority_is_asked_unless_the_operator_names_one(settings):
    assert settings.TIMESTAMP_URL == ""
    assert timestamps.state() is StampState.OFF
    pdf = sealed(now=now())
    assert "time stamp" not in text_of(pdf)


def wrong_digest(question):
    question["message_imprint"]["hashed_message"] = bytes(32)
    return question


def wrong_nonce(question):
    question["nonce"] = 7
    return question


REJECTION = bytes.fromhex("3005 3003 020102")
"""A response with the status "rejection", and no token."""


@pytest.mark.parametrize(
    "lie",
    [
        {"twist": wrong_digest},
        {"twist": wrong_nonce},
        {"answer": b"no token"},
        {"answer": b""},
        {"answer": REJECTION},
        {"answer": b"x" * 20_000},
        {"status": 500},
    ][:: rounds(3, nightly=1)],
    ids=["digest", "nonce", "nonsense", "nothing", "refusal", "flood", "failure"][
        :: rounds(3, nightly=1)
    ],
)
def test_an_authority_that_lies_stamps_nothing_and_the_document_says_so(authority, lie):
    for name, value in lie.items():
        setattr(authority, name, value)
    assert is_without(sealed(now=now()))


def test_an_authority_that_the_hub_does_not_trust_stamps_nothing(authority, settings, tmp_path):
    (tmp_path / "other").mkdir()
    other = StampServer(tmp_path / "other", owner="Other stamps")
    (tmp_path / "trusted.pem").write_bytes(other.pem)
    settings.TIMESTAMP_TRUST_FILE = str(tmp_path / "trusted.pem")
    assert is_without(sealed(now=now()))
    assert authority.questions


def test_an_authority_that_is_slow_holds_up_no_document(authority, monkeypatch):
    monkeypatch.setattr(timestamps, "TIMEOUT_S", 0.2)
    authority.hold = threading.Event()
    assert is_without(sealed(now=now()))


@pytest.mark.nightly
def test_an_authority_that_is_down_is_left_alone_for_a_while(authority, settings, monkeypatch):
    authority.status = 503
    assert is_without(sealed(now=now()))
    assert is_without(sealed(now=now()))
    assert len(authority.questions) == 1
    authority.status = None
    monkeypatch.setattr(timestamps, "_PAUSE_S", 0.0)
    assert looked_at(sealed(now=now()))[0].stamp.is_trusted
    settings.TIMESTAMP_URL = "http://127.0.0.1:9/stamp"
    assert is_without(sealed(now=now()))


def test_an_authority_within_the_hubs_own_network_is_not_asked(authority, settings):
    settings.TIMESTAMP_LOOPBACK = False
    assert is_without(sealed(now=now()))
    assert authority.questions == []


@pytest.mark.usefixtures("authority")
def test_a_stamp_by_a_stranger_is_shown_as_such():
    pdf = sealed(now=now())
    hub = Trusted(own=own.hub_seal(now()).certificate)
    (hubs,) = looked_at(pdf, trusted=hub)
    assert (hubs.stamp.is_intact, hubs.stamp.is_trusted) == (True, False)


def test_a_certificate_for_stamps_vouches_for_no_document(authority, tmp_path):
    both = (tmp_path / "tsa-key.pem").read_bytes() + authority.pem
    (tmp_path / "both.pem").write_bytes(both)
    theirs = seal_in(tmp_path / "both.pem")
    pdf = seal_pdf(plain(), theirs, title="Seal", reason="Order", now=now())
    found = verify_pdf(pdf, trusted=own.hub_trust(now()), now=now())
    assert found.verdict is SealVerdict.UNTRUSTED


@pytest.mark.usefixtures("authority")
@pytest.mark.nightly
def test_a_reader_without_a_hub_verifies_both_seals_and_the_stamp(settings, folder):
    lay_out(folder, settings, be_police={"days": 36_500})
    (folder / "order.pdf").write_bytes(sealed(now=now()))
    certificates = own.certificates(now())
    (folder / "hub.pem").write_text(certificates.pem)
    (folder / "parties.pem").write_text(certificates.parties[0].pem)
    words = ("document", "verify", folder / "order.pdf", "--trust", folder / "hub.pem")
    words += ("--trust-parties", folder / "parties.pem")
    said = run(*words, "--trust-stamps", settings.TIMESTAMP_TRUST_FILE)
    assert said.code == 0, said.err
    assert "  the own seal of Common Name: be-police, Organization: Authority: " in said.out
    assert said.out.count(", as it was, ") == 2
    assert "time stamp by Common Name: Time stamps, Organization: Trust service" in said.out
    assert "NOT TRUSTED" not in said.out
    assert "NOT TRUSTED" in run(*words).out  # nobody named the time stamp authority


@pytest.mark.nightly
def test_an_operator_sees_who_stamps(authority, settings, folder):
    names = {"STEMTIDE_TIMESTAMP_URL": settings.TIMESTAMP_URL, "STEMTIDE_TIMESTAMP_LOOPBACK": "1"}
    names["STEMTIDE_TIMESTAMP_TRUST_FILE"] = settings.TIMESTAMP_TRUST_FILE
    words = ("hub", "seals", "--data-dir", folder / "hub", "--json")
    hub, stamps = run(*words, **names).rows
    assert (hub["state"], stamps["state"], stamps["why"]) == ("ready", "ready", "")
    assert "Time stamps" in stamps["signer"]
    authority.status = 503
    said = run(*words, **names)
    assert (said.code, said.rows[1]["state"]) == (1, "unusable")
    assert "answered 503" in said.rows[1]["why"]


def test_an_operator_tries_the_authority_once(authority):
    assert timestamps.try_once() == ("Common Name: Time stamps, Organization: Trust service", "")
    authority.twist = wrong_digest
    signer, why = timestamps.try_once()
    assert signer == ""
    assert "something else" in why
