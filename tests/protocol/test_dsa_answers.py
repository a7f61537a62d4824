# SPDX-License-Identifier: Apache-2.0
"""Our lint and a database written from the documentation agree; its answers are read with care."""

import json

import pytest
from hypothesis import given, strategies

from stemtide.protocol.law.dsa.answers import Remark, api_address, read_accepted, read_refusal
from stemtide.protocol.law.dsa.statements import lint
from tests.protocol.test_dsa import SOUND
from tests.transparency_database import GROUNDS, LONGEST, REQUIRED, wrong

WHOLE = SOUND | {
    "decision_visibility": ["DECISION_VISIBILITY_OTHER"],
    "decision_visibility_other": "Shown without sound.",
    "content_type": ["CONTENT_TYPE_OTHER"],
    "content_type_other": "a game's map",
    "territorial_scope": ["BE", "NL"],
    "end_date_visibility_restriction": "2026-12-24",
    "decision_ground_reference_url": "https://provider.example/terms",
    "source_identity": "the referral unit of an authority",
    "category_specification": ["KEYWORD_TERRORIST_CONTENT", "KEYWORD_OTHER"],
    "category_specification_other": "manifesto",
}
ILLEGAL = "DECISION_GROUND_ILLEGAL_CONTENT"
BAD = {
    **{f"no-{name}": {name: None} for name in REQUIRED},
    **{f"long-{name}": {name: "x" * (most + 1)} for name, most in LONGEST.items()},
    "nothing-restricted": {"decision_visibility": [], "decision_visibility_other": None},
    "no-ground": {"incompatible_content_ground": None},
    "other-ground": {"decision_ground": ILLEGAL},
    "a-word": {"category": "TERRORISM"},
    "no-list": {"content_type": "CONTENT_TYPE_VIDEO"},
    "a-word-in-a-list": {"territorial_scope": ["US"]},
    "a-date": {"content_date": "23.11.2026"},
    "no-day": {"content_date": "2026-02-30"},
    "too-early": {"application_date": "2019-12-31", "content_date": "2019-12-31"},
    "puid": {"puid": "a b"},
    "other-of-visibility": {"decision_visibility_other": None},
    "other-of-type": {"content_type_other": None},
}


def test_what_the_lint_lets_through_the_database_takes():
    assert (lint(WHOLE), wrong(WHOLE)) == ([], {})
    legal = {"illegal_content_legal_ground": "Art. 3", "illegal_content_explanation": "It calls."}
    emptied = dict.fromkeys(GROUNDS["DECISION_GROUND_INCOMPATIBLE_CONTENT"])
    illegal = WHOLE | {"decision_ground": ILLEGAL} | legal | emptied
    assert (lint(illegal), wrong(illegal)) == ([], {})


@pytest.mark.parametrize("change", BAD.values(), ids=BAD)
def test_what_the_database_refuses_the_lint_refuses_before(change):
    row = WHOLE | change
    assert wrong(row)
    assert {one.name for one in lint(row)} >= set(wrong(row))


def test_a_refusal_names_statements_by_their_place():
    told = {"errors": {"statement_2": {"puid": ["The puid format is invalid."]}}}
    found = read_refusal(json.dumps(told).encode(), count=3)
    assert found.rows == {2: (Remark("puid", "The puid format is invalid."),)}
    assert (found.existing, found.whole) == (frozenset(), ())


def test_numbers_that_are_there_are_known_beside_words_about_the_whole():
    told = {"errors": {"puid": ["not unique"], "existing_puids": ["p1", 7]}}
    found = read_refusal(json.dumps(told).encode(), count=3)
    assert (found.existing, found.whole) == ({"p1"}, (Remark("puid", "not unique"),))


@pytest.mark.parametrize(
    "answer",
    [b"", b"[]", b"{}", b'{"errors": []}', b'{"errors": {"statement_9": {}}}', b"[" * 100_000],
    ids=["nothing", "list", "object", "no-errors", "another-place", "deep"],
)
def test_a_refusal_that_says_nothing_useful_still_says_why_not(answer):
    found = read_refusal(answer, count=3)
    assert (found.rows, found.existing) == ({}, frozenset())
    assert found.whole


def test_remarks_are_short_and_move_no_cursor():
    told = {"message": "\x1b[2Jgone\n" + "x" * 1000}
    (remark,) = read_refusal(json.dumps(told).encode(), count=1).whole
    assert str(remark).startswith("[2Jgone x")
    assert len(remark.words) == 300


@given(strategies.binary() | strategies.text().map(str.encode))
def test_an_answer_that_is_no_answer_breaks_nothing(answer):
    assert read_accepted(answer) == {}
    assert read_refusal(answer, count=100).whole


def test_ids_that_are_none_are_left_out():
    rows = [{"puid": "a", "uuid": "x"}, {"puid": 7}, 7, {"uuid": "y"}]
    assert read_accepted(json.dumps({"statements": rows}).encode()) == {}


@pytest.mark.parametrize("given_", ["https://db.example", "https://db.example/api/v1/"])
def test_the_address_may_be_given_with_or_without_its_path(given_):
    assert api_address(given_) == "https://db.example/api/v1"
