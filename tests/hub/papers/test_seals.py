# SPDX-License-Identifier: Apache-2.0
"""Seals on PDFs: what they cover, who is trusted, and what is found out about what was altered."""

import io
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.writer import copy_into_new_writer

from stemtide.hub.platform.documents import hub_seal as own, seal_files as keeping
from stemtide.hub.platform.documents.pdf_seals import seal_pdf
from stemtide.hub.platform.documents.seal_files import SealFileError, own_seal, seal_in, trusted_in
from stemtide.hub.platform.documents.signatures import (
    UnreadableSignatureError,
    sign_bytes,
    verify_bytes,
)
from stemtide.hub.platform.documents.verification import Trusted, verify_pdf
from stemtide.protocol.messages.documents import MAX_DOCUMENT_BYTES, SealVerdict, Trust
from tests.hub.papers.papers import as_p12, as_pem, chain, name, plain, text_of
from tests.rounds import rounds
from tests.world import NOON


@pytest.fixture(scope="module")
def seal(tmp_path_factory):
    folder = tmp_path_factory.mktemp("seal")
    return own_seal(folder / "seal.pem", name="hub.example", now=NOON)


def sealed(seal, pdf=None):
    return seal_pdf(pdf or plain(), seal, title="Electronic seal", reason="Order", now=NOON)


def verdict(pdf, seal, **more):
    return verify_pdf(pdf, trusted=Trusted(own=seal.certificate, **more), now=NOON)


def test_a_sealed_document_is_genuine_and_says_by_whom_and_when(seal):
    found = verdict(sealed(seal), seal)
    assert found.verdict is SealVerdict.GENUINE
    (one,) = found.seals
    assert (one.is_intact, one.is_whole, one.trust) == (True, True, Trust.OWN)
    assert (one.sealed_at, one.reason) == (NOON, "Order")
    assert "hub.example" in one.signer
    assert "self-signed" in one.signer
    assert one.self_signed


def test_a_seal_changes_no_word_and_keeps_what_the_file_says_of_itself(seal):
    before = plain()
    after = sealed(seal, before)
    assert after.startswith(before)
    assert text_of(after) == text_of(before)
    old, new = (PdfFileReader(io.BytesIO(one)) for one in (before, after))
    assert new.root["/Metadata"].data == old.root["/Metadata"].data
    assert b"pdfuaid" in new.root["/Metadata"].data
    assert new.root["/MarkInfo"]["/Marked"]


def test_the_seal_stands_in_the_structure_that_is_read_aloud(seal):
    root = PdfFileReader(io.BytesIO(sealed(seal))).root
    tree = root["/StructTreeRoot"]
    field = root["/AcroForm"]["/Fields"][0]
    number = int(field["/StructParent"])
    nums = tree["/ParentTree"]["/Nums"]
    form = nums[list(nums)[::2].index(number) * 2 + 1]
    assert form["/S"] == "/Form"
    assert form["/K"][0]["/Obj"] == field
    assert form["/P"]["/K"][-1] == form
    assert field["/TU"] == "Electronic seal"
    assert int(tree["/ParentTreeNextKey"]) == number + 1
    assert (int(field["/F"]) & 4, int(field["/F"]) & 2) == (4, 0)  # printed, and not hidden


def test_every_byte_under_the_seal_that_is_altered_is_found_out(seal):
    whole = sealed(seal)
    opened = whole.index(b"<", whole.rindex(b"/Contents"))
    closed = whole.index(b">", opened)  # the signature between is not under itself
    step = len(whole) // rounds(4, nightly=12)
    for at in [*range(100, opened, step), opened - 1, *range(closed + 1, len(whole), step)]:
        found = verdict(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :], seal)
        assert found.verdict in {SealVerdict.CHANGED, SealVerdict.UNREADABLE}, at


def test_what_is_added_after_the_seal_is_found_out(seal):
    writer = IncrementalPdfFileWriter(io.BytesIO(sealed(seal)))
    writer.root["/Lang"] = generic.TextStringObject("de")
    writer.update_root()
    out = io.BytesIO()
    writer.write(out)
    found = verdict(out.getvalue(), seal)
    assert found.verdict is SealVerdict.CHANGED
    assert not found.seals[0].is_whole


def test_a_document_that_was_cut_short_is_found_out(seal):
    whole = sealed(seal)
    for at in [*range(0, len(whole), len(whole) // rounds(4, nightly=12)), len(whole) - 1]:
        found = verdict(whole[:at], seal)
        assert found.verdict is not SealVerdict.GENUINE, at
        assert found.why or found.seals or found.verdict is SealVerdict.UNSEALED, at


def saved_by_pdfium(pdf):
    import pypdfium2

    out = io.BytesIO()
    pypdfium2.PdfDocument(pdf).save(out)
    return out.getvalue()


def saved_by_pyhanko(pdf):
    out = io.BytesIO()
    copy_into_new_writer(PdfFileReader(io.BytesIO(pdf))).write(out)
    return out.getvalue()


@pytest.mark.parametrize("save", [saved_by_pdfium, saved_by_pyhanko])
def test_a_document_that_was_opened_and_saved_again_is_not_as_it_was(seal, save):
    again = save(sealed(seal))
    assert text_of(again) == text_of(sealed(seal))
    assert verdict(again, seal).verdict in {SealVerdict.CHANGED, SealVerdict.UNREADABLE}


def test_a_seal_that_was_put_onto_another_document_is_found_out(seal):
    contents = re.compile(rb"/Contents ?<[0-9a-fA-F]+>")
    moved = contents.search(sealed(seal))[0]
    pdf = plain("Forty signals.")
    others = (sealed(seal, pdf) for _ in range(50))  # signatures differ by a byte or two in length
    other = next(one for one in others if len(contents.search(one)[0]) == len(moved))
    forged = contents.sub(lambda _: moved, other)
    assert forged != other
    assert verdict(forged, seal).verdict is SealVerdict.CHANGED


def test_a_byte_behind_the_end_is_found_out(seal):
    assert verdict(sealed(seal) + b"\n", seal).verdict is SealVerdict.CHANGED


def test_another_seal_over_ours_makes_no_genuine_document(seal, tmp_path):
    stranger = own_seal(tmp_path / "other.pem", name="hub.example", now=NOON)
    again = plain("Forty signals.")
    assert verdict(sealed(stranger, again), seal).verdict is SealVerdict.UNTRUSTED


def test_a_document_without_seal_says_so(seal):
    assert verdict(plain(), seal).verdict is SealVerdict.UNSEALED


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"%PDF-1.7\n",
        b"%PDF-1.7\n" + b"[" * 200_000,
        b"%PDF-1.7\ntrailer<</Root 1 0 R>>\nstartxref\n0\n%%EOF",
        b"%PDF-1.7\n1 0 obj<</Type/Catalog/Pages 1 0 R/AcroForm 1 0 R>>endobj\n%%EOF\n",
    ][:: rounds(3, nightly=1)],
)
def test_what_is_no_pdf_is_said_to_be_none(seal, content):
    found = verdict(content, seal)
    assert found.verdict is SealVerdict.UNREADABLE
    assert found.why


def test_what_is_too_large_is_not_looked_at(seal):
    found = verdict(b"%PDF-" + bytes(MAX_DOCUMENT_BYTES), seal)
    assert (found.verdict, found.seals) == (SealVerdict.UNREADABLE, ())


@pytest.mark.parametrize(
    ("end", "said"), [("os.kill(os.getpid(), 9)", "time or memory"), ("print('x')", "no sense")]
)
def test_a_process_that_dies_or_babbles_is_no_verdict(seal, monkeypatch, end, said):
    real = subprocess.run

    def other(words, **told):
        return real([words[0], "-c", f"import os; {end}"], **told)

    monkeypatch.setattr("stemtide.hub.platform.documents.verification.subprocess.run", other)
    found = verdict(plain(), seal)
    assert found.verdict is SealVerdict.UNREADABLE
    assert said in found.why


def test_a_document_that_takes_too_long_is_no_verdict(seal, monkeypatch):
    monkeypatch.setattr("stemtide.hub.platform.documents.verification._WALL_S", 0.0)
    assert "too long" in verdict(plain(), seal).why


@pytest.mark.nightly
def test_a_seal_in_a_chain_is_trusted_by_its_root(tmp_path, seal):
    key, own_one, root = chain()
    (tmp_path / "seal.p12").write_bytes(as_p12(key, own_one, root))
    (tmp_path / "roots.pem").write_bytes(root.public_bytes(_pem()))
    theirs = seal_in(tmp_path / "seal.p12", password="sesame")
    assert not theirs.is_self_signed
    pdf = sealed(theirs)
    named = trusted_in(tmp_path / "roots.pem")
    found = verdict(pdf, seal, named=named)
    assert (found.verdict, found.seals[0].trust) == (SealVerdict.GENUINE, Trust.NAMED)
    assert found.seals[0].issuer.startswith("Common Name: Root")
    assert verdict(pdf, seal).verdict is SealVerdict.UNTRUSTED


@pytest.mark.parametrize(("facts", "after"), [({"usage": False}, 0), ({"days": 2}, 3)])
def test_a_certificate_for_something_else_or_expired_is_not_trusted(tmp_path, facts, after):
    key, one, root = chain(**facts)
    (tmp_path / "seal.pem").write_bytes(as_pem(key, one, root))
    theirs = seal_in(tmp_path / "seal.pem")
    trusted = Trusted(named=[replace(theirs).chain[0]])
    found = verify_pdf(sealed(theirs), trusted=trusted, now=NOON + timedelta(days=after))
    assert found.verdict is SealVerdict.UNTRUSTED


@pytest.mark.nightly
def test_a_certificate_that_is_trusted_by_itself_is_not_once_it_has_expired(seal):
    late = NOON + timedelta(days=3654)
    assert verify_pdf(sealed(seal), trusted=Trusted(own=seal.certificate), now=late).verdict is (
        SealVerdict.UNTRUSTED
    )
    signature = sign_bytes(b"{}", seal, now=NOON)
    assert verify_bytes(b"{}", signature, own=seal.certificate, now=late).trust is Trust.NONE


def test_the_hub_makes_its_seal_once_for_its_owner_alone(tmp_path):
    path = tmp_path / "seal.pem"
    first = own_seal(path, name="hub.example", now=NOON)
    again = own_seal(path, name="hub.example", now=NOON)
    assert first.certificate.dump() == again.certificate.dump()
    assert path.stat().st_mode & 0o077 == 0
    assert [one.name for one in tmp_path.iterdir()] == ["seal.pem"]


def test_a_key_with_a_password_is_read_with_it_alone(tmp_path):
    key, one, root = chain()
    path = tmp_path / "seal.pem"
    path.write_bytes(as_pem(key, root, one, password=b"sesame"))
    assert seal_in(path, password="sesame").chain
    with pytest.raises(SealFileError, match="STEMTIDE_SEAL_PASSWORD_FILE"):
        seal_in(path)


def _odd_key():
    key = ed25519.Ed25519PrivateKey.generate()
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes  # noqa: F401

    one = (
        x509.CertificateBuilder()
        .subject_name(name("Odd"))
        .issuer_name(name("Odd"))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOON)
        .not_valid_after(NOON + timedelta(days=1))
        .sign(key, None)
    )
    return as_pem(key, one)


def _lonely_key():
    key, _, root = chain()
    return as_pem(key, root)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "cannot be read"),
        (b"nothing", "cannot be read"),
        (_lonely_key, "no private key with its certificate"),
        (_odd_key, "of a kind that seals no PDF"),
    ],
)
def test_a_file_that_is_no_seal_is_named_with_the_remedy(tmp_path, content, said):
    path = tmp_path / "seal.pem"
    path.write_bytes(content() if callable(content) else content)
    with pytest.raises(SealFileError, match=said) as raised:
        seal_in(path)
    assert str(path) in str(raised.value)


def test_a_file_that_holds_no_certificates_is_named(tmp_path):
    with pytest.raises(SealFileError, match="one PEM block each"):
        trusted_in(tmp_path / "absent.pem")


def test_content_of_any_form_is_signed_beside_it(seal):
    made = sign_bytes(b'{"order": 1}', seal, now=NOON)
    found = verify_bytes(b'{"order": 1}', made, own=seal.certificate, now=NOON)
    assert (found.is_intact, found.trust, found.sealed_at) == (True, Trust.OWN, NOON)
    assert not verify_bytes(b'{"order": 2}', made, own=seal.certificate, now=NOON).is_intact
    assert verify_bytes(b'{"order": 1}', made, now=NOON).trust is Trust.NONE


@pytest.mark.parametrize("signature", [b"", b"no", bytes(70_000)])
def test_what_is_no_signature_is_said_to_be_none(seal, signature):
    with pytest.raises(UnreadableSignatureError):
        verify_bytes(b"{}", signature, own=seal.certificate, now=NOON)


def test_a_seal_serves_many_threads_from_its_first_use(tmp_path):
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # threads take turns in the midst of everything
    try:
        for _ in range(rounds(3, nightly=12)):
            one = own_seal(tmp_path / "seal.pem", name="hub.example", now=NOON)
            with ThreadPoolExecutor(8) as threads:
                made = [threads.submit(sign_bytes, b"{}", one, now=NOON) for _ in range(8)]
            for each in made:
                seen = verify_bytes(b"{}", each.result(), own=one.certificate, now=NOON)
                assert seen.is_intact
    finally:
        sys.setswitchinterval(usual)


def test_openssl_reads_our_signatures(seal, tmp_path):
    (tmp_path / "a.json").write_bytes(b'{"order": 1}')
    (tmp_path / "a.p7s").write_bytes(sign_bytes(b'{"order": 1}', seal, now=NOON))
    (tmp_path / "hub.pem").write_text(keeping.pem(seal.certificate))
    words = "openssl cms -verify -binary -inform DER -in a.p7s -content a.json -CAfile hub.pem"
    at = ["-attime", str(int(NOON.timestamp()))]
    done = subprocess.run([*words.split(), *at], cwd=tmp_path, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (0, b'{"order": 1}')


@pytest.mark.nightly
def test_settings_say_which_seal_a_hub_has(settings, tmp_path):
    key, one, root = chain()
    (tmp_path / "seal.p12").write_bytes(as_p12(key, one, root))
    (tmp_path / "roots.pem").write_bytes(root.public_bytes(_pem()))
    settings.SEAL_FILE = str(tmp_path / "seal.p12")
    settings.SEAL_PASSWORD = "sesame"
    settings.SEAL_TRUST_FILE = str(tmp_path / "roots.pem")
    told = own.certificate(NOON)
    assert (told.self_signed, told.signer) == (False, "Common Name: Unit 7, Organization: Ministry")
    assert len(own.hub_trust(NOON).named) == 1
    pdf = own.sealed(plain(), reason="Order", now=NOON)
    assert verify_pdf(pdf, trusted=own.hub_trust(NOON), now=NOON).verdict is SealVerdict.GENUINE
    assert own.signed(b"{}", now=NOON)


def test_a_seal_file_that_is_missing_is_named(settings, tmp_path):
    settings.SEAL_FILE = str(tmp_path / "absent.p12")
    with pytest.raises(SealFileError, match=r"absent\.p12"):
        own.hub_seal(NOON)


def _pem():
    from cryptography.hazmat.primitives import serialization

    return serialization.Encoding.PEM
