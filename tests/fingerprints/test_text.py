# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: RUF001 - look-alikes are what is tested
import time
import unicodedata

import numpy as np
import pytest
from hypothesis import example, given, settings, strategies as st

from stemtide.fingerprints.kinds import FingerprintError
from stemtide.fingerprints.limits import ContentTooLargeError, DecodingLimits
from stemtide.fingerprints.text.fingerprint import (
    MAX_GRAMS,
    TextPrint,
    decode,
    fingerprint_text,
    is_text,
    sketch,
)
from stemtide.fingerprints.text.words import _lookalikes, grams_of, read_alike, words_of
from tests.fingerprints.texts import ideographs, prose
from tests.rounds import rounds

LIMITS = DecodingLimits()
TEXT = prose("a text", 400)


def alike(text):
    return read_alike(text, max_chars=10**6)[0]


def grams(text):
    return sketch(text).grams.tolist()


def swapped(text, pairs):
    return text.translate(str.maketrans(pairs))


SPELLINGS = {
    "upper case": TEXT.upper(),
    "other spaces": TEXT.replace(" ", "\u00a0\n\t "),
    "no punctuation": TEXT.replace(",", "").replace(".", ""),
    "typographic punctuation": TEXT.replace(",", " —").replace(".", "…"),
    "accents": TEXT.replace("a", "á").replace("o", "ø"),
    "combining marks": "".join(c + "\u0336" for c in TEXT),
    "zero width": "\u200b".join(TEXT),
    "soft hyphens": TEXT.replace("n", "\u00adn"),
    "full width": swapped(TEXT, {c: c + 0xFEE0 for c in range(0x21, 0x7F)}),
    "bold letters": swapped(TEXT, {97 + i: 0x1D41A + i for i in range(26)}),
    "circled letters": swapped(TEXT.lower(), {97 + i: 0x1F150 + i for i in range(26)}),
    "some cyrillic": swapped(TEXT, {"a": "а", "e": "е", "o": "о", "p": "р", "c": "с", "i": "і"}),
    "some greek": swapped(TEXT, {"a": "α", "o": "ο", "i": "ι", "k": "κ"}),
    "small capitals": swapped(TEXT.lower(), {"a": "ᴀ", "e": "ᴇ", "n": "ɴ", "t": "ᴛ", "l": "ʟ"}),
    "leet in words": swapped(TEXT, {"e": "3", "o": "0"}),
    "I for l": TEXT.replace("l", "I"),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_text_has_one_sketch_however_it_is_spelled(spelling):
    assert grams(SPELLINGS[spelling]) == grams(TEXT)


def test_another_text_shares_no_gram():
    assert not set(grams(TEXT)) & set(grams(prose("another text", 400)))


def test_arabic_digits_stretch_marks_and_letter_variants_are_read_alike():
    assert alike("ســلام ٢٠١٩ أَهْلاً یک") == alike("سلام 2019 اهلا يك")


def test_a_russian_text_with_latin_letters_in_it_is_read_alike():
    russian = "Все люди рождаются свободными и равными в своём достоинстве и правах"
    assert alike(swapped(russian, {"о": "o", "а": "a", "е": "e"})) == alike(russian)


def test_numbers_stay_numbers_and_apostrophes_are_no_matter():
    assert list(words_of(alike("don't pay 1350 in k1lls, don’t p@y 1350"))) == [
        "dont", "pay", "1350", "in", "kiiis", "dont", "pay", "1350",
    ]  # fmt: skip


def test_unspaced_text_is_compared_by_characters_whatever_stands_between_them():
    text = ideographs("han", 600)
    bare = text.replace("，", "")
    assert (
        grams(text) == grams(bare) == grams("\n".join(bare[i : i + 40] for i in range(0, 600, 40)))
    )
    assert len(grams_of(alike(bare))) == 600 - 11
    excerpt = set(grams(bare[200:300]))
    assert len(excerpt) >= 10
    assert excerpt <= set(grams(bare))


def test_thai_and_words_of_spaced_scripts_stand_side_by_side():
    thai = "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ"
    both = grams_of(alike(f"{TEXT} {thai}")).tolist()
    assert set(grams_of(alike(TEXT)).tolist()) < set(both)
    assert set(grams_of(alike(thai)).tolist()) < set(both)


def test_the_numbers_of_grams_are_those_of_the_published_format():
    """Written down once: whoever changes them makes all shared sketches worthless."""
    assert grams_of("one two three four five six").tolist() == [
        5734184154489232380,
        8050119751061639923,
    ]
    assert grams_of("天地玄黃宇宙洪荒日月盈昃").tolist() == [2639308423219245448]


def test_every_lookalike_is_in_the_form_that_is_left_after_folding():
    rows = _lookalikes()
    for script in ("latin", "arabic"):
        standins = "".join(rows[script].values())
        assert len(set(standins)) == len(standins)
        for one in standins:
            assert unicodedata.normalize("NFKD", one).casefold() == one, one


def test_a_text_is_read_the_same_in_pieces():
    long = "ﷺ Straße ﬁn ÅA\u030a \u1100\u1161 " * 9000
    assert alike(long) == "".join(alike(long[i : i + 1000]) for i in range(0, len(long), 1000))


def test_a_text_that_grows_when_it_is_decomposed_stops_at_the_limit():
    read, is_whole = read_alike("\ufdfa" * 100_000, max_chars=50_000)
    assert (len(read), is_whole) == (50_000, False)


def test_a_very_long_text_says_that_it_was_cut(monkeypatch):
    monkeypatch.setattr("stemtide.fingerprints.text.fingerprint.MAX_CHARS", 1000)
    found = fingerprint_text(TEXT.encode(), limits=LIMITS)
    assert found.remarks == ("limit: only the first 1,000 characters were looked at",)


def test_a_very_long_page_says_that_it_was_cut(monkeypatch):
    monkeypatch.setattr("stemtide.fingerprints.text.fingerprint.MAX_PAGE_CHARS", 1000)
    found = fingerprint_text(f"<p>{TEXT}</p>".encode(), limits=LIMITS)
    assert found.remarks == ("limit: only the first 1,000 characters were looked at",)


def test_a_short_text_says_that_it_proves_little():
    found = sketch("four words and one")
    assert found.shingles == 0
    assert "short text" in found.remarks[0]


# Encodings


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be", "cp1252"],
)
def test_text_is_read_in_every_usual_encoding(encoding):
    text = "Für Straßen, naïve cafés. " * 30
    found = fingerprint_text(text.encode(encoding), limits=LIMITS)
    assert found.grams.tolist() == grams(text)
    assert bool(found.remarks) == (encoding == "cp1252")


def test_a_page_is_read_in_the_encoding_that_it_states():
    text = "Все люди рождаются свободными и равными в своём достоинстве и правах."
    page = f"<html><meta charset='windows-1251'><p>{text}</p></html>".encode("cp1251")
    assert fingerprint_text(page, limits=LIMITS).grams.tolist() == grams(text)
    odd = page.replace(b"windows-1251", b"iso-8859-12")
    assert "encoding not known" in fingerprint_text(odd, limits=LIMITS).remarks[0]


def test_a_character_cut_in_two_and_a_few_wrong_bytes_do_no_harm():
    assert decode("café".encode()[:-1]) == ("caf", ())
    text, remarks = decode(TEXT.encode() + b"\xff tail")
    assert text.startswith(TEXT)
    assert "no UTF-8" in remarks[0]


@pytest.mark.parametrize(
    ("head", "media_type"),
    [
        (b"", ""),
        (b" \n", ""),
        (b"Hello there", "text/plain"),
        ("Grüße".encode("utf-16"), "text/plain"),
        ("Привет".encode("cp1251"), "text/plain"),
        (b"<!DOCTYPE html><p>x", "text/html"),
        (b"\xef\xbb\xbf\n<HTML>", "text/html"),
        (b"so he said<br>that <b>nothing</b>", "text/html"),
        (b"<div class='post'>so he said", "text/html"),
        (b"<me@example.org> wrote: hello", "text/plain"),
        (b"if a < b and c > d", "text/plain"),
        (b"%PDF-1.7\n", ""),
        (b"\x89PNG\r\n\x1a\n\0\0", ""),
        (b"PK\x03\x04\x14\0", ""),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", ""),
        (b"GIF89a\x01\x00", ""),
    ],
)
def test_text_is_told_from_other_content(head, media_type):
    assert is_text(head) == media_type


def test_content_may_be_a_file_and_one_that_is_too_large_is_refused(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text(TEXT)
    assert fingerprint_text(path, limits=LIMITS).grams.tolist() == grams(TEXT)
    with pytest.raises(ContentTooLargeError):
        fingerprint_text(path, limits=DecodingLimits(max_input_bytes=10))


# The format


def test_a_sketch_survives_its_bytes():
    found = sketch(TEXT)
    again = TextPrint.from_bytes(found.to_bytes())
    assert again.grams.tolist() == found.grams.tolist()
    assert (again.shingles, again.rate_bits) == (found.shingles, found.rate_bits) == (396, 2)
    assert again.to_bytes() == found.to_bytes()


def test_one_gram_in_four_is_kept():
    assert 0.2 < len(sketch(prose("long", 20_000)).grams) / 20_000 < 0.3


def test_a_sketch_thinned_to_a_size_is_what_a_thinner_sample_would_be():
    found = sketch(TEXT)
    thin = found.at_most(30)
    assert len(thin.grams) <= 30
    assert set(thin.grams.tolist()) <= set(found.grams.tolist())
    assert all(gram < 1 << (64 - thin.rate_bits) for gram in thin.grams.tolist())
    assert TextPrint.from_bytes(thin.to_bytes()).rate_bits == thin.rate_bits > 2


def value(grams_=(1, 2, 3), **fields):
    made = TextPrint(np.array(grams_, np.uint64), fields.get("shingles", 9), fields.get("rate", 2))
    return made.to_bytes()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (b"", "does not begin"),
        (b"txt2" + value()[4:], "does not begin"),
        (value()[:-1], "cannot have"),
        (value() + b"\0", "cannot have"),
        (value((3, 2, 1)), "ascend"),
        (value((1, 1, 2)), "ascend"),
        (value((1, 1 << 62)), "rate 2 drops"),
        (value(rate=200), "unknown make"),
        (value(shingles=2), "too many"),
        (value()[:5] + b"\1" + value()[6:], "unknown make"),
    ],
)
def test_malformed_sketches_are_refused_by_name(wrong, words):
    with pytest.raises(FingerprintError, match=words):
        TextPrint.from_bytes(wrong)


def test_a_sketch_that_states_millions_of_grams_is_refused_before_they_are_read():
    stated = (MAX_GRAMS + 1).to_bytes(4, "little")
    with pytest.raises(FingerprintError, match="too many"):
        TextPrint.from_bytes(value()[:8] + stated * 2 + value()[16:])


@given(
    at=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 255)), max_size=4),
    end=st.integers(0, 60),
)
@settings(max_examples=rounds(50, nightly=400), deadline=None)
def test_mutated_sketches_raise_nothing_but_a_fingerprint_error(at, end):
    mutated = bytearray(sketch(TEXT[:200]).to_bytes())
    for place, byte in at:
        mutated[place % len(mutated)] = byte
    try:
        again = TextPrint.from_bytes(bytes(mutated[:end] if end % 2 else mutated))
    except FingerprintError:
        return
    assert TextPrint.from_bytes(again.to_bytes()).grams.tolist() == again.grams.tolist()


@given(content=st.binary(max_size=300))
@example(content=b"\xff\xfe\x00")
@settings(max_examples=rounds(50, nightly=400), deadline=None)
def test_no_bytes_make_it_raise(content):
    is_text(content)
    found = fingerprint_text(content, limits=LIMITS)
    assert TextPrint.from_bytes(found.to_bytes()).shingles == found.shingles


@pytest.mark.parametrize("content", ["a" * 10**6, "a " * 500_000, "'" * 10**6, "天" * 300_000])
def test_monotonous_text_takes_no_longer_than_other_text(content):
    began = time.process_time()
    assert len(sketch(content).grams) <= 1
    assert time.process_time() - began < 5
