# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given, strategies

from stemtide.protocol.privacy.numbers import is_iban
from stemtide.protocol.privacy.personal import (
    PersonalError,
    check_impersonal,
    describe_spans,
    find_personal,
)


def found(text):
    return [(one.kind.value, text[one.start : one.end]) for one in find_personal(text)]


@pytest.mark.parametrize(
    ("text", "kind", "told"),
    [
        ("write to jan.smit+x@mail.example.nl now", "email", "jan.smit+x@mail.example.nl"),
        ("jan (at) example [dot] org said so", "email", "jan (at) example [dot] org"),
        ("müller@käse.example", "email", "müller@käse.example"),
        ("see https://www.facebook.com/jan.smit for it", "profile", None),
        ("https://x.com/jan_smit/status/123", "profile", "https://x.com/jan_smit/status/123"),
        ("tiktok.com/@jansmit", "profile", "tiktok.com/@jansmit"),
        ("https://social.example/@jan", "profile", "https://social.example/@jan"),
        ("https://t.me/jansmit_channel", "profile", "https://t.me/jansmit_channel"),
        ("https://www.youtube.com/channel/UC0abcd", "profile", None),
        ("https://www.facebook.com/profile.php?id=1000", "profile", None),
        ("paid to NL91 ABNA 0417 1643 00 today", "iban", "NL91 ABNA 0417 1643 00"),
        ("BE68539007547034", "iban", "BE68539007547034"),
        ("de89 3704 0044 0532 0130 00", "iban", "de89 3704 0044 0532 0130 00"),
        ("FR14 2004 1010 0505 0001 3M02 606 is his", "iban", "FR14 2004 1010 0505 0001 3M02 606"),
        ("from 203.0.113.9 at noon", "ip_address", "203.0.113.9"),
        ("from 2001:db8::17, at noon", "ip_address", "2001:db8::17"),
        ("call +32 2 123 45 67 please", "phone", "+32 2 123 45 67"),
        ("0032470123456", "phone", "0032470123456"),
        ("06 12 34 56 78", "phone", "06 12 34 56 78"),
        ("(030) 1234567", "phone", "(030) 1234567"),
        ("0470/12.34.56", "phone", "0470/12.34.56"),
        ("00 33 1 42 68 53 00", "phone", "00 33 1 42 68 53 00"),
        ("tel 0612345678", "phone", "0612345678"),
        ("posted by @jan_smit again", "handle", "@jan_smit"),
        ("by @jan@social.example again", "handle", "@jan@social.example"),
        ("the account u/jansmit posted", "handle", "u/jansmit"),
        ("his number 85.07.30-033.28 is known", "national_number", "85.07.30-033.28"),
        ("85073003328", "national_number", "85073003328"),
        ("17.07.30-033.84", "national_number", "17.07.30-033.84"),
        ("BSN: 111222333", "national_number", "111222333"),
        ("burgerservicenummer 1234.56.782", "national_number", "1234.56.782"),
        ("2 55 08 14 168 025 38", "national_number", "2 55 08 14 168 025 38"),
        ("1 81 06 2A 004 123 74", "national_number", "1 81 06 2A 004 123 74"),
        ("86 095 742 719", "national_number", "86 095 742 719"),
        ("15 070649 C 103", "national_number", "15 070649 C 103"),
        ("born on 3 April 1990 in Ghent", "birth_date", "3 April 1990"),
        ("geboren am 03.04.1990", "birth_date", "03.04.1990"),
        ("date of birth: 1990-04-03", "birth_date", "1990-04-03"),
        ("née le 1er avril 1990", "birth_date", "1er avril 1990"),
    ],
)
def test_what_is_personal_is_found_where_it_stands(text, kind, told):
    [(seen_kind, seen)] = found(text)
    assert seen_kind == kind
    assert told in {None, seen}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The video glorifies an attack and calls for more; Regulation (EU) 2021/784 Art. 2(7)(a).",
        "Removed on 24.11.2026 at 14:05:30 after order RO-2026-00017 of 24/11/2026 13:20.",
        "Posted 2026-11-24T12:00:00+01:00, seen again 02.11.2026 10:15.",
        "Digest 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08.",
        "Signal 550e8400-e29b-41d4-a716-446655440000 was withdrawn.",
        "See https://www.instagram.com/p/C0ffee123/ and https://www.youtube.com/watch?v=abc.",
        "See https://www.facebook.com/watch and https://x.com/home and https://example.com/path.",
        "Version 1.2.3 of the app; localhost is 127.0.0.1 and ::1, all is ::.",
        "On 03/04.05.2026, at 09/24.11.2026, seen 00 100 times.",
        "Between 01.02.2024 10 uploads and 01.03.2024 20 more.",
        "It was uploaded 1,234,567 times, 83.64 % of 50 762.",
        "Reference 85.07.30-033.29 and number 111222334, file 123456789.",
        "BSN: 111222334 fails its test, NL92ABNA0417164300 too; BE12 has too few.",
        "XX91ABNA0417164300 is of no country.",
        "At 12:30:45 it spread; the ratio was 3:2:1.",
        "We met @ noon; a @ b; CSS has @.",
        "Content 1234567890123456789 of 0612345678.",
        "00 070649 C 104; 15 990649 C 103; 15 070099 C 103; 12345678901; 01234567890.",
        "85.99.30-033.28, 2 55 13 14 168 025 38 and 1 81 06 2C 004 123 28 hold no date.",
        "The state of 24 November 2026 in Ghent.",
        "999.0.113.9 and 2001:db8 are no addresses.",
    ],
)
def test_what_only_looks_personal_is_left(text):
    assert found(text) == []


def test_an_account_number_of_another_length_is_none():
    assert is_iban("BE68539007547034")
    assert not is_iban("BE685390075470341")
    assert not is_iban("BEAB539007547034")


def test_letters_without_a_width_hide_nothing():
    text = "jan\N{ZERO WIDTH SPACE}@\N{ZERO WIDTH JOINER}example.org"
    assert found(text) == [("email", text)]


def test_wide_letters_hide_nothing():
    text = "at \N{FULLWIDTH COMMERCIAL AT}jansmit"
    [(kind, told)] = found(text)
    assert (kind, told) == ("handle", "\N{FULLWIDTH COMMERCIAL AT}jansmit")


def test_one_thing_is_found_once_and_in_order():
    text = "jan@example.org, +31 6 12345678, NL91 ABNA 0417 1643 00"
    assert [kind for kind, _ in found(text)] == ["email", "phone", "iban"]


def test_the_refusal_says_where_and_never_repeats_it():
    with pytest.raises(PersonalError) as caught:
        check_impersonal("write to jan@example.org")
    assert str(caught.value) == (
        "holds personal data: a mail address at character 10 to 24; leave it out"
    )
    assert describe_spans(caught.value.places) == "a mail address at character 10 to 24"


def test_a_text_without_personal_data_comes_back():
    assert check_impersonal("It calls for an attack.") == "It calls for an attack."


@given(strategies.text(max_size=300))
def test_any_text_can_be_read_and_places_lie_in_it(text):
    last = 0
    for one in find_personal(text):
        assert last <= one.start < one.end <= len(text)
        last = one.end


@given(strategies.text(alphabet="019.+-: ()@ABNLu/", max_size=200))
def test_numbers_of_any_shape_can_be_read(text):
    find_personal(text)
