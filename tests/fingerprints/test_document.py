# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: S311 - repeatable on purpose
import random

import pytest

from stemtide.fingerprints.kinds import LIMIT, UNDECODABLE
from stemtide.fingerprints.limits import DecodingLimits
from stemtide.fingerprints.text.document import fingerprint_document, is_document
from stemtide.fingerprints.text.fingerprint import TextPrint, sketch
from tests.fingerprints.texts import pdf, prose

LIMITS = DecodingLimits()
WORDS = prose("a book", 600).split()
LINES = [" ".join(WORDS[at : at + 10]) for at in range(0, 600, 10)]
PAGES = ["\n".join(LINES[:30]), "\n".join(LINES[30:])]


def look(blob, limits=LIMITS):
    return fingerprint_document(blob, limits=limits)


def test_a_pdf_has_the_sketch_of_its_text():
    found = look(pdf(*PAGES))
    assert found.grams.tolist() == sketch("\n".join(PAGES)).grams.tolist()
    assert (found.media_type, found.remarks) == ("application/pdf", ())


def test_words_that_a_line_parts_are_put_together():
    found = look(pdf("one two three four mani-\nfesto six seven eight nine ten eleven twelve"))
    whole = sketch("one two three four manifesto six seven eight nine ten eleven twelve")
    assert found.grams.tolist() == whole.grams.tolist()


def test_a_pdf_without_a_text_layer_says_so():
    found = look(pdf(b"0 0 100 100 re f"))
    assert not len(found.grams)
    assert len(found.remarks) == 1
    assert found.remarks[0].startswith(UNDECODABLE)
    assert "no text layer" in found.remarks[0]


def test_an_encrypted_pdf_says_so():
    found = look(pdf(PAGES[0], encrypted=True))
    assert found.remarks == ("undecodable: this PDF is encrypted: it opens with a password only",)


@pytest.mark.parametrize("blob", [b"%PDF-1.4\n", b"%PDF-", pdf(*PAGES)[:700]])
def test_a_damaged_pdf_says_so(blob):
    remark = look(blob).remarks[0]
    assert remark.startswith(UNDECODABLE)
    assert "damaged" in remark


def test_only_so_many_pages_are_looked_at(monkeypatch):
    monkeypatch.setattr("stemtide.fingerprints.text.document.MAX_PAGES", 1)
    found = look(pdf(*PAGES))
    assert found.remarks == (f"{LIMIT}only the first 1 of 2 pages were looked at",)
    assert found.grams.tolist() == sketch(PAGES[0]).grams.tolist()


def test_pages_are_looked_at_only_as_long_as_there_is_time():
    found = look(pdf(*PAGES), DecodingLimits(wall_s=1e-9))
    assert found.remarks[0] == f"{LIMIT}only the first 0 of 2 pages were looked at"


def test_a_page_that_inflates_to_very_much_stays_within_bounds():
    bomb = pdf(b"q " * 1_000_000 + b"\0" * 20_000_000)
    assert len(bomb) < 50_000
    assert not len(look(bomb).grams)


def test_mutated_pdfs_raise_nothing():
    good, rng = pdf(*PAGES, compressed=False), random.Random(4)
    for _ in range(150):
        mutated = bytearray(good)
        for _ in range(rng.randint(1, 20)):
            mutated[rng.randrange(len(mutated))] = rng.randrange(256)
        found = look(bytes(mutated[: rng.randint(1, 2 * len(mutated))]))
        assert TextPrint.from_bytes(found.to_bytes()).shingles == found.shingles


def test_a_pdf_is_recognised_by_its_first_bytes():
    assert is_document(pdf("x")[:64]) == "application/pdf"
    assert is_document(b"\n\n%PDF-1.7") == "application/pdf"
    assert not is_document(b"<p>a %PDF is not this")
