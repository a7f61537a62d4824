# SPDX-License-Identifier: Apache-2.0
"""Refusals are raised in English, and said at the desk in the language of whoever reads."""

from uuid import uuid4

from django.utils import translation

from stemtide.hub.desk.error_messages import error_text, field_error_text
from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError


def test_a_refusal_reads_english_by_itself():
    uid = uuid4()
    error = ConflictError("there is {what!r} in {uid}", what="a {brace}", uid=uid)
    assert str(error) == f"there is 'a {{brace}}' in {uid}"


def test_braces_of_a_refusal_without_facts_stay():
    assert str(NotAllowedError("write {name} as it is")) == "write {name} as it is"


def test_a_refused_field_is_named_before_its_message():
    error = InvalidError("to", "{name} is no authority", name="hotline")
    assert (error.field, error.message) == ("to", "hotline is no authority")
    assert str(error) == "to: hotline is no authority"


def test_a_refusal_of_what_stands_in_a_field_keeps_its_facts():
    error = InvalidError.of("to", ConflictError("no {thing}", thing="lead"))
    assert str(error) == "to: no lead"
    assert error.facts == {"thing": "lead"}


def test_the_desk_says_a_field_s_name_only_where_it_stands_apart():
    error = InvalidError("to", "no {name} here", name="hotline")
    with translation.override("en"):
        assert error_text(error) == "to: no hotline here"
        assert field_error_text(error) == "no hotline here"


def test_errors_that_are_no_refusals_are_said_as_they_are():
    assert error_text(ValueError("must be a number")) == "must be a number"
