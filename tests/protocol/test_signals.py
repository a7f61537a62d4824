# SPDX-License-Identifier: Apache-2.0
from uuid import uuid4

import pytest
from pydantic import ValidationError

from stemtide.protocol.labels import RefusedLabelError, _allowed_names, check_label, labels
from stemtide.protocol.messages.signals import BulkIn, SignalIn

PDQ = "0f" * 32


def signal(**changed):
    facts = {"kind": "pdq", "value": PDQ, "labels": ["manifesto"], "severity": "high"}
    return SignalIn.model_validate(facts | changed)


def test_the_marks_left_out_are_the_careful_ones():
    made = signal()
    assert (made.tlp, made.pap, made.exercise, made.audience) == ("amber", "green", False, ())


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"value": "0f" * 31}, "64 hex digits"),
        ({"value": "zz" * 32}, "64 hex digits"),
        ({"value": ""}, "value"),
        ({"kind": "md5"}, "32 hex digits"),
        ({"kind": "sha1"}, "'pdq', 'sha256', 'md5', 'url'"),
        ({"kind": "sha256", "quality": 90}, "only pdq"),
        ({"kind": "sha256", "within_bits": 3}, "only pdq"),
        ({"kind": "url", "value": "https://x.example/", "within_bits": 1}, "only pdq"),
        ({"within_bits": 32}, "less than or equal to 31"),
        ({"within_bits": -1}, "greater than or equal to 0"),
        ({"quality": 101}, "less than or equal to 100"),
        ({"confidence": 101}, "less than or equal to 100"),
        ({"labels": []}, "at least 1"),
        ({"labels": ["no-such"]}, "known are"),
        ({"severity": "awful"}, "'low', 'medium', 'high' or 'critical'"),
        ({"tlp": "white"}, "'red'"),
        ({"tlp": "red"}, "TLP:RED needs named recipients"),
        ({"expires_at": "2027-01-01T00:00:00"}, "timezone"),
        ({"crisis": "tuesday"}, "UUID"),
        ({"user": "somebody"}, "Extra inputs"),
    ],
)
def test_what_does_not_fit_is_named(changed, told):
    with pytest.raises(ValidationError, match=told):
        signal(**changed)


def test_a_url_travels_as_itself_or_as_its_digest():
    assert signal(kind="url", value="https://x.example/post/1").value.startswith("https")
    assert signal(kind="url", value=PDQ).value == PDQ


def test_csam_is_refused_and_routed_never_stored():
    with pytest.raises(RefusedLabelError, match="hotline"):
        check_label("csam")
    with pytest.raises(ValidationError) as caught:
        signal(labels=["manifesto", "csam"])
    assert isinstance(caught.value.errors()[0]["ctx"]["error"], RefusedLabelError)


@pytest.mark.parametrize("name", ["CSAM", "csem", "Child_Sexual_Abuse", " child pornography "])
def test_it_is_refused_however_it_is_written(name):
    with pytest.raises(RefusedLabelError, match="INHOPE"):
        check_label(name)


def test_every_other_label_is_allowed():
    allowed = [name for name, one in labels().items() if one.refuse_to is None]
    assert len(allowed) >= 9
    for name in allowed:
        assert signal(labels=[name]).labels == (name,)


def test_names_that_are_refused_to_nobody_are_known_without_spelling_them_out_again():
    assert _allowed_names() == {name for name, one in labels().items() if one.refuse_to is None}


def test_a_bulk_holds_at_least_one_row():
    with pytest.raises(ValidationError, match="at least 1"):
        BulkIn.model_validate({"signals": []})


def test_signals_of_one_content_name_it():
    content = uuid4()
    assert signal(content=str(content)).content == content
