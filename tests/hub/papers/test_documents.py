# SPDX-License-Identifier: Apache-2.0
"""Annexes and referrals on paper and as JSON: complete, tagged, in four languages, never alike."""

import io
import json
import re
from dataclasses import replace

import pytest
from pyhanko.pdf_utils.reader import PdfFileReader

from stemtide.fingerprints.url.canonical import in_ascii
from stemtide.hub.platform.documents.forms import form_json, form_pdf, referral_json, referral_pdf
from stemtide.hub.platform.documents.letters import Received, receipt_pdf
from stemtide.hub.platform.documents.pdf_seals import seal_pdf
from stemtide.hub.platform.documents.seal_files import own_seal
from stemtide.hub.platform.documents.verification import Trusted, verify_pdf
from stemtide.protocol.law.forms import form
from stemtide.protocol.messages.documents import SealVerdict
from tests.hub.papers.filled import ANSWER, LONG_URL, ORDER, referral
from tests.hub.papers.papers import text_of
from tests.rounds import rounds
from tests.world import NOON

LANGUAGES = ("en", "nl", "fr", "de")
ANNEXES = (("tco-annex-1", ORDER), ("tco-annex-2", ANSWER), ("tco-annex-3", ANSWER))


RECEIVED = Received(
    what="Removal order RO-2026-00001",
    about="It is to be carried out within one hour.",
    party="Общество «Видео»",
    at=NOON,
    way="by link",
    shown="ab" * 32,
    name="RO-2026-00001-as-shown.json",
    exercise=True,
)


def plainly(word, of):  # noqa: ARG001  # as doors are asked
    return word


def joined(pdf):
    """The letters of a PDF without its spaces and line breaks."""
    return re.sub(r"\s+", "", text_of(pdf))


def letter(**facts):
    return referral_pdf(referral(**facts), titles={}, title_of=plainly, language="en")


@pytest.mark.parametrize("language", LANGUAGES[: rounds(1, nightly=None)])
@pytest.mark.parametrize(("name", "values"), ANNEXES)
def test_a_form_says_every_section_and_field_in_its_language(name, values, language):
    one = form(name)
    told = joined(form_pdf(one, values, language=language))
    titles = [one.title, *(part.title for part in one.sections)]
    asked = [field for field in one.fields if field.is_asked(values)]
    titles += [field.title for field in asked]
    titles += [option.title for field in asked for option in field.options]
    titles += one.preamble
    missing = [one for one in titles if re.sub(r"\s+", "", one.within(language)) not in told]
    assert missing == []


def test_an_order_says_what_stands_in_it():
    told = text_of(form_pdf(form("tco-annex-1"), ORDER, language="en", reference="RO-2026-00001"))
    for said in ("2026-11-24 12:00:00 UTC", "Court of First Instance", "+32 2 555 01 99"):
        assert said in told
    assert told.count("☒") == 5
    assert told.count("☐") == 7
    assert "$x$ #panic() <b>" in told


def test_no_letter_slips_into_an_address():
    for pdf in (form_pdf(form("tco-annex-1"), ORDER, language="en"), letter()):
        assert LONG_URL in joined(pdf)
        assert "\u200b" not in text_of(pdf).partition("https://")[2].partition("here")[0]


ARABIC = "https://موقع.مثال/مقطع?id=12345&الاسم=قيمة"
HEBREW = "https://דוגמה.ישראל/סרטון/1"
CYRILLIC = "https://видео.пример/смотреть?имя=значение"


@pytest.mark.parametrize("address", [ARABIC, HEBREW, CYRILLIC][: rounds(1, nightly=None)])
def test_an_address_in_other_letters_is_spelled_a_second_time_as_it_travels(address):
    order = ORDER | {"urls": [address], "redress_link": ""}
    for pdf in (form_pdf(form("tco-annex-1"), order, language="en"), letter(url=address)):
        told = joined(pdf)
        assert in_ascii(address) in told
        assert told.count("asbrowserssendit") == 1
    plain = joined(letter())
    assert "asbrowserssendit" not in plain


def test_an_address_that_no_browser_opens_stands_as_it_is():
    order = ORDER | {"urls": ["https://ü..example:x/"], "redress_link": ""}
    told = joined(form_pdf(form("tco-annex-1"), order, language="en"))
    assert "https://ü..example:x/" in told
    assert "asbrowserssendit" not in told


def boxes(pdf):
    """Each letter with the left, bottom, right and top of its box, page by page."""
    import pypdfium2

    for page in pypdfium2.PdfDocument(pdf):
        words = page.get_textpage()
        for at in range(words.count_chars()):
            letter_ = words.get_text_range(at, 1)
            if letter_.strip():
                yield letter_, words.get_charbox(at)


def test_a_paragraph_runs_the_way_of_its_first_letter():
    found = list(boxes(letter(reason="نص!")))
    (end,) = [box for one, box in found if one == "!"]
    words = [box for one, box in found if "\u0600" <= one <= "\u06ff" or one > "\ufb50"]
    assert words
    assert all(end[0] < box[0] for box in words)  # the end stands to the left of the words
    assert end[0] > A4_WIDTH / 2  # and the paragraph on the right
    (end,) = [box for one, box in boxes(letter(reason="text!")) if one == "!"]
    assert end[0] < A4_WIDTH / 2


A4_WIDTH, MARGIN = 595.3, 51.0


def in_languages(*kinds):
    """Each kind of document in each language: one of them in `make test`, in turn, all nightly."""
    in_turn = [(kind, LANGUAGES[turn % len(LANGUAGES)]) for turn, kind in enumerate(kinds)]
    return rounds(in_turn, nightly=[(kind, language) for kind in kinds for language in LANGUAGES])


@pytest.mark.parametrize(
    ("kind", "language"),
    in_languages("tco-annex-1", "tco-annex-2", "tco-annex-3", "referral"),
)
def test_nothing_runs_over_the_edge_of_the_paper(kind, language):
    word = "Unbreakable" * 30
    long = {one.name: word for one in form("tco-annex-1").fields if one.kind == "text"}
    urls = [f"https://files.example/{number}/" + "a1b2" * 200 for number in range(48)]
    long |= ORDER | {"urls": [*urls, ARABIC, CYRILLIC], "reasons": word + "\n" + "نص " * 300}
    long |= {"authority_name": word, "addressee": "Общество " + word, "explanation": word}
    if kind == "referral":
        told = {"url": urls[0], "reason": word, "terms": word}
        pdf = referral_pdf(
            referral(**told), titles={"big-video": word}, title_of=plainly, language=language
        )
    else:
        pdf = form_pdf(form(kind), long, language=language, reference="RO-2026-00001")
    edges = [(box[0], box[2]) for _, box in boxes(pdf)]
    assert max(right for _, right in edges) <= A4_WIDTH - MARGIN + 1
    assert min(left for left, _ in edges) >= MARGIN - 1
    if kind == "tco-annex-1":
        turns = r"Stemtide\d+/\d+RO-2026-00001"  # what stands at the foot and the head of pages
        assert urls[47] in re.sub(turns, "", joined(pdf))


def test_an_order_binds_and_a_referral_does_not():
    order = text_of(form_pdf(form("tco-annex-1"), ORDER, language="en"))
    assert "It binds" in order
    assert "referral" not in order.lower()
    asked = text_of(letter())
    assert "VOLUNTARY: this is a referral, not a removal order" in asked
    assert "no penalty" in " ".join(asked.split())
    assert "It binds" not in asked
    assert "hour" not in asked


@pytest.mark.parametrize("language", LANGUAGES[: rounds(1, nightly=None)])
def test_every_page_of_an_exercise_bears_its_mark(language):
    word = {"en": "EXERCISE", "nl": "OEFENING", "fr": "EXERCICE", "de": "ÜBUNG"}[language]
    pdf = form_pdf(form("tco-annex-1"), ORDER, language=language, is_exercise=True)
    import pypdfium2

    pages = [page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(pdf)]
    assert len(pages) > 1
    assert all(page.count(word) >= 2 for page in pages)
    assert "It binds" not in text_of(pdf)


def test_a_draft_says_that_it_binds_nobody():
    told = text_of(form_pdf(form("tco-annex-1"), ORDER, language="en", is_draft=True))
    assert "binds nobody" in told
    assert "It binds." not in told


def test_what_is_not_asked_for_is_left_out_and_what_is_missing_is_said():
    hushed = ORDER | {"non_disclosure": True}
    told = text_of(form_pdf(form("tco-annex-1"), hushed, language="en"))
    assert "Not before" in told
    assert "Reconsideration by the Crisis Centre" in told
    del hushed["redress_body"], hushed["redress_deadline"], hushed["redress_link"]
    told = text_of(form_pdf(form("tco-annex-1"), hushed, language="en"))
    assert (
        "not stated" in told.partition("SECTION G: Information about possibilities for redress")[2]
    )
    empty = text_of(form_pdf(form("tco-annex-1"), {}, language="xx"))
    assert "not stated" in empty


@pytest.mark.parametrize("language", LANGUAGES[: rounds(1, nightly=None)])
def test_an_emergency_is_justified_in_the_document_as_recital_17_asks(language):
    urgent = {"emergency": True, "emergency_ground": "imminent_threat"}
    values = ORDER | urgent | {"emergency_reasons": "He names a school."}
    told = text_of(form_pdf(form("tco-annex-1"), values, language=language))
    assert "He names a school." in told
    ground = form("tco-annex-1").field("emergency_ground").options[0].title.within(language)
    assert ground.split()[-1] in told
    plain = text_of(form_pdf(form("tco-annex-1"), ORDER, language=language))
    title = form("tco-annex-1").field("emergency_reasons").title.within(language)
    assert title in told
    assert title not in plain


def test_values_that_are_not_as_their_kind_wants_stand_as_they_are():
    odd = {"issued_at": "soon", "signed_on": "today", "urls": None, "grounds": "a"}
    told = text_of(form_pdf(form("tco-annex-1"), odd, language="en"))
    assert "soon" in told
    assert "today" in told


@pytest.mark.parametrize(
    ("kind", "language"),
    in_languages("tco-annex-1", "tco-annex-2", "tco-annex-3", "referral", "receipt"),
)
def test_a_document_is_tagged_and_says_which_standards_it_keeps(kind, language, tmp_path):
    if kind == "referral":
        pdf = referral_pdf(referral(), titles={}, title_of=plainly, language=language)
    elif kind == "receipt":
        pdf = receipt_pdf(RECEIVED, language=language)
    else:
        pdf = form_pdf(form(kind), ORDER | ANSWER, language=language)
    seal = own_seal(tmp_path / "seal.pem", name="hub.example", now=NOON)
    sealed = seal_pdf(pdf, seal, title="Seal", reason="", now=NOON)
    assert verify_pdf(sealed, trusted=Trusted(own=seal.certificate), now=NOON).verdict is (
        SealVerdict.GENUINE
    )
    root = PdfFileReader(io.BytesIO(sealed)).root
    about = root["/Metadata"].data.decode()
    assert re.search(r"pdfaid:part[>=\"]+2", about)
    assert re.search(r"pdfaid:conformance[>=\"]+A", about)
    assert re.search(r"pdfuaid:part[>=\"]+1", about)
    assert (root["/Lang"], root["/MarkInfo"]["/Marked"]) == (language, True)
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    heads = {"/H1"} if kind == "receipt" else {"/H1", "/H2"}
    assert {*heads, "/P", "/Form"} <= _kinds(root["/StructTreeRoot"]["/K"])


def _kinds(part):
    part = part.get_object()
    if isinstance(part, list):
        return {kind for one in part for kind in _kinds(one)}
    if not isinstance(part, dict):
        return set()
    return {part["/S"]} | _kinds(part.get("/K", [])) if "/S" in part else set()


def test_a_referral_says_what_it_is_about_and_leaves_out_what_is_not_said():
    told = text_of(letter())
    for said in ("RF-2026-00001", "Community rules, section 4", "It glorifies an attack.", "All."):
        assert said in told
    bare = letter(terms="", ideology=None, language=None, sent_at=None, questions=[], exercise=True)
    told = text_of(bare)
    assert "Your terms" not in told
    assert "EXERCISE" in told


def test_a_form_as_json_holds_every_value_with_what_it_is_called():
    values = ORDER | {"issued_at": NOON}
    told = json.loads(
        form_json(form("tco-annex-1"), values, language="nl", reference="RO-1", is_exercise=True)
    )
    assert (told["form"], told["language"], told["exercise"]) == ("tco-annex-1", "nl", True)
    assert told["values"]["urls"] == ORDER["urls"]
    assert told["values"]["issued_at"] == NOON.isoformat()
    assert told["titles"]["reference"] == "Referentienummer van het verwijderingsbevel"


def test_a_referral_as_json_is_what_the_api_says():
    told = json.loads(referral_json(referral()))
    assert (told["url"], told["reference"]) == (LONG_URL, "RF-2026-00001")


def test_a_receipt_says_what_was_shown_and_when_and_to_whom():
    told = text_of(receipt_pdf(RECEIVED, language="en"))
    for said in ("RO-2026-00001", "2026-11-24 12:00:00 UTC", "Общество", "by link", "EXERCISE"):
        assert said in told
    assert "ab" * 32 in joined(receipt_pdf(RECEIVED, language="en"))
    untold = text_of(receipt_pdf(replace(RECEIVED, shown=""), language="en"))
    assert "SHA-256" not in untold
