# SPDX-License-Identifier: Apache-2.0
"""A party's own seal beneath the hub's: who gets it, what breaks it, and what happens without."""

import io
import logging
from datetime import timedelta

import pytest
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import signers

from stemtide.hub.platform.documents import hub_seal as own, party_seals
from stemtide.hub.platform.documents.forms import form_pdf
from stemtide.hub.platform.documents.pdf_seals import seal_pdf
from stemtide.hub.platform.documents.seal_files import SealFileError, own_seal
from stemtide.hub.platform.documents.seal_notes import SealNotes
from stemtide.hub.platform.documents.verification import Trusted, verify_pdf
from stemtide.protocol.law.forms import form
from stemtide.protocol.messages.documents import OwnKeyState, SealVerdict, Trust
from tests.cli.conftest import run
from tests.hub.papers.filled import ORDER
from tests.hub.papers.keys_of_parties import lay_out, self_signed
from tests.hub.papers.papers import as_pem, certificate, name, plain, rsa_key, text_of
from tests.rounds import rounds
from tests.world import NOON

POLICE, OTHER = "be-police", "fr-police"


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    return tmp_path


@pytest.fixture
def lay(settings, tmp_path):
    """Write keys of parties and their list."""
    return lambda **facts: lay_out(tmp_path, settings, **facts)


def draw(notes):
    return form_pdf(form("tco-annex-1"), ORDER, language="en", reference="RO-1", seals=notes)


def sealed(author=POLICE, now=NOON):
    return own.sealed_form(draw, author=author, reason="RO-1", now=now)


def verdict(pdf, now=NOON):
    return verify_pdf(pdf, trusted=own.hub_trust(now), now=now)


def test_an_order_has_its_issuers_seal_and_the_hubs(lay):
    lay(be_police={})
    pdf = sealed()
    found = verdict(pdf)
    assert found.verdict is SealVerdict.GENUINE
    theirs, hubs = found.seals
    assert (theirs.trust, theirs.party, theirs.is_intact) == (Trust.PARTY, POLICE, True)
    assert "be-police" in theirs.signer
    assert (hubs.trust, hubs.party, hubs.is_whole) == (Trust.OWN, "", True)
    assert "has two electronic seals" in text_of(pdf)


def test_a_party_without_a_key_has_the_hubs_seal_and_no_remark(lay):
    lay(fr_police={})
    pdf = sealed()
    (hubs,) = verdict(pdf).seals
    assert hubs.trust is Trust.OWN
    assert "seal" not in text_of(pdf).lower()


def test_both_seals_stand_in_the_structure_that_is_read_aloud(lay):
    lay(be_police={})
    root = PdfFileReader(io.BytesIO(sealed())).root
    tree, fields = root["/StructTreeRoot"], list(root["/AcroForm"]["/Fields"])
    nums = list(tree["/ParentTree"]["/Nums"])
    fields = [field.get_object() for field in fields]
    for field in fields:
        widget = field["/Kids"][0].get_object()
        number = int(widget["/StructParent"])
        element = nums[nums.index(number, 0) + 1].get_object()
        assert (element["/S"], element["/K"][0]["/Obj"]) == ("/Form", widget)
        assert field["/TU"]
    assert [str(field["/T"]) for field in fields] == ["AuthorSeal", "Seal"]


@pytest.mark.nightly
def test_every_byte_under_both_seals_that_is_altered_is_found_out(lay):
    lay(be_police={})
    whole = sealed()
    for at in range(100, len(whole) - 60_000, len(whole) // rounds(4, nightly=40)):
        found = verdict(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert found.verdict in {SealVerdict.CHANGED, SealVerdict.UNREADABLE}, at


def test_what_is_added_between_the_seals_is_found_out(lay):
    lay(be_police={})
    theirs = party_seals.own_seal_of(POLICE, now=NOON).seal
    hub = own.hub_seal(NOON)
    facts = {"title": "Seal", "reason": "RO-1", "now": NOON}
    writer = IncrementalPdfFileWriter(io.BytesIO(seal_pdf(plain(), theirs, **facts)))
    writer.root["/Lang"] = generic.TextStringObject("de")
    writer.update_root()
    out = io.BytesIO()
    writer.write(out)
    found = verdict(out.getvalue())
    assert (found.verdict, found.seals[0].is_intact) == (SealVerdict.CHANGED, False)
    assert hub.certificate  # the hub seals no file that it did not typeset itself


def with_blank(pdf, value=None):
    """The paper with a field that people fill in, or with that field filled in."""
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    if value is None:
        page = writer.root["/Pages"]["/Kids"].raw_get(0)
        blank = {"/Type": "/Annot", "/Subtype": "/Widget", "/FT": "/Tx"}
        facts = {generic.pdf_name(name): generic.pdf_name(word) for name, word in blank.items()}
        facts |= {
            generic.pdf_name("/T"): generic.TextStringObject("amount"),
            generic.pdf_name("/V"): generic.TextStringObject("one"),
            generic.pdf_name("/Rect"): generic.ArrayObject(
                map(generic.NumberObject, (9, 9, 99, 99))
            ),
            generic.pdf_name("/P"): page,
            generic.pdf_name("/F"): generic.NumberObject(4),
        }
        field = writer.add_object(generic.DictionaryObject(facts))
        writer.root["/AcroForm"] = generic.DictionaryObject(
            {generic.pdf_name("/Fields"): generic.ArrayObject([field])}
        )
        writer.update_root()
    else:
        field = writer.root["/AcroForm"]["/Fields"][0].get_object()
        field["/V"] = generic.TextStringObject(value)
        writer.update_container(field)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


@pytest.mark.parametrize("value", ["", "a thousand"][: rounds(1, nightly=None)])
def test_a_blank_that_was_filled_in_between_the_seals_is_found_out(lay, value):
    """PDF lets forms be filled in after such a seal; we let nothing follow it but seals."""
    lay(be_police={})
    theirs = party_seals.own_seal_of(POLICE, now=NOON).seal
    first = generic_seal(with_blank(plain()), theirs, field="Theirs")
    between = with_blank(first, value) if value else first
    found = verdict(generic_seal(between, own.hub_seal(NOON), field="Ours"))
    expected = SealVerdict.CHANGED if value else SealVerdict.GENUINE
    assert (found.verdict, found.seals[0].is_intact) == (expected, not value)


def generic_seal(pdf, seal, *, field):
    """A seal as any program may add it, which lets forms be filled in."""
    about = signers.PdfSignatureMetadata(field_name=field, md_algorithm="sha256")
    out = signers.PdfSigner(about, signer=seal.signer()).sign_pdf(
        IncrementalPdfFileWriter(io.BytesIO(pdf))
    )
    return out.getvalue()


def test_the_seal_of_a_party_alone_makes_no_genuine_document(lay):
    """Any party with a key, also a provider, could seal an order in the name of an authority."""
    lay(be_police={}, small_forum={})
    own_key = party_seals.own_seal_of("small-forum", now=NOON).seal
    found = verdict(seal_pdf(draw(SealNotes()), own_key, title="Seal", reason="RO", now=NOON))
    assert found.verdict is SealVerdict.UNTRUSTED
    assert [(seal.trust, seal.party) for seal in found.seals] == [(Trust.PARTY, "small-forum")]


def test_who_cuts_the_hubs_seal_off_is_left_with_the_authors_and_no_word_less(lay):
    lay(be_police={})
    whole = sealed()
    end = whole.index(b"%%EOF", whole.index(b"/ByteRange")) + len(b"%%EOF\n")
    found = verdict(whole[:end])
    assert found.verdict is SealVerdict.UNTRUSTED
    assert [seal.party for seal in found.seals] == [POLICE]
    assert text_of(whole[:end]) == text_of(whole)


@pytest.mark.nightly
def test_another_seal_in_place_of_the_hubs_makes_no_genuine_document(lay, tmp_path):
    lay(be_police={})
    stranger = own_seal(tmp_path / "stranger.pem", name="hub.example", now=NOON)
    theirs = party_seals.own_seal_of(POLICE, now=NOON).seal
    pdf = seal_pdf(plain(), stranger, title="Seal", reason="RO-1", now=NOON, author=theirs)
    assert verdict(pdf).verdict is SealVerdict.UNTRUSTED


def test_a_document_never_gets_the_key_of_another_party(lay):
    lay(be_police={}, fr_police={})
    for author in (POLICE, OTHER):
        assert verdict(sealed(author)).seals[0].party == author
    for author in ("", "be-polic", "be-police/../fr-police", "BE-POLICE"):
        assert [seal.trust for seal in verdict(sealed(author)).seals] == [Trust.OWN]


def test_a_partys_certificate_vouches_for_no_other(lay, tmp_path):
    """A party whose certificate may issue others could give itself any name."""
    lay(be_police={"ca": True})
    key, forged = rsa_key("forged"), rsa_key("be-police")
    issuer = self_signed("be-police", ca=True)[1].subject
    leaf = certificate(key, name("fr-police", "Authority"), issuer=issuer, issuer_key=forged)
    (tmp_path / "forged.pem").write_bytes(as_pem(key, leaf))
    seal = own.seal_files.seal_in(tmp_path / "forged.pem")
    pdf = seal_pdf(plain(), seal, title="Seal", reason="RO-1", now=NOON)
    assert verdict(pdf).verdict is SealVerdict.UNTRUSTED


def test_two_parties_cannot_share_a_key(lay, tmp_path):
    lay(be_police={"owner": "same"}, fr_police={"owner": "same"})
    (tmp_path / "fr-police.p12").write_bytes((tmp_path / "be-police.p12").read_bytes())
    for party in (POLICE, OTHER):
        found = party_seals.own_seal_of(party, now=NOON)
        assert (found.state, found.seal) == (OwnKeyState.UNUSABLE, None)
        assert "its own key" in found.why


@pytest.mark.parametrize(
    ("after", "state", "said"),
    [
        (3, OwnKeyState.EXPIRED, "certificate of the author's own seal has expired"),
        (-2, OwnKeyState.NOT_YET_VALID, "own seal is not valid yet"),
    ][: rounds(1, nightly=None)],
)
def test_an_order_leaves_without_a_seal_that_is_not_valid_and_says_so(lay, after, state, said):
    own.hub_seal(NOON - timedelta(days=9))
    lay(be_police={"days": 2})
    now = NOON + timedelta(days=after)
    assert party_seals.own_seal_of(POLICE, now=now).state is state
    pdf = sealed(now=now)
    found = verdict(pdf, now)
    assert [(seal.trust, seal.party) for seal in found.seals] == [(Trust.OWN, "")]
    assert found.verdict is SealVerdict.GENUINE
    assert said in " ".join(text_of(pdf).split())


def test_an_expired_key_is_not_recognised_any_more_but_the_hubs_seal_is(lay):
    lay(be_police={"days": 2})
    found = verdict(sealed(), NOON + timedelta(days=3))
    assert found.verdict is SealVerdict.GENUINE
    assert [seal.trust for seal in found.seals] == [Trust.NONE, Trust.OWN]


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda at: (at / "be-police.password").write_text("wrong"), "as a sealing key"),
        (lambda at: (at / "be-police.p12").chmod(0o644), "(mode 0644): run chmod 600"),
        (lambda at: (at / "be-police.p12").unlink(), "cannot be read"),
        (lambda at: (at / "be-police.p12").write_bytes(b"no"), "as a sealing key"),
        (lambda at: (at / "be-police.password").chmod(0o604), "is open to others"),
        (lambda at: (at / "be-police.password").unlink(), "cannot be read"),
    ][:: rounds(2, nightly=1)],
)
def test_an_order_leaves_without_a_key_that_cannot_be_used_and_says_so(
    lay, tmp_path, caplog, spoil, why
):
    caplog.set_level(logging.DEBUG)
    lay(be_police={})
    spoil(tmp_path)
    found = party_seals.own_seal_of(POLICE, now=NOON)
    assert found.state is OwnKeyState.UNUSABLE
    assert why in found.why
    pdf = sealed()
    assert [seal.trust for seal in verdict(pdf).seals] == [Trust.OWN]
    assert "own seal could not be used" in " ".join(text_of(pdf).split())
    for secret in ("sesame", "wrong"):
        assert secret not in caplog.text + repr(found)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("no toml", "is no TOML"),
        ('[be-police]\nfile = "/a.p12"\npassphrase = "sesame"', "be-police.passphrase"),
        ('[be-police]\npassword_file = "/a"', "give file, or all of token_library"),
        ('[be-police]\nfile = "/a.p12"\ntoken = "b"', "a file or a token, and not both"),
    ][:: rounds(2, nightly=1)],
)
def test_a_list_that_cannot_be_read_is_named_and_stops_no_order(lay, tmp_path, text, why):
    lay().write_text(text)
    with pytest.raises(SealFileError, match=why) as raised:
        party_seals.own_seals(NOON)
    assert str(tmp_path / "parties.toml") in str(raised.value)
    assert "sesame" not in str(raised.value)
    pdf = sealed()
    assert [seal.trust for seal in verdict(pdf).seals] == [Trust.OWN]
    assert "own seal could not be used" in " ".join(text_of(pdf).split())


def test_no_key_is_in_what_a_traceback_prints(lay):
    lay(be_police={})
    seal = party_seals.own_seal_of(POLICE, now=NOON).seal
    assert seal.key_der
    assert repr(seal.key_der)[2:40] not in repr(seal)


@pytest.mark.nightly
def test_a_key_that_was_replaced_is_used_from_the_next_document_on(lay):
    lay(be_police={"owner": "old"})
    old = verdict(sealed()).seals[0].fingerprint
    lay(be_police={"owner": "new"})
    new = verdict(sealed()).seals[0].fingerprint
    assert new != old


@pytest.mark.nightly
def test_an_offline_reader_trusts_the_certificates_that_it_has(lay):
    lay(be_police={})
    pdf = sealed()
    theirs = party_seals.own_seal_of(POLICE, now=NOON).seal.certificate
    found = verify_pdf(pdf, trusted=Trusted(named=[own.hub_seal(NOON).certificate]), now=NOON)
    assert (found.verdict, found.seals[0].trust) == (SealVerdict.GENUINE, Trust.NONE)
    both = Trusted(named=[own.hub_seal(NOON).certificate], parties={theirs.dump(): "police"})
    seen = verify_pdf(pdf, trusted=both, now=NOON).seals
    assert [(one.trust, one.party) for one in seen] == [(Trust.PARTY, "police"), (Trust.NAMED, "")]


@pytest.mark.parametrize(
    ("setting", "text", "said"),
    [
        ("STEMTIDE_SEAL_PARTIES_FILE", "no toml", "is no TOML"),
        ("STEMTIDE_AUTHORITIES_FILE", "[BE", "is no TOML"),
        ("STEMTIDE_TIMESTAMP_URL", "", "STEMTIDE_TIMESTAMP_TRUST_FILE"),
    ][rounds(-1, nightly=0) :],
)
def test_a_hub_does_not_start_with_a_list_that_it_cannot_read(tmp_path, setting, text, said):
    (tmp_path / "list.toml").write_text(text)
    value = str(tmp_path / "list.toml") if text else "https://stamps.example"
    words = ("hub", "start", "--port", "0", "--data-dir", tmp_path / "hub")
    refused = run(*words, **{setting: value})
    assert refused.code != 0
    assert said in refused.err


@pytest.mark.nightly
def test_an_operator_lists_who_seals_with_what(tmp_path, lay):
    lay(be_police={"days": 36_500})
    said = run(
        *("hub", "seals", "--data-dir", tmp_path / "hub", "--json"),
        STEMTIDE_SEAL_PARTIES_FILE=str(tmp_path / "parties.toml"),
    )
    hub, theirs = said.rows
    assert (hub["party"], hub["state"], hub["why"]) == ("", "ready", "")
    assert (theirs["party"], theirs["state"], theirs["valid_until"][:2]) == (POLICE, "ready", "21")
    assert "no such party" in theirs["why"]  # the hub of the test is empty
    assert said.code == 1
    assert "sesame" not in said.out + said.err
