# SPDX-License-Identifier: Apache-2.0
import json

import pytest
from hypothesis import given, settings, strategies

from stemtide.protocol.law.dsa.files import StatementFileError, read_statements
from stemtide.protocol.law.dsa.statements import batches, enum_values, lint, lint_all
from tests.rounds import rounds

SOUND = {
    "decision_visibility": ["DECISION_VISIBILITY_CONTENT_REMOVED"],
    "decision_ground": "DECISION_GROUND_INCOMPATIBLE_CONTENT",
    "incompatible_content_ground": "Terms of use, section 4: terrorism",
    "incompatible_content_explanation": "The film glorifies an attack and calls for more.",
    "category": "STATEMENT_CATEGORY_RISK_FOR_PUBLIC_SECURITY",
    "category_specification": ["KEYWORD_TERRORIST_CONTENT"],
    "content_type": ["CONTENT_TYPE_VIDEO"],
    "content_date": "2026-11-23",
    "application_date": "2026-11-24",
    "decision_facts": "An authority referred the film; a person looked at it.",
    "source_type": "SOURCE_TYPE_OTHER_NOTIFICATION",
    "automated_detection": "No",
    "automated_decision": "AUTOMATED_DECISION_NOT_AUTOMATED",
    "puid": "st-4f2a_9",
}


def said(statement):
    return [(one.name, one.message) for one in lint(statement)]


def test_a_whole_statement_is_sound():
    assert said(SOUND) == []


def test_a_statement_with_every_optional_field_is_sound():
    more = {
        "decision_monetary": "DECISION_MONETARY_OTHER",
        "decision_monetary_other": "Advertising income is withheld.",
        "decision_provision": "DECISION_PROVISION_TOTAL_SUSPENSION",
        "decision_account": "DECISION_ACCOUNT_SUSPENDED",
        "account_type": "ACCOUNT_TYPE_PRIVATE",
        "decision_ground_reference_url": "https://provider.example/terms",
        "incompatible_content_illegal": "Yes",
        "category_addition": ["STATEMENT_CATEGORY_VIOLENCE"],
        "category_specification": ["KEYWORD_TERRORIST_CONTENT", "KEYWORD_OTHER"],
        "category_specification_other": "manifesto",
        "content_type": ["CONTENT_TYPE_VIDEO", "CONTENT_TYPE_OTHER"],
        "content_type_other": "a game's map",
        "content_language": "NL",
        "content_id": {"EAN-13": "0123456789123"},
        "content_id_ean": "0123456789123",
        "territorial_scope": ["BE", "NL", "GR"],
        "decision_visibility": ["DECISION_VISIBILITY_OTHER"],
        "decision_visibility_other": "Shown without sound.",
        "end_date_visibility_restriction": "2026-12-24",
        "end_date_monetary_restriction": "2026-12-24",
        "end_date_service_restriction": "2026-12-24",
        "end_date_account_restriction": "2026-11-24",
        "source_identity": "the referral unit of an authority",
    }
    assert said(SOUND | more) == []


def test_nothing_counts_as_left_out():
    assert said(SOUND | {"decision_account": None, "territorial_scope": []}) == []


@pytest.mark.parametrize(
    "name",
    [
        "decision_ground",
        "category",
        "content_type",
        "content_date",
        "application_date",
        "decision_facts",
        "source_type",
        "automated_detection",
        "automated_decision",
        "puid",
    ],
)
def test_a_needed_field_is_missed(name):
    without = {key: value for key, value in SOUND.items() if key != name}
    assert (name, "is missing") in said(without)


@pytest.mark.parametrize(
    ("change", "name", "says"),
    [
        (
            {"decision_visibility": None},
            "decision_visibility",
            "names no restriction: say at least",
        ),
        ({"uploader": "x"}, "uploader", "is no field of a statement"),
        ({"incompatible_content_ground": None}, "incompatible_content_ground", "is missing: it is"),
        (
            {"content_type": ["CONTENT_TYPE_OTHER"]},
            "content_type_other",
            "needed where content_type",
        ),
        ({"content_type_other": "x"}, "content_type_other", "contradicts content_type"),
        (
            {"illegal_content_legal_ground": "x"},
            "illegal_content_legal_ground",
            "contradicts decis",
        ),
        (
            {"source_type": "SOURCE_VOLUNTARY", "source_identity": "x"},
            "source_identity",
            "contradict",
        ),
        ({"category_specification_other": "x"}, "category_specification_other", "contradicts"),
        (
            {"decision_monetary_other": "x"},
            "decision_monetary_other",
            "contradicts decision_monetary",
        ),
        (
            {"end_date_account_restriction": "2026-12-01"},
            "end_date_account_restriction",
            "contradicts decision_account",
        ),
        ({"decision_facts": "x" * 5001}, "decision_facts", "has 5001 characters, at most 5000"),
        (
            {"incompatible_content_explanation": "x" * 2001},
            "incompatible_content_explanation",
            "2000",
        ),
        ({"incompatible_content_ground": "x" * 501}, "incompatible_content_ground", "at most 500"),
        ({"puid": "a" * 501}, "puid", "has 501 characters"),
        ({"puid": "a b"}, "puid", "may hold only letters"),
        ({"puid": "é"}, "puid", "may hold only letters"),
        ({"puid": "ab\n"}, "puid", "may hold only letters"),
        ({"puid": 7}, "puid", "is not text"),
        ({"decision_facts": " \n"}, "decision_facts", "is empty"),
        ({"category": "TERRORISM"}, "category", "holds 'TERRORISM', which is no word"),
        ({"category": ["STATEMENT_CATEGORY_VIOLENCE"]}, "category", "is not text"),
        ({"content_type": ["CONTENT_TYPE_FILM"]}, "content_type", "holds 'CONTENT_TYPE_FILM'"),
        ({"content_type": "CONTENT_TYPE_VIDEO"}, "content_type", "is not a list of words"),
        ({"content_type": [7]}, "content_type", "is not a list of words"),
        ({"territorial_scope": ["BE", "BE"]}, "territorial_scope", "names 'BE' twice"),
        ({"territorial_scope": ["UK"]}, "territorial_scope", "holds 'UK'"),
        ({"content_language": "nl"}, "content_language", "holds 'nl'"),
        ({"content_date": "24.11.2026"}, "content_date", "write it as 2026-11-24"),
        ({"content_date": "2026-02-29"}, "content_date", "is no date"),
        ({"content_date": "20261124"}, "content_date", "is no date"),
        ({"content_date": "1999-12-31"}, "content_date", "lies outside 2000-01-01 to 2038-01-01"),
        (
            {"application_date": "2038-01-02"},
            "application_date",
            "outside 2020-01-01 to 2038-01-01",
        ),
        ({"application_date": "2026-11-22"}, "application_date", "lies before content_date"),
        (
            {"end_date_visibility_restriction": "2026-11-23"},
            "end_date_visibility_restriction",
            "lies before application_date",
        ),
        (
            {"decision_ground_reference_url": "terms"},
            "decision_ground_reference_url",
            "no web address",
        ),
        (
            {"decision_ground_reference_url": "https://["},
            "decision_ground_reference_url",
            "no web add",
        ),
        (
            {"decision_ground_reference_url": "https://x.com/jan_smit"},
            "decision_ground_reference_url",
            "holds the address of a profile",
        ),
        ({"content_id": "0123456789123"}, "content_id", "EAN-13"),
        ({"content_id": {"ISBN": "0123456789123"}}, "content_id", "EAN-13"),
        ({"content_id_ean": "012345678912"}, "content_id_ean", "13 digits"),
        (
            {"decision_facts": "Posted by jan@example.org."},
            "decision_facts",
            "holds a mail address at character 11 to 25",
        ),
        (
            {"incompatible_content_explanation": "@jansmit did"},
            "incompatible_content_explanation",
            "handle",
        ),
    ],
)
def test_what_is_wrong_is_said_at_its_field(change, name, says):
    [(found, message)] = said(SOUND | change)
    assert found == name
    assert says in message


def test_illegal_content_needs_its_own_ground():
    assert [
        name for name, _ in said(SOUND | {"decision_ground": "DECISION_GROUND_ILLEGAL_CONTENT"})
    ] == [
        "illegal_content_legal_ground",
        "illegal_content_explanation",
        "incompatible_content_ground",
        "incompatible_content_explanation",
    ]


def test_what_is_no_statement_is_said():
    assert said("text") == [("", "is no statement: each is a list of named fields")]


def test_two_statements_share_no_number():
    [one] = lint_all([SOUND, SOUND | {"puid": "other"}, SOUND, 3 and SOUND | {"puid": "x"}])
    assert (one.row, one.problem.name) == (3, "puid")
    assert one.problem.message == "is the same as in row 1: each statement has its own"


def test_problems_say_their_row():
    found = list(lint_all([SOUND, {}, 7]))
    assert {one.row for one in found} == {2, 3}


def test_a_call_carries_a_hundred():
    rows = [SOUND | {"puid": f"p{number}"} for number in range(201)]
    assert [len(one["statements"]) for one in batches(rows)] == [100, 100, 1]
    assert list(batches([])) == []


def test_the_terrorist_words_are_the_databases():
    assert "KEYWORD_TERRORIST_CONTENT" in enum_values("keyword")
    assert "STATEMENT_CATEGORY_RISK_FOR_PUBLIC_SECURITY" in enum_values("category")
    assert "SOURCE_TYPE_OTHER_NOTIFICATION" in enum_values("source_type")


@settings(max_examples=rounds(10, nightly=100))
@given(
    strategies.dictionaries(
        strategies.sampled_from(sorted(SOUND)),
        strategies.recursive(
            strategies.none() | strategies.integers() | strategies.text(max_size=20),
            lambda inner: (
                strategies.lists(inner, max_size=3)
                | strategies.dictionaries(strategies.text(max_size=6), inner, max_size=2)
            ),
            max_leaves=5,
        ),
    )
)
def test_anything_can_be_looked_at(change):
    for one in lint(SOUND | change):
        assert one.message


def test_a_statement_comes_through_each_kind_of_file():
    heading = ",".join(SOUND)
    cells = ",".join(
        f'"{"|".join(one) if isinstance(one, list) else one}"' for one in SOUND.values()
    )
    texts = {
        "csv": f"\N{ZERO WIDTH NO-BREAK SPACE}{heading}\r\n{cells}\r\n",
        "json": json.dumps([SOUND]),
        "jsonl": json.dumps(SOUND) + "\n\n",
    }
    assert {form: read_statements(text, form=form) for form, text in texts.items()} == {
        "csv": [SOUND],
        "json": [SOUND],
        "jsonl": [SOUND],
    }


def test_the_body_of_a_call_is_read():
    assert read_statements('{"statements": [{}]}', form="json") == [{}]


def test_a_cell_holds_several_words_and_a_product_number():
    text = "content_type,content_id,puid\nCONTENT_TYPE_TEXT | CONTENT_TYPE_AUDIO,0123456789123,\n"
    assert read_statements(text, form="csv") == [
        {
            "content_type": ["CONTENT_TYPE_TEXT", "CONTENT_TYPE_AUDIO"],
            "content_id": {"EAN-13": "0123456789123"},
        }
    ]


@pytest.mark.parametrize(
    ("form", "text", "says"),
    [
        ("csv", "", "line 1: is empty"),
        ("csv", "puid,category\na\n", "line 2: has not as many cells"),
        ("csv", "puid\na,b\n", "line 2: has not as many cells"),
        ("csv", 'puid\n"a\n', "is no CSV"),
        ("json", "{", "line 1: is no JSON"),
        ("json", "[\n{,}]", "line 2: is no JSON"),
        ("json", "{}", "is no list of statements"),
        ("json", '{"statements": 7}', "is no list of statements"),
        ("jsonl", "{}\n{\n", "line 2: is no JSON"),
        ("json", "[" * 100_000, "nested too deeply"),
        ("xml", "", "is no form of statements"),
    ],
)
def test_a_file_that_is_none_says_where(form, text, says):
    with pytest.raises(StatementFileError, match=says):
        read_statements(text, form=form)
