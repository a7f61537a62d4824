# SPDX-License-Identifier: Apache-2.0
from datetime import UTC, date, datetime
from importlib.resources import files

import pytest

from stemtide.protocol.law import forms
from stemtide.protocol.law.forms import FaultKind, FieldFault, form

MOMENT = "2026-11-24T12:00:00+01:00"
ANSWER = {
    "addressee": "Small Forum",
    "authority_name": "Belgian Crisis Centre",
    "reference": "RO-2026-00001",
    "received_at": MOMENT,
    "measure": "removed",
    "measure_at": datetime(2026, 11, 24, 11, 20, tzinfo=UTC),
    "provider_name": "Small Forum",
    "provider_state": "FR",
    "authorised_person": "A. Moderator",
    "contact_mail": "tco@small-forum.example",
    "signed_on": date(2026, 11, 24),
}


def test_there_are_the_three_annexes_each_in_four_languages():
    assert set(forms.forms()) >= {"tco-annex-1", "tco-annex-2", "tco-annex-3"}
    title = form("tco-annex-1").title
    assert (title.within("nl"), title.within("fr-BE")) == (
        "Verwijderingsbevel",
        "Injonction de retrait",
    )
    assert title.within("de") == "Entfernungsanordnung"
    assert title.within("en") == title.within("mt") == "Removal order"


def test_a_form_that_is_filled_in_rightly_has_no_faults():
    assert form("tco-annex-2").faults(ANSWER) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"measure": ""}, FieldFault("measure", FaultKind.MISSING)),
        ({"measure": "ignored"}, FieldFault("measure", FaultKind.NOT_OPTION)),
        ({"measure": ["removed"]}, FieldFault("measure", FaultKind.NOT_OPTION)),
        ({"measure_at": None}, FieldFault("measure_at", FaultKind.MISSING)),
        ({"measure_at": "2026-11-24T12:00:00"}, FieldFault("measure_at", FaultKind.NOT_MOMENT)),
        ({"measure_at": "at noon"}, FieldFault("measure_at", FaultKind.NOT_MOMENT)),
        ({"measure_at": date(2026, 11, 24)}, FieldFault("measure_at", FaultKind.NOT_MOMENT)),
        ({"signed_on": "24/11/2026"}, FieldFault("signed_on", FaultKind.NOT_DATE)),
        (
            {"signed_on": datetime(2026, 11, 24, tzinfo=UTC)},
            FieldFault("signed_on", FaultKind.NOT_DATE),
        ),
        ({"provider_state": "France"}, FieldFault("provider_state", FaultKind.NOT_COUNTRY)),
        ({"contact_mail": "write us"}, FieldFault("contact_mail", FaultKind.NOT_MAIL)),
        ({"contact_mail": 5}, FieldFault("contact_mail", FaultKind.NOT_TEXT)),
        ({"provider_name": " \t "}, FieldFault("provider_name", FaultKind.MISSING)),
        ({"provider_name": "x" * 501}, FieldFault("provider_name", FaultKind.TOO_LONG)),
        ({"provider_name": "a\u202eb"}, FieldFault("provider_name", FaultKind.NO_CONTROLS)),
        ({"fine": "4 %"}, FieldFault("fine", FaultKind.UNKNOWN)),
    ],
)
def test_what_is_wrong_with_a_field_is_told(change, expected):
    assert form("tco-annex-2").faults(ANSWER | change) == [expected]


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("urls", ["https://small-forum.example/t/1", "http://[2001:db8::1]:8080/x"], None),
        ("urls", "https://small-forum.example/t/1", FaultKind.NOT_URL),
        ("urls", ["ftp://small-forum.example/t"], FaultKind.NOT_URL),
        ("urls", ["https://"], FaultKind.NOT_URL),
        ("urls", ["https://a@small-forum.example/"], FaultKind.NOT_URL),
        ("urls", ["https://small-forum.example/a b"], FaultKind.NOT_URL),
        ("urls", ["https://small-forum.example:99999/"], FaultKind.NOT_URL),
        ("urls", ["https://[x/"], FaultKind.NOT_URL),
        ("urls", [7], FaultKind.NOT_URL),
        ("urls", ["https://small-forum.example/"] * 51, FaultKind.TOO_MANY),
        ("redress_link", "https://law.example/art-3", None),
        ("redress_link", "see the law", FaultKind.NOT_URL),
        ("authority_phone", "+32 2 555 01 23", None),
        ("authority_phone", "0475 12 34", FaultKind.NOT_PHONE),
        ("grounds", ["a", "e"], None),
        ("grounds", ["f"], FaultKind.NOT_OPTION),
        ("grounds", "a", FaultKind.NOT_OPTION),
        ("cross_border", "yes", FaultKind.NOT_TICK),
        ("authority_address", "Rue de la Loi\n1000 Brussels", None),
        ("authority_address", "x" * 5001, FaultKind.TOO_LONG),
    ],
)
def test_each_kind_of_field_takes_its_own_kind_of_value(field, value, expected):
    found = form("tco-annex-1").field(field).fault({field: value})
    assert (found.kind if found else None) == expected


REDRESS = ("redress_authority", "redress_body", "redress_deadline", "redress_link")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"non_disclosure": True}, ["non_disclosure_until missing"]),
        ({"non_disclosure": True, "non_disclosure_until": MOMENT}, []),
        ({"non_disclosure": False}, []),
        ({"non_disclosure_until": MOMENT}, ["non_disclosure_until contradicts"]),
    ],
)
def test_under_article_3_4_f_an_order_names_redress_also_where_it_is_secret(values, expected):
    def wrong(more):
        found = form("tco-annex-1").faults(values | more)
        return [
            f"{fault.field} {fault.kind}"
            for fault in found
            if fault.field in {"non_disclosure_until", *REDRESS}
        ]

    assert wrong({}) == [*expected, *(f"{name} missing" for name in REDRESS)]
    named = dict.fromkeys(REDRESS, "Council of State") | {"redress_link": "https://law.example/7"}
    assert wrong(named) == expected


def test_annex_3_asks_for_the_errors_where_there_are_errors():
    found = form("tco-annex-3").faults({"grounds": ["manifest_error"]})
    assert FieldFault("errors", FaultKind.MISSING, "grounds") in found
    assert "missing" not in {one.field for one in found}
    found = form("tco-annex-3").faults({"grounds": ["impossibility"], "missing": "the URL"})
    assert FieldFault("missing", FaultKind.CONTRADICTS, "grounds") in found


def test_a_form_and_a_field_that_there_are_not_are_named():
    with pytest.raises(forms.FormError, match="there is no form 'annex-9'; known are tco-annex-1"):
        form("annex-9")
    with pytest.raises(forms.FormError, match="form tco-annex-1 has no field 'fine'"):
        form("tco-annex-1").field("fine")


def test_a_condition_may_name_the_option_of_a_single_choice():
    condition = forms.Condition(field="measure", equals="removed")
    assert condition.holds({"measure": "removed"})
    assert not condition.holds({"measure": "disabled"})


def text(name):
    return files("stemtide.protocol.law.forms").joinpath(f"{name}.toml").read_text("utf-8")


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ('title.nl = "Verwijderingsbevel"\n', "", r"at title.nl: Field required"),
        ('name = "addressee"', 'name = "reference"', "two fields have one name"),
        ('when.field = "cross_border"', 'when.field = "abroad"', "names no field: abroad"),
        ('name = "urls"\nkind = "urls"', 'name = "urls"\nkind = "choice"', "options belong to"),
        ('article = "Art. 3"', "article = ", "tco-annex-1.toml is no TOML"),
    ],
)
def test_a_fault_in_the_data_is_caught_at_load_and_named(right, wrong, message):
    broken = text("tco-annex-1").replace(right, wrong, 1)
    assert broken != text("tco-annex-1")
    with pytest.raises(forms.FormError, match=f"form tco-annex-1: .*{message}"):
        forms._read("tco-annex-1", broken)


@pytest.mark.parametrize(
    ("field", "language", "words"),
    [
        ("issued_at", "en", "Time and date of issuing"),
        ("issued_at", "de", "Uhrzeit und Datum des Erlasses der Entfernungsanordnung"),
        ("addressee", "de", "Empfänger und ggf. gesetzlicher Vertreter"),
        ("reference", "de", "Referenznummer der Entfernungsanordnung"),
        ("issuing_state", "de", "erlassenden zuständigen Behörde"),
        ("non_disclosure", "en", "must refrain from informing the content provider"),
    ],
)
def test_annex_1_is_worded_as_the_official_journal_has_it(field, language, words):
    assert words in form("tco-annex-1").field(field).title.within(language)


def test_annex_1_names_advocating_terrorist_offences_as_article_2_7_a_does():
    ground = form("tco-annex-1").field("grounds").options[0].title
    for language, words in (
        ("en", "advocating the commission of such offences"),
        ("de", "Befürwortung der Begehung solcher Straftaten"),
        ("nl", "te bepleiten"),
        ("fr", "préconisant"),
    ):
        assert words in ground.within(language)


def test_the_german_annexes_name_addressee_and_issuer_as_the_official_text():
    for name in ("tco-annex-1", "tco-annex-2", "tco-annex-3"):
        german = [line for line in text(name).splitlines() if ".de = " in line or "de = " in line]
        assert not [line for line in german if "Adressat" in line or "usstellend" in line]
