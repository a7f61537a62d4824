# SPDX-License-Identifier: Apache-2.0
"""One record is mapped or refused alone; the strictest mark counts, wherever it stands."""

import pytest

from stemtide.interop.stix.objects import EXTENSION, MARKING_OF
from stemtide.interop.stix.pulled import read_objects
from stemtide.interop.stopncii.pulled import MAX_FEEDBACKS, read_records
from stemtide.interop.vocabulary import MAX_TAGS, RefusedTagError, parse_tags
from tests.hub.exchanges.test_stopncii import record
from tests.hub.exchanges.test_taxii import indicator
from tests.world import hex_value

FIELDS = (
    *("type", "spec_version", "id", "created_by_ref", "created", "modified", "revoked", "labels"),
    *("confidence", "lang", "external_references", "object_marking_refs", "granular_markings"),
    *("extensions", "name", "description", "indicator_types", "pattern", "pattern_type"),
    *("pattern_version", "valid_from", "valid_until", "kill_chain_phases"),
)
ODD = {"number": 5, "object": {}, "list": [5], "true": True, "part": 1.5, "nothing": None}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
@pytest.mark.parametrize("name", FIELDS)
def test_an_indicator_with_an_odd_field_does_not_stop_its_page(name, odd):
    good = indicator(1)
    told, faults, others = read_objects([indicator(2) | {name: odd}, good])
    assert len(told) + len(faults) + others == 2
    assert told[-1].key == good["id"]


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
@pytest.mark.parametrize("name", ["kind", "labels", "pap", "tlp", "audience", "via", "severity"])
def test_an_odd_fact_of_our_extension_does_not_stop_its_page(name, odd):
    said = {EXTENSION: {"extension_type": "property-extension", name: odd}}
    good = indicator(1)
    told, faults, _ = read_objects([indicator(2, extensions=said), good])
    assert (len(told) + len(faults), told[-1].key) == (2, good["id"])


@pytest.mark.parametrize("labels", [5, True, 1.5, {}, "tlp:red"], ids=str)
def test_labels_that_are_no_list_are_a_fault(labels):
    told, (fault,), _ = read_objects([indicator(labels=labels)])
    assert (told, fault.words) == ([], "labels: should be a list of texts")


def test_a_mark_in_a_label_and_one_in_a_marking_are_held_against_each_other():
    marked = {"object_marking_refs": [MARKING_OF["green"]]}
    for label, mark in (("tlp:red", "red"), ("tlp:clear", "green")):
        (told,), _, _ = read_objects([indicator(labels=[label], **marked)])
        assert told.facts["tlp"] == mark


def test_of_several_paps_the_strictest_counts():
    assert parse_tags(["PAP:RED", "PAP:GREEN"]).facts == {"pap": "red"}
    assert parse_tags(["PAP:GREEN", "PAP:AMBER"]).facts == {"pap": "amber"}
    (told,), _, _ = read_objects([indicator(labels=["PAP:GREEN", "PAP:RED"])])
    assert told.facts["pap"] == "red"
    green = {EXTENSION: {"extension_type": "property-extension", "pap": "green"}}
    (told,), _, _ = read_objects([indicator(labels=["PAP:AMBER"], extensions=green)])
    assert told.facts["pap"] == "amber"


def test_more_tags_than_are_read_are_refused_and_not_cut():
    many = [f"tag-{number}" for number in range(MAX_TAGS)]
    with pytest.raises(RefusedTagError, match="more than 200 tags"):
        parse_tags([*many, "tlp:red"])
    assert parse_tags([*many[1:], *many[1:], "tlp:red"]).facts == {"tlp": "red"}


def test_every_feedback_is_read_and_the_strictest_mark_counts():
    many = [{"feedbackValue": "Blocked", "tags": [f"tag-{n}", f"else-{n}"]} for n in range(150)]
    strict = {"feedbackValue": "Blocked", "tags": ["tlp:red", "pap:red", "label:livestream"]}
    loose = {"feedbackValue": "None", "tags": ["tlp:green", "pap:green", "label:manifesto"]}
    (told,), _, _ = read_records([record(CSPFeedbacks=[*many, strict, loose])], hub="us")
    facts = told.facts
    assert (facts["tlp"], facts["pap"]) == ("red", "red")
    assert facts["labels"] == ("livestream", "manifesto")


def test_more_feedbacks_than_are_read_are_a_fault():
    one = {"feedbackValue": "Blocked", "tags": []}
    told, (fault,), _ = read_records([record(CSPFeedbacks=[one] * (MAX_FEEDBACKS + 1))], hub="us")
    assert (told, fault.words) == ([], "CSPFeedbacks: are more than 200")


def test_an_older_hub_cannot_widen_a_match():
    pattern = {"pattern": f"[file:hashes.PDQ = '{hex_value(1)}']"}
    for bits, kept in ((64, 31), (12, 12)):
        said = {EXTENSION: {"extension_type": "property-extension", "within_bits": bits}}
        (told,), faults, _ = read_objects([indicator(**pattern, extensions=said)])
        assert (told.facts["within_bits"], faults) == (kept, [])
