# SPDX-License-Identifier: Apache-2.0
"""The language that is suggested for a text: how often it is right, and where the model is."""

import json

import pytest

from stemtide.fingerprints.analysis import AnalysisOptions, LanguageGuess
from stemtide.fingerprints.kinds import Kind
from stemtide.fingerprints.sandbox.decoders import DecoderGroup
from stemtide.fingerprints.sandbox.pool import Sandbox
from stemtide.fingerprints.text.languages import guess
from tests.fingerprints.attacker import checked, taken_over
from tests.fingerprints.languages import NO_SINGLE_LANGUAGE, SENTENCES
from tests.fingerprints.pictures import encoded, photo
from tests.rounds import rounds

WITH_LANGUAGE = AnalysisOptions(language=True)
GERMAN = " ".join(SENTENCES["de"])


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(workers=1) as opened:
        yield opened


@pytest.mark.parametrize("tag", rounds(["de", "hr", "ru"], nightly=[*SENTENCES]))
def test_four_sentences_are_enough_except_for_croatian_which_is_like_bosnian(tag):
    found = guess(" ".join(SENTENCES[tag]))
    assert (found.tag, found.is_sure) == (tag, tag != "hr")


def test_no_sentence_is_suggested_in_a_wrong_language_and_nine_in_ten_in_the_right_one():
    guesses = [(tag, guess(text)) for tag, texts in SENTENCES.items() for text in texts]
    sure = [(tag, found.tag) for tag, found in guesses if found.is_sure]
    assert [pair for pair in sure if len(set(pair)) > 1] == []
    assert len(sure) > 0.9 * len(guesses)


@pytest.mark.parametrize("text", NO_SINGLE_LANGUAGE)
def test_names_numbers_addresses_and_mixtures_are_suggested_no_language(text):
    found = guess(text)
    assert found is None or not found.is_sure


def test_dialects_of_arabic_are_arabic():
    assert guess("الواد ده مش عايز ييجي معانا النهارده علشان تعبان قوي").tag == "ar"


@pytest.mark.parametrize("modality", ["writing", ""])
def test_a_text_gets_its_language_only_if_it_is_requested(sandbox, modality):
    content = GERMAN.encode()
    asked = sandbox.analyse(content, options=WITH_LANGUAGE, modality=modality)
    assert (asked.language.tag, asked.language.is_sure) == ("de", True)
    assert asked.fingerprints.of(Kind.TEXT)
    assert sandbox.analyse(content, modality=modality).language is None


def test_the_language_of_a_web_page_is_that_of_its_words(sandbox):
    page = f"<html><body><nav>Home Login Menu</nav><p>{GERMAN}</p></body></html>".encode()
    assert sandbox.analyse(page, options=WITH_LANGUAGE).language.tag == "de"


def test_only_texts_meet_the_model():
    with Sandbox() as sandbox:
        picture = sandbox.analyse(encoded(photo(), "PNG"), options=WITH_LANGUAGE)
        assert picture.language is None
        assert set(sandbox._reserve._servers) == {DecoderGroup.PICTURES}


def test_a_worker_that_asks_for_more_decoders_without_end_gets_a_remark(tmp_path):
    with taken_over(tmp_path) as sandbox:
        needs = json.dumps({"needs_decoders": True})
        look = sandbox.analyse(f"say({needs.encode()!r})".encode())
    (remark,) = look.fingerprints.remarks
    assert "asks for more" in remark


@pytest.mark.parametrize(
    "language", [["<b>", 0.9], ["de\n", 0.9], ["de", 7], ["de", 1.5], ["de"], "de"]
)
def test_a_language_from_a_worker_is_checked(language):
    with pytest.raises(ValueError, match="language"):
        checked({"language": language})


def test_a_suggestion_is_never_called_certain():
    assert LanguageGuess("de", 1.0).percent == 99
