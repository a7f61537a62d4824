# SPDX-License-Identifier: Apache-2.0
import re
from datetime import UTC, datetime

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from stemtide.hub.platform.documents import hub_seal as own
from stemtide.hub.platform.documents.pdf_seals import seal_pdf
from stemtide.protocol.messages.documents import MAX_DOCUMENT_BYTES
from tests.hub.papers.keys_of_parties import lay_out
from tests.hub.papers.papers import plain
from tests.rounds import at_night

PATH = "/documents/verify"


@pytest.fixture
def desk(world, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    return world.desk("provider")


def show(client, content):
    sent = SimpleUploadedFile("order.pdf", content, content_type="application/pdf")
    return client.post(PATH, {"document": sent})


def words(page):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.content.decode()))


def test_a_person_is_told_who_sealed_a_document(desk):
    told = words(show(desk, own.sealed(plain(), reason="Paper", now=datetime.now(UTC))))
    assert "Genuine" in told
    assert "this hub's own seal" in told.replace("&#x27;", "'")


def test_a_person_is_warned_of_a_document_that_was_altered(desk):
    pdf = own.sealed(plain(), reason="Paper", now=datetime.now(UTC))
    told = words(show(desk, pdf.replace(b"/Lang", b"/Lamg", 1)))
    assert "Do not act on it" in told
    assert "no, it was altered" in told


def test_what_is_too_large_is_refused_in_the_form(desk):
    page = show(desk, b"%PDF-" + bytes(MAX_DOCUMENT_BYTES))
    assert page.status_code == 422
    assert "at most 8 MB" in words(page)


def test_the_page_says_what_this_hub_seals_with(desk):
    assert own.certificate(datetime.now(UTC)).fingerprint in words(desk.get(PATH))


@at_night
def test_a_person_is_warned_of_a_document_with_the_seal_of_a_party_alone(desk, settings, tmp_path):
    lay_out(tmp_path, settings, provider={"days": 36_500})
    theirs = own.party_seals.own_seal_of("provider", now=datetime.now(UTC)).seal
    facts = {"title": "Seal", "reason": "Order", "now": datetime.now(UTC)}
    told = words(show(desk, seal_pdf(plain(), theirs, **facts)))
    assert "Not sealed by this hub" in told
    assert "A party can put any text under its own seal" in told
    assert "Genuine" not in told
